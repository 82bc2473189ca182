"""Detection and track messages carry exactly what the arrays hold."""
import math
import time
from dataclasses import replace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from rclpy.serialization import deserialize_message
from rclpy.serialization import serialize_message
from std_msgs.msg import Header
from vision_msgs.msg import Detection2D
from vision_msgs.msg import Detection2DArray
from vision_msgs.msg import ObjectHypothesisWithPose

from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.conversions import read_detections
from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.ros.messages.conversions import write_detections
from deepsort_ros.ros.messages.conversions import write_mirror
from deepsort_ros.ros.messages.conversions import write_tracks
from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import Tracks

HEADER = Header(stamp=Time(sec=12, nanosec=999_999_999), frame_id='camera_optical')


def hypotheses(*pairs):
    detection = Detection2D()
    for class_id, score in pairs:
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = class_id, score
        detection.results.append(result)
    detection.bbox.size_x = detection.bbox.size_y = 1.0
    return detection


def tracks(count=2):
    numbers = np.arange(1, count + 1)
    feature = np.full((count, 4), 0.5, np.float32)
    feature[1:] = np.nan
    return Tracks(
        id=numbers, state=np.full(count, 2, np.uint8),
        class_id=np.array(['person'] * count, object), score=numbers / 10,
        tlwh=np.arange(4.0 * count).reshape(count, 4), velocity=np.full((count, 2), [2.0, -3.0]),
        covariance=np.arange(16.0 * count).reshape(count, 4, 4), age=numbers + 10,
        hits=numbers + 5, time_since_update=numbers - 1, first_seen=numbers * 10**9,
        last_seen=numbers * 10**9 + 7, detection_index=numbers - 2, feature=feature,
        removed_ids=np.array([40, 2**40]))


@pytest.mark.parametrize('stamp', [0, 1, 999_999_999, 10**9, 1_700_000_000_123_456_789])
def test_stamps_survive_to_the_nanosecond(stamp):
    assert nanoseconds(time_message(stamp)) == stamp


def test_detections_come_back_as_they_were_written():
    written = Detections.from_arrays(
        [[1.5, -2, 3, 4], [10, 20, 30.25, 40]], [0.25, 0.75], ['person', 'car'])
    read = read_detections(write_detections(written, HEADER))
    np.testing.assert_array_equal(read.tlwh, written.tlwh)
    np.testing.assert_array_equal(read.score, written.score)
    assert read.class_id.tolist() == ['person', 'car']
    assert read.index.tolist() == [0, 1]


@pytest.mark.parametrize('pairs, best', [
    ([('a', 0.2), ('b', 0.9), ('c', 0.5)], ('b', 0.9)),
    ([('a', math.nan), ('b', 0.1)], ('b', 0.1)),
    ([('a', 0.1), ('b', math.nan)], ('a', 0.1)),
    ([('a', -3.0), ('b', -2.0)], ('b', -2.0)),
])
def test_the_best_hypothesis_counts(pairs, best):
    read = read_detections(Detection2DArray(detections=[hypotheses(*pairs)]))
    assert (read.class_id[0], read.score[0]) == best


def test_a_detection_without_a_usable_hypothesis_or_box_stays_and_is_invalid():
    nan_box = hypotheses(('a', 1.0))
    nan_box.bbox.center.position.x = math.nan
    flat = hypotheses(('a', 1.0))
    flat.bbox.size_x = 0.0
    message = Detection2DArray(detections=[
        hypotheses(), hypotheses(('a', math.nan)), nan_box, flat, hypotheses(('a', 1.0))])
    assert read_detections(message).valid().tolist() == [False] * 4 + [True]


def test_no_detections_are_an_empty_array():
    assert read_detections(Detection2DArray()).tlwh.shape == (0, 4)


def test_ten_thousand_detections_are_read_without_ado():
    message = Detection2DArray(detections=[hypotheses(('a', 0.5)) for _ in range(10_000)])
    start = time.process_time()
    assert len(read_detections(message)) == 10_000
    assert time.process_time() - start < 5  # 0.05 s; a quadratic path would take minutes


def test_tracks_reach_the_wire_with_header_units_and_ids():
    message = write_tracks(tracks(), HEADER, (640, 480), 3, 25.0, features=True)
    message = deserialize_message(serialize_message(message), type(message))
    assert message.header == HEADER
    assert (message.image_width, message.image_height, message.session) == (640, 480, 3)
    assert list(message.removed_ids) == [40, 2**40]
    second = message.tracks[1]
    assert (second.id, second.state, second.class_id, second.score) == (2, 2, 'person', 0.2)
    assert (second.bbox.center.position.x, second.bbox.center.position.y) == (7.0, 8.5)
    assert (second.bbox.size_x, second.bbox.size_y) == (6.0, 7.0)
    assert (second.velocity.x, second.velocity.y) == (50.0, -75.0)
    assert (second.age, second.hits, second.time_since_update) == (12, 7, 1)
    assert (second.first_seen, second.last_seen) == (
        Time(sec=2), Time(sec=2, nanosec=7))
    assert second.detection_index == 0 and message.tracks[0].detection_index == -1


def test_a_track_says_how_much_of_it_is_visible():
    boxes = np.array([[0.0, 0, 10, 10], [5, 5, 10, 10]])
    message = write_tracks(replace(tracks(), tlwh=boxes), HEADER, (1, 1), 0, 30.0, features=False)
    assert [track.visibility for track in message.tracks] == [0.75, 1.0]


def test_covariance_is_in_pixels_and_pixels_per_second():
    message = write_tracks(tracks(1), HEADER, (1, 1), 0, 10.0, features=False)
    scale = np.array([1, 1, 10, 10])
    np.testing.assert_allclose(
        message.tracks[0].covariance.reshape(4, 4),
        np.arange(16.0).reshape(4, 4) * scale * scale[:, None])


def test_features_are_sent_on_request_and_only_where_there_is_one():
    with_features = write_tracks(tracks(), HEADER, (1, 1), 0, 30.0, features=True)
    assert [list(t.feature) for t in with_features.tracks] == [[0.5] * 4, []]
    without = write_tracks(tracks(), HEADER, (1, 1), 0, 30.0, features=False)
    assert all(len(t.feature) == 0 for t in without.tracks)


def test_no_tracks_make_an_empty_message():
    message = write_tracks(tracks(0), HEADER, (1, 1), 0, 30.0, features=True)
    assert message.tracks == [] and message.header == HEADER


def test_the_mirror_carries_ids_boxes_and_classes():
    array = write_tracks(tracks(), HEADER, (640, 480), 0, 30.0, features=False)
    mirror = write_mirror(array)
    assert mirror.header == HEADER
    assert [d.id for d in mirror.detections] == ['1', '2']
    assert [d.bbox for d in mirror.detections] == [t.bbox for t in array.tracks]
    assert mirror.detections[0].results[0].hypothesis.class_id == 'person'
