"""A bag goes in, a bag of tracks comes out, the same every time."""
import copy
import itertools
import json
import sqlite3
import sys
from pathlib import Path

import bags
import pytest
import yaml
from rclpy.serialization import deserialize_message
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader
from rosbags.rosbag2 import StoragePlugin
from rosbags.typesys import get_types_from_msg
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from deepsort_ros.bags.bag import convert
from deepsort_ros.bags.player import sequence_messages
from deepsort_ros.bags.storage import BagError
from deepsort_ros.bags.writer import TrackWriter
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.msg import Track
from deepsort_ros.msg import TrackArray
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.scene.scene import SceneConfig
from deepsort_ros.scene.scene import write_scene
from deepsort_ros.settings import Settings

FRAMES = 30
SETTINGS = Settings(appearance='off', frame_rate=15.0)


@pytest.fixture(scope='module')
def sequence(tmp_path_factory):
    folder = tmp_path_factory.mktemp('scene')
    write_scene(folder / 'scene', SceneConfig(seconds=2.0, people=4, seed=3))
    return open_sequence(folder / 'scene')


@pytest.fixture(scope='module')
def messages(sequence):
    return list(sequence_messages(
        itertools.islice(sequence.frames(), FRAMES), sequence.frame_rate, bags.START))


@pytest.fixture(scope='module')
def bag(tmp_path_factory, messages):
    return bags.write_messages(tmp_path_factory.mktemp('bag') / 'in', messages)


def read(path):
    with Reader(path) as reader:
        return [(received, bytes(data)) for _, received, data in reader.messages()]


def arrays(path):
    return [deserialize_message(data, TrackArray) for _, data in read(path)]


def test_every_pair_gives_a_track_array_received_when_its_image_was(bag, messages, tmp_path):
    summary = convert(bag, tmp_path / 'out', SETTINGS)
    assert (summary.images, summary.detections, summary.frames) == (FRAMES,) * 3
    assert summary.dropped == {} and summary.ids > 0
    images = [m for m in messages if isinstance(m, Image)]
    written = read(tmp_path / 'out')
    assert [r for r, _ in written] == [nanoseconds(m.header.stamp) + 5_000_000 for m in images]
    assert [a.header for a in arrays(tmp_path / 'out')] == [m.header for m in images]


@pytest.mark.parametrize('plugin', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_a_folder_whose_metadata_has_another_qos_is_read_all_the_same(
        messages, tmp_path, plugin):
    path = bags.write_messages(tmp_path / 'in', messages, plugin)
    file = path / 'metadata.yaml'
    content = yaml.safe_load(file.read_text())
    for topic in content['rosbag2_bagfile_information']['topics_with_message_count']:
        topic['topic_metadata']['offered_qos_profiles'] = [{
            'history': 'keep_last', 'depth': 7, 'reliability': 'best_effort',
            'durability': 'volatile', 'deadline': {'sec': 1, 'nsec': 0},
            'lifespan': {'sec': 1, 'nsec': 0}, 'liveliness': 'automatic',
            'liveliness_lease_duration': {'sec': 1, 'nsec': 0},
            'avoid_ros_namespace_conventions': False}]
    file.write_text(yaml.safe_dump(content))
    assert convert(path, tmp_path / 'out', SETTINGS).frames == FRAMES


def test_the_same_bag_gives_the_same_bytes(bag, tmp_path):
    for name in ('first', 'second'):
        convert(bag, tmp_path / name, SETTINGS)
    assert read(tmp_path / 'first') == read(tmp_path / 'second')


def test_a_detector_silent_on_empty_images_is_tracked_as_one_that_says_so(messages, tmp_path):
    silent, empty = [], []
    for number, message in enumerate(messages):
        # A stretch of images: a detector that leaves out every third one skips them.
        if isinstance(message, Image) or not FRAMES <= number < 2 * FRAMES - 4:
            silent.append(message)
            empty.append(message)
        else:
            empty.append(Detection2DArray(header=message.header))
    assert len(silent) < len(messages)
    patient = SETTINGS.replace({'assume_empty_after': 0.02})
    for name, source, settings in (('a', silent, patient), ('b', empty, SETTINGS)):
        bags.write_messages(tmp_path / f'{name}-in', source)
        assert convert(tmp_path / f'{name}-in', tmp_path / name, settings).frames == FRAMES
    assert arrays(tmp_path / 'a') == arrays(tmp_path / 'b')


def test_messages_without_stamps_get_the_time_they_were_received(bag, messages, tmp_path):
    received = []
    for message in messages:
        unstamped = copy.deepcopy(message)
        unstamped.header.stamp = time_message(0)
        received.append((unstamped, nanoseconds(message.header.stamp)
                         + isinstance(message, Detection2DArray)))
    bags.write_received(tmp_path / 'in', received)
    convert(tmp_path / 'in', tmp_path / 'out', SETTINGS)
    convert(bag, tmp_path / 'stamped', SETTINGS)
    assert arrays(tmp_path / 'out') == arrays(tmp_path / 'stamped')


@pytest.mark.parametrize('plugin, compressed', [
    (StoragePlugin.SQLITE3, False), (StoragePlugin.MCAP, True), (StoragePlugin.SQLITE3, True)])
def test_storage_and_lossless_compression_change_nothing(
        sequence, bag, tmp_path, plugin, compressed):
    other = bags.write_sequence(tmp_path / 'in', sequence, FRAMES, compressed, plugin)
    convert(bag, tmp_path / 'plain', SETTINGS)
    convert(other, tmp_path / 'other', SETTINGS)
    assert read(tmp_path / 'other') == read(tmp_path / 'plain')


@pytest.mark.parametrize('name, suffix', [('out', '.mcap'), ('out.db3', '.db3')])
def test_the_name_of_the_output_chooses_its_storage_and_anybody_can_read_it(
        bag, tmp_path, name, suffix):
    convert(bag, tmp_path / name, SETTINGS, tracks_topic='my/tracks')
    assert list((tmp_path / name).glob(f'*{suffix}'))
    # AnyReader knows nothing of our messages: the definition is in the bag.
    with AnyReader([tmp_path / name]) as reader:
        connection, = reader.connections
        first = next(iter(reader.messages()))
        message = reader.deserialize(first[2], connection.msgtype)
    assert (connection.topic, connection.msgtype) == (
        '/my/tracks', 'deepsort_ros/msg/TrackArray')
    assert message.image_width == arrays(tmp_path / name)[0].image_width > 0


@pytest.mark.parametrize(('distribution', 'asked', 'expected'), [
    ('humble', None, 8), ('jazzy', None, 9), ('humble', 9, 9), ('jazzy', 8, 8)])
def test_a_bag_has_the_version_that_its_ros_reads_unless_another_is_asked_for(
        bag, tmp_path, monkeypatch, distribution, asked, expected):
    monkeypatch.setenv('ROS_DISTRO', distribution)
    convert(bag, tmp_path / 'out', SETTINGS, version=asked)
    metadata = yaml.safe_load((tmp_path / 'out' / 'metadata.yaml').read_text())
    assert metadata['rosbag2_bagfile_information']['version'] == expected
    assert len(arrays(tmp_path / 'out')) == FRAMES


def test_the_definition_in_the_bag_has_the_hash_of_the_generated_message(bag, tmp_path):
    convert(bag, tmp_path / 'out', SETTINGS)
    generated = json.loads(
        (Path(sys.prefix) / 'share/deepsort_ros/msg/TrackArray.json').read_text())
    with Reader(tmp_path / 'out') as reader:
        assert reader.connections[0].digest == generated['type_hashes'][0]['hash_string']


def test_a_looped_recording_raises_the_session_and_reuses_no_id(messages, tmp_path):
    twice = tmp_path / 'in'
    late = 10**10  # received later, stamped as before

    store = bags.typestore()
    with bags.Writer(twice, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {kind: writer.add_connection(topic, bags.TYPES[kind], typestore=store)
                       for kind, topic in (('Image', '/image'), ('Detection2DArray', '/dets'))}
        for loop, message in itertools.product(range(2), messages):
            writer.write(connections[type(message).__name__],
                         nanoseconds(message.header.stamp) + loop * late,
                         bags.serialize_message(message))
    summary = convert(twice, tmp_path / 'out', Settings(
        appearance='off', time_jump_reset=0.5))
    found = arrays(tmp_path / 'out')
    assert summary.sessions == 2 and summary.frames == 2 * FRAMES
    assert [a.session for a in found] == [0] * FRAMES + [1] * FRAMES
    ids = [{t.id for a in found if a.session == s for t in a.tracks} for s in (0, 1)]
    assert ids[0] and ids[1] and not ids[0] & ids[1]


def test_an_image_that_cannot_be_read_is_counted_and_tracked_by_motion(messages, tmp_path):
    broken = [Image(header=m.header, width=m.width, height=m.height, encoding='cmyk8')
              if isinstance(m, Image) else m for m in messages]
    summary = convert(bags.write_messages(tmp_path / 'in', broken), tmp_path / 'out', SETTINGS)
    assert summary.image_errors == summary.frames == FRAMES


def test_messages_without_partner_are_counted(messages, tmp_path):
    kept = [m for n, m in enumerate(messages) if n % 4 != 3]  # every second detections gone
    summary = convert(bags.write_messages(tmp_path / 'in', kept), tmp_path / 'out', SETTINGS)
    assert summary.frames == FRAMES // 2
    assert sum(summary.dropped.values()) == FRAMES // 2


def test_an_interrupted_conversion_leaves_a_readable_bag(bag, tmp_path):
    def interrupt(count, total):
        assert total == 2 * FRAMES
        if count == 21:
            raise KeyboardInterrupt

    summary = convert(bag, tmp_path / 'out', SETTINGS, progress=interrupt)
    assert summary.interrupted and len(arrays(tmp_path / 'out')) == summary.frames == 10


def test_several_topics_must_be_named_and_then_are_used(messages, tmp_path):
    store = bags.typestore()
    path = tmp_path / 'in'
    with bags.Writer(path, version=9) as writer:
        for topic in ('/front', '/rear'):
            for kind in ('Image', 'Detection2DArray'):
                connection = writer.add_connection(
                    f'{topic}/{kind.lower()}', bags.TYPES[kind], typestore=store)
                for message in messages:
                    if type(message).__name__ == kind:
                        writer.write(connection, nanoseconds(message.header.stamp),
                                     bags.serialize_message(message))
    with pytest.raises(BagError, match=r'several topics.*/front/image .*/rear/image '):
        convert(path, tmp_path / 'out', SETTINGS)
    assert not (tmp_path / 'out').exists()
    summary = convert(path, tmp_path / 'out', SETTINGS, image_topic='rear/image',
                      detections_topic='/rear/detection2darray')
    assert summary.frames == FRAMES


def test_a_topic_that_is_not_there_is_refused_with_what_is(bag, tmp_path):
    with pytest.raises(BagError, match=r'no topic /nope .*has: .*/camera/image \(sensor_msgs'):
        convert(bag, tmp_path / 'out', SETTINGS, image_topic='/nope')


@pytest.mark.parametrize('content', [None, 'not a bag'])
def test_what_is_no_bag_is_refused_by_name(tmp_path, content):
    path = tmp_path / 'in.mcap'
    if content is not None:
        path.write_text(content)
    with pytest.raises(BagError, match='in.mcap'):
        convert(path, tmp_path / 'out', SETTINGS)


def test_an_existing_output_is_never_overwritten(bag, tmp_path):
    (tmp_path / 'out').mkdir()
    with pytest.raises(BagError, match='out'):
        convert(bag, tmp_path / 'out', SETTINGS)


@pytest.mark.parametrize('message', [
    TrackArray(session=7), TrackArray(removed_ids=[1, 2**40]), TrackArray(tracks=[Track(id=3)]),
    TrackArray(tracks=[Track(id=3, class_id='person', feature=[0.5])])],
    ids=['empty', 'removed', 'track', 'feature'])
def test_track_bags_hold_what_was_written(tmp_path, message):
    with TrackWriter(tmp_path / 'out') as writer:
        writer.write(message, 5)
    (received, data), = read(tmp_path / 'out')
    assert (received, deserialize_message(data, TrackArray)) == (5, message)


YOLO = '\n'.join((
    'std_msgs/Header header', 'yolo_msgs/Detection[] detections', '=' * 80,
    'MSG: yolo_msgs/Detection', 'int32 class_id', 'string class_name', 'float64 score',
    'string id', 'yolo_msgs/BoundingBox2D bbox', '=' * 80,
    'MSG: yolo_msgs/BoundingBox2D', 'yolo_msgs/Pose2D center', 'yolo_msgs/Vector2 size', '=' * 80,
    'MSG: yolo_msgs/Pose2D', 'yolo_msgs/Point2D position', 'float64 theta', '=' * 80,
    'MSG: yolo_msgs/Point2D', 'float64 x', 'float64 y', '=' * 80,
    'MSG: yolo_msgs/Vector2', 'float64 x', 'float64 y', ''))


def write_yolo(path, messages, plugin, other=False):
    """Write a bag as yolo_ros fills it; ``other``: with detections of vision_msgs as well."""
    store = bags.typestore()
    kind = 'yolo_msgs/msg/DetectionArray'
    store.register(get_types_from_msg(YOLO, kind))
    of = {name: store.types[f'yolo_msgs/msg/{name}'] for name in (
        'DetectionArray', 'Detection', 'BoundingBox2D', 'Pose2D', 'Point2D', 'Vector2')}
    header, time = store.types['std_msgs/msg/Header'], store.types['builtin_interfaces/msg/Time']

    def yolo(message):
        stamp = message.header.stamp
        return of['DetectionArray'](
            header(time(stamp.sec, stamp.nanosec), 'camera'),
            [of['Detection'](0, one.results[0].hypothesis.class_id,
                             one.results[0].hypothesis.score, '', of['BoundingBox2D'](
                of['Pose2D'](of['Point2D'](one.bbox.center.position.x,
                                           one.bbox.center.position.y), 0.0),
                of['Vector2'](one.bbox.size_x, one.bbox.size_y)))
             for one in message.detections])

    with bags.Writer(path, version=9, storage_plugin=plugin) as writer:
        image = writer.add_connection('/image', bags.TYPES['Image'], typestore=store)
        found = writer.add_connection('/yolo/detections', kind, typestore=store)
        if other:
            writer.add_connection('/other', bags.TYPES['Detection2DArray'], typestore=store)
        for message in messages:
            received = nanoseconds(message.header.stamp) + 5_000_000
            if isinstance(message, Image):
                writer.write(image, received, bags.serialize_message(message))
            else:
                writer.write(found, received, store.serialize_cdr(yolo(message), kind))
    return path


@pytest.mark.parametrize('plugin', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
@pytest.mark.parametrize('other', [False, True])
def test_a_bag_of_yolo_ros_is_read_by_the_definitions_in_it(
        bag, messages, tmp_path, plugin, other):
    path = write_yolo(tmp_path / 'in', messages, plugin, other)
    settings = SETTINGS.replace({'detections_type': 'yolo_msgs/DetectionArray'} if other else {})
    assert convert(path, tmp_path / 'out', settings).frames == FRAMES
    convert(bag, tmp_path / 'expected', SETTINGS)
    both = [[(track.id, track.bbox, track.score) for array in arrays(tmp_path / name)
             for track in array.tracks] for name in ('out', 'expected')]
    assert both[0] == both[1] != []


def test_a_bag_of_yolo_ros_that_is_cut_off_is_read_as_far_as_it_goes(messages, tmp_path):
    path = write_yolo(tmp_path / 'in', messages, StoragePlugin.MCAP)
    file = next(path.glob('*.mcap'))
    file.write_bytes(file.read_bytes()[:-file.stat().st_size // 3])
    summary = convert(file, tmp_path / 'out', SETTINGS)
    assert FRAMES // 2 < summary.frames < FRAMES and 'end cut off' in summary.damage


def test_a_message_of_a_detector_that_nothing_defines_is_refused_with_its_package(
        messages, tmp_path):
    path = write_yolo(tmp_path / 'in', messages, StoragePlugin.SQLITE3)
    with sqlite3.connect(next(path.glob('*.db3'))) as content:
        content.execute('UPDATE schema SET schema_version = 3')
    content.close()
    with pytest.raises(BagError, match='needs the ROS package yolo_msgs, .* does not define'):
        convert(path, tmp_path / 'out', SETTINGS)
    assert not (tmp_path / 'out').exists()
