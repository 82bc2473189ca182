"""
Write a network as a graph of MindSpore, from the weights of a checkpoint.

MindSpore takes seconds to understand a network of many cells, and does so again for each size of
batch. Here it is given one function of primitives in a row, once; MindSpore writes it as MindIR,
and what is loaded from there is compiled for a size in a fraction of the time.
"""
from __future__ import annotations

import hashlib
import importlib.util
import itertools
import sys
import tempfile
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid.architectures import Architecture
from deepsort_ros.reid.onnx_graph import EPSILON
from deepsort_ros.reid.onnx_graph import SMALLEST_LENGTH
from deepsort_ros.reid.runtime import ms
from deepsort_ros.reid.runtime import nn
from deepsort_ros.reid.runtime import ops
from deepsort_ros.reid.weights import Parameters

IMAGES = 'images'
# Of the modules that the functions are in while MindSpore reads them, with a number behind.
MODULE = 'deepsort_ros_graph'
_numbers = itertools.count()
# The network loaded last, digest and MindIR: to be loaded again, which writing would make slower,
# and larger by one and a half megabytes that MindSpore keeps each time.
_latest = b'', b''

Size = tuple[int, int, int]


def load_graph(architecture: Architecture, folded: Parameters, half: bool = False) -> Any:
    """
    Return a callable of images (N, 3, H, W) to features (N, D) of any length.

    It compiles when it sees a new N.

    :param folded: weights and biases by layer, :func:`deepsort_ros.reid.folding.fold`.
    :param half: images, weights and features are float16; normalisations stay float32.
    """
    global _latest
    digest = hashlib.sha256(f'{architecture.name} {half}'.encode())
    for name in sorted(folded):
        digest.update(np.ascontiguousarray(folded[name]).data)
    with tempfile.TemporaryDirectory(prefix=f'{MODULE}_') as folder:
        path = Path(folder, 'network.mindir')
        if _latest[0] == digest.digest():
            path.write_bytes(_latest[1])
        else:
            write_graph(architecture, folded, path, half=half)
            _latest = digest.digest(), path.read_bytes()
        return nn.GraphCell(ms.load(str(path)))


def write_graph(architecture: Architecture, folded: Parameters, path: Path, batch: int = 0,
                half: bool = False, unit: bool = False) -> None:
    """
    Write a network as MindIR or AIR.

    :param path: its suffix is the format.
    :param batch: images per call; 0 leaves it open.
    :param half: as of :func:`load_graph`; :param unit: features are of unit length.
    """
    size = (3, architecture.height, architecture.width)
    graph = MindSporeGraph(folded, size, half)
    features = architecture.build(graph, IMAGES)
    if unit:
        features = graph.unit(features)
    kind = ms.float16 if half else ms.float32
    images = ms.Tensor(shape=[batch or None, *size], dtype=kind)
    if batch:
        images = ms.Tensor(np.zeros((batch, *size)), kind)
    with tempfile.TemporaryDirectory(prefix=f'{MODULE}_') as folder:
        # MindSpore reads the text of a function, and imports the module it is from.
        name = f'{MODULE}_{next(_numbers)}'
        source = Path(folder, f'{name}.py')
        source.write_text(graph.source(features), encoding='utf-8')
        spec = importlib.util.spec_from_file_location(name, source)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
            cell = type('Network', (nn.Cell,), {'construct': module.construct})()
            for attribute, value in graph.attributes.items():
                setattr(cell, attribute, value)
            cell.set_train(False)
            ms.export(cell, images, file_name=str(path.with_suffix('')),
                      file_format=path.suffix[1:].upper())
        finally:
            del sys.modules[name]


class MindSporeGraph:
    """
    A graph as it grows: a :class:`deepsort_ros.reid.architectures.Graph`.

    :ivar attributes: primitives and constants by name, as the function wants them in its cell.
    """

    def __init__(self, folded: Parameters, size: Size, half: bool = False) -> None:
        """Take weights and biases by layer, and the size of an image."""
        self.attributes: dict[str, Any] = {}
        self._folded = folded
        self._type = ms.float16 if half else ms.float32
        self._half = half
        self._lines: list[str] = []
        self._names: dict[str, str] = {}
        # Channels, height and width of every output; (N, C, 1, 1) is kept as (N, C).
        self._sizes: dict[str, Size] = {IMAGES: size}

    def source(self, output: str) -> str:
        """Return the text of the function."""
        return '\n'.join((f'def construct(self, {IMAGES}):', *self._lines, f'    return {output}',
                          ''))

    def _add(self, size: Size, called: str, *arguments: str) -> str:
        output = f'x{len(self._lines)}'
        self._lines.append(f'    {output} = {called}({", ".join(arguments)})')
        self._sizes[output] = size
        return output

    def _primitive(self, kind: Callable[..., Any], *arguments: Any, **named: Any) -> str:
        key = f'{kind.__name__}{arguments}{sorted(named.items())}'
        if key not in self._names:
            self._names[key] = f'primitive{len(self._names)}'
            self.attributes[self._names[key]] = kind(*arguments, **named)
        return f'self.{self._names[key]}'

    def _constant(self, name: str, value: NDArray[np.float32], kind: Any = None) -> str:
        key = name.replace('.', '_')
        if key not in self.attributes:
            self.attributes[key] = ms.Tensor(np.ascontiguousarray(value), kind or ms.float32)
        return f'self.{key}'

    def _weights(self, layer: str, shape: Sequence[int] = (), kind: Any = None) -> list[str]:
        """Add the weight and the bias, if any, of a layer; the weight in another shape."""
        names = [n for n in (f'{layer}.weight', f'{layer}.bias') if n in self._folded]
        return [self._constant(name, self._folded[name].reshape(
            shape or self._folded[name].shape), kind or self._type) for name in names]

    def _reshape(self, x: str, size: Size, *shape: int) -> str:
        return self._add(size, self._primitive(ops.Reshape), x, repr(shape))

    def _cast(self, x: str, kind: Any) -> str:
        self.attributes.update(single=ms.float32, half=ms.float16)
        name = 'half' if kind == ms.float16 else 'single'
        return self._add(self._sizes[x], self._primitive(ops.Cast), x, f'self.{name}')

    def convolution(self, layer: str, x: str, stride: int = 1, groups: int = 1) -> str:
        """Add a convolution that pads by half its kernel; a dense layer where that is stored."""
        weight = self._folded[f'{layer}.weight']
        if weight.ndim == 2:
            return self.dense(layer, x)
        outputs, _, kernel, _ = weight.shape
        called = self._primitive(
            ops.Conv2D, outputs, kernel, pad_mode='pad', pad=kernel // 2, stride=stride,
            group=groups)
        _, height, width = self._sizes[x]
        size = (outputs, -(-height // stride), -(-width // stride))
        names = self._weights(layer)
        y = self._add(size, called, x, names[0])
        return self._bias(y, names[1]) if len(names) > 1 else y

    def _bias(self, x: str, bias: str) -> str:
        return self._add(self._sizes[x], self._primitive(ops.BiasAdd), x, bias)

    def relu(self, x: str) -> str:
        """Add max(x, 0)."""
        return self._add(self._sizes[x], self._primitive(ops.ReLU), x)

    def elu(self, x: str) -> str:
        """Add ELU."""
        return self._add(self._sizes[x], self._primitive(ops.Elu), x)

    def max_pool(self, x: str, size: int, stride: int) -> str:
        """Add a maximum over squares that pads as 'same' does."""
        channels, height, width = self._sizes[x]
        return self._add(
            (channels, -(-height // stride), -(-width // stride)),
            self._primitive(ops.MaxPool, kernel_size=size, strides=stride, pad_mode='same'), x)

    def average_pool(self, x: str) -> str:
        """Add the mean over height and width."""
        return self._add((self._sizes[x][0], 1, 1), self._primitive(ops.ReduceMean), x, '(2, 3)')

    def add(self, x: str, y: str) -> str:
        """Add the sum."""
        return self._add(self._sizes[x], self._primitive(ops.Add), x, y)

    def multiply(self, x: str, y: str) -> str:
        """Add the product."""
        return self._add(self._sizes[x], self._primitive(ops.Mul), x, y)

    def sigmoid(self, x: str) -> str:
        """Add 1 / (1 + exp(-x))."""
        return self._add(self._sizes[x], self._primitive(ops.Sigmoid), x)

    def halve(self, x: str) -> str:
        """Add the average over squares of 2 x 2."""
        channels, height, width = self._sizes[x]
        return self._add((channels, height // 2, width // 2),
                         self._primitive(ops.AvgPool, kernel_size=2, strides=2), x)

    def standardise(self, layer: str, x: str) -> str:
        """Add a scale and shift of every channel to mean 0 and variance 1 over the image."""
        channels, height, width = size = self._sizes[x]
        # The variance of a whole image is beyond half precision.
        x = self._cast(x, ms.float32) if self._half else x
        x = self._rows(x, height * width)
        x = self._reshape(x, size, -1, *size)
        weight, bias = self._weights(layer, (1, channels, 1, 1), ms.float32)
        x = self.add(self.multiply(x, weight), bias)
        return self._cast(x, ms.float16) if self._half else x

    def standardise_groups(self, layer: str, x: str, groups: int) -> str:
        """Add the same over the channels of each group of (N, C, 1, 1)."""
        size = self._sizes[x]
        x = self._cast(x, ms.float32) if self._half else x
        x = self._rows(x, size[0] // groups)
        x = self._reshape(x, size, -1, size[0])
        weight, bias = self._weights(layer, kind=ms.float32)
        x = self.add(self.multiply(x, weight), bias)
        return self._cast(x, ms.float16) if self._half else x

    def _rows(self, x: str, length: int) -> str:
        """Add rows of a length, of mean 0 and variance 1."""
        x = self._reshape(x, self._sizes[x], -1, length)
        ones = self._constant(f'ones{length}', np.ones(length, np.float32))
        zeros = self._constant(f'zeros{length}', np.zeros(length, np.float32))
        rows = self._add(self._sizes[x], self._primitive(ops.LayerNorm, 1, 1, EPSILON), x, ones,
                         zeros)
        return self._alias(rows, 0)

    def _alias(self, outputs: str, place: int) -> str:
        """Return the name of one of several outputs."""
        name = f'{outputs}[{place}]'
        self._sizes[name] = self._sizes[outputs]
        return name

    def gated_sum(self, streams: Sequence[str], gate: Callable[[str], str]) -> str:
        """Add the sum of streams, each weighted by a gate; one pass gates them all."""
        size = self._sizes[streams[0]]
        means = [self.average_pool(stream) for stream in streams]
        joined = self._add((size[0], 1, 1), self._primitive(ops.Concat, 0),
                           f'({", ".join(means)},)')
        gates = self._reshape(gate(joined), (size[0], 1, 1), -1, size[0], 1, 1)
        parts = self._add((size[0], 1, 1), self._primitive(ops.Split, 0, len(streams)), gates)
        total = ''
        for place, stream in enumerate(streams):
            weighed = self.multiply(stream, self._alias(parts, place))
            total = self.add(total, weighed) if total else weighed
        return total

    def weigh(self, layer: str, x: str) -> str:
        """Add the product with a weight (C, H, W)."""
        return self.multiply(x, *self._weights(layer))

    def flatten(self, x: str) -> str:
        """Add the change of (N, C, H, W) to (N, C * H * W)."""
        channels, height, width = self._sizes[x]
        if height * width == 1:
            return x
        length = channels * height * width
        return self._reshape(x, (length, 1, 1), -1, length)

    def dense(self, layer: str, x: str) -> str:
        """Add a fully connected layer, with bias."""
        weight, bias = self._weights(layer)
        size = (len(self._folded[f'{layer}.weight']), 1, 1)
        return self._bias(
            self._add(size, self._primitive(ops.MatMul, transpose_b=True), x, weight), bias)

    def unit(self, x: str) -> str:
        """Add the rows of (N, D) at unit length."""
        size = self._sizes[x]
        squares = self._add(size, self._primitive(ops.ReduceSum, keep_dims=True),
                            self.multiply(x, x), '1')
        least = self._constant('smallest_length', np.array(SMALLEST_LENGTH, np.float32))
        length = self._add(size, self._primitive(ops.Maximum),
                           self._add(size, self._primitive(ops.Sqrt), squares), least)
        return self._add(size, self._primitive(ops.Div), x, length)
