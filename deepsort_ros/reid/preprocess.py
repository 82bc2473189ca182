"""From boxes to pixels, and from 8-bit crops to the numbers the network is fed."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# ImageNet mean and standard deviation of red, green, blue in [0, 1].
MEAN = np.array([0.485, 0.456, 0.406])
STD = np.array([0.229, 0.224, 0.225])

SCALE = (1.0 / (255.0 * STD)).astype(np.float32)
OFFSET = (-MEAN / STD).astype(np.float32)


def crop_bounds(tlwh: NDArray[np.float64], height: int, width: int) -> NDArray[np.int64]:
    """
    Return the pixels boxes cover in an image, as (N, 4) left, top, right, bottom (exclusive).

    Right <= left or bottom <= top means none; so it is for boxes that are not finite.
    """
    finite = np.isfinite(tlwh).all(axis=1, keepdims=True)
    boxes = np.where(finite, tlwh, 0.0)
    # Pixel p has its centre at p + 0.5.
    edges = np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1)
    size = np.array([width, height, width, height], dtype=np.float64)
    return np.clip(np.ceil(edges - 0.5), 0.0, size).astype(np.int64)


def normalise(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (N, 3, H, W) normalised float32 from (N, H, W, 3) uint8, channels in RGB order."""
    planes = np.empty((len(crops), 3, *crops.shape[1:3]), dtype=np.float32)
    for channel in range(3):
        np.multiply(crops[..., channel], SCALE[channel], out=planes[:, channel])
        planes[:, channel] += OFFSET[channel]
    return planes
