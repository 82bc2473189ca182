"""Small ONNX models, made with the package onnx, that need no training."""
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from onnx import numpy_helper
from onnx import TensorProto

from deepsort_ros.cli import main
from deepsort_ros.reid.model_notes import note

FLOAT = TensorProto.FLOAT


def random_model(path: Path, size=(256, 128), features=512, layout='NCHW', batch='N',
                 metadata=None, kind=FLOAT) -> Path:
    """Write a model that pools an image to 8 x 4 places and mixes them into a feature."""
    height, width = size
    shape = [batch, 3, height, width] if layout == 'NCHW' else [batch, height, width, 3]
    weight = np.random.default_rng(features).normal(0, 0.1, (96, features))
    nodes = [helper.make_node('Transpose', ['x'], ['planes'], perm=[0, 3, 1, 2])
             if layout == 'NHWC' else helper.make_node('Identity', ['x'], ['planes'])]
    # Open sizes are pooled as 128 x 64.
    cell = [(height if isinstance(height, int) else 128) // 8,
            (width if isinstance(width, int) else 64) // 4]
    nodes += [
        helper.make_node('AveragePool', ['planes'], ['places'], kernel_shape=cell, strides=cell),
        helper.make_node('Flatten', ['places'], ['flat']),
        helper.make_node('MatMul', ['flat', 'weight'], ['feature'])]
    weights = numpy_helper.from_array(
        weight.astype(helper.tensor_dtype_to_np_dtype(kind)), 'weight')
    return write(path, nodes, [('x', kind, shape)], [('feature', kind, [batch, features])],
                 [weights], metadata)


# Models that every command and the node must take, with what they take and give.
KINDS = {'mindir': ('mindspore', '128x64 NCHW', 128), 'onnx': ('onnxruntime', '128x64 NCHW', 128),
         'NCHW': ('onnxruntime', '256x128 NCHW', 512),
         'NHWC': ('onnxruntime', '256x128 NHWC', 512)}


# Python takes None for a module that cannot be imported.
WITHOUT_ENGINES = (
    'import sys\n'
    'sys.modules.update(mindspore=None, mindspore_lite=None, onnxruntime=None, onnx=None)\n')


def model_of(kind: str, folder: Path, **metadata) -> Path:
    """Write a model of one of ``KINDS``: the bundled network exported, or a small one."""
    if kind in ('mindir', 'onnx'):
        path = folder / f'bundled.{kind}'
        assert main(['export', 'bundled', str(path), '--device', 'CPU']) == 0
        if metadata:
            note(str(path), **metadata)
        return path
    return random_model(folder / f'{kind}.onnx', layout=kind, metadata=metadata)


def mean_colour(path: Path, layout='NCHW', **metadata) -> Path:
    """Write a model whose feature is the mean of each channel, as it is fed."""
    shape = ['N', 3, 32, 16] if layout == 'NCHW' else ['N', 32, 16, 3]
    axes = [2, 3] if layout == 'NCHW' else [1, 2]
    nodes = [helper.make_node('ReduceMean', ['x'], ['mean'], axes=axes, keepdims=0)]
    return write(path, nodes, [('x', FLOAT, shape)], [('mean', FLOAT, ['N', 3])], [], metadata)


def write(path, nodes, inputs, outputs, weights=(), metadata=None) -> Path:
    """Write a graph of these nodes; inputs and outputs as (name, type, shape)."""
    values = [[helper.make_tensor_value_info(*port) for port in ports]
              for ports in (inputs, outputs)]
    model = helper.make_model(
        helper.make_graph(nodes, 'small', *values, list(weights)),
        opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    if metadata:
        helper.set_model_props(model, {'deepsort_ros': json.dumps(metadata)})
    onnx.save(model, str(path))
    return path
