"""
Matching tracks and detections: gate, assignment, cascade.

arXiv 1703.07402, sections 2.2 (gate, cost) and 2.3 (cascade). Beside the matches, every function
keeps the order of the detections left over: new tracks are numbered in that order.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from deepsort_ros.tracking import kalman

# 0.95 quantile of the chi-square distribution with 4 degrees of freedom.
GATE = 9.4877

# What a pair above the limit costs more than the limit, so that the solver avoids it.
EXCESS = 1e-5

Indices = NDArray[np.int64]


class Pairs(NamedTuple):
    """
    Pairs of tracks and detections that may be matched, each pair once.

    :param row: (P,) track; :param column: (P,) detection; :param cost: (P,) of the match.
    """

    row: Indices
    column: Indices
    cost: NDArray[np.float32]


class Matching(NamedTuple):
    """
    Result of an assignment.

    :param row: (K,) matched track; :param column: (K,) its detection.
    :param left: (L,) detections without a track, in the order the next stage takes them.
    """

    row: Indices
    column: Indices
    left: Indices


def gate(state: NDArray[np.float64], measurement: NDArray[np.float64]) -> tuple[Indices, Indices]:
    """
    Return track and detection of every pair whose squared Mahalanobis distance is in the gate.

    :param state: (6, N, 4) predicted; :param measurement: (M, 4) xyah.
    """
    mean = state[0]
    weight = 1.0 / kalman.innovation_variance(state)
    # Along x alone, a track's gate is an interval: a sweep finds the few detections in it.
    order = np.argsort(measurement[:, 0])
    reach = np.sqrt(GATE / weight[:, 0])
    x = measurement[order, 0]
    first = np.searchsorted(x, mean[:, 0] - reach)
    count = np.searchsorted(x, mean[:, 0] + reach, side='right') - first
    row = np.repeat(np.arange(len(mean)), count)
    column = order[np.arange(len(row)) + np.repeat(first - np.cumsum(count) + count, count)]
    distance = (weight[row] * (measurement[column] - mean[row]) ** 2).sum(axis=1)
    inside = distance <= GATE
    return row[inside], column[inside]


def assign(cost: NDArray[np.float64], limit: float) -> Matching:
    """
    Match rows and columns at the least total cost; pairs above ``limit`` stay apart.

    Left over are first the columns the solver had no row for, ascending, then those whose row
    is too expensive, in the order of these rows.

    :param cost: (N, M) float64, overwritten.
    """
    cost[cost > limit] = limit + EXCESS
    row, column = linear_sum_assignment(cost)
    good = cost[row, column] <= limit
    unused = np.ones(cost.shape[1], dtype=bool)
    unused[column] = False
    return Matching(row[good], column[good], np.concatenate(
        (np.flatnonzero(unused), column[~good])))


def cascade(pairs: Pairs, level: Indices, detections: int, limit: float) -> Matching:
    """
    Match level by level, so that tracks seen more recently choose first.

    :param pairs: cost at most ``limit``.
    :param level: (N,) images since the last match, of all tracks that take part.
    :param detections: their number.
    """
    rows, columns = [], []
    left = np.arange(detections)
    pair_level = level[pairs.row]
    by_level = np.argsort(pair_level, kind='stable')
    members_by_level = np.argsort(level, kind='stable')
    numbers, sizes = np.unique(level, return_counts=True)
    pair_ends = np.searchsorted(pair_level[by_level], numbers, side='right')
    position = np.empty(len(level), dtype=np.int64)
    place = np.empty(detections, dtype=np.int64)
    member_start = pair_start = turns = 0
    for size, pair_end in zip(sizes.tolist(), pair_ends.tolist()):
        if not len(left):
            break
        members = members_by_level[member_start:member_start + size]
        chosen = by_level[pair_start:pair_end]
        member_start, pair_start = member_start + size, pair_end
        if len(chosen):
            left, turns = np.roll(left, -turns), 0
            place[:] = -1
            place[left] = np.arange(len(left))
            chosen = chosen[place[pairs.column[chosen]] >= 0]
        if not len(chosen):
            # Without a pair the solver gives the first rows the first columns, and these go to
            # the end.
            turns += size if size < len(left) else 0
            continue
        position[members] = np.arange(size)
        cost = np.full((size, len(left)), limit + EXCESS)
        cost[position[pairs.row[chosen]], place[pairs.column[chosen]]] = pairs.cost[chosen]
        matching = assign(cost, limit)
        rows.append(members[matching.row])
        columns.append(left[matching.column])
        left = left[matching.left]
    nothing = np.empty(0, dtype=np.int64)
    return Matching(np.concatenate((nothing, *rows)), np.concatenate((nothing, *columns)),
                    np.roll(left, -turns))
