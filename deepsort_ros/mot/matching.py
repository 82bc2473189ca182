"""
Which result was matched to which truth in every frame, and where an identity switched.

The scores come from TrackEval, which keeps its matches to itself. These are found by its rule:
first as many pairs of the frame before as still overlap enough, then the largest overlap.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from deepsort_ros.mot.evaluation import Counted
from deepsort_ros.mot.evaluation import counted
from deepsort_ros.mot.evaluation import Pair

# Least overlap (IoU) of a match.
THRESHOLD = 0.5
# What a pair of the frame before is worth more than any overlap.
CONTINUED = 1000.0


@dataclass(frozen=True)
class Switch:
    """
    A truth that was matched to one id and then, with no other in between, to another id.

    :param truth_id: in the truth file.
    :param before, after: rows of the results, the last match with the old id and the first one
        with the new id.
    :param truth_before, truth_after: rows of the truth in these two frames.
    """

    truth_id: int
    before: int
    after: int
    truth_before: int
    truth_after: int


@dataclass(frozen=True)
class Matches:
    """
    The matches of a sequence, in the order of the frames.

    :param truth: (K,) int64 rows of the truth; :param result: (K,) int64 rows of the results.
    :param switches: as many as the score ``IDs`` says.
    :param counted: for each frame, the rows of the truth that count.
    """

    truth: NDArray[np.int64]
    result: NDArray[np.int64]
    switches: list[Switch]
    counted: list[NDArray[np.int64]]


def frame_matches(data: Counted) -> list[NDArray[np.int64]]:
    """Return, for each frame, the (K, 2) positions of truth and result that match in it."""
    before: dict[int, int] = {}
    found = []
    for truth_ids, result_ids, overlap in zip(
            data.truth_ids, data.result_ids, data.overlap):
        if not len(truth_ids) or not len(result_ids):
            # A frame without any truth or result interrupts nothing.
            found.append(np.empty((0, 2), dtype=np.int64))
            continue
        last = np.array([before.get(int(number), -1) for number in truth_ids])
        worth = CONTINUED * (last[:, None] == result_ids) + overlap
        worth[overlap < THRESHOLD - np.finfo(np.float64).eps] = 0.0
        row, column = linear_sum_assignment(worth, maximize=True)
        good = worth[row, column] > 0
        row, column = row[good], column[good]
        before = dict(zip(truth_ids[row].tolist(), result_ids[column].tolist()))
        found.append(np.column_stack((row, column)))
    return found


def match(pair: Pair) -> Matches:
    """
    Match the results of a pair to its truth.

    :raises MotFileError: as :func:`~deepsort_ros.mot.evaluation.evaluate`.
    """
    data = counted(pair)
    truth: list[int] = []
    result: list[int] = []
    switches = []
    last: dict[int, tuple[int, int]] = {}
    for rows, result_rows, pairs in zip(data.truth_rows, data.result_rows, frame_matches(data)):
        for one, other in pairs:
            now = int(rows[one]), int(result_rows[other])
            truth_id = int(pair.truth.id[now[0]])
            old = last.get(truth_id)
            if old is not None and pair.results.id[old[1]] != pair.results.id[now[1]]:
                switches.append(Switch(truth_id, old[1], now[1], old[0], now[0]))
            last[truth_id] = now
            truth.append(now[0])
            result.append(now[1])
    return Matches(np.array(truth, dtype=np.int64), np.array(result, dtype=np.int64), switches,
                   data.truth_rows)
