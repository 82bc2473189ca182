"""
The second opinion: motmetrics on the same boxes.

Two rules differ (docs/evaluation.md). TrackEval continues the pairs of the frame before,
motmetrics the last known pair of a truth however long ago; a truth is mostly tracked above 80 %
against from 80 % on. Where the first rule never matters, motmetrics as it is agrees; with both
taken out it agrees everywhere.
"""
from pathlib import Path

import pytest

from deepsort_ros.commands.common import preset
from deepsort_ros.mot.evaluation import evaluate
from deepsort_ros.mot.evaluation import find_pairs
from deepsort_ros.mot.evaluation import Pair
from deepsort_ros.mot.matching import match
from deepsort_ros.mot.scores import cells
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.tracking import track
from deepsort_ros.settings import Settings

pytest.importorskip('motmetrics')

HASTY = {'n_init': 1, 'max_age': 0.2}
# Sequence, the reference's results or our detections, predicted boxes, settings, and whether
# motmetrics agrees as it is: no truth returns to an earlier id while another overlaps it better.
PAIRS = [
    ('KITTI-17', 'det', 'recent', {}, True),
    ('KITTI-17', 'det', 'none', HASTY, True),
    ('MOT17-05-FRCNN', 'det', 'recent', {}, True),
    ('MOT17-05-FRCNN', 'det', 'none', HASTY, True),
    ('MOT17-02-FRCNN', 'det', 'recent', HASTY, True),
    ('TUD-Stadtmitte', 'det', 'recent', HASTY, True),
    ('TUD-Stadtmitte', 'det', 'all', HASTY, True),
    ('MOT16-09', 'det_mot17_frcnn', 'all', HASTY, True),
    ('TUD-Campus', 'reference', 'recent', {}, False),
    ('TUD-Stadtmitte', 'reference', 'recent', {}, False),
    ('MOT16-09', 'det', 'recent', {}, False),
    ('MOT16-09', 'det_mot17_sdp', 'recent', {}, False),
    ('MOT17-13-FRCNN', 'det', 'recent', {}, False)]


def pair_of(data: Path, tmp_path: Path, name: str, source: str, lost: str,
            changes: dict[str, float]) -> Pair:
    folder = data / ('mot_text' if name.startswith('MOT17') else 'mot') / name
    results = data / 'golden' / 'mars128' / f'{name}.reference.txt'
    if source != 'reference':
        results = tmp_path / f'{name}.txt'
        sequence = open_sequence(folder, folder / 'det' / f'{source}.txt')
        settings = Settings().replace({**preset('mot16'), 'appearance': 'off', **changes})
        track(sequence, settings, None, results, lost)
    return find_pairs([folder, results])[0]


@pytest.mark.parametrize(('name', 'source', 'lost', 'changes', 'as_it_is'), PAIRS)
def test_motmetrics_agrees_to_the_printed_digit(
        data: Path, tmp_path: Path, name: str, source: str, lost: str,
        changes: dict[str, float], as_it_is: bool) -> None:
    from second_opinion import opinions
    pair = pair_of(data, tmp_path, name, source, lost, changes)
    row = evaluate([pair])[0]
    theirs, by_our_rules = opinions(pair)
    assert by_our_rules == cells(row)[1:10]
    assert (theirs == cells(row)[1:10]) is as_it_is
    assert len(match(pair).switches) == row.IDs
