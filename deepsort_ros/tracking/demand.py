"""
Which detections need an appearance feature, and which matches motion settles without one.

Not of the DeepSORT paper, which computes a feature for every detection.
"""
from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import boxes

# A match is settled when its overlap (IoU) exceeds that of every rival pair by this much.
CLEAR_MARGIN = 0.2

# Detections that overlap (IoU) by more than this may soon hide each other, and appearance will
# have to tell them apart after it: the newest feature of a track among them is old after so many
# images.
MEETING_OVERLAP = 0.1
MEETING_WAIT = 2
# A young track's gallery is small: it waits an image longer with every so many detections.
HITS_PER_WAIT = 3


def settled(overlap: NDArray[np.float64], gated: NDArray[np.bool_],
            eligible: NDArray[np.bool_], least: float) -> NDArray[np.int64]:
    """
    Return (M,) the track that motion settles on for every detection, -1 where it is open.

    A pair is settled when it has no rival: no other pair of its track or its detection is within
    the motion gate, where appearance would choose between them, or overlaps nearly as much,
    where overlap would.

    :param overlap: (N, M) float64, IoU of predicted boxes and detections; 0 for pairs that
        cannot match.
    :param gated: (N, M) bool, pairs of eligible tracks within the motion gate. Lost tracks have no
        part: their gates soon admit everyone, and they choose after these.
    :param eligible: (N,) bool, tracks that motion may settle on; the others are rivals by overlap
        only.
    :param least: smallest overlap of a match.
    """
    tracks, count = overlap.shape
    if not tracks or not count:
        return np.full(count, -1)
    row, column = overlap.argmax(axis=0), np.arange(count)
    best = overlap[row, column]
    # What else wants the detection, and what else the track could take.
    others = overlap.copy()
    others[row, column] = 0.0
    taken = np.sort(overlap, axis=1)
    largest, second = taken[row, -1], taken[row, -2] if count > 1 else np.zeros(count)
    rival = np.maximum(others.max(axis=0), np.where(best == largest, second, largest))
    admitted = gated.sum(axis=0) + gated.sum(axis=1)[row] - 2 * gated[row, column]
    clear = (eligible[row] & (admitted == 0)
             & (best >= least) & (best - rival >= CLEAR_MARGIN))
    return np.where(clear, row, -1)


def meeting(tlwh: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return (M,) bool, which of (M, 4) boxes overlap another enough to hide each other soon."""
    overlap = boxes.iou(tlwh, tlwh)
    np.fill_diagonal(overlap, 0.0)
    close: NDArray[np.bool_] = overlap.max(axis=1, initial=0.0) > MEETING_OVERLAP
    return close


def longest_waits(tlwh: NDArray[np.float64], hits: NDArray[np.int64],
                  interval: int) -> NDArray[np.int64]:
    """
    Return (M,) the images after which the newest feature of the track of a detection is old.

    :param tlwh: (M, 4) boxes; :param hits: (M,) detections of the track so far.
    :param interval: the longest wait.
    """
    overlap = boxes.iou(tlwh, tlwh)
    np.fill_diagonal(overlap, 0.0)
    meeting = overlap.max(axis=1, initial=0.0) > MEETING_OVERLAP
    wait = np.minimum(1 + hits // HITS_PER_WAIT, interval)
    return np.where(meeting, np.minimum(wait, MEETING_WAIT), wait)


def chosen(settled: NDArray[np.bool_], age: NDArray[np.int64], wait: NDArray[np.int64],
           budget: int) -> NDArray[np.bool_]:
    """
    Return (M,) bool, the detections to compute a feature of.

    All that are open, and settled ones whose track's newest feature is old, in turns: an image
    has as many as come to it on average, so that tracks born together are not all due together.
    Those that are the most overdue, by the share of their wait, go first; so they do, after what
    is open in its order, where the budget does not suffice.

    :param settled: (M,) bool, False where the detection is open.
    :param age: (M,) images since the newest feature of its track; :param wait: (M,) of
        :func:`longest_waits`. Both mean nothing for open ones.
    :param budget: most detections, 0: no limit.
    """
    urgency = np.where(settled, age / wait, np.inf)
    wanted: NDArray[np.bool_] = urgency >= 1.0
    # Less a trifle: twenty fifths are four, however they are rounded.
    share = math.ceil((1.0 / wait[settled]).sum() - 1e-9)
    _limit(wanted, settled, urgency, share)
    if budget:
        _limit(wanted, wanted, urgency, budget)
    return wanted


def _limit(wanted: NDArray[np.bool_], part: NDArray[np.bool_], urgency: NDArray[np.float64],
           most: int) -> None:
    """Leave no more than ``most`` of a part wanted, the most urgent ones."""
    rows = (wanted & part).nonzero()[0]
    wanted[rows[np.argsort(-urgency[rows], kind='stable')[most:]]] = False
