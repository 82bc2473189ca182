"""
The appearance networks in PyTorch, layer by layer as :mod:`deepsort_ros.reid` has them.

Images (N, 3, 128, 64), normalised RGB, to features (N, 128), not yet of unit length.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

FEATURE_SIZE = 128
EPSILON = 1e-5


@dataclass(frozen=True)
class Architecture:
    """
    A residual trunk, pooled, with one dense layer on top.

    :param stem: channels of the first convolution, which halves the image.
    :param stages: of each its channels, the channels of its 3x3 convolutions where they are
        bottlenecks (0: blocks of two 3x3 convolutions), its blocks, and the stride of the first.
    :param last: channels of the 1x1 convolution before the pooling, 0 for none.
    :param parts: the feature map is averaged over this many stripes one above the other, each
        number adding its stripes.
    :param standardise: every channel of an image gets mean 0 and variance 1 first.
    :param instance_stem: the first convolution is normalised within each image.
    """

    stem: int
    stages: tuple[tuple[int, int, int, int], ...]
    last: int = 0
    parts: tuple[int, ...] = (1,)
    standardise: bool = False
    instance_stem: bool = False


BASIC = ((32, 0, 1, 1), (96, 0, 2, 2), (208, 0, 2, 2))
BOTTLENECK = ((64, 32, 1, 1), (256, 64, 3, 2), (512, 128, 4, 2))
ARCHITECTURES = {
    'plain': Architecture(32, BASIC, 384),
    'standard': Architecture(32, BASIC, 384, standardise=True, instance_stem=True),
    'parts': Architecture(32, BASIC, 384, (1, 4), standardise=True, instance_stem=True),
    'bottleneck': Architecture(32, BOTTLENECK, 0, (1, 4), standardise=True, instance_stem=True),
}


class InstanceNorm(nn.Module):
    """Mean 0 and variance 1 for every channel of every image, then a learned scale and shift."""

    def __init__(self, channels: int, affine: bool) -> None:
        """Create what it consists of."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the same shape."""
        variance, mean = torch.var_mean(x.float(), (2, 3), correction=0, keepdim=True)
        scale = torch.rsqrt(variance + EPSILON)
        shift = -mean * scale
        if self.weight is not None and self.bias is not None:
            gain = self.weight.view(1, -1, 1, 1)
            scale, shift = scale * gain, shift * gain + self.bias.view(1, -1, 1, 1)
        return x * scale.to(x.dtype) + shift.to(x.dtype)


class Block(nn.Module):
    """Two 3x3 convolutions, or a bottleneck, around a shortcut."""

    def __init__(self, inputs: int, channels: int, inner: int, stride: int) -> None:
        """Create what it consists of."""
        super().__init__()
        if inner:
            layers = [(inputs, inner, 1, 1), (inner, inner, 3, stride), (inner, channels, 1, 1)]
        else:
            layers = [(inputs, channels, 3, stride), (channels, channels, 3, 1)]
        self.layers = len(layers)
        for number, layer in enumerate(layers, 1):
            self.add_module(f'conv{number}', _conv(*layer))
            self.add_module(f'bn{number}', nn.BatchNorm2d(layer[1]))
        nn.init.constant_(getattr(self, f'bn{self.layers}').weight, 0.2)
        self.downsample = nn.Identity()
        if stride != 1 or inputs != channels:
            self.downsample = nn.Sequential(
                _conv(inputs, channels, 1, stride), nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, channels, H / stride, W / stride)."""
        y = x
        for number in range(1, self.layers + 1):
            y = getattr(self, f'bn{number}')(getattr(self, f'conv{number}')(y))
            if number < self.layers:
                y = functional.relu(y)
        return functional.relu(y + self.downsample(x))


class Network(nn.Module):
    """The network of an architecture."""

    def __init__(self, architecture: Architecture) -> None:
        """Create what it consists of."""
        super().__init__()
        self.parts = architecture.parts
        self.standardise = InstanceNorm(3, False) if architecture.standardise else nn.Identity()
        channels = architecture.stem
        self.conv = _conv(3, channels, 3, 2)
        self.norm = (InstanceNorm(channels, True) if architecture.instance_stem
                     else nn.BatchNorm2d(channels))
        self.stages = len(architecture.stages)
        for number, (outputs, inner, blocks, stride) in enumerate(architecture.stages, 1):
            layers = []
            for block in range(blocks):
                layers.append(Block(channels, outputs, inner, stride if block == 0 else 1))
                channels = outputs
            self.add_module(f'layer{number}', nn.Sequential(*layers))
        self.last = nn.Identity()
        if architecture.last:
            self.last = nn.Sequential(
                _conv(channels, architecture.last, 1, 1), nn.BatchNorm2d(architecture.last),
                nn.ReLU())
            channels = architecture.last
        self.dense = nn.Linear(channels * sum(self.parts), FEATURE_SIZE)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, 128) from (N, 3, 128, 64)."""
        x = functional.relu(self.norm(self.conv(self.standardise(images))))
        for number in range(1, self.stages + 1):
            x = getattr(self, f'layer{number}')(x)
        x = self.last(x)
        pooled = [functional.adaptive_avg_pool2d(x, (part, 1)).flatten(1) for part in self.parts]
        return self.dense(torch.cat(pooled, 1))


def _conv(inputs: int, outputs: int, size: int, stride: int) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode='fan_out', nonlinearity='relu')
    return layer
