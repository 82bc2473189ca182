"""
Write the appearance network for other programs: MindIR, AIR, ONNX.

All take ``images`` (N, 3, 128, 64) float32, RGB normalised as
:func:`deepsort_ros.reid.preprocess.normalise` does, and return ``features`` (N, 128) float32 unit
rows.
"""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid import checkpoint
from deepsort_ros.reid.device import DeviceError
from deepsort_ros.reid.device import select_device
from deepsort_ros.reid.folding import BLOCKS
from deepsort_ros.reid.folding import fold
from deepsort_ros.reid.network import AppearanceNetwork
from deepsort_ros.reid.network import FEATURE_SIZE
from deepsort_ros.reid.network import HEIGHT
from deepsort_ros.reid.network import WIDTH
from deepsort_ros.reid.runtime import ms
from deepsort_ros.reid.runtime import nn
from deepsort_ros.reid.runtime import ops

FORMATS = ('.mindir', '.air', '.onnx')
# Operator set and file format that ONNX Runtime has read since 1.15.
ONNX_OPSET = 17
ONNX_IR = 8
SMALLEST_LENGTH = 1e-12


class ExportError(RuntimeError):
    """The network cannot be written in this format here; the message says why."""


class UnitNetwork(nn.Cell):
    """Images (N, 3, 128, 64) to unit features (N, 128)."""

    def __init__(self, network: Any) -> None:
        """Take a network that returns features of any length."""
        super().__init__()
        self.network = network

    def construct(self, images: Any) -> Any:
        """Return unit rows."""
        feature = self.network(images)
        length = ops.sqrt((feature * feature).sum(1, keepdims=True))
        return feature / ops.maximum(length, ms.Tensor(SMALLEST_LENGTH, ms.float32))


def export(model: str, output: Path, batch: int = 0, device: str = 'auto',
           device_id: int = 0) -> None:
    """
    Write a model, its normalisations folded into the layers before them.

    :param model: path of a checkpoint, ``bundled`` or ``hub``.
    :param output: the suffix is the format: ``.mindir``, ``.air`` (on Ascend), ``.onnx`` (needs
        the package onnx).
    :param batch: images per call; 0 leaves it open.
    :raises CheckpointError: the model cannot be used.
    :raises ExportError: the format cannot be written.
    """
    if output.suffix not in FORMATS:
        raise ExportError(f'{output}: the suffix is not one of {", ".join(FORMATS)}')
    folded = fold(checkpoint.feature_parameters(checkpoint.resolve(model)))
    output.parent.mkdir(parents=True, exist_ok=True)
    # A reader never sees half a file.
    partial = output.with_name(f'.{output.stem}.{os.getpid()}{output.suffix}')
    try:
        if output.suffix == '.onnx':
            _write_onnx(folded, partial, batch)
        else:
            _write_mindspore(folded, partial, batch, device, device_id)
        partial.chmod(0o644)
        os.replace(partial, output)
    finally:
        partial.unlink(missing_ok=True)


def _write_mindspore(folded: checkpoint.Parameters, path: Path, batch: int, device: str,
                     device_id: int) -> None:
    kind = path.suffix[1:].upper()
    try:
        used, _ = select_device(device, device_id)
    except ValueError as error:
        raise DeviceError(str(error)) from error
    if kind == 'AIR' and used != 'Ascend':
        raise ExportError(f'AIR can be written on Ascend only, this is {used}')
    if kind == 'AIR' and not batch:
        raise ExportError('AIR needs a fixed batch')
    network = AppearanceNetwork(folded=True)
    checkpoint.assign(network, folded)
    network = UnitNetwork(network)
    network.set_train(False)
    images = ms.Tensor(shape=[batch or None, 3, HEIGHT, WIDTH], dtype=ms.float32)
    if batch:
        images = ms.Tensor(np.zeros((batch, 3, HEIGHT, WIDTH), dtype=np.float32))
    ms.export(network, images, file_name=str(path.with_suffix('')), file_format=kind)


def _write_onnx(folded: checkpoint.Parameters, path: Path, batch: int) -> None:
    # MindSpore's own ONNX export knows neither ELU nor an open batch.
    try:
        import onnx
    except ImportError as error:
        raise ExportError('ONNX needs the package onnx: pip install onnx') from error
    graph = _OnnxGraph(folded, onnx.helper)
    x = graph.add('Elu', graph.convolution('conv.0', 'images'))
    x = graph.add('Elu', graph.convolution('conv.3', x))
    # 'same' pads at the bottom and on the right.
    x = graph.add('MaxPool', x, kernel_shape=[3, 3], strides=[2, 2], auto_pad='SAME_UPPER')
    for block in BLOCKS:
        stride = 2 if f'{block}.downsample.0.weight' in folded else 1
        y = graph.add('Relu', graph.convolution(f'{block}.conv1', x, stride))
        y = graph.convolution(f'{block}.conv2', y)
        if stride == 2:
            x = graph.convolution(f'{block}.downsample.0', x, stride)
        x = graph.add('Relu', graph.add('Add', x, y))
    x = graph.add('Gemm', graph.add('Flatten', x), *graph.weights('dense'), transB=1)
    length = graph.add('ReduceL2', x, axes=[1], keepdims=1)
    least = graph.constant('smallest_length', np.array(SMALLEST_LENGTH, dtype=np.float32))
    graph.add('Div', x, graph.add('Max', length, least), output='features')
    size = batch or 'N'
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            graph.nodes, 'deepsort_ros',
            [helper.make_tensor_value_info('images', kind, [size, 3, HEIGHT, WIDTH])],
            [helper.make_tensor_value_info('features', kind, [size, FEATURE_SIZE])],
            graph.initializers),
        opset_imports=[helper.make_opsetid('', ONNX_OPSET)], ir_version=ONNX_IR,
        producer_name='deepsort_ros',
        doc_string='RGB crops / 255, minus the ImageNet mean, by its deviation; unit features')
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


class _OnnxGraph:
    """Nodes and weights, as they are added."""

    def __init__(self, folded: checkpoint.Parameters, helper: Any) -> None:
        self._folded = folded
        self._helper = helper
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def add(self, operator: str, *inputs: str, output: str = '', **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        output = output or f'{operator}_{len(self.nodes)}'
        self.nodes.append(
            self._helper.make_node(operator, list(inputs), [output], output, **attributes))
        return output

    def constant(self, name: str, value: NDArray[np.float32]) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper
        self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def weights(self, layer: str) -> list[str]:
        """Add the weight and the bias of a layer and return their names."""
        return [self.constant(name, self._folded[name])
                for name in (f'{layer}.weight', f'{layer}.bias')]

    def convolution(self, layer: str, x: str, stride: int = 1) -> str:
        """Add a convolution that pads by half its kernel, and return the name of its output."""
        size = self._folded[f'{layer}.weight'].shape[2]
        return self.add('Conv', x, *self.weights(layer), kernel_shape=[size, size],
                        strides=[stride, stride], pads=[size // 2] * 4)
