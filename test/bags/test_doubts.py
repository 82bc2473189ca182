"""What is strange about the messages of a bag is reported, as the node says it live."""
import copy
import itertools

import bags
import numpy as np
import pytest
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from deepsort_ros.bags.player import sequence_messages
from deepsort_ros.cli import main
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.ros.messages.conversions import write_detections
from deepsort_ros.scene.scene import SceneConfig
from deepsort_ros.scene.scene import write_scene
from deepsort_ros.tracking import Detections

FRAMES = 30


@pytest.fixture(scope='module')
def messages(tmp_path_factory):
    folder = tmp_path_factory.mktemp('scene') / 'scene'
    write_scene(folder, SceneConfig(seconds=2.0, people=4, seed=3))
    sequence = open_sequence(folder)
    return list(sequence_messages(
        itertools.islice(sequence.frames(), FRAMES), sequence.frame_rate, bags.START))


def restamped(message, seconds):
    message = copy.deepcopy(message)
    message.header.stamp = time_message(
        0 if seconds is None else nanoseconds(message.header.stamp) + round(seconds * 1e9))
    return message


def encoded(message):
    message = copy.deepcopy(message)
    message.encoding = 'yuv444'
    return message


def scaled(message):
    message = copy.deepcopy(message)
    for one in message.detections:
        one.bbox.center.position.x *= 2
        one.bbox.center.position.y *= 2
    return message


def in_percent(message):
    message = copy.deepcopy(message)
    for one in message.detections:
        one.results[0].hypothesis.score *= 100
    return message


def of_12_bits(message):
    message = copy.deepcopy(message)
    message.encoding, message.step = '16UC3', 6 * message.width
    message.data = (np.array(message.data, np.uint16) << 4).astype('<u2').tobytes()
    return message


def letterboxed(message):
    """People who walk through an image of 960 x 540, as seen on 640 x 640 with bars."""
    step = (nanoseconds(message.header.stamp) - bags.START) / 10**9 * 15
    return write_detections(Detections.from_arrays(np.array([
        (16 * step, 150, 80, 200), (300, 150 + 8 * step, 90, 350 - 8 * step),
        (540 + 2 * step, 150, 100 - 2 * step, 300), (0, 150, 20 + 2 * step, 280)])),
        message.header)


def smaller_later(message):
    if nanoseconds(message.header.stamp) < bags.START + 10**9:
        return message
    message = copy.deepcopy(message)
    message.width //= 2
    return message


def black(message):
    message = copy.deepcopy(message)
    if isinstance(message, Image):
        message.data = bytes(len(message.data))
    return message


def of_camera(message, name):
    message = copy.deepcopy(message)
    message.header.frame_id = name
    return message


@pytest.mark.parametrize(('image', 'detections', 'code', 'says'), [
    (lambda m: restamped(m, None), None, 0, '30 image messages have a stamp of zero'),
    (None, lambda m: restamped(m, None), 0,
     '30 detections messages have a stamp of zero: the stamp of the image before them'),
    (None, lambda m: restamped(m, 0.05), 0, 'the detector sets stamps of its own'),
    (None, lambda m: restamped(m, 3600), 1, 'are stamped 3600.0 s after the first image'),
    (encoded, None, 1, '30 images cannot be read and were tracked by motion alone (encoding: '
     "'yuv444'"),
    (None, scaled, 0, 'lie outside their image: does the detector see images of another size?'),
    (None, lambda m: Detection2DArray(header=m.header), 0,
     'none of 30 detections messages has a box'),
    (None, in_percent, 0, 'scores are above 1, the highest is 9'),
    (None, letterboxed, 0, 'pixels of a letterbox of 640 x 640, not of their image'),
    (of_12_bits, None, 0, '16-bit samples use 12 bits (none is 4096 or more)'),
    (smaller_later, None, 0, 'images changed from 960 x 540 to 480 x 540 pixels'),
    (None, lambda m: of_camera(m, 'rear'), 0,
     "detections have the frame_id 'rear' and their images 'camera'"),
])
def test_what_is_strange_about_messages_is_said(
        messages, tmp_path, capsys, image, detections, code, says):
    changes = {Image: image, Detection2DArray: detections}
    bags.write_received(tmp_path / 'in', (
        ((changes[type(one)] or (lambda m: m))(one), nanoseconds(one.header.stamp)
         + (2 if isinstance(one, Detection2DArray) else 1) * 5_000_000) for one in messages))
    assert main(['bag', str(tmp_path / 'in'), str(tmp_path / 'out'), '--appearance', 'off',
                 '--set', 'sync_tolerance=0.06']) == code
    assert says in capsys.readouterr().err


def test_images_of_one_colour_are_said_where_looks_count(messages, tmp_path, capsys):
    bags.write_messages(tmp_path / 'in', [black(one) for one in messages])
    for mode, says in (('off', False), ('on_demand', True)):
        assert main(['bag', str(tmp_path / 'in'), str(tmp_path / mode), '--appearance', mode,
                     '--engine', 'onnxruntime']) == 0
        said = '4 of 4 images that were looked at are of one colour (black)'
        assert (said in capsys.readouterr().err) == says


def test_nothing_is_strange_about_messages_in_order(messages, tmp_path, capsys):
    bags.write_messages(tmp_path / 'in', messages)
    assert main(['bag', str(tmp_path / 'in'), str(tmp_path / 'out'), '--appearance', 'off']) == 0
    assert capsys.readouterr().err == ''
