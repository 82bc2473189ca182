"""From 8-bit crops to the numbers the network is fed."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# ImageNet mean and standard deviation of red, green, blue in [0, 1].
MEAN = np.array([0.485, 0.456, 0.406])
STD = np.array([0.229, 0.224, 0.225])

SCALE = (1.0 / (255.0 * STD)).astype(np.float32)
OFFSET = (-MEAN / STD).astype(np.float32)


def normalise(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (N, 3, H, W) normalised float32 from (N, H, W, 3) uint8, channels in RGB order."""
    planes = np.empty((len(crops), 3, *crops.shape[1:3]), dtype=np.float32)
    for channel in range(3):
        np.multiply(crops[..., channel], SCALE[channel], out=planes[:, channel])
        planes[:, channel] += OFFSET[channel]
    return planes
