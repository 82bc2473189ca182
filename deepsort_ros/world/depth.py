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
    x0, y0, x1, y1 = part.T
    area = np.maximum(x1 - x0, 0) * np.maximum(y1 - y0, 0)
    stride = np.maximum(np.ceil(np.sqrt(area / MOST_PIXELS)), 1).astype(np.int64)
    cuts = _covered(tlwh, part, stride)
    for row in area.nonzero()[0].tolist():
        left_edge, upper, right_edge, lower = part[row].tolist()
        step = int(stride[row])
        torso = image[upper:lower:step, left_edge:right_edge:step]
        if row in cuts:
            torso = torso.copy()
            for first, last, start, end in cuts[row]:
                torso[first:last, start:end] = np.nan
        valid = torso[(torso > 0) & (torso < np.inf)]
        if len(valid) >= max(LEAST_VALID * torso.size, 4):
            depth[row] = _median(valid)
    white = (SENSOR + SENSOR_SQUARE * depth ** 2) ** 2 + np.square(lag)
    return Depths(depth + kinds.thickness, white, np.full(count, BODY ** 2))


def _covered(tlwh: NDArray[np.float64], part: NDArray[np.int64], stride: NDArray[np.int64],
             ) -> dict[int, list[list[int]]]:
    """Return, by box, which rows and columns of the pixels looked at nearer boxes cover."""
    left, top, wide, high = tlwh.T
    bottom = top + high
    x0, y0, x1, y1 = part.T[:, :, None]
    # What stands nearer has its lower edge further down.
    nearer = ((bottom > bottom[:, None]) & (left < x1) & (left + wide > x0) & (top < y1)
              & (bottom > y0))
    row, other = nearer.nonzero()
    step = stride[row]
    across, down = left[other] - part[row, 0], top[other] - part[row, 1]
    covered = np.stack((
        (down / step).astype(np.int64), np.ceil((down + high[other]) / step).astype(np.int64),
        (across / step).astype(np.int64), np.ceil((across + wide[other]) / step).astype(np.int64)))
    found: dict[int, list[list[int]]] = {}
    for one, cut in zip(row.tolist(), np.maximum(covered, 0).T.tolist()):
        found.setdefault(one, []).append(cut)
    return found


def _median(values: NDArray[np.float32]) -> float:
    """Return the median of numbers without NaN: that of numpy looks for them, and for axes."""
    middle = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, middle)[middle])
    low, high = np.partition(values, (middle - 1, middle))[middle - 1:middle + 1]
    return float((low + high) / np.float32(2))
