"""
The network bundled earlier: residual blocks, averaged over the image, and a dense layer.

What it sees counts, not where in the box, so that boxes of other detectors fit. Its parameters are
named in :mod:`deepsort_ros.reid.architectures`.
"""
from __future__ import annotations

from typing import Any

from deepsort_ros.reid.architectures import POOLED_LAST
from deepsort_ros.reid.architectures import POOLED_STAGES
from deepsort_ros.reid.architectures import POOLED_STEM
from deepsort_ros.reid.network import BasicBlock
from deepsort_ros.reid.network import conv3
from deepsort_ros.reid.network import FEATURE_SIZE
from deepsort_ros.reid.runtime import nn
from deepsort_ros.reid.runtime import ops


class PooledNetwork(nn.Cell):
    """
    Images (N, 3, H, W), normalised RGB, to features (N, 128), not yet of unit length.

    :param classes: identities the classifier tells apart, behind a normalisation of their own
        (arXiv 1903.07071); 0 leaves both out.
    """

    flat_size = POOLED_LAST

    def __init__(self, classes: int = 0) -> None:
        """Create the layers, randomly initialised."""
        super().__init__()
        channels = POOLED_STEM
        self.conv = conv3(3, channels, 2, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        stages = []
        for outputs, blocks, stride in POOLED_STAGES:
            layers = [BasicBlock(channels, outputs, stride)]
            layers += [BasicBlock(outputs, outputs, 1) for _ in range(1, blocks)]
            stages.append(nn.SequentialCell(*layers))
            channels = outputs
        self.layer1, self.layer2, self.layer3 = stages
        self.last = nn.SequentialCell(
            nn.Conv2d(channels, POOLED_LAST, 1, has_bias=False), nn.BatchNorm2d(POOLED_LAST))
        self.dense = nn.Dense(POOLED_LAST, FEATURE_SIZE)
        self.neck: Any = nn.BatchNorm1d(FEATURE_SIZE) if classes else None
        self.classifier: Any = nn.Dense(FEATURE_SIZE, classes) if classes else None

    def trunk(self, images: Any) -> Any:
        """Return (N, 384) from (N, 3, H, W)."""
        x = ops.relu(self.norm(self.conv(images)))
        x = ops.relu(self.last(self.layer3(self.layer2(self.layer1(x)))))
        return x.mean((2, 3))

    def head(self, flat: Any) -> Any:
        """Return the feature (N, 128) from (N, 384), after dropout when training."""
        return self.dense(flat)

    def logits(self, feature: Any) -> Any:
        """Return (N, classes)."""
        return self.classifier(self.neck(feature))

    def construct(self, images: Any) -> Any:
        """Return (N, 128) from (N, 3, H, W)."""
        return self.head(self.trunk(images))
