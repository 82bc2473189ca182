"""Which detections cover each other: what a covered one looks like is partly someone else."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import boxes

# So few boxes are compared all with all.
FEW = 80


def covered(tlwh: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Return (N,) the largest share of each box that one other box covers, 0 to 1.

    Which of two is in front is not asked: a detector's box holds some of both.

    :param tlwh: (N, 4) boxes of positive area.
    """
    if len(tlwh) <= FEW:
        common = boxes.intersection(tlwh, tlwh)
        np.fill_diagonal(common, 0.0)
        most: NDArray[np.float64] = common.max(axis=1, initial=0.0) / boxes.area(tlwh)
        return most
    # Sorted by their left edges, the boxes that overlap along x with one follow it: a sweep finds
    # the few pairs.
    order = tlwh[:, 0].argsort(kind='stable')
    left, right = tlwh[order, 0], tlwh[order, 0] + tlwh[order, 2]
    place = np.arange(len(order))
    count = left.searchsorted(right) - place - 1
    count = np.maximum(count, 0)
    first = place.repeat(count)
    second = first + 1 + np.arange(len(first)) - (count.cumsum() - count).repeat(count)
    first, second = order[first], order[second]
    top, bottom = tlwh[:, 1], tlwh[:, 1] + tlwh[:, 3]
    high = np.minimum(bottom[first], bottom[second]) - np.maximum(top[first], top[second])
    near = high > 0
    first, second, high = first[near], second[near], high[near]
    end = tlwh[:, 0] + tlwh[:, 2]
    common = high * (np.minimum(end[first], end[second]) - tlwh[second, 0])
    share = np.zeros(len(tlwh))
    area = boxes.area(tlwh)
    np.maximum.at(share, first, common / area[first])
    np.maximum.at(share, second, common / area[second])
    return share
