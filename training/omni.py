"""
The bundled omni-scale network in PyTorch, layer by layer as :mod:`deepsort_ros.reid` has it.

Images (N, 3, 128, 64), normalised RGB, to features (N, 128), not yet of unit length. After OSNet
(arXiv 1905.00953), in the form of the re-identification networks of Intel's Open Model Zoo, of
whose weights it starts.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

FEATURE_SIZE = 128
EPSILON = 1e-5
CONTEXT_GROUPS = 16


@dataclass(frozen=True)
class OmniArchitecture:
    """
    An omni-scale network.

    :param stem: channels of the first convolution.
    :param channels: of each of the three stages of two blocks.
    :param streams: light convolutions in a row, of each stream of a block, by stage.
    :param halved: whether each stage is averaged to half its size afterwards.
    :param size: of the last map.
    :param features: length of the feature.
    :param padded: the pooling behind the stem pads on all sides, else at the bottom and on the
        right alone, as 'same' does in MindSpore.
    """

    stem: int = 32
    channels: tuple[int, ...] = (128, 192, 256)
    streams: tuple[tuple[int, ...], ...] = ((1, 2), (1, 2, 3, 4), (1, 2, 3, 4))
    halved: tuple[bool, ...] = (True, False, False)
    size: tuple[int, int] = (16, 8)
    features: int = FEATURE_SIZE
    padded: bool = False


# The networks of the Open Model Zoo: images of twice the size, streams from the longest on.
ZOO_STREAMS = ((4, 3, 2, 1),) * 3
ZOO = {
    'person-reidentification-retail-0287': OmniArchitecture(
        32, (128, 192, 256), ZOO_STREAMS, (True, True, False), features=256, padded=True),
}


class InstanceNorm(nn.Module):
    """Mean 0 and variance 1 for every channel of every image, then a learned scale and shift."""

    def __init__(self, channels: int) -> None:
        """Create what it consists of."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the same shape."""
        variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        scale = torch.rsqrt(variance + EPSILON) * self.weight.view(1, -1, 1, 1)
        return x * scale + (self.bias.view(1, -1, 1, 1) - mean * scale)


class LightConvolution(nn.Module):
    """A 1x1 convolution, a 3x3 convolution of each channel, and ReLU."""

    def __init__(self, channels: int) -> None:
        """Create what it consists of."""
        super().__init__()
        self.point = nn.Conv2d(channels, channels, 1, bias=False)
        self.depth = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the same shape."""
        return functional.relu(self.depth(self.point(x)))


class Excitation(nn.Module):
    """How much each channel counts, from all of them (arXiv 1709.01507)."""

    def __init__(self, channels: int) -> None:
        """Create what it consists of."""
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // 16)
        self.expand = nn.Linear(channels // 16, channels)

    def forward(self, means: torch.Tensor) -> torch.Tensor:
        """Return (N, C) in 0 to 1 from the averages (N, C)."""
        return torch.sigmoid(self.expand(functional.relu(self.squeeze(means))))


class Context(nn.Module):
    """How much each channel counts, from those of its group (arXiv 1909.03834)."""

    def __init__(self, channels: int) -> None:
        """Create what it consists of."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, means: torch.Tensor) -> torch.Tensor:
        """Return (N, C) in 0 to 1 from the averages (N, C)."""
        size = means.shape[1] // CONTEXT_GROUPS
        y = functional.layer_norm(means.view(-1, CONTEXT_GROUPS, size), (size,))
        return torch.sigmoid(y.view(means.shape) * self.weight + self.bias)


class Block(nn.Module):
    """Streams of different depth around a shortcut; one gate weighs the channels of each."""

    def __init__(self, inputs: int, outputs: int, gate: type[nn.Module],
                 streams: Sequence[int]) -> None:
        """Create what it consists of."""
        super().__init__()
        inner = outputs // 4
        self.first = nn.Conv2d(inputs, inner, 1)
        self.streams = nn.ModuleList([
            nn.Sequential(*[LightConvolution(inner) for _ in range(depth)])
            for depth in streams])
        self.gate = gate(inner)
        self.last = nn.Conv2d(inner, outputs, 1)
        self.down = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def mixed(self, x: torch.Tensor) -> torch.Tensor:
        """Return the weighted sum of the streams."""
        y = functional.relu(self.first(x))
        seen = torch.stack([stream(y) for stream in self.streams])
        gates = torch.stack([self.gate(z.mean((2, 3))) for z in seen])
        return (seen * gates[..., None, None]).sum(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, outputs, H, W)."""
        return functional.relu(self.last(self.mixed(x)) + self.down(x))


class WeightedAverage(nn.Module):
    """The average over the image, each place of each channel with a learned weight."""

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        """Create what it consists of."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, *size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, C) from (N, C, H, W)."""
        return (x * self.weight).mean((2, 3))


class OmniNetwork(nn.Module):
    """The network of an architecture."""

    def __init__(self, architecture: OmniArchitecture) -> None:
        """Create what it consists of."""
        super().__init__()
        self.architecture = architecture
        channels = architecture.stem
        self.norm = InstanceNorm(3)
        self.stem = nn.Conv2d(3, channels, 7, 2, 3, bias=False)
        self.stem_norm = InstanceNorm(channels)
        self.blocks, self.mixes = nn.ModuleList(), nn.ModuleList()
        for outputs, streams in zip(architecture.channels, architecture.streams):
            self.blocks.append(Block(channels, outputs, Excitation, streams))
            self.blocks.append(Block(outputs, outputs, Context, streams))
            self.mixes.append(nn.Conv2d(outputs, outputs, 1))
            channels = outputs
        self.average = WeightedAverage(channels, architecture.size)
        self.dense = nn.Linear(channels, architecture.features)

    def begin(self, images: torch.Tensor) -> torch.Tensor:
        """Return what the first block sees: a quarter of the height and of the width."""
        x = functional.relu(self.stem_norm(self.stem(self.norm(images))))
        if self.architecture.padded:
            return functional.max_pool2d(x, 3, 2, 1)
        return functional.max_pool2d(functional.pad(x, (0, 1, 0, 1)), 3, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, features) from (N, 3, H, W)."""
        x = self.begin(images)
        for k, halved in enumerate(self.architecture.halved):
            x = self.blocks[2 * k + 1](self.blocks[2 * k](x))
            x = functional.relu(self.mixes[k](x))
            x = functional.avg_pool2d(x, 2) if halved else x
        return self.dense(self.average(x))
