"""
The bundled network: an omni-scale network, whose blocks see an image at several scales at once.

After OSNet (arXiv 1905.00953): in each block streams of one to four light 3x3 convolutions, whose
sum is weighted channel by channel with what each stream sees on average. Its parameters are named
in :mod:`deepsort_ros.reid.architectures`; ``training/`` has it for PyTorch.
"""
from __future__ import annotations

from typing import Any

from deepsort_ros.reid.architectures import CONTEXT_GROUPS
from deepsort_ros.reid.architectures import OMNI_MAP
from deepsort_ros.reid.architectures import OMNI_STAGES
from deepsort_ros.reid.architectures import OMNI_STEM
from deepsort_ros.reid.network import FEATURE_SIZE
from deepsort_ros.reid.runtime import ms
from deepsort_ros.reid.runtime import nn
from deepsort_ros.reid.runtime import ops

EPSILON = 1e-5


def _conv(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1,
          bias: bool = True) -> Any:
    return nn.Conv2d(inputs, outputs, size, stride, pad_mode='pad', padding=size // 2,
                     group=groups, has_bias=bias, weight_init='he_normal')


def _standardised(x: Any) -> Any:
    """Return rows (N, D) with mean 0 and variance 1, single precision."""
    size = x.shape[1]
    rows, _, _ = ops.LayerNorm(1, 1, EPSILON)(
        x.astype(ms.float32), ops.ones((size,), ms.float32), ops.zeros((size,), ms.float32))
    return rows


class InstanceNorm(nn.Cell):
    """Mean 0 and variance 1 for every channel of every image, then a learned scale and shift."""

    def __init__(self, channels: int) -> None:
        """Create the parameters."""
        super().__init__()
        self.weight = ms.Parameter(ops.ones((channels,), ms.float32))
        self.bias = ms.Parameter(ops.zeros((channels,), ms.float32))

    def construct(self, x: Any) -> Any:
        """Return the same shape and type."""
        n, channels, height, width = x.shape
        y = _standardised(x.reshape(n * channels, height * width)).reshape(x.shape)
        y = y * self.weight.reshape(1, channels, 1, 1) + self.bias.reshape(1, channels, 1, 1)
        return y.astype(x.dtype)


class Excitation(nn.Cell):
    """How much each channel counts, from all of them (arXiv 1709.01507)."""

    def __init__(self, channels: int) -> None:
        """Create the layers."""
        super().__init__()
        self.squeeze = nn.Dense(channels, channels // 16)
        self.expand = nn.Dense(channels // 16, channels)

    def construct(self, means: Any) -> Any:
        """Return (N, C) in 0 to 1 from the averages (N, C)."""
        return ops.sigmoid(self.expand(ops.relu(self.squeeze(means))))


class Context(nn.Cell):
    """How much each channel counts, from those of its group (arXiv 1909.03834)."""

    def __init__(self, channels: int) -> None:
        """Create the parameters."""
        super().__init__()
        self.weight = ms.Parameter(ops.ones((channels,), ms.float32))
        self.bias = ms.Parameter(ops.zeros((channels,), ms.float32))

    def construct(self, means: Any) -> Any:
        """Return (N, C) in 0 to 1 from the averages (N, C)."""
        n, channels = means.shape
        y = _standardised(means.reshape(n * CONTEXT_GROUPS, channels // CONTEXT_GROUPS))
        return ops.sigmoid(y.reshape(n, channels) * self.weight + self.bias).astype(means.dtype)


class LightConvolution(nn.Cell):
    """A 1x1 convolution, a 3x3 convolution of each channel, and ReLU."""

    def __init__(self, channels: int) -> None:
        """Create the layers."""
        super().__init__()
        self.point = _conv(channels, channels, bias=False)
        self.depth = _conv(channels, channels, 3, groups=channels)

    def construct(self, x: Any) -> Any:
        """Return the same shape."""
        return ops.relu(self.depth(self.point(x)))


class OmniBlock(nn.Cell):
    """Streams of different depth around a shortcut; one gate weighs the channels of each."""

    def __init__(self, inputs: int, outputs: int, gate: Any, streams: tuple[int, ...]) -> None:
        """Create the layers."""
        super().__init__()
        inner = outputs // 4
        self.first = _conv(inputs, inner)
        self.streams = nn.CellList([
            nn.SequentialCell([LightConvolution(inner) for _ in range(depth)])
            for depth in streams])
        self.gate = gate(inner)
        self.last = _conv(inner, outputs)
        self.down = _conv(inputs, outputs) if inputs != outputs else None

    def construct(self, x: Any) -> Any:
        """Return (N, outputs, H, W)."""
        y = ops.relu(self.first(x))
        n, inner, _, _ = y.shape
        seen = []
        for stream in self.streams:
            seen.append(stream(y))
        # One gate, so one pass for the averages of all streams.
        gates = self.gate(ops.concat([z.mean((2, 3)) for z in seen], 0))
        total = seen[0] * gates[:n].reshape(n, inner, 1, 1)
        for k in range(1, len(seen)):
            total = total + seen[k] * gates[k * n:(k + 1) * n].reshape(n, inner, 1, 1)
        if self.down is not None:
            x = self.down(x)
        return ops.relu(self.last(total) + x)


class OmniNetwork(nn.Cell):
    """
    Images (N, 3, 128, 64), normalised RGB, to features (N, 128), not yet of unit length.

    :param classes: identities the classifier tells apart, behind a normalisation of their own
        (arXiv 1903.07071); 0 leaves both out.
    """

    flat_size = OMNI_STAGES[-1].channels

    def __init__(self, classes: int = 0) -> None:
        """Create the layers, randomly initialised."""
        super().__init__()
        self.norm = InstanceNorm(3)
        self.stem = _conv(3, OMNI_STEM, 7, 2, bias=False)
        self.stem_norm = InstanceNorm(OMNI_STEM)
        self.pool = nn.MaxPool2d(3, 2, pad_mode='same')
        self.halve = nn.AvgPool2d(2, 2)
        channels = OMNI_STEM
        blocks, mixes = [], []
        for stage in OMNI_STAGES:
            blocks.append(OmniBlock(channels, stage.channels, Excitation, stage.streams))
            channels = stage.channels
            blocks.append(OmniBlock(channels, channels, Context, stage.streams))
            mixes.append(_conv(channels, channels))
        self.blocks, self.mixes = nn.CellList(blocks), nn.CellList(mixes)
        self.average = WeightedAverage(channels)
        self.dense = nn.Dense(channels, FEATURE_SIZE)
        self.neck: Any = nn.BatchNorm1d(FEATURE_SIZE) if classes else None
        self.classifier: Any = nn.Dense(FEATURE_SIZE, classes) if classes else None

    def trunk(self, images: Any) -> Any:
        """Return (N, 256) from (N, 3, 128, 64), or from images of half that size."""
        x = self.pool(ops.relu(self.stem_norm(self.stem(self.norm(images)))))
        for k, stage in enumerate(OMNI_STAGES):
            x = self.blocks[2 * k + 1](self.blocks[2 * k](x))
            x = ops.relu(self.mixes[k](x))
            if stage.halved:
                x = self.halve(x)
        return self.average(x)

    def head(self, flat: Any) -> Any:
        """Return the feature (N, 128) from (N, 256), after dropout when training."""
        return self.dense(flat)

    def logits(self, feature: Any) -> Any:
        """Return (N, classes)."""
        return self.classifier(self.neck(feature))

    def construct(self, images: Any) -> Any:
        """Return (N, 128) from (N, 3, 128, 64)."""
        return self.head(self.trunk(images))


class WeightedAverage(nn.Cell):
    """The average over the image, each place of each channel with a learned weight."""

    def __init__(self, channels: int) -> None:
        """Create the weights."""
        super().__init__()
        self.weight = ms.Parameter(ops.ones((channels, *OMNI_MAP), ms.float32))

    def construct(self, x: Any) -> Any:
        """Return (N, C) from (N, C, H, W); of half the size, places share their weights."""
        weight = self.weight.expand_dims(0)
        if x.shape[2] != OMNI_MAP[0]:
            weight = ops.avg_pool2d(weight, 2, 2)
        return (x * weight).mean((2, 3))
