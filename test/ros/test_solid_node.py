"""A detector that works in space: its boxes over DDS and from a bag."""
import drives
import live
import numpy as np
import pytest
import recorded
from rclpy.qos import QoSDurabilityPolicy
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import Reader
from rosbags.rosbag2 import Writer
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3D
from vision_msgs.msg import Detection3DArray
from vision_msgs.msg import ObjectHypothesisWithPose

from deepsort_ros.bags.bag import convert
from deepsort_ros.bags.reader import WorldSource
from deepsort_ros.bags.storage import BagError
from deepsort_ros.msg import Track
from deepsort_ros.msg import TrackArray
from deepsort_ros.ros.messages.stand_ins import typestore
from deepsort_ros.settings import Settings

LATCHED = QoSProfile(depth=10, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
KIND = 'vision_msgs/Detection3DArray'
SETTINGS = {'appearance': 'off', 'frame_rate': 10.0, 'n_init': 1, 'detections_type': KIND}
WORLD = {**SETTINGS, 'camera_motion': 'tf', 'world': 'ground', 'transform_timeout': 5.0}
START = 100 * 10 ** 9
TOPICS = {'static': ('/tf_static', 'tf2_msgs/msg/TFMessage'),
          'transforms': ('/tf', 'tf2_msgs/msg/TFMessage'),
          'camera_info': ('/camera_info', 'sensor_msgs/msg/CameraInfo'),
          'image': ('/image', 'sensor_msgs/msg/Image'),
          'detections': ('/detections', 'vision_msgs/msg/Detection3DArray')}


def solids(stamp: int, header) -> Detection3DArray:
    """Return the people of the drive as boxes in the frame of the camera."""
    message = Detection3DArray(header=header)
    for across, down, ahead in drives.points(stamp):
        one = Detection3D(header=header)
        place, size = one.bbox.center.position, one.bbox.size
        place.x, place.y, place.z = float(across), float(down - drives.TALL / 2), float(ahead)
        size.x, size.y, size.z = 0.6, drives.TALL, 0.6
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = 'person', 0.9
        one.results = [result]
        message.detections.append(one)
    return message


def messages(frames: int) -> list:
    """Return (role, stamp, message) of a drive."""
    found = [('static', START, drives.mounting())]
    for number in range(1, frames + 1):
        stamp = START + number * drives.STEP
        image, _ = drives.frame(stamp)
        found += [('transforms', stamp, drives.odometry(stamp)),
                  ('camera_info', stamp, drives.camera_info(stamp)), ('image', stamp + 1, image),
                  ('detections', stamp + 2, solids(stamp, image.header))]
    return found


def write(path, rows) -> None:
    store = typestore()
    with Writer(path, version=9) as writer:
        connections = {role: writer.add_connection(*topic, typestore=store)
                       for role, topic in TOPICS.items() if any(row[0] == role for row in rows)}
        for role, stamp, message in rows:
            writer.write(connections[role], stamp, serialize_message(message))


def read(path) -> list:
    with Reader(path) as reader:
        return [deserialize_message(bytes(data), TrackArray) for _, _, data in reader.messages()]


class Sender:
    """Publishes the messages of a drive, frame by frame, and waits for the tracks of each."""

    def __init__(self, graph, poses: bool = True) -> None:
        self.graph = graph
        self.tracks = graph.collect(TrackArray, 'tracks')
        self.diagnostics = graph.collect(live.DiagnosticArray, '/diagnostics')
        kinds = {'image': (Image, 'image'), 'detections': (Detection3DArray, 'detections'),
                 'camera_info': (CameraInfo, 'camera_info')}
        if poses:
            kinds.update({'transforms': (TFMessage, '/tf'),
                          'static': (TFMessage, '/tf_static', LATCHED)})
        self.publishers = {role: graph.publisher(*kind) for role, kind in kinds.items()}

    def send(self, rows) -> list:
        answers = []
        for role, _, message in rows:
            self.publishers[role].publish(message)
            if role == 'detections':
                answers.append(self.answer(message.header))
        return answers

    def answer(self, header) -> TrackArray:
        self.graph.spin_until(lambda: any(t.header == header for t in self.tracks),
                              what=f'the tracks of {header}')
        return next(t for t in self.tracks if t.header == header)

    def status(self, words: str) -> None:
        self.diagnostics.clear()
        self.graph.spin_until(lambda: any(
            words in s.message for m in self.diagnostics for s in m.status
            if s.name == 'tracker: world'), what=f'diagnostics with {words!r}')


def test_boxes_in_space_are_tracked_live_as_in_a_bag_to_the_bit(tmp_path, domain, graph):
    node = live.NodeProcess(tmp_path, domain, **WORLD)
    node.wait_for('active:')
    sender = Sender(graph)
    rows = messages(40)
    sender.send(rows[:1])
    # Until everything is connected; nothing is read of the camera or the poses after that.
    for start in range(1, len(rows), 4):
        message, = sender.send(rows[start:start + 4])
        if any(t.position_source == Track.POSITION_DETECTION for t in message.tracks):
            break
    else:
        raise AssertionError('no detection has a position')
    assert graph.call(Trigger, 'tracker/reset', Trigger.Request()).success
    later = messages(100)
    rows = [*later[:1], *later[1 + 4 * 80:]]
    played = sender.send(rows[1:])
    places = sorted((t.pose.pose.position.x, t.pose.pose.position.y) for t in played[-1].tracks)
    assert np.allclose(places, sorted(drives.PEOPLE), atol=0.1)
    assert node.stop() == 0 and 'Traceback' not in node.log()

    write(tmp_path / 'bag', rows)
    convert(tmp_path / 'bag', tmp_path / 'out', Settings(**WORLD))
    arrays = read(tmp_path / 'out')
    assert len(arrays) == len(played) == 20
    assert {t.id for a in arrays for t in a.tracks} == {1, 2, 3}
    assert {t.position_source for t in arrays[-1].tracks} == {Track.POSITION_DETECTION}
    # The reset ended the tracks that were there before.
    played[0].removed_ids = arrays[0].removed_ids
    assert played == recorded.numbered_as(arrays, played)


def test_without_camera_info_each_message_is_counted_and_said(tmp_path, domain, graph):
    node = live.NodeProcess(tmp_path, domain, **SETTINGS)
    node.wait_for('active:')
    sender = Sender(graph, poses=False)
    rows = [row for row in messages(60) if row[0] in ('image', 'detections', 'camera_info')]
    blind = sender.send([row for row in rows[:9] if row[0] != 'camera_info'])
    assert [len(message.tracks) for message in blind] == [0, 0, 0]
    sender.status('detections in space need camera_info, tracks are predicted without')
    counted = {v.key: v.value for m in sender.diagnostics for s in m.status
               if s.name == 'tracker: world' for v in s.values}
    assert counted['without_camera_info'] == counted['without_detections'] == '3'
    # camera_info may arrive after the image that it was sent before.
    for start in range(9, len(rows), 3):
        message, = sender.send(rows[start:start + 3])
        if sum(track.detection_index >= 0 for track in message.tracks) == 3:
            break
    else:
        raise AssertionError('with camera_info nothing is tracked')
    assert node.stop() == 0
    assert 'no camera_info has come' in node.log() and 'Traceback' not in node.log()


def test_tracks_are_predicted_while_the_camera_is_unknown(tmp_path):
    rows = [row for row in messages(9) if row[0] != 'static' and row[0] != 'transforms']
    for index in (12, 15):
        role, stamp, _ = rows[index]
        rows[index] = (role, stamp, CameraInfo(width=320, height=240))
    write(tmp_path / 'bag', rows)
    summary = convert(tmp_path / 'bag', tmp_path / 'out', Settings(**SETTINGS))
    assert summary.without == {'camera_info': 2, 'detections': 2}
    arrays = read(tmp_path / 'out')
    assert [sum(t.detection_index >= 0 for t in a.tracks) for a in arrays[3:7]] == [3, 0, 0, 3]
    assert len({tuple(t.id for t in a.tracks) for a in arrays[3:6]}) == 1


def test_a_bag_without_camera_info_is_refused(tmp_path):
    write(tmp_path / 'bag', [row for row in messages(2) if row[0] in ('image', 'detections')])
    with pytest.raises(BagError, match='CameraInfo'):
        convert(tmp_path / 'bag', tmp_path / 'out', Settings(**SETTINGS))


def test_a_bag_is_not_read_in_space_unless_that_is_asked_for(tmp_path):
    write(tmp_path / 'bag', messages(2))
    with pytest.raises(BagError, match='detections_type|Detection2DArray'):
        convert(tmp_path / 'bag', tmp_path / 'out',
                Settings(**{**WORLD, 'detections_type': 'vision_msgs/Detection2DArray'}),
                world=WorldSource())
