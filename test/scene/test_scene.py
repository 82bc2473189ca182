"""The sample scene: the same for a seed, with a truth that holds."""
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import MotTable
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind
from deepsort_ros.scene.scene import SceneConfig
from deepsort_ros.scene.scene import write_scene
from deepsort_ros.tracking import boxes

SHORT = SceneConfig(seconds=2.0)


def digest(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob('*')) if path.is_file()}


@pytest.fixture(scope='module')
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('scene') / 'sample'
    write_scene(folder)
    return folder


@pytest.fixture(scope='module')
def truth(scene: Path) -> MotTable:
    return read_table(scene / 'gt' / 'gt.txt', TableKind.TRUTH)


def test_a_seed_decides_every_byte(tmp_path: Path) -> None:
    for name, seed in (('a', 7), ('b', 7), ('c', 8)):
        write_scene(tmp_path / name, SceneConfig(seconds=1.0, seed=seed))
    assert digest(tmp_path / 'a') == digest(tmp_path / 'b')
    assert digest(tmp_path / 'a') != digest(tmp_path / 'c')


def test_it_reads_as_a_sequence_with_images_of_its_size(scene: Path) -> None:
    sequence = open_sequence(scene)
    assert (sequence.length, sequence.frame_rate, sequence.size) == (300, 15.0, (960, 540))
    image = next(sequence.frames()).load()
    assert image.shape == (540, 960, 3)


def test_a_box_holds_its_figure(tmp_path: Path) -> None:
    for name, people in (('alone', 1), ('empty', 0)):
        write_scene(tmp_path / name, SceneConfig(seconds=6.0, people=people))
    table = read_table(tmp_path / 'alone' / 'gt' / 'gt.txt', TableKind.TRUTH)
    assert len(table) > 30
    for frame in np.unique(table.frame)[::7]:
        image, empty = (cv2.imread(str(tmp_path / name / 'img1' / f'{frame:06d}.jpg'))
                        for name in ('alone', 'empty'))
        left, top, width, height = table.tlwh[table.rows(frame)][0]
        ys, xs = np.nonzero(cv2.absdiff(image, empty).max(axis=2) > 25)
        # The shadow leaves the box to the right, around the feet.
        figure = ys < top + 0.9 * height
        assert np.count_nonzero(figure) > 0.15 * width * height
        assert xs[figure].min() > left - 0.05 * width
        assert xs[figure].max() < left + 1.05 * width
        assert abs(ys.min() - top) < 0.03 * height
        assert abs(ys.max() - top - height) < 0.06 * height


def test_people_cross_hide_each_other_and_come_back(scene: Path, truth: MotTable) -> None:
    visible = np.loadtxt(scene / 'gt' / 'gt.txt', delimiter=',')[:, 8]
    assert np.count_nonzero(visible < 0.3) > 20 and (visible > 0.95).mean() > 0.5
    # Each keeps an id: who leaves is known again.
    assert len(np.unique(truth.id)) == SceneConfig().people
    gone = [np.diff(truth.frame[truth.id == number]) > 1 for number in np.unique(truth.id)]
    assert sum(int(breaks.sum()) for breaks in gone) >= 10
    overlapping = 0
    for frame in range(1, 301):
        tlwh = truth.tlwh[truth.rows(frame)]
        overlapping += int((np.triu(boxes.iou(tlwh, tlwh), 1) > 0.3).any())
    assert overlapping > 30


def test_people_move_at_walking_pace(truth: MotTable) -> None:
    for number in np.unique(truth.id):
        own = truth.id == number
        step = np.abs(np.diff(truth.tlwh[own][:, 0])) / truth.tlwh[own][1:, 3]
        assert step[np.diff(truth.frame[own]) == 1].max(initial=0) < 0.12


def test_detections_are_those_of_a_decent_detector(scene: Path, truth: MotTable) -> None:
    found = read_table(scene / 'det' / 'det.txt', TableKind.DETECTIONS)
    hits = alarms = 0
    for frame in range(1, 301):
        tlwh = found.tlwh[found.rows(frame)]
        if len(tlwh):
            best = boxes.iou(tlwh, truth.tlwh[truth.rows(frame)]).max(axis=1)
            hits += int(np.count_nonzero(best > 0.5))
            alarms += int(np.count_nonzero(best <= 0.5))
    assert 0.8 < hits / len(truth) < 1.0
    assert 5 < alarms < 0.05 * len(found)
