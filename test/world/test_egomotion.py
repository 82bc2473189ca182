import numpy as np
import pytest
from views import CAMERA
from views import project
from views import view

from deepsort_ros.world.camera import Camera
from deepsort_ros.world.egomotion import CameraPath
from deepsort_ros.world.egomotion import Step
from deepsort_ros.world.egomotion import warps
from deepsort_ros.world.view import View

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


def test_a_camera_that_zooms_takes_the_boxes_along() -> None:
    before, after = view(), view(x=0.3, yaw=0.05)
    zoomed = Camera.pinhole(CAMERA.matrix * ((1.5,), (1.5,), (1.0,)), CAMERA.size)
    seen = View(zoomed, after.pose, after.base)
    old = project(before, POINTS)
    step = Step.between(before.centre, after.centre)
    transforms = warps(CAMERA, step, old, POINTS[:, 0], zoomed)
    assert np.allclose(moved(transforms, old), project(seen, POINTS), atol=1e-6)
    plain = warps(CAMERA, step, old, POINTS[:, 0])
    assert np.allclose(np.linalg.det(transforms[:, :, :2]),
                       1.5 ** 2 * np.linalg.det(plain[:, :, :2]))


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


def drive(places: list[float], fastest: float = 40.0, seconds: float = 0.1,
          headings: list[float] | None = None) -> tuple[list[str], np.ndarray]:
    """Return what is reported of steps between places ahead, and by how much they are off [m]."""
    path = CameraPath(fastest)
    poses = [view(x=place, yaw=yaw).centre
             for place, yaw in zip(places, headings or [0.0] * len(places))]
    steps = [path.step(old, new, seconds) for old, new in zip(poses, poses[1:])]
    true = [Step.between(old, new) for old, new in zip(poses, poses[1:])]
    return [why for _, why in steps], np.array(
        [np.linalg.norm(step.translation - one.translation) for (step, _), one in
         zip(steps, true)])


def test_a_robot_that_drives_makes_steps() -> None:
    said, off = drive([0, 0.1, 0.25, 0.45, 0.7])
    assert said == [''] * 4 and (off == 0).all()


@pytest.mark.parametrize('seconds', (1 / 30, 0.1, 0.2, 0.3))
@pytest.mark.parametrize('speed', (0.0, 1.5, 12.0))
@pytest.mark.parametrize('acceleration', (-2.5, 2.5))
def test_what_robots_and_cars_do_is_believed_at_every_rate(
        seconds: float, speed: float, acceleration: float) -> None:
    time = np.arange(0, 2.0, seconds)
    places = speed * time + acceleration * np.maximum(time - 0.5, 0) ** 2 / 2
    assert drive(places.tolist(), seconds=seconds)[0] == [''] * (len(time) - 1)


@pytest.mark.parametrize('seconds', (1 / 30, 0.1, 0.2, 0.3))
def test_in_place_of_a_jump_the_robot_goes_on_as_before(seconds: float) -> None:
    places = 2.0 * seconds * np.arange(8)
    places[4:] += 0.5
    said, off = drive(places.tolist(), seconds=seconds)
    assert [bool(why) for why in said] == [False] * 3 + [True] + [False] * 3
    assert 'more than a robot does' in said[3]
    # That is where it would be without the jump.
    assert off[3] == pytest.approx(0.5) and off[[0, 1, 2, 4, 5, 6]].max() == 0


def test_a_jump_leaves_the_turn_as_it_is() -> None:
    path = CameraPath(40.0)
    poses = [view(x=0.2 * n + (1.0 if n > 2 else 0.0), yaw=0.05 * n).centre for n in range(5)]
    steps = [path.step(old, new, 0.1) for old, new in zip(poses, poses[1:])]
    assert [bool(why) for _, why in steps] == [False, False, True, False]
    assert np.allclose(steps[2][0].rotation, steps[3][0].rotation)


def test_a_heading_that_jumps_is_not_followed() -> None:
    said, _ = drive([0.0] * 6, headings=[0, 0, 0, 0.6, 0.6, 0.6])
    assert [bool(why) for why in said] == [False, False, True, False, False]


def test_a_pose_that_jumps_there_and_back_is_told_twice() -> None:
    said, _ = drive([0, 0.1, 0.2, 1.3, 0.4, 0.5, 0.6])
    assert [bool(why) for why in said] == [False, False, True, True, False, False]


def test_faster_than_the_limit_is_a_jump_from_the_first_step() -> None:
    said, _ = drive([0, 0.5, 1.0], fastest=3.0)
    assert 'more than max_ego_speed 3 m/s' in said[0]
    assert said[1]


def test_a_new_speed_is_believed_in_the_second_step() -> None:
    said, _ = drive([0, 0.0, 1.2, 2.4, 3.6])
    assert [bool(why) for why in said] == [False, True, False, False]


def test_a_camera_that_pans_while_it_drives_makes_no_jumps() -> None:
    # Its speed turns about in its own axes, by 4 m/s2.
    number = np.arange(20)
    said, _ = drive((0.2 * number).tolist(), headings=(0.2 * number).tolist())
    assert not any(said)


def test_wheels_do_not_climb_but_where_the_ground_does() -> None:
    before = view()
    lifted, tilted = view(x=0.5, height=1.6), view(x=0.5, pitch=0.02)
    step = Step.between(before.centre, lifted.centre).level(before.base)
    flat = Step.between(before.centre, view(x=0.5).centre)
    assert np.allclose(step.translation, flat.translation)
    step = Step.between(before.centre, tilted.centre)
    assert np.allclose(step.level(before.base).rotation, step.rotation)


def test_the_longer_there_was_no_pose_the_more_the_speed_may_have_changed() -> None:
    path = CameraPath(40.0)
    path.step(view().centre, view(x=0.1).centre, 0.1)
    path.wait(2.0)
    assert path.step(view(x=9.0).centre, view(x=9.7).centre, 0.1)[1] == ''


def test_a_speed_of_a_long_step_says_little_of_the_next_short_one() -> None:
    path = CameraPath(40.0)
    path.step(view().centre, view(yaw=0.1).centre, 6.0)
    assert path.step(view(yaw=0.1).centre, view(yaw=0.35).centre, 0.1)[1] == ''
