"""Bags are tracked on machines without ROS, with the same outcome to the byte."""
import itertools
import json
import subprocess
import sys
from pathlib import Path

import bags
import pytest
from rclpy.serialization import deserialize_message
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import Reader

from deepsort_ros import msg
from deepsort_ros.bags.bag import convert
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.ros.messages import stand_ins
from deepsort_ros.scene.scene import SceneConfig
from deepsort_ros.scene.scene import write_scene
from deepsort_ros.settings import Settings

FRAMES = 20


def content(path):
    with Reader(path) as reader:
        return [(c.topic, c.msgtype, c.digest, received, bytes(data))
                for c, received, data in reader.messages()]


@pytest.fixture(scope='module')
def sequence(tmp_path_factory):
    folder = tmp_path_factory.mktemp('scene') / 'scene'
    write_scene(folder, SceneConfig(seconds=2.0, people=4, seed=3))
    return open_sequence(folder)


@pytest.mark.parametrize('compressed', [False, True])
def test_the_bag_tool_gives_the_same_bytes_without_ros(sequence, tmp_path, compressed):
    source = bags.write_sequence(tmp_path / 'in', sequence, FRAMES, compressed)
    convert(source, tmp_path / 'with', Settings(appearance='off', frame_rate=15.0))
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name('without_ros.py'), 'bag', source,
         tmp_path / 'without', '--appearance', 'off', '--set', 'frame_rate=15', '--json'],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)['frames'] == FRAMES
    assert content(tmp_path / 'without') == content(tmp_path / 'with')


def test_a_stand_in_has_the_fields_constants_and_defaults_of_the_message_of_ros():
    for name in ('Track', 'TrackArray'):
        real, stand_in = getattr(msg, name), stand_ins.message_class(f'deepsort_ros/msg/{name}')
        assert list(real.get_fields_and_field_types()) == list(vars(stand_in()))
        data = stand_ins.serialize_message(stand_in())
        assert deserialize_message(data, real) == real()
    assert stand_ins.message_class('deepsort_ros/msg/Track').STATE_LOST == msg.Track.STATE_LOST


def test_a_stand_in_reads_what_ros_wrote(sequence):
    for message in itertools.islice(bags.sequence_messages(sequence.frames(), 15.0), 4):
        kind = stand_ins.message_class(bags.TYPES[type(message).__name__])
        data = serialize_message(message)
        read = stand_ins.deserialize_message(data, kind)
        assert read.header.frame_id == 'camera'
        assert deserialize_message(stand_ins.serialize_message(read), type(message)) == message


def test_a_checkout_alone_has_the_definitions_of_vision_msgs(monkeypatch, tmp_path):
    monkeypatch.setenv('AMENT_PREFIX_PATH', '')
    monkeypatch.setattr(sys, 'prefix', str(tmp_path))
    found = stand_ins.typestore().fielddefs
    assert 'vision_msgs/msg/Detection2DArray' in found and 'deepsort_ros/msg/Track' in found
