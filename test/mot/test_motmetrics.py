"""
The second opinion: motmetrics on the same boxes.

Two rules differ (docs/evaluation.md). TrackEval continues the pairs of the frame before,
motmetrics the last known pair of a truth however long ago; a truth is mostly tracked above 80 %
against from 80 % on. Where the first rule never matters, motmetrics as it is agrees; with both
taken out it agrees everywhere.
"""
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from deepsort_ros.mot.evaluation import Counted
from deepsort_ros.mot.evaluation import counted
from deepsort_ros.mot.evaluation import evaluate
from deepsort_ros.mot.evaluation import find_pairs
from deepsort_ros.mot.matching import match
from deepsort_ros.mot.scores import cells
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.tracking import track
from deepsort_ros.settings import Settings

motmetrics = pytest.importorskip('motmetrics')

METRICS = ('mota', 'motp', 'mostly_tracked', 'mostly_lost', 'num_switches', 'num_fragmentations',
           'num_false_positives', 'num_misses', 'idf1', 'track_ratios')
# Sequence, and its results: the reference's, or ours by motion on one of its detection files.
PAIRS = [('TUD-Campus', 'reference'), ('TUD-Campus', 'det'), ('TUD-Stadtmitte', 'reference'),
         ('TUD-Stadtmitte', 'det'), ('KITTI-17', 'det'), ('MOT16-09', 'det'),
         ('MOT16-09', 'det_mot17_sdp'), ('MOT16-09', 'det_mot17_frcnn'),
         ('MOT17-05-FRCNN', 'det'), ('MOT17-13-FRCNN', 'det')]
# No truth of these returns to an earlier id while another one overlaps it better.
AS_IT_IS = [('KITTI-17', 'det'), ('MOT17-05-FRCNN', 'det')]

Frames = Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]


def pair_of(data: Path, tmp_path: Path, name: str, source: str):
    folder = data / ('mot_text' if name.startswith('MOT17') else 'mot') / name
    results = data / 'golden' / 'mars128' / f'{name}.reference.txt'
    if source != 'reference':
        results = tmp_path / f'{name}.txt'
        sequence = open_sequence(folder, folder / 'det' / f'{source}.txt')
        track(sequence, Settings(appearance='off'), None, results)
    return find_pairs([folder, results])[0]


def distances(boxes: Counted) -> Frames:
    for truth, result, overlap in zip(boxes.truth_ids, boxes.result_ids, boxes.overlap):
        distance = 1 - overlap.reshape(len(truth), len(result))
        distance[distance > 0.5 + np.finfo(float).eps] = np.nan
        yield truth, result, distance


def only_the_frame_before(frames: Frames) -> Frames:
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


def score(frames: Frames) -> dict:
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for truth, result, distance in frames:
        accumulator.update(truth, result, distance)
    found = motmetrics.metrics.create().compute(
        accumulator, metrics=METRICS, return_dataframe=False)
    found['above_80'] = int((found['track_ratios'] > 0.8).sum())
    return found


def printed(found: dict, mostly_tracked: str, idf1: float) -> list[str]:
    counts = (mostly_tracked, *METRICS[3:8])
    return [f'{100 * found["mota"]:.1f}', f'{found["motp"]:.3f}',
            *(str(int(found[name])) for name in counts), f'{100 * idf1:.1f}']


@pytest.mark.parametrize(('name', 'source'), PAIRS)
def test_motmetrics_agrees_to_the_printed_digit(
        data: Path, tmp_path: Path, name: str, source: str) -> None:
    pair = pair_of(data, tmp_path, name, source)
    row, boxes = evaluate([pair])[0], counted(pair)
    assert len(match(pair).switches) == row.IDs
    as_it_is = score(distances(boxes))
    same_rules = score(only_the_frame_before(distances(boxes)))
    # Identity looks at all overlaps at once: no rule about frames comes in.
    assert printed(same_rules, 'above_80', as_it_is['idf1']) == cells(row)[1:10]
    if (name, source) in AS_IT_IS:
        assert printed(as_it_is, 'mostly_tracked', as_it_is['idf1']) == cells(row)[1:10]
