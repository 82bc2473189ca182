"""
Which detections need an appearance feature.

A detection needs none when motion settles its match, or when no track could claim it by
appearance.
Not of the DeepSORT paper, which computes a feature for every detection.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# A match is settled when its overlap (IoU) exceeds that of every rival pair by this much.
CLEAR_MARGIN = 0.2

# Age of the newest feature of a track that has none.
NEVER = np.iinfo(np.int64).max // 2


class Demand(NamedTuple):
    """
    The features that the next update needs.

    :param detections: (N,) bool, whether the detection's is.
    :param remembered: (N,) bool, whether the detection's would enter the gallery of its track.
    :param kept: of each track, by id, how many of its newest kept crops are to be described now.
    """

    detections: NDArray[np.bool_]
    remembered: NDArray[np.bool_]
    kept: dict[int, int]


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


def chosen(track: NDArray[np.int64], age: NDArray[np.int64], interval: int,
           most: float = np.inf) -> NDArray[np.bool_]:
    """
    Return (M,) bool, the detections to compute a feature of.

    All that are open, and those of settled tracks whose newest feature is old, in turns: no more
    than one in ``interval`` of the settled, the oldest first, so that tracks born together are
    not all described together. Where the budget does not suffice, the open ones come first, in
    their order, then the oldest features.

    :param track: (M,) of :func:`settled`.
    :param age: (N,) images since the track's newest feature, ``NEVER`` where there is none.
    :param interval: images after which it is old; :param most: most detections.
    """
    # The last entry, where -1 points, stands for no track.
    waiting = np.append(age, np.iinfo(np.int64).max)[track]
    wanted: NDArray[np.bool_] = waiting >= interval
    # What is open waits longest of all, and so comes first.
    count = np.count_nonzero(track >= 0)
    most = int(min(most, len(track) - count + -(-count // interval)))
    if np.count_nonzero(wanted) > most:
        wanted[np.argsort(-waiting, kind='stable')[most:]] = False
    return wanted
