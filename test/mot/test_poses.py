from pathlib import Path

import numpy as np
import pytest

from deepsort_ros.mot.poses import find_poses
from deepsort_ros.mot.poses import read_poses
from deepsort_ros.mot.table import MotFileError

POSE = '0 0 1 2.5 -1 0 0 0 0 -1 0 1.6\n'
CALIB = ('P2: 700 0 600 42 0 700 180 0 0 0 1 0\n'
         'T_base_cam: 0 0 1 1 -1 0 0 0 0 -1 0 1.6\nground: 0 -1 0 1.6\n')


def files(folder: Path, poses: str = POSE, calib: str = CALIB) -> Path:
    (folder / 'poses.txt').write_text(poses)
    (folder / 'calib.txt').write_text(calib)
    return folder


def test_a_folder_gives_its_poses_by_itself(tmp_path: Path) -> None:
    found = find_poses(files(tmp_path, 2 * POSE), (1224, 370))
    assert found is not None and len(found.poses) == 2
    view = found.view(2)
    assert view is not None and view.camera.size == (1224, 370)
    assert view.pose.translation.tolist() == [2.5, 0, 1.6]
    assert view.camera.offset[0] == pytest.approx(0.06)
    assert view.upright('base_frame')[1] == pytest.approx(1.6)


def test_a_frame_without_a_row_has_no_pose(tmp_path: Path) -> None:
    found = find_poses(files(tmp_path), (1224, 370))
    assert found is not None
    assert found.view(0) is found.view(2) is None


def test_a_folder_without_poses_has_none(tmp_path: Path) -> None:
    (tmp_path / 'poses.txt').write_text(POSE)
    assert find_poses(tmp_path, (1224, 370)) is None


def test_without_a_base_the_height_of_the_camera_is_not_known(tmp_path: Path) -> None:
    found = find_poses(files(tmp_path, calib=CALIB.splitlines()[0]), (1224, 370))
    assert found is not None and found.base is None
    assert np.isnan(found.view(1).upright('fixed_frame')[1])


@pytest.mark.parametrize('poses, words', (
    ('', 'empty, no poses'),
    (POSE + '1 2 3\n', r'poses.txt:2: not the 12 finite numbers'),
    (POSE + POSE.replace('2.5', 'x'), r"poses.txt:2: could not convert string to float: 'x'"),
    (POSE.replace('0 0 1 2.5', '0 0 2 2.5'), 'poses.txt:1: its first three columns are no rot'),
    (POSE.replace('2.5', 'nan'), 'poses.txt:1: not the 12 finite numbers'),
))
def test_a_malformed_line_is_named(tmp_path: Path, poses: str, words: str) -> None:
    with pytest.raises(MotFileError, match=words):
        read_poses(files(tmp_path, poses) / 'poses.txt')


@pytest.mark.parametrize('calib, words', (
    ('R0: 1\n', 'no row P: or P2:'),
    (CALIB.replace('700', '0'), 'P2: camera_info: P has the focal lengths 0 and 0'),
    (CALIB.replace('-1 0 1.6', '-1 0'), 'T_base_cam: not the 12'),
))
def test_a_malformed_calibration_is_told(tmp_path: Path, calib: str, words: str) -> None:
    with pytest.raises(MotFileError, match=words):
        find_poses(files(tmp_path, calib=calib), (1224, 370))


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(MotFileError, match='other.txt: no such file'):
        find_poses(files(tmp_path), (1224, 370), tmp_path / 'other.txt')
