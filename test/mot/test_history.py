"""Histories: states and distances of what the tracker did, and what is refused."""
from pathlib import Path

import numpy as np
import pytest

from deepsort_ros.commands.common import preset
from deepsort_ros.mot.history import DISTANCES
from deepsort_ros.mot.history import HistoryWriter
from deepsort_ros.mot.history import read_history
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind
from deepsort_ros.mot.tracking import StoredFeatures
from deepsort_ros.mot.tracking import track
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import Tracker
from deepsort_ros.tracking import TrackerConfig
from deepsort_ros.tracking import TrackState

HEAD = ('# deepsort history {"motion": 9.4877, "appearance": 0.2, "overlap": 0.7}\n'
        'frame,id,state,left,top,width,height,score,detection,motion,appearance,overlap\n')
ROW = '1,1,confirmed,10,20,30,40,0.9,0,0.5,0.01,0.1\n'


def test_distances_are_those_of_the_prediction(tmp_path: Path) -> None:
    tracker = Tracker(TrackerConfig())
    features = np.array([[[1, 0]], [[0.8, 0.6]]], dtype=np.float32)
    with HistoryWriter(tmp_path / 'h.csv', Settings(max_cosine_distance=0.25)) as writer:
        for frame, left in enumerate((100.0, 105.0)):
            detections = Detections.from_arrays([[left, 50, 50, 100]])
            writer.add(frame + 1, tracker.update(detections, features[frame]), detections)
    history = read_history(tmp_path / 'h.csv')
    assert history.state.tolist() == [TrackState.TENTATIVE] * 2
    # A new track of height 100 px stands still with 10 px deviation and 6.25 px/s of velocity;
    # a step adds 5 px, the measurement 5 px: 5 px is away by 25 / (100 + 39.0625 + 25 + 25).
    assert history.motion[1] == pytest.approx(25 / 189.0625, abs=1e-4)
    assert history.appearance[1] == pytest.approx(1 - 0.8, abs=1e-4)
    assert history.overlap[1] == pytest.approx(1 - 45 / 55, abs=1e-4)
    assert np.isnan([getattr(history, name)[0] for name in DISTANCES]).all()
    assert history.limits == {'motion': 9.4877, 'appearance': 0.25, 'overlap': 0.7}


def test_every_match_of_a_real_run_lies_within_the_limits_of_its_stage(
        data: Path, tmp_path: Path) -> None:
    stored = StoredFeatures(data / 'golden' / 'mars128' / 'TUD-Stadtmitte.npy')
    sequence = open_sequence(data / 'mot' / 'TUD-Stadtmitte', stored.table)
    settings = Settings().replace(preset('mot16'))
    track(sequence, settings, stored, tmp_path / 'r.txt', history=tmp_path / 'h.csv')
    history = read_history(tmp_path / 'h.csv')
    matched = np.isfinite(history.motion)
    # A hair more than the limits: distances are written with four digits.
    by_appearance = (history.motion <= 9.4878) & (history.appearance <= 0.2001)
    by_overlap = history.overlap <= 0.7001
    assert matched.sum() > 900 and (by_appearance | by_overlap)[matched].all()
    assert (matched & by_appearance & ~by_overlap).any()
    assert (matched & by_overlap & ~by_appearance).any()
    # What the results show is what the history calls confirmed, or lost for one image.
    results = read_table(tmp_path / 'r.txt', TableKind.RESULTS)
    written = {(int(f), int(i)) for f, i in zip(results.frame, results.id)}
    shown = {(int(f), int(i)) for f, i, state in zip(history.frame, history.id, history.state)
             if state == TrackState.CONFIRMED}
    lost = {(int(f), int(i)) for f, i, state in zip(history.frame, history.id, history.state)
            if state == TrackState.LOST}
    assert shown < written <= shown | lost


def test_a_results_file_is_a_history_of_confirmed_boxes(sequence_folder: Path) -> None:
    history = read_history(sequence_folder / 'gt' / 'gt.txt')
    assert (history.state == TrackState.CONFIRMED).all() and len(history.frame) == 24
    assert np.isnan(history.score).all() and history.limits == {}


def test_a_history_without_rows_is_one_in_which_nothing_was_tracked(tmp_path: Path) -> None:
    (tmp_path / 'h.csv').write_text(HEAD)
    history = read_history(tmp_path / 'h.csv')
    assert len(history.frame) == 0 and history.limits['overlap'] == 0.7
    (tmp_path / 'r.txt').write_text('')
    assert len(read_history(tmp_path / 'r.txt').frame) == 0


@pytest.mark.parametrize(('text', 'says'), [
    ('# deepsort history {"motion": 1}\n', ':1: not the limits'),
    (HEAD.splitlines()[0] + '\nframe,id\n', ':2: the columns are not frame,id,state'),
    (HEAD + ROW + '2,1,confirmed,10\n', ':4: 4 columns are not the 12'),
    (HEAD + ROW.replace('confirmed', 'asleep'), ":3: 'asleep' is not a state"),
    (HEAD + ROW.replace('20', 'x'), ":3: top 'x' is not a number"),
    (HEAD + ROW.replace('20', ''), ':3: frame, id or box is missing'),
    (HEAD + ROW.replace('1,1', '0,1'), ':3: frame, id or box is missing'),
    (HEAD + ROW + ROW, ':4: id 1 again in frame 1'),
])
def test_a_malformed_history_is_refused_by_file_and_line(
        tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / 'h.csv'
    path.write_text(text)
    with pytest.raises(MotFileError) as error:
        read_history(path)
    assert str(error.value).startswith(f'{path}{says}')
