"""A drive replayed over DDS gives the positions that ``deepsort bag`` gives, to the bit."""
import copy
import time

import live
import pytest
import recorded
from rclpy.qos import QoSDurabilityPolicy
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection2DArray

from deepsort_ros.bags.bag import convert
from deepsort_ros.bags.bag import WorldSource
from deepsort_ros.msg import TrackArray
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.scene.drive import DriveConfig
from deepsort_ros.scene.drive import write_drive
from deepsort_ros.settings import Settings

LATCHED = QoSProfile(depth=10, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
KINDS = {'transforms': TFMessage, 'camera_info': CameraInfo, 'depth': Image, 'image': Image,
         'detections': Detection2DArray}
FRAMES = 30
# Patient: transforms are late here, but never missing.
COMMON = {'appearance': 'off', 'frame_rate': 10.0, 'camera_motion': 'tf',
          'camera_model': 'rectified', 'transform_timeout': 5.0}


@pytest.fixture(scope='module', params=['KITTI', 'rendered'])
def source(request, tmp_path_factory):
    """Return rows of a bag, settings, and where positions come from."""
    if request.param == 'KITTI':
        data = request.getfixturevalue('data')
        images, world = data / 'mot' / 'KITTI-17', data / 'kitti_tracking' / '0017'
        rows = list(recorded.messages(images, world, images / 'det' / 'det.txt', FRAMES))
        return rows, {**COMMON, 'world': 'ground'}, 3
    folder = tmp_path_factory.mktemp('drive')
    write_drive(folder, DriveConfig(width=480, height=270, seconds=FRAMES / 10))
    rows = list(recorded.messages(folder, folder, folder / 'det' / 'det.txt', FRAMES))
    return rows, {**COMMON, 'world': 'depth'}, 4


@pytest.fixture(scope='module')
def offline(source, tmp_path_factory):
    """Return what ``deepsort bag`` makes of the rows."""
    rows, settings, _ = source
    folder = tmp_path_factory.mktemp('bag')
    recorded.write_bag(folder / 'bag', rows)
    depth = '/depth' if settings['world'] == 'depth' else None
    summary = convert(folder / 'bag', folder / 'tracks', Settings(**settings),
                      image_topic='/image', world=WorldSource('/camera_info', depth))
    assert summary.world_problems == {} and summary.frames == FRAMES
    with Reader(folder / 'tracks') as reader:
        return [deserialize_message(bytes(data), TrackArray)
                for _, _, data in reader.messages()]


class Replay:
    """Plays rows to a node; nothing follows a pair before its tracks are there."""

    def __init__(self, graph: live.Graph, rows) -> None:
        self.graph, self.rows = graph, rows
        self.tracks = graph.collect(TrackArray, 'tracks')
        self.publishers = {
            role: graph.publisher(kind, recorded.TOPICS[role][0])
            for role, kind in KINDS.items() if any(row[1] == role for row in rows)}
        graph.publisher(TFMessage, '/tf_static', LATCHED).publish(rows[0][2])

    def warm_up(self) -> None:
        """Send the first frame over and over, until all of it arrives; then start from nothing."""
        first = {role: message for _, role, message in reversed(self.rows)}
        for count in range(200):
            marker = self.send_at(first, recorded.START - (400 - count) * 10 ** 8)
            self.graph.spin_for(0.2)
            if any(track.position_source for message in self.tracks for track in message.tracks):
                break
        # What is on its way arrives before the last one.
        self.answer(marker)
        assert self.graph.call(Trigger, 'tracker/reset', Trigger.Request()).success
        self.tracks.clear()

    def send_at(self, first, stamp: int) -> list:
        sent = []
        for role in ('transforms', 'camera_info', 'depth', 'image', 'detections'):
            if role in first:
                message = copy.deepcopy(first[role])
                header = (message.transforms[0] if role == 'transforms' else message).header
                header.stamp = time_message(stamp)
                self.publishers[role].publish(message)
                sent.append((role, message))
        return sent[-2:]

    def play(self) -> list[TrackArray]:
        answers, pair = [], []
        for _, role, message in self.rows[1:]:
            if role == 'camera_info' and pair:
                answers.append(self.answer(pair))
                pair = []
            self.publishers[role].publish(message)
            if role in ('image', 'detections'):
                pair.append((role, message))
        return [*answers, self.answer(pair)]

    def answer(self, pair) -> TrackArray:
        """Return the tracks of a pair; big images may be lost, so send it again after a while."""
        header, found = pair[0][1].header, []

        def arrived():
            found[:] = [t for t in self.tracks if t.header == header]
            return found

        for _ in range(10):
            end = time.monotonic() + 6.0
            while not arrived() and time.monotonic() < end:
                self.graph.spin_once(0.05)
            if found:
                return found[0]
            for role, message in pair:
                self.publishers[role].publish(message)
        raise AssertionError(f'no tracks of {nanoseconds(header.stamp)}')


@pytest.fixture(scope='module')
def played(source, domain, graph, tmp_path_factory):
    rows, settings, _ = source
    node = live.NodeProcess(tmp_path_factory.mktemp('node'), domain, **settings)
    node.wait_for('active:')
    replay = Replay(graph, rows)
    replay.warm_up()
    yield replay.play()
    assert node.stop() == 0
    assert 'Traceback' not in node.log()


def test_every_field_is_that_of_the_offline_run(played, offline):
    assert played == recorded.numbered_as(offline, played)


def test_the_tracks_are_located_by_all_that_is_there(played, source):
    *_, best = source
    sources = [track.position_source for message in played for track in message.tracks]
    assert sources.count(best) > FRAMES
    assert all(message.world_frame == 'odom' for message in played)
