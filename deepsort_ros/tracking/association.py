"""
Matching tracks and detections: gate, assignment, cascade.

arXiv 1703.07402, sections 2.2 (gate, cost) and 2.3 (cascade). Beside the matches, every function
keeps the order of the detections left over: new tracks are numbered in that order.
"""
from __future__ import annotations

from typing import Any
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

# 0.95 quantile of the chi-square distribution with 4 degrees of freedom.
GATE = 9.4877

# Cost of a pair that must not be matched, above every limit.
INADMISSIBLE = 10.0

# What a pair above the limit costs more than the limit, so that the solver avoids it.
EXCESS = 1e-5

# Share of the largest term by which rounding may falsify a sum of a dozen.
ROUNDING = 1e-13

# So few pairs are held to the exact distance at once.
SMALL = 4096

# So few that are asked for are looked at one by one.
FEW = 1024

# So few pairs cost less than the calls.
TINY = 256

# Share of all pairs from which on gates are wide.
WIDE = 0.1

Indices = NDArray[np.int64]


class Pairs(NamedTuple):
    """
    Pairs of tracks and detections that may be matched, each pair once.

    :param row: (P,) track; :param column: (P,) detection; :param cost: (P,) of the match.
    """

    row: Indices
    column: Indices
    cost: NDArray[np.floating[Any]]


class Matching(NamedTuple):
    """
    Result of an assignment.

    :param row: (K,) matched track; :param column: (K,) its detection.
    :param left: (L,) detections without a track, in the order the next stage takes them.
    """

    row: Indices
    column: Indices
    left: Indices


def gate(mean: NDArray[np.float64], spread: NDArray[np.float64],
         measurement: NDArray[np.float64], among: NDArray[np.bool_] | None = None,
         ) -> tuple[Indices, Indices]:
    """
    Return track and detection of every pair whose squared Mahalanobis distance is in the gate.

    :param mean: (N, 4) predicted.
    :param spread: (N, 4) :func:`~deepsort_ros.tracking.kalman.innovation_variance`.
    :param measurement: (M, 4), in the same form.
    :param among: (N, M) bool, the pairs that are asked for; None: all.
    """
    weight = 1.0 / spread
    if among is not None and np.count_nonzero(among) <= FEW:
        return _within(mean, weight, measurement, *among.nonzero())
    if len(mean) * len(measurement) <= TINY:
        apart = measurement - mean[:, None]
        possible = np.einsum('nmk,nmk,nk->nm', apart, apart, weight) <= GATE
        row, column = (possible if among is None else possible & among).nonzero()
        return row, column
    if len(mean) * len(measurement) <= SMALL:
        square = np.zeros((len(mean), len(measurement)))
        for seen, place, sharpness in zip(
                measurement.T.copy(), mean.T[:, :, None], weight.T[:, :, None]):
            apart = seen - place
            apart *= apart
            apart *= sharpness
            square += apart
        possible = square <= GATE
        row, column = (possible if among is None else possible & among).nonzero()
        return row, column
    # One product gives all distances, the square taken apart, except for rounding: only what it
    # leaves is held to the exact one. Coordinates from the middle keep that rounding small.
    middle = measurement.mean(axis=0)
    place, seen = mean - middle, measurement - middle
    pull = weight * place
    own = np.einsum('nk,nk->n', pull, place)
    square = seen * seen
    rounding = ROUNDING * (own + weight @ square.max(axis=0))
    possible = (np.concatenate((weight, -2.0 * pull), axis=1)
                @ np.concatenate((square, seen), axis=1).T
                <= (GATE + rounding - own)[:, None])
    if among is not None:
        possible &= among
    return _within(mean, weight, measurement,
                   *np.divmod(possible.ravel().nonzero()[0], len(measurement)))


def narrow_gate(mean: NDArray[np.float64], spread: NDArray[np.float64],
                measurement: NDArray[np.float64]) -> tuple[Indices, Indices] | None:
    """Return what :func:`gate` returns, or None where there are few pairs or gates are wide."""
    if len(measurement) * len(mean) <= SMALL:
        return None
    # Along x alone a gate is an interval: a sweep finds the detections in it.
    weight = 1.0 / spread
    order = measurement[:, 0].argsort()
    reach = np.sqrt(GATE / weight[:, 0]) * (1.0 + ROUNDING)
    x = measurement[order, 0]
    first = x.searchsorted(mean[:, 0] - reach)
    count = x.searchsorted(mean[:, 0] + reach, side='right') - first
    if count.sum() > WIDE * len(measurement) * len(mean):
        return None
    row = np.arange(len(mean)).repeat(count)
    column = order[np.arange(len(row)) + (first - count.cumsum() + count).repeat(count)]
    near = weight[row, 1] * (measurement[column, 1] - mean[row, 1]) ** 2 <= GATE
    return _within(mean, weight, measurement, row[near], column[near])


def _within(mean: NDArray[np.float64], weight: NDArray[np.float64],
            measurement: NDArray[np.float64], row: Indices, column: Indices,
            ) -> tuple[Indices, Indices]:
    """Return which of (P,) rows and columns are inside the gate."""
    admitted = inside(mean, weight, measurement, row, column)
    return row[admitted], column[admitted]


def inside(mean: NDArray[np.float64], weight: NDArray[np.float64],
           measurement: NDArray[np.float64], row: Indices, column: Indices,
           ) -> NDArray[np.bool_]:
    """Return (P,) bool, which of (P,) rows and columns :func:`gate` admits; weight: 1 / spread."""
    offset = measurement.take(column, axis=0)
    offset -= mean.take(row, axis=0)
    square: NDArray[np.float64] = np.einsum(
        'pk,pk,pk->p', offset, offset, weight.take(row, axis=0))
    return square <= GATE


def assign(cost: NDArray[np.float64], limit: float) -> Matching:
    """
    Match rows and columns at the least total cost; pairs above ``limit`` stay apart.

    Left over are first the columns the solver had no row for, ascending, then those whose row
    is too expensive, in the order of these rows.

    :param cost: (N, M) float64, overwritten.
    """
    cost[cost > limit] = limit + EXCESS
    return _solve(cost, limit)


def _solve(cost: NDArray[np.float64], limit: float) -> Matching:
    """Return the assignment of costs that are ``limit + EXCESS`` wherever above the limit."""
    if len(cost) == 1:
        # What the solver would say, at a fraction of the call.
        row, column = np.zeros(1, dtype=np.int64), cost.argmin(axis=1)
    else:
        row, column = linear_sum_assignment(cost)
    good = cost[row, column] <= limit
    unused = np.ones(cost.shape[1], dtype=bool)
    unused[column] = False
    return Matching(row[good], column[good], np.concatenate(
        (unused.nonzero()[0], column[~good])))


def share_out(pairs: Pairs, left: Indices, limit: float) -> Matching:
    """
    Match tracks of all ages at once, at the least total cost.

    A pair without a rival is a match; only the others go to the solver.

    :param pairs: cost at most ``limit``.
    :param left: (L,) detections that take part, all those of the pairs among them.
    """
    row, column, cost = pairs
    if not len(row):
        return Matching(row, column, left)
    taking = np.zeros(left.max() + 1, dtype=bool)
    taking[left] = True
    rival = rivals(row, column)
    if np.count_nonzero(rival):
        alone = ~rival
        first, place = _numbered(row[rival])
        second, beside = _numbered(column[rival])
        table = np.full((len(first), len(second)), limit + EXCESS)
        table[place, beside] = cost[rival]
        matching = _solve(table, limit)
        row = np.concatenate((row[alone], first[matching.row]))
        column = np.concatenate((column[alone], second[matching.column]))
    taking[column] = False
    return Matching(row, column, taking.nonzero()[0])


def rivals(row: Indices, column: Indices) -> NDArray[np.bool_]:
    """Return (P,) bool, the pairs whose track or detection is in another pair as well."""
    if len(row) < 2:
        return np.zeros(len(row), dtype=bool)
    rival: NDArray[np.bool_] = np.bincount(row).take(row) > 1
    rival |= np.bincount(column).take(column) > 1
    return rival


def _numbered(number: Indices) -> tuple[Indices, Indices]:
    """Return the different numbers, ascending, and the place of each number there."""
    used = np.zeros(number.max() + 1, dtype=bool)
    used[number] = True
    return used.nonzero()[0], (used.cumsum() - 1).take(number)


def cascade(pairs: Pairs, level: Indices, left: Indices, limit: float) -> Matching:
    """
    Match level by level, so that tracks seen more recently choose first.

    :param pairs: cost at most ``limit``.
    :param level: (N,) images since the last match, of all tracks that take part.
    :param left: (L,) detections that take part, ascending.
    """
    rows, columns = [], []
    by_level = level.argsort(kind='stable')
    sorted_level = level[by_level]
    ends = ((sorted_level[1:] != sorted_level[:-1]).nonzero()[0] + 1).tolist()
    if len(level):
        ends.append(len(level))
    pair_level = level[pairs.row]
    pairs_by_level = pair_level.argsort(kind='stable')
    pair_ends = pair_level[pairs_by_level].searchsorted(
        sorted_level[np.array(ends, dtype=np.int64) - 1], side='right')
    position = np.empty(len(level), dtype=np.int64)
    place = np.empty(left.max(initial=-1) + 1, dtype=np.int64)
    end = pair_start = turns = 0
    for next_end, pair_end in zip(ends, pair_ends.tolist()):
        if not len(left):
            break
        start, end = end, next_end
        size = end - start
        chosen = pairs_by_level[pair_start:pair_end]
        pair_start = pair_end
        if len(chosen):
            left, turns = _turned(left, turns), 0
            place[:] = -1
            place[left] = np.arange(len(left))
            chosen = chosen[place[pairs.column[chosen]] >= 0]
        if not len(chosen):
            # Without a pair the solver gives the first rows the first columns, and these go to
            # the end.
            turns += size if size < len(left) else 0
            continue
        members = by_level[start:end]
        position[members] = np.arange(size)
        cost = np.empty((size, len(left)))
        cost.fill(limit + EXCESS)
        cost[position[pairs.row[chosen]], place[pairs.column[chosen]]] = pairs.cost[chosen]
        matching = _solve(cost, limit)
        rows.append(members[matching.row])
        columns.append(left[matching.column])
        left = left[matching.left]
    nothing = np.empty(0, dtype=np.int64)
    return Matching(np.concatenate((nothing, *rows)), np.concatenate((nothing, *columns)),
                    _turned(left, turns))


def _turned(order: Indices, turns: int) -> Indices:
    """Return ``order`` with its first ``turns`` items, counted round and round, at the end."""
    turns = turns % len(order) if turns else 0
    return np.concatenate((order[turns:], order[:turns])) if turns else order
