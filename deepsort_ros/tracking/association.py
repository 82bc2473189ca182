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
    Pairs of tracks and detections that may be matched, sorted by track.

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
    # sum w (z - x)^2 = sum w z^2 - 2 w x z + w x^2 is one matrix product over all pairs; its
    # cancellation only blurs the gate's edge, which the few pairs near or inside are held to.
    weighted = weight * mean
    track = np.concatenate(
        (weight, -2 * weighted, (weighted * mean).sum(axis=1, keepdims=True)), axis=1)
    detection = np.concatenate(
        (measurement ** 2, measurement, np.ones((len(measurement), 1))), axis=1)
    row, column = np.nonzero(track @ detection.T <= GATE + 1e-3)
    exact = (weight[row] * (measurement[column] - mean[row]) ** 2).sum(axis=1)
    inside = exact <= GATE
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
    order = np.argsort(level, kind='stable')
    levels, starts = np.unique(level[order], return_index=True)
    position = np.empty(len(level), dtype=np.int64)
    place = np.arange(detections)
    pair_level = level[pairs.row]
    for number, members in zip(levels, np.split(order, starts[1:])):
        if not len(left):
            break
        chosen = np.flatnonzero(pair_level == number)
        chosen = chosen[place[pairs.column[chosen]] >= 0]
        if not len(chosen):
            # On equal costs the solver gives the first rows the first columns.
            if len(members) < len(left):
                left = np.roll(left, -len(members))
        else:
            position[members] = np.arange(len(members))
            cost = np.full((len(members), len(left)), limit + EXCESS)
            cost[position[pairs.row[chosen]], place[pairs.column[chosen]]] = pairs.cost[chosen]
            matching = assign(cost, limit)
            rows.append(members[matching.row])
            columns.append(left[matching.column])
            left = left[matching.left]
        place[:] = -1
        place[left] = np.arange(len(left))
    nothing = np.empty(0, dtype=np.int64)
    return Matching(np.concatenate((nothing, *rows)), np.concatenate((nothing, *columns)), left)
