import numpy as np
import pytest
from views import CAMERA
from views import project
from views import view

from deepsort_ros.world.egomotion import Plausible
from deepsort_ros.world.egomotion import Step
from deepsort_ros.world.egomotion import warps

POINTS = np.array(((8.0, -2.0, 0.9), (15.0, 3.0, 0.9), (6.0, 0.0, 1.2)))


def moved(transforms: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    return np.einsum('nij,nj->ni', transforms[:, :, :2], pixels) + transforms[:, :, 2]


@pytest.mark.parametrize('after', (
    view(yaw=0.1), view(x=0.8), view(x=0.3, y=0.4), view(x=0.8, y=-0.2, yaw=-0.08, pitch=0.02)))
def test_what_stands_still_is_where_the_camera_sees_it_next(after: object) -> None:
    before = view()
    old, new = (project(seen, POINTS) for seen in (before, after))
    step = Step.between(before.centre, after.centre)
    depth = POINTS[:, 0]  # the old camera looks along x
    assert np.allclose(moved(warps(CAMERA, step, old, depth), old), new, atol=1e-6)


def test_without_a_depth_the_turn_alone_counts() -> None:
    before, after = view(), view(x=0.5, yaw=0.05)
    old = project(before, POINTS)
    step = Step.between(before.centre, after.centre)
    transforms = warps(CAMERA, step, old, np.full(3, np.inf))
    assert np.allclose(moved(transforms, old), project(view(yaw=0.05), POINTS), atol=1e-6)
    assert np.allclose(np.linalg.det(transforms[:, :, :2]), 1.0)


def test_what_comes_nearer_grows_by_the_ratio_of_its_depths() -> None:
    before, after = view(), view(x=2.0)
    transforms = warps(CAMERA, Step.between(before.centre, after.centre),
                       project(before, POINTS), POINTS[:, 0])
    assert np.allclose(np.sqrt(np.linalg.det(transforms[:, :, :2])), (8 / 6, 15 / 13, 6 / 4))


def test_a_camera_that_rolls_turns_the_boxes() -> None:
    angle = 0.1
    rotation = np.array(((np.cos(angle), -np.sin(angle), 0), (np.sin(angle), np.cos(angle), 0),
                         (0, 0, 1)))
    step = Step(rotation, np.zeros(3))
    transforms = warps(CAMERA, step, np.array(((640.0, 360.0),)), np.array((5.0,)))
    assert np.allclose(transforms[0, :, :2], rotation[:2, :2])


def test_what_the_camera_would_pass_stays_where_it_is() -> None:
    before, after = view(), view(x=3.0)
    pixels = project(before, np.array(((3.1, 0.2, 1.0),)))
    transforms = warps(CAMERA, Step.between(before.centre, after.centre), pixels,
                       np.array((3.1,)))
    assert np.allclose(transforms[0], np.eye(2, 3))


def test_no_tracks_have_no_warps() -> None:
    step = Step(np.eye(3), np.zeros(3))
    assert warps(CAMERA, step, np.empty((0, 2)), np.empty(0)).shape == (0, 2, 3)


def drive(places: list[float], fastest: float = 40.0) -> list[str]:
    """Return what is reported of a robot that is at these places, 10 times a second."""
    plausible = Plausible(fastest)
    poses = [view(x=place).centre for place in places]
    return [plausible.check(old, new, 0.1) for old, new in zip(poses, poses[1:])]


def test_a_robot_that_drives_makes_steps() -> None:
    assert drive([0, 0.1, 0.25, 0.45, 0.7]) == [''] * 4


def test_a_jump_of_the_pose_is_none_and_the_drive_goes_on() -> None:
    said = drive([0, 0.1, 0.2, 1.3, 1.4, 1.5])
    assert said[0] == said[1] == said[3] == said[4] == ''
    assert 'beyond what a robot does' in said[2]


def test_a_pose_that_jumps_there_and_back_is_told_twice() -> None:
    said = drive([0, 0.1, 0.2, 1.3, 0.4, 0.5, 0.6])
    assert [bool(why) for why in said] == [False, False, True, True, False, False]


def test_faster_than_the_limit_is_a_jump_from_the_first_step() -> None:
    said = drive([0, 0.5, 1.0], fastest=3.0)
    assert 'more than max_ego_speed 3 m/s' in said[0]
    assert said[1]


def test_after_a_gap_in_the_poses_a_new_speed_is_believed_in_the_second_step() -> None:
    assert [bool(why) for why in drive([0, 0.0, 1.2, 2.4, 3.6])] == [False, True, False, False]
