"""
The networks that checkpoints may hold, without MindSpore: parameters, folding, operations.

The ``Cell`` of each, for training and for MindSpore, is in a module of its own; a test compares
their parameters with those named here.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Shape = tuple[int, ...]

BLOCKS = tuple(f'layer{stage}.{block}' for stage in (1, 2, 3) for block in (0, 1))
MODELZOO_NORMS = (
    ('conv.0', 'conv.1'), ('conv.3', 'conv.4'),
    *((f'{block}.conv{i}', f'{block}.bn{i}') for block in BLOCKS for i in (1, 2)),
    *((f'{block}.downsample.0', f'{block}.downsample.1') for block in ('layer2.0', 'layer3.0')),
    ('dense', 'bn1'))


class Graph(Protocol):
    """
    What a network is built of, on weights whose normalisations are folded.

    Each method adds one operation on the outputs named, and returns the name of its own output.
    """

    def convolution(self, layer: str, x: str, stride: int = 1, groups: int = 1) -> str:
        """Add a convolution that pads by half its kernel on all sides; a bias if it has one."""

    def relu(self, x: str) -> str:
        """Add max(x, 0)."""

    def elu(self, x: str) -> str:
        """Add ELU: x, or exp(x) - 1 below 0."""

    def max_pool(self, x: str, size: int, stride: int) -> str:
        """Add a maximum over squares that pads as 'same' does, at the bottom and on the right."""

    def average_pool(self, x: str) -> str:
        """Add the mean over height and width: (N, C, 1, 1)."""

    def add(self, x: str, y: str) -> str:
        """Add the sum."""

    def multiply(self, x: str, y: str) -> str:
        """Add the product, of (N, C, H, W) and (N, C, 1, 1) as well."""

    def sigmoid(self, x: str) -> str:
        """Add 1 / (1 + exp(-x))."""

    def halve(self, x: str) -> str:
        """Add the average over squares of 2 x 2."""

    def standardise(self, layer: str, x: str) -> str:
        """
        Add a scale and shift of every channel to mean 0 and variance 1 over the image.

        The layer has a weight and a bias of each channel, applied afterwards.
        """

    def standardise_groups(self, layer: str, x: str, groups: int) -> str:
        """Add the same over the channels of each group of (N, C, 1, 1)."""

    def gated_sum(self, streams: Sequence[str], gate: Callable[[str], str]) -> str:
        """
        Add the sum of streams (N, C, H, W), each weighted channel by channel.

        :param gate: adds what makes weights (N, C, 1, 1) of the averages (N, C, 1, 1) of one.
        """

    def weigh(self, layer: str, x: str) -> str:
        """Add the product with a weight (C, H, W)."""

    def flatten(self, x: str) -> str:
        """Add the change of (N, C, H, W) to (N, C * H * W)."""

    def dense(self, layer: str, x: str) -> str:
        """Add a fully connected layer, with bias."""


@dataclass(frozen=True)
class Architecture:
    """
    A network that checkpoints may hold.

    :param name: for people.
    :param height: of its input, pixels; :param width: the same.
    :param feature_size: of its output.
    :param shapes: of its parameters as trained, by name, without the classifier.
    :param norms: layers and the normalisation that follows each, folded into it for inference.
    :param build: adds the network to a graph, given the name of the normalised RGB images
        (N, 3, height, width); returns that of the features (N, feature_size), of any length.
    """

    name: str
    height: int
    width: int
    feature_size: int
    shapes: Mapping[str, Shape]
    norms: tuple[tuple[str, str], ...]
    build: Callable[[Graph, str], str]


def _norm_shapes(name: str, channels: int) -> dict[str, Shape]:
    return {f'{name}.{part}': (channels,)
            for part in ('moving_mean', 'moving_variance', 'gamma', 'beta')}


def _modelzoo_shapes() -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    for layer, norm, inputs in (('conv.0', 'conv.1', 3), ('conv.3', 'conv.4', 32)):
        shapes |= {f'{layer}.weight': (32, inputs, 3, 3), f'{layer}.bias': (32,)}
        shapes |= _norm_shapes(norm, 32)
    inputs = 32
    for block in BLOCKS:
        outputs = 32 << int(block[5]) - 1
        for number, channels in ((1, inputs), (2, outputs)):
            shapes[f'{block}.conv{number}.weight'] = (outputs, channels, 3, 3)
            shapes |= _norm_shapes(f'{block}.bn{number}', outputs)
        if inputs != outputs:
            shapes[f'{block}.downsample.0.weight'] = (outputs, inputs, 1, 1)
            shapes |= _norm_shapes(f'{block}.downsample.1', outputs)
        inputs = outputs
    shapes |= {'dense.weight': (128, 128 * 16 * 8), 'dense.bias': (128,)}
    return shapes | _norm_shapes('bn1', 128) | _norm_shapes('batch_norm', 128)


def _build_modelzoo(graph: Graph, x: str) -> str:
    x = graph.elu(graph.convolution('conv.0', x))
    # The greatest before ELU is the greatest after it, and there are fewer of them.
    x = graph.elu(graph.max_pool(graph.convolution('conv.3', x), 3, 2))
    for block in BLOCKS:
        stride = 2 if block in ('layer2.0', 'layer3.0') else 1
        y = graph.relu(graph.convolution(f'{block}.conv1', x, stride))
        y = graph.convolution(f'{block}.conv2', y)
        if stride == 2:
            x = graph.convolution(f'{block}.downsample.0', x, stride)
        x = graph.relu(graph.add(x, y))
    return graph.dense('dense', graph.flatten(x))


MODELZOO = Architecture(
    'DeepSORT network of the MindSpore ModelZoo', 128, 64, 128, _modelzoo_shapes(),
    MODELZOO_NORMS, _build_modelzoo)


# Of the network bundled earlier: channels of the first convolution; of each stage its channels,
# its blocks and the stride of the first; channels of the 1x1 convolution that is averaged.
POOLED_STEM = 32
POOLED_STAGES = ((32, 1, 1), (96, 2, 2), (208, 2, 2))
POOLED_LAST = 384


def _pooled_blocks() -> Iterator[tuple[str, int, int, int]]:
    """Yield name, inputs, outputs and stride of every block."""
    inputs = POOLED_STEM
    for stage, (outputs, blocks, stride) in enumerate(POOLED_STAGES, 1):
        for block in range(blocks):
            yield f'layer{stage}.{block}', inputs, outputs, 1 if block else stride
            inputs = outputs


def _pooled_shapes() -> dict[str, Shape]:
    shapes = {'conv.weight': (POOLED_STEM, 3, 3, 3), **_norm_shapes('norm', POOLED_STEM)}
    for block, inputs, outputs, stride in _pooled_blocks():
        for number, channels in ((1, inputs), (2, outputs)):
            shapes[f'{block}.conv{number}.weight'] = (outputs, channels, 3, 3)
            shapes |= _norm_shapes(f'{block}.bn{number}', outputs)
        if stride != 1:
            shapes[f'{block}.downsample.0.weight'] = (outputs, inputs, 1, 1)
            shapes |= _norm_shapes(f'{block}.downsample.1', outputs)
    shapes['last.0.weight'] = (POOLED_LAST, POOLED_STAGES[-1][0], 1, 1)
    shapes |= _norm_shapes('last.1', POOLED_LAST)
    return shapes | {'dense.weight': (128, POOLED_LAST), 'dense.bias': (128,)}


def _pooled_norms() -> Iterator[tuple[str, str]]:
    yield 'conv', 'norm'
    for block, _, _, stride in _pooled_blocks():
        yield from ((f'{block}.conv{i}', f'{block}.bn{i}') for i in (1, 2))
        if stride != 1:
            yield f'{block}.downsample.0', f'{block}.downsample.1'
    yield 'last.0', 'last.1'


def _build_pooled(graph: Graph, x: str) -> str:
    x = graph.relu(graph.convolution('conv', x, 2))
    for block, _, _, stride in _pooled_blocks():
        y = graph.relu(graph.convolution(f'{block}.conv1', x, stride))
        y = graph.convolution(f'{block}.conv2', y)
        if stride != 1:
            x = graph.convolution(f'{block}.downsample.0', x, stride)
        x = graph.relu(graph.add(x, y))
    x = graph.relu(graph.convolution('last.0', x))
    return graph.dense('dense', graph.flatten(graph.average_pool(x)))


POOLED = Architecture(
    'pooled residual network', 128, 64, 128, _pooled_shapes(), tuple(_pooled_norms()),
    _build_pooled)


@dataclass(frozen=True)
class OmniStage:
    """
    Two blocks of an omni-scale network and a 1x1 convolution.

    :param streams: light convolutions in a row, of each stream of a block.
    :param halved: the image is averaged to half its size afterwards.
    """

    channels: int
    streams: tuple[int, ...]
    halved: bool


# Of the omni-scale network: channels of the first convolution, which halves the image, as the
# pooling behind it does; groups of channels that are weighed together; size of the last map.
OMNI_STEM = 32
OMNI_STAGES = (OmniStage(128, (1, 2), True), OmniStage(192, (1, 2, 3, 4), False),
               OmniStage(256, (1, 2, 3, 4), False))
CONTEXT_GROUPS = 16
OMNI_MAP = (16, 8)


def _omni_blocks() -> Iterator[tuple[str, int, OmniStage, bool]]:
    """Yield name, inputs and stage of every block, and whether it is the second one there."""
    inputs = OMNI_STEM
    for number, stage in enumerate(OMNI_STAGES):
        yield f'blocks.{2 * number}', inputs, stage, False
        inputs = stage.channels
        yield f'blocks.{2 * number + 1}', inputs, stage, True


def _omni_shapes() -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}

    def layer(name: str, *shape: int, bias: bool = True) -> None:
        shapes[f'{name}.weight'] = shape
        if bias:
            shapes[f'{name}.bias'] = shape[:1]

    layer('norm', 3)
    layer('stem', OMNI_STEM, 3, 7, 7, bias=False)
    layer('stem_norm', OMNI_STEM)
    for block, inputs, stage, second in _omni_blocks():
        outputs, inner = stage.channels, stage.channels // 4
        layer(f'{block}.first', inner, inputs, 1, 1)
        for stream, depth in enumerate(stage.streams):
            for number in range(depth):
                layer(f'{block}.streams.{stream}.{number}.point', inner, inner, 1, 1, bias=False)
                layer(f'{block}.streams.{stream}.{number}.depth', inner, 1, 3, 3)
        if second:
            layer(f'{block}.gate', inner)
        else:
            layer(f'{block}.gate.squeeze', inner // 16, inner)
            layer(f'{block}.gate.expand', inner, inner // 16)
        layer(f'{block}.last', outputs, inner, 1, 1)
        if inputs != outputs:
            layer(f'{block}.down', outputs, inputs, 1, 1)
    for number, stage in enumerate(OMNI_STAGES):
        layer(f'mixes.{number}', stage.channels, stage.channels, 1, 1)
    layer('average', OMNI_STAGES[-1].channels, *OMNI_MAP, bias=False)
    layer('dense', 128, OMNI_STAGES[-1].channels)
    return shapes


def _omni_block(graph: Graph, block: str, x: str, inputs: int, stage: OmniStage,
                second: bool) -> str:
    y = graph.relu(graph.convolution(f'{block}.first', x))
    streams = []
    for stream, depth in enumerate(stage.streams):
        z = y
        for number in range(depth):
            name = f'{block}.streams.{stream}.{number}'
            z = graph.convolution(f'{name}.point', z)
            z = graph.relu(graph.convolution(f'{name}.depth', z, groups=stage.channels // 4))
        streams.append(z)

    def gate(means: str) -> str:
        if second:
            means = graph.standardise_groups(f'{block}.gate', means, CONTEXT_GROUPS)
        else:
            means = graph.relu(graph.convolution(f'{block}.gate.squeeze', means))
            means = graph.convolution(f'{block}.gate.expand', means)
        return graph.sigmoid(means)

    total = graph.gated_sum(streams, gate)
    if inputs != stage.channels:
        x = graph.convolution(f'{block}.down', x)
    return graph.relu(graph.add(graph.convolution(f'{block}.last', total), x))


def _build_omni(graph: Graph, x: str) -> str:
    x = graph.convolution('stem', graph.standardise('norm', x), 2)
    x = graph.max_pool(graph.relu(graph.standardise('stem_norm', x)), 3, 2)
    for block, inputs, stage, second in _omni_blocks():
        x = _omni_block(graph, block, x, inputs, stage, second)
        if second:
            x = graph.relu(graph.convolution(f'mixes.{OMNI_STAGES.index(stage)}', x))
            x = graph.halve(x) if stage.halved else x
    x = graph.average_pool(graph.weigh('average', x))
    return graph.dense('dense', graph.flatten(x))


OMNI = Architecture(
    'omni-scale network', 128, 64, 128, _omni_shapes(), (), _build_omni)
ARCHITECTURES = (MODELZOO, POOLED, OMNI)


def recognise(names: Collection[str]) -> Architecture:
    """Return the architecture that shares most of its parameters with these names."""
    def shared(architecture: Architecture) -> float:
        wanted = architecture.shapes
        return sum(name in names for name in wanted) / len(wanted)

    return max(ARCHITECTURES, key=shared)
