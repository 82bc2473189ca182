"""What pairs of messages learn about the camera, and how long they wait for it."""
import drives
import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import RegionOfInterest
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection2DArray

from deepsort_ros.ros.messages.world import DepthError
from deepsort_ros.ros.messages.world import read_depth
from deepsort_ros.ros.messages.world import read_given
from deepsort_ros.ros.world_inputs import WorldInputs
from deepsort_ros.settings import Settings

GROUND = Settings(world='ground', transform_timeout=0.5)
DEPTH = Settings(world='depth', transform_timeout=0.5)
SECOND = 10 ** 9


def inputs(settings: Settings = GROUND, odometry: bool = True, info: bool = True) -> WorldInputs:
    found = WorldInputs(settings, '/camera/image')
    found.add_transforms(drives.mounting(), static=True)
    if odometry:
        for stamp in range(0, 2 * SECOND + 1, SECOND):
            found.add_transforms(drives.odometry(stamp), static=False)
    if info:
        found.add_camera_info(drives.camera_info(0))
    return found


def look(found: WorldInputs, stamp: int = SECOND, frame: str = 'camera', now: float = 0.0,
         patient: bool = False) -> list:
    found.offer(frame, stamp, 'pair', now)
    return list(found.released(now if patient else now + 1.0))


def test_a_pair_with_all_it_needs_goes_on_at_once_with_the_pose_of_its_stamp() -> None:
    (pair, sight), = look(inputs(), patient=True)
    view, problems = sight.view(drives.SIZE)
    assert pair == 'pair' and problems == {}
    place, _ = drives.robot(SECOND)
    assert np.allclose(view.pose.translation, (*place[:2], drives.HEIGHT))
    assert view.upright('fixed_frame')[1] == pytest.approx(drives.HEIGHT)


def test_where_nothing_asks_for_the_world_pairs_go_right_through() -> None:
    assert look(inputs(Settings(), False, False), patient=True) == [('pair', None)]


def test_a_pair_waits_for_a_transform_that_is_late_and_no_longer_than_the_timeout() -> None:
    found = inputs()
    found.offer('camera', 3 * SECOND, 'first', 10.0)
    assert list(found.released(10.4)) == [] and found.waiting() == 1
    (_, sight), = found.released(10.6)
    assert 'newest transform is 1.000 s older than the image' in sight.problems['transforms']
    assert sight.view(drives.SIZE)[0] is None
    found.offer('camera', 3 * SECOND, 'second', 11.0)
    found.add_transforms(drives.odometry(4 * SECOND), static=False)
    (_, sight), = found.released(11.0)
    assert sight.problems == {}


def test_pairs_keep_their_order_while_the_first_waits() -> None:
    found = inputs()
    found.offer('camera', 3 * SECOND, 'first', 0.0)
    found.offer('camera', SECOND, 'second', 0.1)
    assert list(found.released(0.2)) == []
    assert [pair for pair, _ in found.released(0.6)] == ['first', 'second']


def test_a_frame_that_nobody_knows_is_not_waited_for() -> None:
    (_, sight), = look(inputs(), frame='lidar', patient=True)
    assert "no transform has the frame 'lidar'" in sight.problems['transforms']
    (_, sight), = look(inputs(), frame='', patient=True)
    assert 'the image has no frame_id' in sight.problems['transforms']


def test_without_a_base_positions_come_by_height_alone() -> None:
    found = WorldInputs(GROUND, '/camera/image')
    found.add_transforms(TFMessage(transforms=[drives.transform(
        'odom', 'camera', 0, (0, 0, 1), drives.OPTICAL)]), static=True)
    found.add_camera_info(drives.camera_info(0))
    (_, sight), = look(found)
    view, _ = sight.view(drives.SIZE)
    assert view.base is None and 'base_footprint' in sight.problems['base']


def test_without_camera_info_there_is_no_view_and_no_waiting() -> None:
    (_, sight), = look(inputs(info=False), stamp=3 * SECOND, patient=True)
    assert sight.problems['camera_info'] == 'no camera_info has come'
    assert sight.view(drives.SIZE)[0] is None


def test_a_camera_that_is_not_calibrated_is_told_until_it_is() -> None:
    found = inputs(info=False)
    found.add_camera_info(CameraInfo(width=320, height=240))
    (_, sight), = look(found)
    assert 'not calibrated' in sight.problems['camera_info']
    found.add_camera_info(drives.camera_info(0))
    (_, sight), = look(found)
    assert sight.problems == {}


def test_an_image_of_another_size_has_no_view() -> None:
    (_, sight), = look(inputs())
    view, problems = sight.view((640, 480))
    assert view is None
    assert problems['camera_info'] == (
        'camera_info is of an image of 320x240, but the image has 640x480 pixels: what resizes '
        'the image must publish its camera_info, too')


def test_an_image_in_the_frame_of_the_body_is_reported() -> None:
    found = inputs()
    found.add_transforms(TFMessage(transforms=[drives.transform(
        'base_link', 'camera_link', 0, (0, 0, 1), Rotation.identity())]), static=True)
    (_, sight), = look(found, frame='camera_link')
    assert sight.problems == {'optical_frame': (
        'camera_link looks 90 degrees upwards in odom: the image needs the frame_id of the '
        'optical frame, z ahead and y down (REP 103)')}


@pytest.mark.parametrize('pitch', (-90, -30, 0, 30, 50))
def test_an_optical_frame_may_look_down_or_up(pitch: int) -> None:
    found = inputs()
    turn = Rotation.from_euler('y', -pitch, degrees=True) * drives.OPTICAL
    found.add_transforms(TFMessage(transforms=[drives.transform(
        'base_link', 'tilted', 0, (0, 0, 1), turn)]), static=True)
    (_, sight), = look(found, frame='tilted')
    assert sight.problems == {}


def test_frames_of_a_namespace_are_named() -> None:
    found = WorldInputs(GROUND, '/camera/image')
    found.add_transforms(TFMessage(transforms=[drives.transform(
        'robot/odom', 'robot/camera', 0, (0, 0, 1), drives.OPTICAL)]), static=True)
    found.add_camera_info(drives.camera_info(0))
    (_, sight), = look(found, frame='robot/camera')
    assert "no transform has the frame 'odom'" in sight.problems['transforms']
    assert sight.problems['transforms'].endswith("; is it 'robot/odom'?")
    (_, sight), = look(found)
    assert sight.problems['transforms'].endswith("; is it 'robot/odom'?")


@pytest.mark.parametrize('timeout, cure', (
    (0.1, '; it comes every 0.2 s, so transform_timeout must be longer than 0.1 s'), (0.5, '')))
def test_transforms_that_come_less_often_than_images_wait_are_reported(
        timeout: float, cure: str) -> None:
    found = WorldInputs(GROUND.replace({'transform_timeout': timeout}), '/camera/image')
    found.add_transforms(drives.mounting(), static=True)
    for stamp in (0, SECOND // 5, 2 * SECOND // 5):
        found.add_transforms(drives.odometry(stamp), static=False)
    found.add_camera_info(drives.camera_info(0))
    (_, sight), = look(found, stamp=SECOND // 2)
    assert sight.problems['transforms'].endswith('older than the image' + cure)


def test_a_changed_camera_counts_from_the_next_pair_on() -> None:
    found = inputs()
    assert found.add_camera_info(drives.camera_info(5)) == ''
    assert found.add_camera_info(drives.camera_info(0, scale=2.0)) == (
        'camera_info changed: 320x240 pixels with focal length 160 before, 320x240 with 320 now')
    (_, sight), = look(found)
    assert sight.camera.focal == (320.0, 320.0)
    part = drives.camera_info(0)
    part.roi = RegionOfInterest(x_offset=10, y_offset=20, width=160, height=120)
    found.add_camera_info(part)
    (_, sight), = look(found)
    assert sight.camera.size == (160, 120)


@pytest.mark.parametrize('model, topic, focal', (
    ('auto', '/camera/image_rect', 200.0), ('auto', '/camera/image_raw', 160.0),
    ('rectified', '/image', 200.0), ('raw', '/image_rect', 160.0)))
def test_which_matrix_counts(model: str, topic: str, focal: float) -> None:
    info = drives.camera_info(0)
    info.p[0] = info.p[5] = 200.0
    found = WorldInputs(GROUND.replace({'camera_model': model}), topic)
    found.add_camera_info(info)
    (_, sight), = look(found)
    assert sight.camera.focal[0] == focal


def test_the_nearest_depth_image_within_the_tolerance_counts() -> None:
    found = inputs(DEPTH)
    for stamp in (9, 10, 11):
        found.add_depth(drives.depth(stamp * SECOND // 10))
    (_, sight), = look(found, stamp=SECOND + 30_000_000, patient=True)
    assert sight.depth_lag == pytest.approx(0.03)
    view, problems = sight.view(drives.SIZE)
    assert problems == {} and view.depth.shape == (240, 320)


def test_a_pair_waits_for_a_depth_image_that_may_come() -> None:
    found = inputs(DEPTH)
    found.add_depth(drives.depth(SECOND // 2))
    found.offer('camera', SECOND, 'pair', 0.0)
    assert list(found.released(0.1)) == []
    found.add_depth(drives.depth(SECOND))
    (_, sight), = found.released(0.1)
    assert sight.depth_lag == 0.0


@pytest.mark.parametrize('stamp, words', (
    (None, 'no depth image has come'),
    (SECOND * 3 // 2, 'the nearest depth image is 0.500 s from the image, more than')))
def test_a_missing_depth_image_is_told_and_the_ground_stands_in(
        stamp: int | None, words: str) -> None:
    found = inputs(DEPTH)
    if stamp is not None:
        found.add_depth(drives.depth(stamp))
    (_, sight), = look(found)
    view, problems = sight.view(drives.SIZE)
    assert view is not None and view.depth is None
    assert words in problems['depth']


def test_a_depth_image_of_another_camera_is_not_used() -> None:
    found = inputs(DEPTH)
    message = drives.depth(SECOND)
    message.header.frame_id = 'infrared'
    found.add_depth(message)
    (_, sight), = look(found)
    words = ('the depth image is in infrared, the image in camera: it must be registered to the '
             'image and have its frame_id (REP 118)')
    assert sight.depth is None and sight.problems == {'depth': words}
    found.add_transforms(TFMessage(transforms=[drives.transform(
        'camera', 'infrared', 0, (0.05, 0, 0), Rotation.identity())]), static=True)
    (_, sight), = look(found)
    assert sight.depth is None and sight.problems == {'depth': words}


def test_a_depth_image_in_another_frame_at_the_same_place_is_used() -> None:
    found = inputs(DEPTH)
    message = drives.depth(SECOND)
    message.header.frame_id = 'depth'
    found.add_depth(message)
    found.add_transforms(TFMessage(transforms=[drives.transform(
        'camera', 'depth', 0, (0, 0, 0), Rotation.identity())]), static=True)
    (_, sight), = look(found)
    assert sight.depth is message and sight.problems == {}


@pytest.mark.parametrize('encoding, factor, words', (
    ('32FC1', 1000, 'depth: 32FC1 with a median of 9000 m looks like millimetres'),
    ('16UC1', 0.001, 'depth: 16UC1 with a median of 0.009 m looks like metres')))
def test_depth_in_the_wrong_unit_is_refused(encoding: str, factor: float, words: str) -> None:
    message = drives.depth(SECOND, encoding)
    values = np.frombuffer(bytes(message.data), '<f4' if encoding == '32FC1' else '<u2')
    message.data = (values * factor).astype(values.dtype).tobytes()
    with pytest.raises(DepthError, match=words):
        read_depth(message, drives.SIZE)


def test_a_depth_image_of_another_size_is_not_used() -> None:
    found = inputs(DEPTH)
    found.add_depth(drives.depth(SECOND, size=(160, 120)))
    (_, sight), = look(found)
    view, problems = sight.view(drives.SIZE)
    assert view is not None and view.depth is None
    assert '160x120 is not the size of the image, 320x240' in problems['depth']


@pytest.mark.parametrize('encoding, unit', (('16UC1', 1000), ('32FC1', 1)))
@pytest.mark.parametrize('bigendian', (0, 1))
def test_depth_images_are_read_with_padding_and_either_byte_order(
        encoding: str, unit: int, bigendian: int) -> None:
    message = drives.depth(SECOND, encoding, (4, 2))
    kind = np.dtype(('>' if bigendian else '<') + ('u2' if encoding == '16UC1' else 'f4'))
    values = (np.arange(8).reshape(2, 4) * unit).astype(kind)
    padded = np.zeros((2, 4 * kind.itemsize + 3), np.uint8)
    padded[:, :4 * kind.itemsize] = values.view(np.uint8)
    message.step, message.data, message.is_bigendian = (
        padded.shape[1], padded.tobytes(), bigendian)
    read = read_depth(message, (4, 2))
    assert read.dtype == np.float32 and read.dtype.isnative
    assert read.tolist() == np.arange(8.0).reshape(2, 4).tolist()


@pytest.mark.parametrize('changes, words', (
    ({'encoding': 'rgb8'}, "encoding 'rgb8' is not one of 16UC1"),
    ({'step': 4}, 'with step 4 are too few'), ({'height': 0}, 'not the size')))
def test_a_malformed_depth_image_is_refused(changes: dict, words: str) -> None:
    message = drives.depth(SECOND)
    for name, value in changes.items():
        setattr(message, name, value)
    with pytest.raises(DepthError, match=words):
        read_depth(message, drives.SIZE)


def test_a_transform_that_is_none_is_counted_and_told() -> None:
    found = inputs()
    bad = TransformStamped(child_frame_id='base_link')
    bad.header.frame_id = 'odom'
    bad.transform.rotation.w = 0.0
    problem, = found.add_transforms(TFMessage(transforms=[bad]), static=False)
    assert 'odom -> base_link' in problem and found.ignored_transforms == 1
    assert look(found)[0][1].problems == {}


def test_after_a_jump_back_the_transforms_of_the_other_time_are_gone() -> None:
    found = inputs()
    look(found, stamp=2 * SECOND)
    look(found, stamp=SECOND // 2)
    (_, sight), = look(found, stamp=2 * SECOND)
    assert 'older than the image' in sight.problems['transforms']


def test_what_waits_can_be_forgotten() -> None:
    found = inputs()
    found.offer('camera', 3 * SECOND, 'pair', 0.0)
    assert found.clear() == 1 and found.waiting() == 0
    assert list(found.released(9.0)) == []


def detected(place: tuple[float, float, float], frame: str = 'camera') -> Detection2DArray:
    _, message = drives.frame(SECOND)
    message.header.frame_id = frame
    for one in message.detections:
        one.header.frame_id = frame
    pose = message.detections[0].results[0].pose
    pose.pose.position.x, pose.pose.position.y, pose.pose.position.z = place
    pose.covariance = np.diag([0.04] * 6).ravel()
    return message


def test_poses_of_the_hypotheses_are_positions() -> None:
    given, words = read_given(detected((0.5, 0.2, 6.0)), 'camera')
    assert words == '' and given.centre[0].tolist() == [0.5, 0.2, 6.0]
    assert given.covariance[0].tolist() == (0.04 * np.eye(3)).tolist()
    assert np.isnan(given.centre[1:]).all()


def test_poses_at_the_origin_are_none() -> None:
    assert read_given(detected((0.0, 0.0, 0.0)), 'camera') == (None, '')


def test_poses_in_another_frame_are_reported() -> None:
    assert read_given(detected((6.0, 0.0, 1.0), 'lidar'), 'camera') == (
        None, 'detections have poses in lidar: they are used only in the frame of the image, '
        'camera')
