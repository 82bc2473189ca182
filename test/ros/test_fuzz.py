"""
Whatever a message holds, it is tracked, refused in words, or counted; nothing else happens.

``DEEPSORT_FUZZ=20000`` tries so many messages; the same ones each time.
"""
import math
import os
from array import array

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2D
from vision_msgs.msg import Detection2DArray
from vision_msgs.msg import ObjectHypothesisWithPose

from deepsort_ros.msg import TrackArray
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.ros.frames import track_pair
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.ros.messages.conversions import write_mirror
from deepsort_ros.ros.messages.images import _PACKED
from deepsort_ros.ros.messages.images import _PLANAR
from deepsort_ros.ros.messages.images import read_image
from deepsort_ros.ros.messages.overlay import Overlay
from deepsort_ros.ros.pairing import Pairer
from deepsort_ros.ros.stamps import Stamps
from deepsort_ros.settings import Settings

MESSAGES = int(os.environ.get('DEEPSORT_FUZZ', 300))
# Messages per example: one image and one Detection2DArray, four times.
FRAMES = 4
fuzz = settings(max_examples=max(1, MESSAGES // (2 * FRAMES)), derandomize=True, deadline=None,
                suppress_health_check=list(HealthCheck))
LIMITS = 2**31 - 1

anything = st.floats(width=64)
sensible = st.floats(-100, 200)
numbers = st.one_of(sensible, anything)
uint32 = st.one_of(st.integers(0, 70), st.integers(0, 2**32 - 1))
stamps = st.one_of(
    st.integers(0, 20).map(lambda n: n * 33_333_333),
    st.builds(lambda s, n: s * 10**9 + n, st.integers(-2**31, LIMITS), st.integers(0, 10**9 - 1)))
headers = st.builds(lambda stamp, frame: Header(stamp=time_message(stamp), frame_id=frame),
                    stamps, st.text(
                        st.characters(codec='ascii', exclude_characters='\0'), max_size=5))


@st.composite
def valid_images(draw):
    encoding = draw(st.sampled_from([*_PACKED, *_PLANAR]))
    width, height = draw(st.integers(1, 35)) * 2, draw(st.integers(1, 30)) * 2
    kind, channels, _ = _PACKED.get(encoding, (np.uint8, 1, None))
    row = width * channels * np.dtype(kind).itemsize
    step = row + draw(st.integers(0, 9))
    rows = height * 3 // 2 if encoding in _PLANAR else height
    value = draw(st.integers(0, 255))
    return Image(header=draw(headers), width=width, height=height, encoding=encoding, step=step,
                 is_bigendian=draw(st.integers(0, 1)), data=array('B', [value]) * (step * rows))


@st.composite
def any_images(draw):
    return Image(header=draw(headers), width=draw(uint32), height=draw(uint32), step=draw(uint32),
                 encoding=draw(st.one_of(st.sampled_from([*_PACKED, *_PLANAR, '']), st.text(
                     st.characters(codec='ascii', exclude_characters='\0'), max_size=8))),
                 is_bigendian=draw(st.integers(0, 255)),
                 data=array('B', draw(st.binary(max_size=2000))))


@st.composite
def compressed_images(draw):
    whole = cv2.imencode(draw(st.sampled_from(['.jpg', '.png'])), np.full(
        (draw(st.integers(1, 40)), 30, 3), 70, np.uint8))[1].tobytes()
    cut = draw(st.integers(0, len(whole)))
    data = draw(st.one_of(st.just(whole), st.just(whole[:cut]), st.binary(max_size=200),
                          st.binary(max_size=20).map(lambda b: whole[:cut] + b + whole[cut:])))
    return CompressedImage(header=draw(headers), format=draw(st.sampled_from(['jpeg', 'png', ''])),
                           data=array('B', data))


@st.composite
def detections(draw):
    message = Detection2DArray(header=draw(headers))
    for _ in range(draw(st.integers(0, 5))):
        found = Detection2D(id=draw(st.sampled_from(['', '7'])))
        found.bbox.center.position.x, found.bbox.center.position.y = draw(numbers), draw(numbers)
        found.bbox.center.theta = draw(numbers)
        found.bbox.size_x, found.bbox.size_y = draw(numbers), draw(numbers)
        for _ in range(draw(st.integers(0, 3))):
            result = ObjectHypothesisWithPose()
            result.hypothesis.score = draw(st.one_of(st.floats(0, 1), anything))
            result.hypothesis.class_id = draw(st.sampled_from(['', 'person', 'car']))
            found.results.append(result)
        message.detections.append(found)
    return message


images = st.one_of(valid_images(), any_images(), compressed_images())


class Features:
    """Stands for the network: a unit row for each box that shows a pixel."""

    def encode(self, image, tlwh, encoding, kept=()):
        assert image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8
        assert encoding in ('bgr8', 'rgb8') and np.isfinite(tlwh).all()
        return np.eye(len(tlwh), 128, dtype=np.float32)


@pytest.mark.filterwarnings('error::RuntimeWarning')
@fuzz
@given(st.lists(st.tuples(images, detections()), min_size=FRAMES, max_size=FRAMES))
def test_every_pair_is_tracked_or_dropped_for_its_stamp(frames):
    pipeline = Pipeline(Settings(n_init=1, publish_features=True), Features())
    overlay = Overlay()
    for image, found in frames:
        tracked = track_pair(pipeline, image, found)
        assert (tracked.frame.image is None) == bool(tracked.image_error)
        if tracked.message is None:
            continue
        message = deserialize_message(serialize_message(tracked.message), TrackArray)
        assert message == tracked.message and message.header == image.header
        assert pipeline.encoder_error is None
        ids = [track.id for track in message.tracks]
        assert ids == sorted(set(ids)) and min(ids, default=1) >= 1
        for track in message.tracks:
            numbers = (*track.covariance, track.bbox.size_x, track.bbox.size_y, track.velocity.x,
                       track.bbox.center.position.x, track.bbox.center.position.y)
            assert all(map(math.isfinite, numbers))
        write_mirror(message)
        if tracked.frame.image is not None:
            overlay.draw(tracked.frame.image, tracked.frame.encoding, message)


@fuzz
@given(st.lists(images, min_size=2 * FRAMES, max_size=2 * FRAMES))
def test_every_image_is_read_or_refused_with_its_field(messages):
    for message in messages:
        try:
            pixels, encoding = read_image(message)
        except ValueError as error:
            assert type(error).__name__ == 'ImageError'
            assert str(error).split(':')[0] in (
                'width x height', 'encoding', 'step', 'data')
            continue
        assert pixels.dtype == np.uint8 and pixels.shape[2] == 3 and min(pixels.shape) > 0
        assert encoding in ('bgr8', 'rgb8')


@fuzz
@given(st.lists(st.tuples(st.booleans(), stamps, st.floats(0, 2)), min_size=2 * FRAMES,
                max_size=2 * FRAMES), st.sampled_from([0.0, 0.5]),
       st.sampled_from([0, 10**8]))
def test_every_message_ends_in_exactly_one_count(messages, patience, tolerance):
    pairer, stamper = Pairer(2, tolerance, patience=patience), Stamps()
    now, handed = 10.0, 0
    for is_image, stamp, passed in messages:
        message = (Image if is_image else Detection2DArray)(
            header=Header(stamp=time_message(stamp)))
        now += passed
        handed += len(pairer.overdue(now))
        stamp, _ = stamper.of(message, int(now * 10**9))
        assert nanoseconds(message.header.stamp) == stamp != 0
        add = pairer.add_image if is_image else pairer.add_detections
        pair = add(stamp, message, now)
        assert pair is None or isinstance(pair[0], Image) and abs(
            nanoseconds(pair[0].header.stamp) - nanoseconds(pair[1].header.stamp)) <= tolerance
    counts = pairer.counts
    assert handed == counts.assumed_empty + counts.skipped
    assert len(messages) == (
        2 * counts.paired + counts.assumed_empty + counts.skipped + counts.detections_late
        + counts.image_without_detections + counts.detections_without_image + counts.duplicates
        + counts.cleared + pairer.waiting())
