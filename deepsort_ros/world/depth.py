"""
Depth of boxes from a registered depth image.

The middle of a person's box is person, its rim is background: only the torso counts, less what a
nearer box covers, and of that the median.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.world.ground import Depths
from deepsort_ros.world.kinds import KindArrays

# Part of the box that counts: upper and lower edge, left and right edge.
ROWS = (0.20, 0.55)
COLUMNS = (0.30, 0.70)
# Pixels looked at, at most: every k-th of a larger part.
MOST_PIXELS = 1500
# Share of the part that must have a depth.
LEAST_VALID = 0.15
# Standard deviations: of the sensor (m, growing with the square of the depth in m), of the body.
SENSOR = 0.02
SENSOR_SQUARE = 0.0035
BODY = 0.08


def box_depths(image: NDArray[np.float32], tlwh: NDArray[np.float64], kinds: KindArrays,
               lag: NDArray[np.float64] | float = 0.0) -> Depths:
    """
    Return the depths of (N, 4) boxes, NaN where the image has too few valid pixels.

    :param image: (H, W) m, 0 or NaN where there is no depth.
    :param lag: m that things may have moved since the depth image.
    """
    count = len(tlwh)
    depth = np.full(count, np.nan)
    height, width = image.shape
    left, top, wide, high = tlwh.T
    edges = np.stack((left + COLUMNS[0] * wide, top + ROWS[0] * high,
                      left + COLUMNS[1] * wide, top + ROWS[1] * high))
    limits = np.array(((width,), (height,), (width,), (height,)))
    part = np.clip(np.rint(edges), 0, limits).astype(np.int64).T
    bottom = top + high
    for row, (x0, y0, x1, y1) in enumerate(part.tolist()):
        if x1 <= x0 or y1 <= y0:
            continue
        stride = max(int(np.ceil(np.sqrt((x1 - x0) * (y1 - y0) / MOST_PIXELS))), 1)
        torso = image[y0:y1:stride, x0:x1:stride]
        # What stands nearer has its lower edge further down.
        nearer = ((bottom > bottom[row]) & (left < x1) & (left + wide > x0)
                  & (top < y1) & (bottom > y0))
        if nearer.any():
            torso = torso.copy()
            for other in nearer.nonzero()[0]:
                u0, v0 = left[other] - x0, top[other] - y0
                u1, v1 = u0 + wide[other], v0 + high[other]
                torso[max(int(v0 / stride), 0):max(int(np.ceil(v1 / stride)), 0),
                      max(int(u0 / stride), 0):max(int(np.ceil(u1 / stride)), 0)] = np.nan
        valid = torso[torso > 0]
        valid = valid[valid < np.inf]
        if len(valid) >= max(LEAST_VALID * torso.size, 4):
            depth[row] = np.median(valid)
    white = (SENSOR + SENSOR_SQUARE * depth ** 2) ** 2 + np.square(lag)
    return Depths(depth + kinds.thickness, white, np.full(count, BODY ** 2))
