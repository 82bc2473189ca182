"""Detection and track messages to arrays and back."""
from __future__ import annotations

import copy
import math
from array import array

import numpy as np

from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.ros.messages.types import BoundingBox2D
from deepsort_ros.ros.messages.types import Detection2D
from deepsort_ros.ros.messages.types import Detection2DArray
from deepsort_ros.ros.messages.types import Header
from deepsort_ros.ros.messages.types import ObjectHypothesisWithPose
from deepsort_ros.ros.messages.types import Time
from deepsort_ros.ros.messages.types import Track
from deepsort_ros.ros.messages.types import TrackArray
from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import Tracks


def nanoseconds(stamp: Time) -> int:
    """Return a stamp in nanoseconds."""
    return int(stamp.sec) * NANOSECONDS + int(stamp.nanosec)


def time_message(stamp: int) -> Time:
    """Return the message of a stamp in nanoseconds."""
    message = Time()
    _set_time(message, stamp)
    return message


def _set_time(message: Time, stamp: int) -> None:
    message.sec, message.nanosec = divmod(int(stamp), NANOSECONDS)


def read_detections(message: Detection2DArray) -> Detections:
    """
    Return the detections of a message, in its order.

    The hypothesis with the highest score counts; a detection without one gets a NaN score,
    which makes it invalid. The box is taken as axis-aligned: its ``theta`` is not used.
    """
    found = message.detections
    rows = np.empty((len(found), 5))
    classes = np.empty(len(found), dtype=object)
    for row, detection in enumerate(found):
        score, classes[row] = _best(detection.results)
        box = detection.bbox
        center = box.center.position
        rows[row] = (center.x, center.y, box.size_x, box.size_y, score)
    with np.errstate(invalid='ignore'):  # infinite boxes are ignored later
        rows[:, :2] -= rows[:, 2:4] / 2
    return Detections.from_arrays(rows[:, :4], rows[:, 4], classes)


def _best(results: list[ObjectHypothesisWithPose]) -> tuple[float, str]:
    best, name = math.nan, ''
    for result in results:
        hypothesis = result.hypothesis
        if hypothesis.score > best or math.isnan(best):
            best, name = hypothesis.score, hypothesis.class_id
    return best, name


def write_detections(detections: Detections, header: Header) -> Detection2DArray:
    """Return the message of detections, one hypothesis each."""
    messages = []
    for box, class_id, score in zip(
            detections.tlwh.tolist(), detections.class_id, detections.score.tolist()):
        message = Detection2D(header=header, results=[_hypothesis(str(class_id), score)])
        _set_box(message.bbox, box)
        messages.append(message)
    return Detection2DArray(header=header, detections=messages)


def write_tracks(tracks: Tracks, header: Header, size: tuple[int, int], session: int,
                 frame_rate: float, features: bool) -> TrackArray:
    """
    Return the message of the tracks after one image.

    :param header: the image's, goes into the message unchanged.
    :param size: width and height of the image in pixels.
    :param frame_rate: Hz; turns velocities per time step into velocities per second.
    :param features: fill in the appearance features.
    """
    # (cx, cy) stay in pixels, (vx, vy) become pixels per second.
    scale = np.array([1.0, 1.0, frame_rate, frame_rate])
    covariance = (tracks.covariance * np.outer(scale, scale)).reshape(-1, 16)
    velocity = (tracks.velocity * frame_rate).tolist()
    known = np.isfinite(tracks.feature).all(axis=1) if features else np.zeros(len(tracks), bool)
    messages, blank = [], Track()
    for row, box in enumerate(tracks.tlwh.tolist()):
        # A constructor makes every part, also the ones it is given, and takes its time.
        track = copy.copy(blank)
        track.bbox, track.velocity = BoundingBox2D(), copy.copy(blank.velocity)
        track.first_seen, track.last_seen = Time(), Time()
        track.id = int(tracks.id[row])
        track.state = int(tracks.state[row])
        track.class_id = str(tracks.class_id[row])
        track.score = float(tracks.score[row])
        _set_box(track.bbox, box)
        track.velocity.x, track.velocity.y = velocity[row]
        track.covariance = covariance[row]
        track.age = int(tracks.age[row])
        track.hits = int(tracks.hits[row])
        track.time_since_update = int(tracks.time_since_update[row])
        _set_time(track.first_seen, tracks.first_seen[row])
        _set_time(track.last_seen, tracks.last_seen[row])
        track.detection_index = int(tracks.detection_index[row])
        if known[row]:
            track.feature = array('f', tracks.feature[row].tobytes())
        messages.append(track)
    return TrackArray(
        header=header, image_width=size[0], image_height=size[1], session=session,
        tracks=messages, removed_ids=array('Q', tracks.removed_ids.astype(np.uint64).tobytes()))


def write_mirror(tracks: TrackArray) -> Detection2DArray:
    """Return the same tracks as vision_msgs, for consumers that know nothing of ours."""
    return Detection2DArray(header=tracks.header, detections=[
        Detection2D(header=tracks.header, results=[_hypothesis(track.class_id, track.score)],
                    bbox=track.bbox, id=str(track.id)) for track in tracks.tracks])


def _hypothesis(class_id: str, score: float) -> ObjectHypothesisWithPose:
    result = ObjectHypothesisWithPose()
    result.hypothesis.class_id = class_id
    result.hypothesis.score = score
    return result


def _set_box(box: BoundingBox2D, tlwh: list[float]) -> None:
    left, top, width, height = tlwh
    box.size_x, box.size_y = width, height
    box.center.position.x = left + width / 2
    box.center.position.y = top + height / 2
