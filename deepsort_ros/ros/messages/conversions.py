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
    which makes it invalid. A box with a ``theta`` counts as the upright box around it.
    """
    found = message.detections
    rows = np.empty((len(found), 5))
    classes = np.empty(len(found), dtype=object)
    for row, detection in enumerate(found):
        score, classes[row] = _best(detection.results)
        box = detection.bbox
        center = box.center.position
        rows[row] = (center.x, center.y, *upright(box.size_x, box.size_y, box.center.theta), score)
    with np.errstate(invalid='ignore'):  # infinite boxes are ignored later
        rows[:, :2] -= rows[:, 2:4] / 2
    return Detections.from_arrays(rows[:, :4], rows[:, 4], classes)


def upright(width: float, height: float, theta: float) -> tuple[float, float]:
    """Return width and height of the upright box around one that is turned by radians."""
    if not theta:
        return width, height
    if not math.isfinite(theta):
        return math.nan, math.nan
    cosine, sine = abs(math.cos(theta)), abs(math.sin(theta))
    return width * cosine + height * sine, width * sine + height * cosine


def _best(results: list[ObjectHypothesisWithPose]) -> tuple[float, str]:
    best, name = math.nan, ''
    for result in results:
        hypothesis = result.hypothesis
        if hypothesis.score > best or math.isnan(best):
            best, name = hypothesis.score, hypothesis.class_id
    return best, name


def best_hypothesis(results: list[ObjectHypothesisWithPose]) -> ObjectHypothesisWithPose | None:
    """Return the hypothesis with the highest score, None without any; NaN is the lowest."""
    def score(one: ObjectHypothesisWithPose) -> float:
        value = float(one.hypothesis.score)
        return -math.inf if math.isnan(value) else value

    return max(results, key=score, default=None)


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
    velocity = tracks.velocity * frame_rate
    known = np.isfinite(tracks.feature).all(axis=1) if features else np.zeros(len(tracks), bool)
    blank = Track()
    vector = type(blank.velocity)
    columns = [column.tolist() for column in (
        tracks.tlwh, velocity, tracks.first_seen, tracks.last_seen, tracks.id, tracks.state,
        tracks.score, tracks.visibility(), tracks.age, tracks.hits, tracks.time_since_update,
        tracks.detection_index)]
    messages = []
    for row, (class_id, box, (vx, vy), first, last, *values) in enumerate(
            zip(tracks.class_id, *columns)):
        # A constructor makes every part, also the ones it is given, and takes its time.
        track = copy.copy(blank)
        track.bbox, track.velocity = BoundingBox2D(), vector()
        track.first_seen, track.last_seen = Time(), Time()
        _set_box(track.bbox, box)
        track.velocity.x, track.velocity.y = vx, vy
        _set_time(track.first_seen, first)
        _set_time(track.last_seen, last)
        track.class_id = str(class_id)
        (track.id, track.state, track.score, track.visibility, track.age, track.hits,
         track.time_since_update, track.detection_index) = values
        track.covariance = covariance[row]
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
    position = box.center.position
    position.x, position.y = left + width / 2, top + height / 2
