"""The node in the world: what a drive gives live, and what faults of its inputs do."""
import drives
import live
import numpy as np
import pytest
import recorded
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import QoSDurabilityPolicy
from rclpy.qos import QoSProfile
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection2DArray
from vision_msgs.msg import Detection3DArray
from visualization_msgs.msg import Marker
from visualization_msgs.msg import MarkerArray

from deepsort_ros.bags.bag import convert
from deepsort_ros.bags.reader import WorldSource
from deepsort_ros.msg import TrackArray
from deepsort_ros.ros.messages.stand_ins import typestore
from deepsort_ros.settings import Settings

LATCHED = QoSProfile(depth=10, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
START = 100 * 10 ** 9
SETTINGS = {'appearance': 'off', 'frame_rate': 10.0, 'camera_motion': 'tf', 'world': 'depth',
            'transform_timeout': 0.5, 'n_init': 1}
FRAMES = 30
# Images between two tests: the tracks of the one end before the other.
APART = 60


class Drive:
    """A node on a robot that drives; every frame waits for its tracks."""

    def __init__(self, graph: live.Graph) -> None:
        self.graph = graph
        self.tracks = graph.collect(TrackArray, 'tracks')
        self.world = graph.collect(Detection3DArray, 'tracks/world')
        self.markers = graph.collect(MarkerArray, 'tracks/markers')
        self.tf = graph.publisher(TFMessage, '/tf')
        self.static = graph.publisher(TFMessage, '/tf_static', LATCHED)
        self.info = graph.publisher(CameraInfo, 'camera_info')
        self.depth = graph.publisher(Image, 'depth')
        self.images = graph.publisher(Image, 'image')
        self.detections = graph.publisher(Detection2DArray, 'detections')
        self.diagnostics = graph.collect(live.DiagnosticArray, '/diagnostics')
        self.static.publish(drives.mounting())
        self.number = 0
        self.recorded: list = [('static', START - 4, drives.mounting())]
        # Until the first frame with a position everything is being connected.
        for _ in range(100):
            if any(t.position_source for t in self.frame(info=False).tracks):
                raise AssertionError('a position without camera_info')
            if any('no camera_info has come' in s.message for s in self.world_status()):
                break
        for _ in range(100):
            if any(t.position_source == 4 for t in self.frame().tracks):
                break
        self.number += APART
        self.recorded = self.recorded[:1]

    def send(self, role: str, publisher, stamp: int, message) -> None:
        self.recorded.append((role, stamp, message))
        publisher.publish(message)

    def frame(self, tf=True, info=True, depth='16UC1', frame_id='camera', jump=0.0,
              depth_size=drives.SIZE, depth_lag=0, depth_frame='camera') -> TrackArray:
        """Send a frame with what goes with it and return its tracks."""
        self.number += 1
        stamp = START + self.number * drives.STEP
        pose = drives.odometry(stamp, jump)
        if tf is True:
            self.send('transforms', self.tf, stamp, pose)
        if info is not None and info is not False:
            message = drives.camera_info(stamp) if info is True else info
            self.send('camera_info', self.info, stamp, message)
        if depth:
            image = drives.depth(stamp - depth_lag, depth.rpartition(' ')[2], depth_size)
            image.header.frame_id = depth_frame
            if depth.startswith('mm as'):
                image.data = (1000 * np.frombuffer(bytes(image.data), '<f4')).tobytes()
            self.send('depth', self.depth, stamp, image)
        image, detections = drives.frame(stamp, frame_id)
        self.send('image', self.images, stamp + 1, image)
        self.send('detections', self.detections, stamp + 2, detections)
        if tf == 'late':
            self.tf.publish(pose)
        end = []

        def arrived():
            end[:] = [t for t in self.tracks if t.header == image.header]
            return end

        self.graph.spin_until(arrived, what=f'the tracks of frame {self.number}')
        if tf == 'too late':
            self.tf.publish(pose)
        return end[0]

    def settle(self) -> TrackArray:
        """Let pass what a fault left behind, and return the tracks of a frame after it."""
        self.number += APART
        return [self.frame() for _ in range(3)][-1]

    def world_status(self) -> list:
        """Return the diagnostics of the world so far."""
        return [status for message in self.diagnostics for status in message.status
                if status.name == 'tracker: world']

    def status(self, words: str) -> None:
        """Wait for a diagnostic of the world that has these words."""
        self.diagnostics.clear()
        self.graph.spin_until(lambda: any(words in s.message for s in self.world_status()),
                              what=f'diagnostics with {words!r}')


@pytest.fixture(scope='module')
def node(tmp_path_factory, domain):
    node = live.NodeProcess(tmp_path_factory.mktemp('world'), domain, **SETTINGS)
    node.wait_for('active:')
    yield node
    assert node.stop() == 0
    assert 'Traceback' not in node.log()


@pytest.fixture(scope='module')
def drive(node, graph):
    return Drive(graph)


def sources(message: TrackArray) -> set[int]:
    return {track.position_source for track in message.tracks if track.detection_index >= 0}


def seen_whole(message: TrackArray) -> set[int]:
    """Return the sources of those whose boxes are in the image: at its edge one has no place."""
    return {track.position_source for track in message.tracks if track.detection_index >= 0
            and track.bbox.center.position.x - track.bbox.size_x / 2 > 4
            and track.bbox.center.position.x + track.bbox.size_x / 2 < drives.SIZE[0] - 4}


def test_the_live_tracks_are_those_of_the_bag_to_the_bit(drive, tmp_path):
    assert drive.graph.call(Trigger, 'tracker/reset', Trigger.Request()).success
    first = drive.frame()
    played = [first, *(drive.frame(depth_lag=20_000_000) for _ in range(FRAMES - 1))]
    topics = {'static': ('/tf_static', 'tf2_msgs/msg/TFMessage'),
              'transforms': ('/tf', 'tf2_msgs/msg/TFMessage'),
              'camera_info': ('/camera_info', 'sensor_msgs/msg/CameraInfo'),
              'depth': ('/depth', 'sensor_msgs/msg/Image'),
              'image': ('/image', 'sensor_msgs/msg/Image'),
              'detections': ('/detections', 'vision_msgs/msg/Detection2DArray')}
    from rclpy.serialization import deserialize_message
    from rclpy.serialization import serialize_message
    from rosbags.rosbag2 import Writer
    store = typestore()
    with Writer(tmp_path / 'bag', version=9) as writer:
        connections = {role: writer.add_connection(*topic, typestore=store)
                       for role, topic in topics.items()}
        for role, stamp, message in drive.recorded:
            writer.write(connections[role], stamp, serialize_message(message))
    convert(tmp_path / 'bag', tmp_path / 'tracks', Settings(**SETTINGS), image_topic='/image',
            world=WorldSource('/camera_info', '/depth'))
    with Reader(tmp_path / 'tracks') as reader:
        offline = [deserialize_message(bytes(data), TrackArray)
                   for _, _, data in reader.messages()]
    assert len(offline) == len(played) == FRAMES
    # The reset ended the tracks that were there before.
    first.removed_ids = offline[0].removed_ids
    assert played == recorded.numbered_as(offline, played)
    assert sources(played[-1]) == {4}


def test_positions_go_out_as_boxes_in_the_fixed_frame(drive):
    message = drive.settle()
    drive.graph.spin_until(lambda: drive.world and drive.world[-1].header.stamp
                           == message.header.stamp, what='tracks/world')
    solid = drive.world[-1]
    assert solid.header.frame_id == 'odom'
    found = sorted((d.bbox.center.position.x, d.bbox.center.position.y) for d in solid.detections)
    assert np.allclose(found, sorted(drives.PEOPLE), atol=0.15)
    one = solid.detections[0]
    assert one.bbox.center.position.z == pytest.approx(
        one.results[0].pose.pose.position.z + 1.72 / 2)
    assert one.results[0].hypothesis.class_id == 'person' and int(one.id) > 0


def test_markers_have_a_body_and_a_name_for_each(drive):
    message = drive.frame()
    drive.graph.spin_until(lambda: drive.markers and drive.markers[-1].markers[0].header.stamp
                           == message.header.stamp, what='tracks/markers')
    markers = drive.markers[-1].markers
    assert markers[0].action == Marker.DELETEALL
    assert [m.ns for m in markers].count('body') == 3
    names = {m.text for m in markers if m.type == Marker.TEXT_VIEW_FACING}
    assert names == {f'person {track.id}' for track in message.tracks}


FAULTS = {
    'transforms missing': ({'tf': False}, {0, 4}, 'tracked in pixels alone: no pose of camera'),
    'transforms too late': ({'tf': 'too late'}, {0, 4}, 'tracked in pixels alone: no pose of'),
    'frame_id unknown': ({'frame_id': 'nowhere'}, {0, 4}, "has the frame 'nowhere'"),
    'depth missing': ({'depth': ''}, {3, 4}, 'positions without a depth image'),
    'depth of another size': ({'depth_size': (160, 120)}, {3, 4}, '160x120 is not the size'),
    'depth of another encoding': ({'depth': 'rgb8'}, {3, 4}, "encoding 'rgb8' is not one of"),
    'depth of another camera': ({'depth_frame': 'infrared'}, {3, 4}, 'must be registered to the'),
    'depth of another unit': ({'depth': 'mm as 32FC1'}, {3, 4}, 'looks like millimetres'),
    'image in a body frame': ({'frame_id': 'body'}, {0, 1, 2, 3, 4}, '90 degrees upwards in odom'),
    'depth of another time': ({'depth_lag': 90_000_000}, {3, 4}, 'more than depth_tolerance'),
    'camera_info of another size': ({'info': 'half'}, {0, 4}, 'camera_info is of an image of'),
    'camera_info of zeros': ({'info': 'zeros'}, {0, 4}, 'the camera is not calibrated'),
}


@pytest.mark.parametrize('name', FAULTS)
def test_a_fault_ends_in_pixels_and_words_and_passes(drive, name):
    changes, expected, words = FAULTS[name]
    changes = dict(changes)
    if changes.get('info') == 'half':
        changes['info'] = CameraInfo(width=160, height=120, k=drives.camera_info(0).k,
                                     p=drives.camera_info(0).p)
    elif changes.get('info') == 'zeros':
        changes['info'] = CameraInfo(width=320, height=240)
    ids = {track.id for track in drive.settle().tracks}
    broken = [drive.frame(**changes) for _ in range(3)]
    assert all(len(message.tracks) >= 3 for message in broken)
    assert all(sources(message) <= expected for message in broken)
    drive.status(words)
    after = [drive.frame() for _ in range(3)]
    assert sources(after[-1]) == {4}
    if 'tf' not in changes and 'frame_id' not in changes and 'info' not in changes:
        assert {track.id for track in after[-1].tracks} == ids


def test_a_pose_that_jumps_is_not_followed_and_said(node, drive):
    ids = {track.id for track in drive.settle().tracks}
    message = drive.frame(jump=30.0)
    assert {track.id for track in message.tracks} == ids
    drive.status('the pose of the camera jumped')
    node.wait_for('the pose of the camera jumped in odom, not followed')
    places = [(t.pose.pose.position.x, t.pose.pose.position.y) for t in message.tracks]
    assert np.allclose(sorted(places), sorted((x + 30, y) for x, y in drives.PEOPLE), atol=0.4)
    drive.frame()
    assert sources(drive.frame()) == {4}


def patience(drive, seconds: float) -> None:
    """Let images wait for their transforms for so long."""
    assert drive.graph.call(SetParameters, 'tracker/set_parameters', SetParameters.Request(
        parameters=[Parameter('transform_timeout', value=seconds).to_parameter_msg()])
    ).results[0].successful


def test_a_pair_waits_for_a_transform_that_is_late(node, drive):
    patience(drive, 5.0)
    drive.settle()
    assert [sources(drive.frame(tf='late')) for _ in range(3)] == [{4}] * 3
    patience(drive, 0.5)


def test_a_camera_that_changes_is_told_and_used(node, drive):
    drive.settle()
    patience(drive, 5.0)
    zoomed = drives.camera_info(0, scale=2.0)
    # The image is sent when the node has the camera_info: both have topics of their own.
    drive.info.publish(zoomed)
    node.wait_for('focal length 160 before, 320x240 with 320 now')
    assert [seen_whole(drive.frame(info=zoomed)) for _ in range(3)] == [{4}] * 3
    drive.info.publish(drives.camera_info(0))
    node.wait_for('focal length 320 before, 320x240 with 160 now')
    assert [seen_whole(drive.frame()) for _ in range(3)] == [{4}] * 3
    patience(drive, 0.5)
