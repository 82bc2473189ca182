"""Signs that results are not what they are taken for: of another sequence, or a frame off."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.mot.evaluation import Pair
from deepsort_ros.tracking import boxes

# Share of the results that lie on a truth; trackers that work reach more.
LEAST_SHARE = 0.2
OVERLAP = 0.5
# Share of boxes outside the image that people at its border explain.
MOST_OUTSIDE = 0.05
# Boxes in shares of the image are no larger, except by rounding.
SHARES = 1.5
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
            f'{pair.name}; are these results of another sequence, or of images of another size?')
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
    return found


def doubt_places(path: Path, tlwh: NDArray[np.float64], size: tuple[int, int]) -> list[str]:
    """
    Return what is strange about the places of boxes, a sentence each.

    :param path: the file that holds them; :param tlwh: (N, 4) pixels.
    :param size: (width, height) of the images, (0, 0) when unknown.
    """
    if not len(tlwh):
        return []
    if tlwh.max() <= SHARES:
        return [f'{path}: no box is larger than {tlwh.max():g}: are these shares of the image '
                'instead of pixels?']
    if not all(size):
        return []
    outside = ((tlwh[:, :2] >= size) | (tlwh[:, :2] + tlwh[:, 2:] <= 0)).any(axis=1)
    share = float(outside.mean())
    if share <= MOST_OUTSIDE:
        return []
    return [f'{path}: {100 * share:.0f} % of its boxes lie outside the images of {size[0]} x '
            f'{size[1]} pixels; are they of another sequence, or of images of another size?']


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
