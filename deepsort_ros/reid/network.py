"""
The appearance network: the MindSpore ModelZoo DeepSORT network, by layer and parameter name.

A small residual network after the wide residual network of DeepSORT (arXiv 1703.07402, table 1).
"""
from __future__ import annotations

from typing import Any

from deepsort_ros.reid.runtime import nn
from deepsort_ros.reid.runtime import ops

HEIGHT = 128
WIDTH = 64
FEATURE_SIZE = 128
FLAT_SIZE = 128 * 16 * 8


class Elu(nn.Cell):
    """ELU whose gradient is taken from the output, several times faster on CPU than EluGrad."""

    def construct(self, x: Any) -> Any:
        """Return elu(x), same shape."""
        return ops.elu(x)

    def bprop(self, x: Any, out: Any, dout: Any) -> Any:
        """Return the gradient: 1 where x > 0, else exp(x) = out + 1."""
        return (dout * ops.minimum(out + 1.0, 1.0),)


class BasicBlock(nn.Cell):
    """Two 3x3 convolutions around a shortcut; with stride 2 the shortcut is a 1x1 convolution."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        """Create the layers."""
        super().__init__()
        self.conv1 = conv3(in_channels, out_channels, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = conv3(out_channels, out_channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample = None
        if stride != 1:
            self.downsample = nn.SequentialCell(
                nn.Conv2d(in_channels, out_channels, 1, stride, pad_mode='same',
                          has_bias=False),
                nn.BatchNorm2d(out_channels))

    def construct(self, x: Any) -> Any:
        """Return (N, out_channels, H / stride, W / stride)."""
        y = ops.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.downsample is not None:
            x = self.downsample(x)
        return ops.relu(x + y)


class AppearanceNetwork(nn.Cell):
    """
    Images (N, 3, 128, 64), normalised RGB, to features (N, 128), not yet of unit length.

    :param classes: identities the classifier tells apart; 0 leaves the classifier out.
    """

    flat_size = FLAT_SIZE

    def __init__(self, classes: int = 0) -> None:
        """Create the layers, randomly initialised."""
        super().__init__()
        self.conv = nn.SequentialCell(
            conv3(3, 32, 1, bias=True), nn.BatchNorm2d(32), Elu(),
            # The greatest before ELU is the greatest after it, and there are fewer of them.
            conv3(32, 32, 1, bias=True), nn.BatchNorm2d(32),
            nn.MaxPool2d(3, 2, pad_mode='same'), Elu())
        self.layer1 = nn.SequentialCell(
            BasicBlock(32, 32, 1), BasicBlock(32, 32, 1))
        self.layer2 = nn.SequentialCell(
            BasicBlock(32, 64, 2), BasicBlock(64, 64, 1))
        self.layer3 = nn.SequentialCell(
            BasicBlock(64, 128, 2), BasicBlock(128, 128, 1))
        self.dense = nn.Dense(FLAT_SIZE, FEATURE_SIZE)
        self.bn1 = nn.BatchNorm1d(FEATURE_SIZE)
        # In every checkpoint of this network, and used by none.
        self.batch_norm = nn.BatchNorm1d(FEATURE_SIZE)
        self.elu = Elu()
        self.classifier: Any = nn.Dense(FEATURE_SIZE, classes) if classes else None

    def trunk(self, images: Any) -> Any:
        """Return (N, 16384) from (N, 3, 128, 64), or from images of half that size."""
        x = self.layer3(self.layer2(self.layer1(self.conv(images))))
        if x.shape[2] != HEIGHT // 8:
            n, channels, height, width = x.shape
            x = ops.tile(x.reshape(n, channels, height, 1, width, 1), (1, 1, 1, 2, 1, 2))
        return x.reshape(x.shape[0], FLAT_SIZE)

    def head(self, flat: Any) -> Any:
        """Return the feature (N, 128) from (N, 16384), after dropout when training."""
        return self.bn1(self.dense(flat))

    def logits(self, feature: Any) -> Any:
        """Return (N, classes)."""
        return self.classifier(self.elu(feature))

    def construct(self, images: Any) -> Any:
        """Return (N, 128) from (N, 3, 128, 64)."""
        return self.head(self.trunk(images))


def conv3(in_channels: int, out_channels: int, stride: int, bias: bool) -> Any:
    """Return a 3x3 convolution that pads by one."""
    return nn.Conv2d(
        in_channels, out_channels, 3, stride, pad_mode='pad', padding=1, has_bias=bias,
        weight_init='he_normal')
