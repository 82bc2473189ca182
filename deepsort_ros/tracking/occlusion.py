"""Which boxes cover each other: what a covered one looks like is partly someone else."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import boxes

# So few boxes are compared all with all.
FEW = 80


def covered(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Return (N,) the largest share of each box that one other box covers, 0 to 1.

    Which of two is in front is not asked: a detector's box holds some of both.

    :param edges: (5, N) :func:`boxes.edges` of boxes of positive area.
    """
    area = edges[4]
    if len(area) <= FEW:
        common = boxes.common_area(edges[:, :, None], edges[:, None])
        common.ravel()[::len(area) + 1] = 0.0  # the diagonal
        most: NDArray[np.float64] = common.max(axis=0, initial=0.0) / area
        return most
    first, second, common = _touching(edges)
    share = np.zeros(len(area))
    np.maximum.at(share, first, common / area[first])
    np.maximum.at(share, second, common / area[second])
    return share


def visibility(tlwh: NDArray[np.float64], hiding: NDArray[np.bool_]) -> NDArray[np.float64]:
    """
    Return (N,) the share of each box that no nearer one hides, 0 to 1.

    It is what the one that hides most of it leaves. Of two boxes, the nearer one is the one whose
    bottom edge is lower in the image, as for things on the ground before an upright camera.

    :param tlwh: (N, 4) boxes of positive area; :param hiding: (N,) those that may hide others.
    """
    edges = boxes.edges(tlwh)
    first, second, common = _touching(edges)
    bottom = edges[3]
    above = bottom[first] < bottom[second]
    farther, nearer = np.where(above, (first, second), (second, first))
    hidden = hiding[nearer] & (bottom[farther] < bottom[nearer])
    share = np.zeros(len(tlwh))
    np.maximum.at(share, farther[hidden], (common / edges[4, farther])[hidden])
    return 1.0 - share


def _touching(edges: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64],
                                                   NDArray[np.float64]]:
    """Return the pairs of (5, N) boxes that overlap, each once, and their common areas."""
    start, top, end, bottom, _ = edges
    # Sorted by their left edges, the boxes that overlap along x with one follow it: a sweep finds
    # the few pairs.
    order = start.argsort(kind='stable')
    place = np.arange(len(order))
    count = start[order].searchsorted(end[order]) - place - 1
    count = np.maximum(count, 0)
    first = place.repeat(count)
    second = first + 1 + np.arange(len(first)) - (count.cumsum() - count).repeat(count)
    first, second = order[first], order[second]
    high = np.minimum(bottom[first], bottom[second]) - np.maximum(top[first], top[second])
    near = high > 0
    first, second, high = first[near], second[near], high[near]
    return first, second, high * (np.minimum(end[first], end[second]) - start[second])
