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
    shape = standing[:, 2:]
    np.maximum(shape, SMALLEST, out=shape)
    return converted(standing)


def area(tlwh: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N,) areas in square pixels."""
    return tlwh[:, 2] * tlwh[:, 3]


def edges(tlwh: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (5, N) what overlaps are computed from: left, top, right, bottom and area."""
    found = np.empty((5, len(tlwh)))
    # Contiguous along the boxes: strided, what follows takes three times as long.
    found[:4] = tlwh.T
    np.multiply(found[2], found[3], out=found[4])
    found[2:4] += found[:2]
    return found


def common_area(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return common areas, in square pixels, of :func:`edges` that broadcast after the first."""
    side = np.minimum(first[2:4], second[2:4])
    side -= np.maximum(first[:2], second[:2])
    np.maximum(side, 0.0, out=side)
    common: NDArray[np.float64] = side[0] * side[1]
    return common


def intersection(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, M) common areas of (N, 4) and (M, 4) tlwh boxes, in square pixels."""
    return common_area(edges(first)[:, :, None], edges(second)[:, None])


def overlapping(first: NDArray[np.float64], second: NDArray[np.float64], least: float,
                ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """
    Return the pairs of N and M boxes with an IoU of ``least`` or more, and 1 - IoU.

    What is compared is 1 - IoU with 1 - ``least``.

    :param first: (5, N) :func:`edges`; :param second: (5, M), of boxes of positive area.
    """
    size, others = first.shape[1], second.shape[1]
    if size * others <= SMALL or least <= 0.0:
        distance = distances(first, second)
        row, column = (distance <= 1.0 - least).nonzero()
        return row, column, distance[row, column]
    # Boxes that have something in common are near along x: a sweep finds the few.
    middle = (second[0] + second[2]) / 2
    order = middle.argsort()
    widest = (second[2] - second[0]).max() / 2
    start = middle[order].searchsorted(first[0] - widest)
    count = middle[order].searchsorted(first[2] + widest, side='right') - start
    count = np.maximum(count, 0)
    row = np.arange(size).repeat(count)
    column = order[np.arange(len(row)) + (start - count.cumsum() + count).repeat(count)]
    distance = _distance(first.take(row, axis=1), second.take(column, axis=1))
    near = distance <= 1.0 - least
    return row[near], column[near], distance[near]


def distances(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, M) 1 - IoU of (5, N) and (5, M) :func:`edges`, the latter of positive area."""
    return _distance(first[:, :, None], second[:, None])


def _distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 - IoU of :func:`edges` that broadcast after the first axis."""
    common = common_area(first, second)
    joint = first[4] + second[4]
    joint -= common
    common /= joint
    distance: NDArray[np.float64] = np.subtract(1.0, common, out=common)
    return distance


def iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, M) intersection over union of (N, 4) and (M, 4) tlwh boxes of positive area."""
    one, other = edges(first)[:, :, None], edges(second)[:, None]
    common = common_area(one, other)
    overlap: NDArray[np.float64] = common / (one[4] + other[4] - common)
    return overlap
