"""Scores by motmetrics, as it is or by TrackEval's rules; docs/evaluation.md names the rules."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import motmetrics
import numpy as np

from deepsort_ros.mot.evaluation import Counted
from deepsort_ros.mot.evaluation import counted
from deepsort_ros.mot.evaluation import Pair

METRICS = ('mota', 'motp', 'mostly_tracked', 'mostly_lost', 'num_switches', 'num_fragmentations',
           'num_false_positives', 'num_misses', 'idf1', 'track_ratios')
# The same in our words; all are printed as our table prints them.
COLUMNS = ('MOTA', 'MOTP', 'MT', 'ML', 'IDs', 'FM', 'FP', 'FN', 'IDF1')

Frames = Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]


def opinions(pair: Pair) -> tuple[list[str], list[str]]:
    """Return the nine columns by motmetrics as it is, and with both rules taken out."""
    boxes = counted(pair)
    as_it_is = _score(_distances(boxes))
    same_rules = _score(_only_the_frame_before(_distances(boxes)))
    above_80 = int((same_rules['track_ratios'] > 0.8).sum())
    # Identity looks at all overlaps at once: no rule about frames comes in.
    same_rules = {**same_rules, 'mostly_tracked': above_80, 'idf1': as_it_is['idf1']}
    return _printed(as_it_is), _printed(same_rules)


def _distances(boxes: Counted) -> Frames:
    for truth, result, overlap in zip(boxes.truth_ids, boxes.result_ids, boxes.overlap):
        distance = 1 - overlap.reshape(len(truth), len(result))
        distance[distance > 0.5 + np.finfo(float).eps] = np.nan
        yield truth, result, distance


def _only_the_frame_before(frames: Frames) -> Frames:
    """Leave the pairs of the frame before, then those motmetrics' own solver makes."""
    before: dict[int, int] = {}
    for truth, result, distance in frames:
        chosen = np.full(distance.shape, np.nan)
        if distance.size:
            last = np.array([before.get(number, -1) for number in truth])
            kept = (last[:, None] == result) & np.isfinite(distance)
            free = distance.copy()
            free[kept.any(axis=1)] = np.nan
            free[:, kept.any(axis=0)] = np.nan
            row, column = motmetrics.lap.linear_sum_assignment(free)
            new = np.isfinite(free[row, column])
            kept[row[new], column[new]] = True
            chosen[kept] = distance[kept]
            before = {truth[i]: result[j] for i, j in np.argwhere(kept)}
        yield truth, result, chosen


def _score(frames: Frames) -> dict[str, Any]:
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for truth, result, distance in frames:
        accumulator.update(truth, result, distance)
    return dict(motmetrics.metrics.create().compute(
        accumulator, metrics=METRICS, return_dataframe=False))


def _printed(found: dict[str, Any]) -> list[str]:
    return [f'{100 * found["mota"]:.1f}', f'{found["motp"]:.3f}',
            *(str(int(found[name])) for name in METRICS[2:8]), f'{100 * found["idf1"]:.1f}']
