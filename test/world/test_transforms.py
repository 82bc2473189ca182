import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from deepsort_ros.world.transforms import NANOSECONDS
from deepsort_ros.world.transforms import TransformBuffer
from deepsort_ros.world.transforms import TransformError

NONE = (0.0, 0.0, 0.0, 1.0)


def quaternion(degrees: float) -> tuple[float, ...]:
    return tuple(Rotation.from_euler('z', degrees, degrees=True).as_quat().tolist())


def moving() -> TransformBuffer:
    """Return odom -> base_link at 0 and 1 s (2 m ahead, 90 degrees left), and a fixed camera."""
    buffer = TransformBuffer()
    buffer.add('odom', 'base_link', 0, (0, 0, 0), NONE)
    buffer.add('odom', 'base_link', NANOSECONDS, (2, 0, 0), quaternion(90))
    buffer.add('base_link', 'camera', 0, (0, 0, 1.5), NONE, static=True)
    buffer.add('base_link', 'base_footprint', 0, (0, 0, -0.1), NONE, static=True)
    return buffer


def test_a_pose_at_a_sample_is_that_sample() -> None:
    found = moving().lookup('odom', 'camera', NANOSECONDS)
    assert np.allclose(found.translation, (2, 0, 1.5))
    assert np.allclose(found.rotation @ (1, 0, 0), (0, 1, 0))


def test_between_samples_it_moves_straight_and_turns_evenly() -> None:
    found = moving().lookup('odom', 'base_link', NANOSECONDS // 2)
    assert np.allclose(found.translation, (1, 0, 0))
    assert np.allclose(found.rotation, Rotation.from_euler('z', 45, degrees=True).as_matrix())


def test_the_way_leads_up_and_down_the_tree() -> None:
    found = moving().lookup('base_footprint', 'camera', 0)
    assert np.allclose(found.translation, (0, 0, 1.6))
    there, back = (moving().lookup(*frames, NANOSECONDS // 3)
                   for frames in (('odom', 'camera'), ('camera', 'odom')))
    assert np.allclose((there @ back).rotation, np.eye(3))
    assert np.allclose((there @ back).translation, 0)


def test_a_frame_lies_in_itself_at_any_time() -> None:
    assert np.allclose(TransformBuffer().lookup('map', 'map', 5).translation, 0)


def test_static_transforms_hold_for_ever() -> None:
    buffer = moving()
    for second in range(2, 60):
        buffer.add('odom', 'base_link', second * NANOSECONDS, (2, 0, 0), NONE)
    assert buffer.lookup('base_link', 'camera', 3600 * NANOSECONDS) is not None
    buffer.forget_after(-1)
    assert 'camera' in buffer and 'odom' not in buffer


def test_what_is_of_another_time_can_be_forgotten() -> None:
    buffer = moving()
    buffer.forget_after(NANOSECONDS // 2)
    assert np.allclose(buffer.lookup('odom', 'camera', 0).translation, (0, 0, 1.5))
    with pytest.raises(TransformError, match='the newest transform is 1.000 s older'):
        buffer.lookup('odom', 'camera', NANOSECONDS)


def test_a_leading_slash_is_not_part_of_a_name() -> None:
    assert np.allclose(moving().lookup('/odom', '/camera', 0).translation, (0, 0, 1.5))


def test_the_future_is_not_guessed_but_may_come() -> None:
    with pytest.raises(TransformError, match='odom -> base_link: the newest transform is 0.250 s '
                       'older than the image') as error:
        moving().lookup('odom', 'camera', NANOSECONDS * 5 // 4)
    assert error.value.late


def test_the_past_is_forgotten_after_the_history() -> None:
    buffer = moving()
    for second in range(2, 20):
        buffer.add('odom', 'base_link', second * NANOSECONDS, (2, 0, 0), NONE)
    with pytest.raises(TransformError, match='the oldest transform is 8.500 s newer') as error:
        buffer.lookup('odom', 'camera', NANOSECONDS // 2)
    assert not error.value.late


def test_an_unknown_frame_is_named_with_those_that_are_known() -> None:
    with pytest.raises(TransformError, match="no transform has the frame 'lidar' .*camera"):
        moving().lookup('odom', 'lidar', 0)


def test_two_trees_are_told_with_their_roots() -> None:
    buffer = moving()
    buffer.add('world', 'drone', 0, (0, 0, 0), NONE, static=True)
    with pytest.raises(TransformError, match='drone and camera are not connected: .* world .* odom'
                       '|camera and drone are not connected: .* odom .* world'):
        buffer.lookup('drone', 'camera', 0)


def test_a_circle_of_frames_is_an_error_and_no_hang() -> None:
    buffer = TransformBuffer()
    for parent, child in (('a', 'b'), ('b', 'c'), ('c', 'a')):
        buffer.add(parent, child, 0, (0, 0, 0), NONE, static=True)
    buffer.add('x', 'y', 0, (0, 0, 0), NONE, static=True)
    with pytest.raises(TransformError, match='circle'):
        buffer.lookup('x', 'a', 0)


def test_samples_that_come_out_of_order_are_sorted() -> None:
    buffer = TransformBuffer()
    for second in (0, 2, 1):
        buffer.add('odom', 'base', second * NANOSECONDS, (second ** 2, 0, 0), NONE)
    found = buffer.lookup('odom', 'base', NANOSECONDS * 3 // 2)
    assert np.allclose(found.translation, (2.5, 0, 0))


def test_a_time_that_goes_back_starts_anew() -> None:
    buffer = TransformBuffer()
    buffer.add('odom', 'base', 100 * NANOSECONDS, (1, 0, 0), NONE)
    buffer.add('odom', 'base', 0, (5, 0, 0), NONE)
    assert np.allclose(buffer.lookup('odom', 'base', 0).translation, (5, 0, 0))


@pytest.mark.parametrize('translation, rotation', (
    ((0, 0, 0), (0, 0, 0, 0)), ((0, 0, 0), (1, 1, 1, 1)), ((np.nan, 0, 0), NONE)))
def test_what_is_no_pose_is_refused(translation: tuple, rotation: tuple) -> None:
    with pytest.raises(ValueError, match='no finite pose'):
        TransformBuffer().add('odom', 'base', 0, translation, rotation)


def test_a_frame_in_itself_is_refused() -> None:
    with pytest.raises(ValueError, match='names of two frames'):
        TransformBuffer().add('odom', '/odom', 0, (0, 0, 0), NONE)
