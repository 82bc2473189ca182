"""Bags with transforms, calibration and depth give positions in metres."""
from collections import Counter
from pathlib import Path

import drives
import numpy as np
import pytest
from rclpy.serialization import deserialize_message
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import Reader
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer

from deepsort_ros.bags.bag import convert
from deepsort_ros.bags.reader import WorldSource
from deepsort_ros.bags.storage import BagError
from deepsort_ros.msg import Track
from deepsort_ros.msg import TrackArray
from deepsort_ros.ros.messages.stand_ins import typestore
from deepsort_ros.settings import Settings

FRAMES = 40
GIVEN = WorldSource()
START = 10 ** 9
SETTINGS = Settings(appearance='off', frame_rate=10.0, camera_motion='tf', world='ground')
TOPICS = {
    '/tf_static': 'tf2_msgs/msg/TFMessage', '/tf': 'tf2_msgs/msg/TFMessage',
    '/camera/image': 'sensor_msgs/msg/Image', '/camera/camera_info': 'sensor_msgs/msg/CameraInfo',
    '/detections': 'vision_msgs/msg/Detection2DArray',
    '/depth/image': 'sensor_msgs/msg/Image'}


def write(path: Path, leave_out: tuple[str, ...] = (), given: bool = False) -> Path:
    """Write a drive; odometry comes at twice the rate of images, and late."""
    rows = [(0, '/tf_static', drives.mounting())]
    for number in range(FRAMES):
        stamp = START + number * drives.STEP
        image, detections = drives.frame(stamp)
        if given:
            drives.locate(detections, stamp)
        rows += [(stamp, '/camera/image', image), (stamp + 2, '/detections', detections),
                 (stamp + 1, '/camera/camera_info', drives.camera_info(stamp)),
                 (stamp + 3, '/depth/image', drives.depth(stamp))]
    for stamp in range(START - drives.STEP, START + FRAMES * drives.STEP, drives.STEP // 2):
        rows.append((stamp + 70_000_000, '/tf', drives.odometry(stamp)))
    store = typestore()
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {topic: writer.add_connection(topic, kind, typestore=store)
                       for topic, kind in TOPICS.items() if topic not in leave_out}
        for received, topic, message in sorted(rows, key=lambda row: row[0]):
            if topic in connections:
                writer.write(connections[topic], received, serialize_message(message))
    return path


@pytest.fixture(scope='module')
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp('drive') / 'bag')


def track(bag: Path, output: Path, settings: Settings = SETTINGS,
          world: WorldSource = GIVEN, image: str | None = '/camera/image'):
    summary = convert(bag, output, settings, image_topic=image, world=world)
    with Reader(output) as reader:
        return summary, [deserialize_message(bytes(data), TrackArray)
                         for _, _, data in reader.messages()]


def places(message: TrackArray) -> np.ndarray:
    return np.array([(t.pose.pose.position.x, t.pose.pose.position.y) for t in message.tracks])


def test_tracks_of_a_robot_that_moves_keep_ids_and_have_positions(bag, tmp_path) -> None:
    summary, messages = track(bag, tmp_path / 'tracks')
    assert summary.ids == 3 and summary.world['followed'] == FRAMES - 1
    last = messages[-1]
    assert last.world_frame == 'odom'
    assert {t.position_source for t in last.tracks} == {Track.POSITION_GROUND_HEIGHT}
    order = np.argsort(places(last)[:, 1])
    assert np.allclose(places(last)[order], sorted(drives.PEOPLE, key=lambda p: p[1]), atol=0.25)
    for one in last.tracks:
        assert abs(one.twist.twist.linear.x) < 0.3
        assert one.pose.covariance[0] > 0 and one.twist.covariance[0] > 0


def test_without_the_poses_the_ids_do_not_last(bag, tmp_path) -> None:
    # Each detection that continues nothing is a track.
    settings = Settings(appearance='off', frame_rate=10.0, n_init=1)
    _, messages = track(bag, tmp_path / 'off', settings)
    lasted = Counter(one.id for message in messages for one in message.tracks
                     if one.detection_index >= 0)
    assert sum(lasted.values()) == FRAMES * len(drives.PEOPLE)
    assert len(lasted) > 5 * len(drives.PEOPLE)
    assert max(lasted.values()) < FRAMES / 2


def test_the_same_bag_gives_the_same_messages(bag, tmp_path) -> None:
    assert track(bag, tmp_path / 'one')[1] == track(bag, tmp_path / 'two')[1]


def test_depth_images_are_used_where_they_are_named(bag, tmp_path) -> None:
    settings = SETTINGS.replace({'world': 'depth'})
    _, messages = track(bag, tmp_path / 'depth', settings, WorldSource(depth='/depth/image'), None)
    sources = {t.position_source for t in messages[-1].tracks}
    assert sources == {Track.POSITION_DEPTH}
    with pytest.raises(BagError, match='name the topic of the depth images'):
        convert(bag, tmp_path / 'none', settings)


def test_a_bag_without_camera_info_says_so(bag, tmp_path) -> None:
    bare = write(tmp_path / 'bare', ('/camera/camera_info', '/depth/image'))
    with pytest.raises(BagError, match='no topic of type sensor_msgs/msg/CameraInfo'):
        convert(bare, tmp_path / 'none', SETTINGS)


def test_a_bag_without_transforms_is_tracked_in_pixels_and_says_why(tmp_path) -> None:
    bare = write(tmp_path / 'bare', ('/tf', '/depth/image'))
    summary, messages = track(bare, tmp_path / 'tracks')
    assert summary.frames == FRAMES and summary.without['transforms'] == FRAMES
    assert "no transform has the frame 'odom'" in summary.world_problems['transforms']
    assert not any(t.position_source for m in messages for t in m.tracks)


def test_positions_of_the_detector_are_used_where_it_has_them(tmp_path) -> None:
    bag = write(tmp_path / 'bag', given=True)
    summary, messages = track(bag, tmp_path / 'tracks')
    assert summary.world_problems == {}
    last = messages[-1]
    assert {t.position_source for t in last.tracks} == {Track.POSITION_DETECTION}
    order = np.argsort(places(last)[:, 1])
    assert np.allclose(places(last)[order], sorted(drives.PEOPLE, key=lambda p: p[1]), atol=0.05)
