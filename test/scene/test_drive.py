"""The drive that a robot sees while it turns, and what the demo makes of it."""
import json
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepsort_ros.drive_demo import format_summary
from deepsort_ros.drive_demo import run
from deepsort_ros.mot.poses import find_poses
from deepsort_ros.scene.drive import Drive
from deepsort_ros.scene.drive import DriveConfig

CONFIG = DriveConfig(width=480, height=270, seconds=5.0, people=6)


@contextmanager
def silent(stage: str):
    yield lambda done, total: None


@pytest.fixture(scope='module')
def demo(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp('demo')
    return folder, run(folder, silent, CONFIG)


def test_ego_motion_keeps_ids_and_finds_people_within_half_a_metre(demo) -> None:
    _, summary = demo
    without, with_it = summary.rows
    assert with_it['HOTA'] > without['HOTA'] + 5
    assert with_it['IDs'] < without['IDs']
    assert with_it['median_m'] < 0.5 and with_it['located_percent'] > 70
    assert 'with ego-motion' in format_summary(summary)
    json.dumps(summary.rows)


def test_the_video_shows_image_and_ground_side_by_side(demo) -> None:
    folder, _ = demo
    capture = cv2.VideoCapture(str(folder / 'drive.mp4'))
    good, image = capture.read()
    assert good and image.shape[0] == CONFIG.height
    assert image.shape[1] > CONFIG.width + 150


def test_the_truth_projects_into_its_boxes_and_the_depth_is_that_of_the_person(demo) -> None:
    folder = demo[0] / 'drive'
    poses = find_poses(folder, (CONFIG.width, CONFIG.height))
    assert poses is not None
    boxes = np.loadtxt(folder / 'gt' / 'gt.txt', delimiter=',')
    solid = np.loadtxt(folder / 'gt3d.txt', delimiter=',')
    feet = poses.camera.pixels(solid[:, 5:8])
    assert np.allclose(feet[:, 0], boxes[:, 2] + boxes[:, 4] / 2, atol=0.1)
    assert np.allclose(feet[:, 1], boxes[:, 3] + boxes[:, 5], atol=0.1)
    clear = np.flatnonzero((solid[:, 3:5] == 0).all(axis=1) & (boxes[:, 8] == 1))[0]
    depth = cv2.imread(str(folder / 'depth' / f'{int(boxes[clear, 0]):06d}.png'),
                       cv2.IMREAD_UNCHANGED)
    left, top, width, height = boxes[clear, 2:6]
    middle = depth[int(top + 0.35 * height), int(left + width / 2)] / 1000
    assert middle == pytest.approx(solid[clear, 7], abs=0.01)


def test_two_drives_are_the_same(tmp_path: Path) -> None:
    one, other = (Drive(CONFIG).frame(7) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])
    assert one[2] == other[2]
