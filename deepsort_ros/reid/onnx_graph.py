"""
Write a network as ONNX, from the weights of a checkpoint: needs neither MindSpore nor onnx.

The graph takes ``images`` (N, 3, H, W), normalised RGB, and returns ``features`` (N, D), unit
rows.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid import wire
from deepsort_ros.reid.architectures import Architecture
from deepsort_ros.reid.weights import Parameters
from deepsort_ros.reid.wire import Part

# Operator set and file format that ONNX Runtime has read since 1.15.
OPSET = 17
IR_VERSION = 8
SMALLEST_LENGTH = 1e-12
# Added to variances.
EPSILON = 1e-5
METADATA_KEY = 'deepsort_ros'

# onnx.proto: numbers of the fields written, by message.
MODEL = {'ir_version': 1, 'producer_name': 2, 'graph': 7, 'opset_import': 8, 'metadata_props': 14}
GRAPH = {'node': 1, 'name': 2, 'initializer': 5, 'input': 11, 'output': 12}
NODE = {'input': 1, 'output': 2, 'name': 3, 'op_type': 4, 'attribute': 5}
# TensorProto.DataType.
FLOAT, INT64, FLOAT16 = 1, 7, 10
ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_STRING, ATTRIBUTE_INTS = 1, 2, 3, 7


def onnx_model(architecture: Architecture, folded: Parameters, batch: int = 0,
               metadata: Mapping[str, Any] | None = None, half: bool = False) -> bytes:
    """
    Return a network as the content of an ``.onnx`` file.

    :param folded: weights and biases by layer, :func:`deepsort_ros.reid.folding.fold`.
    :param batch: images per call; 0 leaves it open.
    :param metadata: a description of the model, kept in it.
    :param half: compute in half precision; images and features stay float32.
    """
    graph = OnnxGraph(folded, half)
    if half:
        x = architecture.build(graph, graph.node('Cast', 'images', to=FLOAT16))
        x = graph.node('Cast', x, to=FLOAT)
    else:
        x = architecture.build(graph, 'images')
    length = graph.node('ReduceL2', x, axes=[1], keepdims=1)
    least = graph.constant('smallest_length', np.array(SMALLEST_LENGTH, dtype=np.float32))
    graph.node('Div', x, graph.node('Max', length, least), output='features')
    shape = (batch, 3, architecture.height, architecture.width)
    body = graph.content('deepsort_ros', shape, (batch, architecture.feature_size))
    parts = [wire.varint(MODEL['ir_version'], IR_VERSION),
             wire.chunk(MODEL['producer_name'], 'deepsort_ros'),
             *wire.embed(MODEL['graph'], body),
             wire.chunk(MODEL['opset_import'], wire.chunk(1, '') + wire.varint(2, OPSET))]
    if metadata:
        parts.append(metadata_entry(METADATA_KEY, json.dumps(metadata)))
    return b''.join(parts)


def metadata_entry(key: str, value: str) -> bytes:
    """Return an entry of a model's metadata; appended to a model, it becomes part of it."""
    return wire.chunk(MODEL['metadata_props'], wire.chunk(1, key) + wire.chunk(2, value))


class OnnxGraph:
    """A graph as it grows: a :class:`deepsort_ros.reid.architectures.Graph`."""

    def __init__(self, folded: Parameters, half: bool = False) -> None:
        """Take weights and biases by layer, to be stored in half precision or not."""
        self._folded = folded
        self._half = half
        self._nodes: list[bytes] = []
        # Weights are copied once, into the file as a whole.
        self._initializers: list[Part] = []
        self._constants: set[str] = set()

    def node(self, operator: str, *inputs: str, output: str = '', **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        output = output or f'{operator}_{len(self._nodes)}'
        self._nodes.append(b''.join((
            *(wire.chunk(NODE['input'], name) for name in inputs),
            wire.chunk(NODE['output'], output), wire.chunk(NODE['name'], output),
            wire.chunk(NODE['op_type'], operator),
            *(wire.chunk(NODE['attribute'], _attribute(name, value))
              for name, value in attributes.items()))))
        return output

    def constant(self, name: str, value: NDArray[np.float32], half: bool = False) -> str:
        """Add a constant and return its name."""
        return self._tensor(name, value.shape, FLOAT16 if half else FLOAT,
                            np.ascontiguousarray(value, '<f2' if half else '<f4'))

    def shape(self, name: str, sizes: Sequence[int]) -> str:
        """Add the constant of a new shape and return its name; -1 is what is left."""
        return self._tensor(name, (len(sizes),), INT64, np.array(sizes, dtype='<i8'))

    def _tensor(self, name: str, shape: Sequence[int], kind: int, value: NDArray[Any]) -> str:
        # A layer that is used several times is stored once.
        if name not in self._constants:
            self._constants.add(name)
            self._initializers += wire.embed(GRAPH['initializer'], [
                *(wire.varint(1, size) for size in shape), wire.varint(2, kind),
                wire.chunk(8, name), *wire.embed(9, [value.reshape(-1).data.cast('B')])])
        return name

    def weights(self, layer: str) -> list[str]:
        """Add the weight and the bias, if any, of a layer and return their names."""
        return [self.constant(name, self._folded[name], self._half)
                for name in (f'{layer}.weight', f'{layer}.bias') if name in self._folded]

    def convolution(self, layer: str, x: str, stride: int = 1, groups: int = 1) -> str:
        """Add a convolution that pads by half its kernel; a dense layer is one of 1x1."""
        weight, *bias = self.weights(layer)
        height, width = self._folded[f'{layer}.weight'].shape[2:] or (1, 1)
        if self._folded[f'{layer}.weight'].ndim == 2:
            shape = (*self._folded[f'{layer}.weight'].shape, 1, 1)
            weight = self.node('Reshape', weight, self.shape(f'{layer}.shape', shape))
        return self.node('Conv', x, weight, *bias, kernel_shape=[height, width],
                         strides=[stride, stride], group=groups,
                         pads=[height // 2, width // 2] * 2)

    def relu(self, x: str) -> str:
        """Add max(x, 0)."""
        return self.node('Relu', x)

    def elu(self, x: str) -> str:
        """Add ELU."""
        return self.node('Elu', x)

    def max_pool(self, x: str, size: int, stride: int) -> str:
        """Add a maximum over squares that pads as 'same' does."""
        return self.node('MaxPool', x, kernel_shape=[size, size], strides=[stride, stride],
                         auto_pad='SAME_UPPER')

    def average_pool(self, x: str) -> str:
        """Add the mean over height and width."""
        return self.node('GlobalAveragePool', x)

    def add(self, x: str, y: str) -> str:
        """Add the sum."""
        return self.node('Add', x, y)

    def multiply(self, x: str, y: str) -> str:
        """Add the product."""
        return self.node('Mul', x, y)

    def sigmoid(self, x: str) -> str:
        """Add 1 / (1 + exp(-x))."""
        return self.node('Sigmoid', x)

    def halve(self, x: str) -> str:
        """Add the average over squares of 2 x 2."""
        return self.node('AveragePool', x, kernel_shape=[2, 2], strides=[2, 2])

    def standardise(self, layer: str, x: str) -> str:
        """Add a scale and shift of every channel to mean 0 and variance 1 over the image."""
        weights = [self.constant(name, self._folded[name])
                   for name in (f'{layer}.weight', f'{layer}.bias')]
        # The variance of a whole image is beyond half precision.
        x = self.node('Cast', x, to=FLOAT) if self._half else x
        x = self.node('InstanceNormalization', x, *weights, epsilon=EPSILON)
        return self.node('Cast', x, to=FLOAT16) if self._half else x

    def standardise_groups(self, layer: str, x: str, groups: int) -> str:
        """Add the same over the channels of each group of (N, C, 1, 1)."""
        weight, bias = (self.constant(name, self._folded[name].reshape(1, -1, 1, 1))
                        for name in (f'{layer}.weight', f'{layer}.bias'))
        size = self._folded[f'{layer}.weight'].size
        x = self.node('Cast', x, to=FLOAT) if self._half else x
        x = self.node('Reshape', x, self.shape(f'{layer}.groups', (-1, groups, size // groups)))
        x = self.node('InstanceNormalization', x,
                      self.constant(f'{layer}.ones', np.ones(groups, np.float32)),
                      self.constant(f'{layer}.zeros', np.zeros(groups, np.float32)),
                      epsilon=EPSILON)
        x = self.node('Reshape', x, self.shape(f'{layer}.channels', (-1, size, 1, 1)))
        x = self.node('Add', self.node('Mul', x, weight), bias)
        return self.node('Cast', x, to=FLOAT16) if self._half else x

    def gated_sum(self, streams: Sequence[str], gate: Callable[[str], str]) -> str:
        """Add the sum of streams, each weighted by a gate of its averages."""
        total = ''
        for stream in streams:
            weighed = self.multiply(stream, gate(self.average_pool(stream)))
            total = self.add(total, weighed) if total else weighed
        return total

    def weigh(self, layer: str, x: str) -> str:
        """Add the product with a weight (C, H, W)."""
        return self.multiply(x, *self.weights(layer))

    def flatten(self, x: str) -> str:
        """Add the change of (N, C, H, W) to (N, C * H * W)."""
        return self.node('Flatten', x)

    def dense(self, layer: str, x: str) -> str:
        """Add a fully connected layer, with bias."""
        return self.node('Gemm', x, *self.weights(layer), transB=1)

    def content(self, name: str, images: Sequence[int], features: Sequence[int]) -> list[Part]:
        """Return the graph, of these input and output shapes; a 0 in front is any number."""
        return [
            *(wire.chunk(GRAPH['node'], node) for node in self._nodes),
            wire.chunk(GRAPH['name'], name), *self._initializers,
            wire.chunk(GRAPH['input'], _value_info('images', images)),
            wire.chunk(GRAPH['output'], _value_info('features', features))]


def _attribute(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        kind, content = ATTRIBUTE_STRING, wire.chunk(4, value)
    elif isinstance(value, list):
        kind, content = ATTRIBUTE_INTS, b''.join(wire.varint(8, item) for item in value)
    elif isinstance(value, float):
        kind, content = ATTRIBUTE_FLOAT, wire.float32(2, value)
    else:
        kind, content = ATTRIBUTE_INT, wire.varint(3, value)
    return wire.chunk(1, name) + content + wire.varint(20, kind)


def _value_info(name: str, shape: Sequence[int]) -> bytes:
    dimensions = b''.join(
        wire.chunk(1, wire.varint(1, size) if size else wire.chunk(2, 'N')) for size in shape)
    tensor = wire.varint(1, FLOAT) + wire.chunk(2, dimensions)
    return wire.chunk(1, name) + wire.chunk(2, wire.chunk(1, tensor))
