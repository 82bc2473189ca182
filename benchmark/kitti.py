"""
KITTI tracking by motion alone: each class by itself, at the camera's 10 Hz and at 5 Hz.

    python benchmark/kitti.py --stages

Rows are those of ``ablation.py``: the robot's defaults, with ``--stages`` also without each of
their stages, with ``--try 'robot name=value'`` with other settings. Detections and truth are those
of DEEPSORT_DATA, or ``../shared/data`` beside the checkout. A detection on a neighbour class (van,
cyclist, pedestrian) or on what no one labelled is neither right nor wrong.
"""
from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ablation import ROOT
from ablation import variants
from numpy.typing import NDArray

from deepsort_ros.mot.evaluation import evaluate
from deepsort_ros.mot.evaluation import Pair
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import MotTable
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import table_from_array
from deepsort_ros.mot.table import TableKind
from deepsort_ros.pipeline import tracker_config
from deepsort_ros.pipeline import wanted
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import Tracker

# Number of a class in the files, and of its neighbours there.
CLASSES = {'pedestrians': (1, 7), 'cars': (3, 4), 'cyclists': (2, 1)}
UNLABELLED = 13
# What these are called for the evaluation: counted, left out, none of both.
PERSON, DISTRACTOR, OTHER = 1, 8, 3
# Images from one that is tracked to the next.
STEPS = (1, 2)


def truth_of(path: Path, name: str) -> MotTable:
    """Return the truth with one class as the one that counts."""
    own, like = CLASSES[name]
    truth = read_table(path / 'gt' / 'gt.txt', TableKind.TRUTH)
    label = np.full_like(truth.class_id, OTHER)
    label[truth.class_id == own] = PERSON
    label[np.isin(truth.class_id, (like, UNLABELLED))] = DISTRACTOR
    confidence = np.where(label == PERSON, truth.confidence, 0.0)
    return replace(truth, class_id=label, confidence=confidence).select(label != OTHER)


def tracked(path: Path, name: str, step: int, changes: dict[str, Any]) -> NDArray[np.float64]:
    """Return the tracks of a drive as rows of results, of every ``step``-th image."""
    rows = np.loadtxt(path / 'det' / 'det.txt', delimiter=',', ndmin=2)
    rows = rows[rows[:, 7] == CLASSES[name][0]]
    sequence = open_sequence(path, with_detections=False)
    settings = Settings().replace({'frame_rate': sequence.frame_rate / step, **changes})
    tracker = Tracker(tracker_config(settings))
    found = [np.empty((0, 10))]
    for frame in range(1, sequence.length + 1, step):
        given = rows[rows[:, 0] == frame]
        chosen, _ = wanted(Detections.from_arrays(given[:, 2:6], given[:, 6]), settings)
        tracks = tracker.update(chosen, None)
        tracks = tracks.select((tracks.state != 1) & (tracks.time_since_update <= 1))
        count = len(tracks)
        found.append(np.column_stack((
            np.full(count, (frame - 1) // step + 1), tracks.id, np.round(tracks.tlwh, 2),
            np.ones(count), np.full((count, 3), -1))))
    return np.concatenate(found)


def pairs(data: Path, name: str, step: int, changes: dict[str, Any]) -> Iterator[Pair]:
    """Yield the truth and the tracks of all drives that have the class."""
    for path in sorted(data.glob('*/seqinfo.ini')):
        drive = path.parent
        truth = truth_of(drive, name)
        if not (truth.class_id == PERSON).any():
            continue
        seen = truth.select((truth.frame - 1) % step == 0)
        seen = replace(seen, frame=(seen.frame - 1) // step + 1)
        results = table_from_array(
            drive, tracked(drive, name, step, changes), TableKind.RESULTS)
        length = open_sequence(drive, with_detections=False).length
        yield Pair(drive.name, seen, results, -(-length // step), 'MOT16')


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', type=Path, default=Path(os.environ.get(
        'DEEPSORT_DATA', ROOT.parent / 'shared' / 'data')) / 'kitti_tracking')
    parser.add_argument('--stages', action='store_true',
                        help="also without each of the stages of the robot's defaults")
    parser.add_argument('--try', action='append', default=[], dest='tries', metavar='SETTINGS')
    options = parser.parse_args()
    columns = [(name, step) for name in CLASSES for step in STEPS]
    print('| IDF1 / HOTA / switches |', ' | '.join(
        f'{name} {10 // step} Hz' for name, step in columns), '|')
    print('|---|', '---:|' * len(columns), sep='')
    rows = variants(options.tries or ['robot'], options.stages)
    for label, changes, _ in rows:
        cells = []
        for name, step in columns:
            score = evaluate(list(pairs(options.data, name, step, changes)))[-1]
            cells.append(f'{score.IDF1:.1f} / {score.HOTA:.1f} / {score.IDs}')
        print(f'| {label} |', ' | '.join(cells), '|', flush=True)


if __name__ == '__main__':
    main()
