"""Signs that results are not what they are taken for: of another sequence, or a frame off."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.mot.cells import SHARES
from deepsort_ros.mot.evaluation import Pair
from deepsort_ros.mot.places import SILENT_END
from deepsort_ros.mot.sequence import skipped_frames
from deepsort_ros.mot.table import MotTable
from deepsort_ros.tracking import boxes

# Share of the results that lie on a truth; trackers that work reach more.
LEAST_SHARE = 0.2
OVERLAP = 0.5
# Mean overlap that one frame earlier or later must bring more.
SHIFT_GAIN = 0.005


def doubts(pair: Pair) -> list[str]:
    """
    Return what is strange about results, a sentence each; nothing where they seem in order.

    Scores of such results are numbers without a meaning.
    """
    results = pair.results
    if not len(results):
        return [f'{results.path}: no rows, so every box of the truth is missed']
    found = []
    classes = np.unique(results.class_id)
    if pair.class_id is None and len(classes) > 1:
        found.append(f'{results.path}: has rows of classes {", ".join(map(str, classes))} and '
                     'all of them are counted; --class N counts those of one')
    best = {shift: _best_overlaps(pair, shift) for shift in (-1, 0, 1)}
    share = float((best[0] >= OVERLAP).mean())
    if share < LEAST_SHARE:
        found.append(
            f'{results.path}: only {100 * share:.0f} % of its boxes lie on a truth of '
            f'{pair.name}; {_why(pair)}')
    else:
        means = {shift: _mean(values[values >= OVERLAP])
                 for shift, values in best.items()}
        counts = {shift: int((values >= OVERLAP).sum()) for shift, values in best.items()}
        shift = max(means, key=lambda key: means[key])
        # At either end of the sequence a frame has no neighbour.
        if shift and means[shift] > means[0] + SHIFT_GAIN and counts[shift] > 0.9 * counts[0]:
            when = 'later' if shift > 0 else 'earlier'
            cure = ('; results that count from 0 need --first-frame 0' if shift > 0 else
                    '; a truth that counts from 0 needs --truth-first-frame 0')
            found.append(
                f'{results.path}: fits the truth better one frame {when} (mean overlap '
                f'{means[shift]:.3f} instead of {means[0]:.3f}){cure}')
    silent = pair.length - results.last_frame
    if silent > SILENT_END * pair.length and (pair.truth.frame > results.last_frame).any():
        found.append(f'{results.path}: no results after frame {results.last_frame} of '
                     f'{pair.length}; is the file complete?')
    if skipped := skipped_frames(np.unique(results.frame), pair.length):
        found.append(f'{results.path}: no results in {len(skipped)} of {pair.length} frames, at '
                     'regular steps: every box of the truth in them is missed')
    return found


# What other tools write in the four columns of a box, as left, top, width, height.
READINGS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    'left, top, right, bottom': lambda box: np.hstack((box[:, :2], box[:, 2:] - box[:, :2])),
    'the centre (x, y), width, height': lambda box: np.hstack(
        (box[:, :2] - box[:, 2:] / 2, box[:, 2:])),
}


def _why(pair: Pair) -> str:
    """Return what may be wrong with results that do not lie on their truth."""
    for name, read in READINGS.items():
        for table, one in ((pair.results, replace(pair, results=_read(pair.results, read))),
                           (pair.truth, replace(pair, truth=_read(pair.truth, read)))):
            if float((_best_overlaps(one, 0) >= OVERLAP).mean()) > LEAST_SHARE:
                return (f'the boxes of {table.path} fit as {name}, and are read as left, top, '
                        'width, height')
    if pair.results.tlwh.max() <= SHARES:
        return 'are these shares of the image instead of pixels?'
    return 'are these results of another sequence, or of images of another size?'


def _read(table: MotTable,
          read: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> MotTable:
    return replace(table, tlwh=np.maximum(read(table.tlwh), [-np.inf, -np.inf, 0, 0]))


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else 0.0


def _best_overlaps(pair: Pair, shift: int) -> NDArray[np.float64]:
    """Return (N,) of the results, the largest IoU with a truth ``shift`` frames later."""
    best = np.zeros(len(pair.results))
    for frame in np.unique(pair.results.frame):
        rows = pair.results.rows(int(frame))
        truth = pair.truth.tlwh[pair.truth.rows(int(frame) + shift)]
        if len(truth):
            best[rows] = boxes.iou(pair.results.tlwh[rows], truth).max(axis=1)
    return best
