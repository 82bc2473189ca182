"""
Box arithmetic on arrays.

A box is (left, top, width, height) in pixels, short tlwh, or what the Kalman filter measures:
(centre x, centre y, width / height, height), short xyah, or (centre x, centre y, width, height),
short xywh.
"""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# So few pairs are computed at once, whether they are near or not.
SMALL = 4096

# Size in pixels below which, and distance from the origin beyond which, nothing is a box.
SMALLEST = 1e-3
FARTHEST = 1e9


def to_xyah(tlwh: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, 4) xyah of (N, 4) tlwh boxes of positive height."""
    xyah = tlwh.copy()
    # Column by column: rows of two are slow.
    x, y, aspect, height = xyah.T
    x += aspect / 2
    y += height / 2
    aspect /= height
    return xyah


def to_tlwh(xyah: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, 4) tlwh of (N, 4) xyah boxes."""
    tlwh = xyah.copy()
    left, top, width, height = tlwh.T
    width *= height
    left -= width / 2
    top -= height / 2
    return tlwh


def to_xywh(tlwh: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, 4) xywh of (N, 4) tlwh boxes."""
    xywh = tlwh.copy()
    xywh[:, :2] += tlwh[:, 2:] / 2
    return xywh


def xywh_to_tlwh(xywh: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, 4) tlwh of (N, 4) xywh boxes."""
    tlwh = xywh.copy()
    tlwh[:, :2] -= xywh[:, 2:] / 2
    return tlwh


def reported(mean: NDArray[np.float64],
             converted: Callable[[NDArray[np.float64]], NDArray[np.float64]] = to_tlwh,
             ) -> NDArray[np.float64]:
    """
    Return (N, 4) tlwh boxes of filter means, all of positive size.

    A track that coasts long may predict a height below zero (:func:`kalman.predict`).

    :param converted: from the filter's form to tlwh.
    """
    standing = mean.copy()
    standing[:, 2:] = np.maximum(mean[:, 2:], SMALLEST)
    return converted(standing)


def area(tlwh: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N,) areas in square pixels."""
    return tlwh[:, 2] * tlwh[:, 3]


def intersection(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, M) common areas of (N, 4) and (M, 4) tlwh boxes, in square pixels."""
    # Contiguous along the inner axis: strided, each of these takes three times as long.
    one, other = first.T.copy(), second.T.copy()
    side = np.minimum((one[:2] + one[2:])[:, :, None], (other[:2] + other[2:])[:, None])
    side -= np.maximum(one[:2, :, None], other[:2, None])
    np.maximum(side, 0.0, out=side)
    common: NDArray[np.float64] = side[0] * side[1]
    return common


def overlapping(first: NDArray[np.float64], second: NDArray[np.float64], least: float,
                ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """
    Return the pairs of (N, 4) and (M, 4) tlwh boxes with an IoU of ``least`` or more, and 1 - IoU.

    What is compared is 1 - IoU with 1 - ``least``. Second boxes are of positive area.
    """
    if len(first) * len(second) <= SMALL or least <= 0.0:
        distance = 1.0 - iou(first, second)
        row, column = (distance <= 1.0 - least).nonzero()
        return row, column, distance[row, column]
    # Boxes that have something in common are near along x: a sweep finds the few.
    middle = second[:, 0] + second[:, 2] / 2
    order = middle.argsort()
    widest = second[:, 2].max() / 2
    start = middle[order].searchsorted(first[:, 0] - widest)
    count = middle[order].searchsorted(first[:, 0] + first[:, 2] + widest, side='right') - start
    count = np.maximum(count, 0)
    row = np.arange(len(first)).repeat(count)
    column = order[np.arange(len(row)) + (start - count.cumsum() + count).repeat(count)]
    one, other = first.take(row, axis=0), second.take(column, axis=0)
    side = np.minimum(one[:, :2] + one[:, 2:], other[:, :2] + other[:, 2:])
    side -= np.maximum(one[:, :2], other[:, :2])
    np.maximum(side, 0.0, out=side)
    common = side[:, 0] * side[:, 1]
    distance = 1.0 - common / (area(one) + area(other) - common)
    near = distance <= 1.0 - least
    return row[near], column[near], distance[near]


def iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, M) intersection over union of (N, 4) and (M, 4) tlwh boxes of positive area."""
    common = intersection(first, second)
    return common / (area(first)[:, None] + area(second)[None, :] - common)
