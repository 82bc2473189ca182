"""Cameras, depth images and transforms from messages, positions of tracks into messages."""
from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.ros.messages.conversions import best_hypothesis
from deepsort_ros.ros.messages.types import CameraInfo
from deepsort_ros.ros.messages.types import Detection3D
from deepsort_ros.ros.messages.types import Detection3DArray
from deepsort_ros.ros.messages.types import Header
from deepsort_ros.ros.messages.types import Image
from deepsort_ros.ros.messages.types import ObjectHypothesisWithPose
from deepsort_ros.ros.messages.types import TFMessage
from deepsort_ros.ros.messages.types import Track
from deepsort_ros.ros.messages.types import TrackArray
from deepsort_ros.world.camera import Camera
from deepsort_ros.world.given import Given
from deepsort_ros.world.world import Positions

# REP 118: what a pixel of a depth image is, and how many of its units are a metre.
DEPTH_ENCODINGS = {'16UC1': ('u2', 1000), 'mono16': ('u2', 1000), '32FC1': ('f4', 1)}
# Medians between which the depths of an image lie, m; others are in another unit.
DEPTHS = (0.03, 200.0)
# One row and column in so many tells it.
SAMPLE = 16
# m/s; below it the direction of travel is not reliable.
HEADED = 0.3


class DepthError(ValueError):
    """A depth image cannot be used; the message names field and value."""


def read_camera(message: CameraInfo, rectified: bool) -> Camera:
    """
    Return the camera of a CameraInfo.

    :raises deepsort_ros.world.camera.CameraError: it is not calibrated, or not of a known kind.
    """
    roi = message.roi
    return Camera.from_info(
        width=message.width, height=message.height, k=list(message.k), p=list(message.p),
        d=list(message.d), r=list(message.r), model=message.distortion_model, rectified=rectified,
        binning=(message.binning_x, message.binning_y),
        roi=(roi.x_offset, roi.y_offset, roi.width, roi.height))


def read_depth(message: Image, size: tuple[int, int]) -> NDArray[np.float32]:
    """
    Return a depth image in metres, (H, W) float32; 0 or NaN where there is none.

    :param size: width and height of the image it is registered to.
    :raises DepthError: another size, another encoding or unit, or too little data.
    """
    if message.encoding not in DEPTH_ENCODINGS:
        raise DepthError(f'depth: encoding {message.encoding!r} is not one of '
                         f'{", ".join(DEPTH_ENCODINGS)}')
    if (message.width, message.height) != size:
        raise DepthError(f'depth: {message.width}x{message.height} is not the size of the image, '
                         f'{size[0]}x{size[1]}: it must be registered to it')
    kind, unit = DEPTH_ENCODINGS[message.encoding]
    pixel = np.dtype(('>' if message.is_bigendian else '<') + kind)
    width = message.width * pixel.itemsize
    if message.step < width or len(message.data) < message.step * message.height:
        raise DepthError(f'depth: {len(message.data)} bytes with step {message.step} are too few '
                         f'for {message.width}x{message.height} {message.encoding}')
    rows = np.frombuffer(message.data, dtype=np.uint8, count=message.step * message.height)
    values = rows.reshape(message.height, message.step)[:, :width].view(pixel)
    metres: NDArray[np.float32] = values.astype(np.float32)
    if unit != 1:
        metres /= np.float32(unit)
    _check_unit(metres, message.encoding)
    return metres


def _check_unit(metres: NDArray[np.float32], encoding: str) -> None:
    some = metres[::SAMPLE, ::SAMPLE]
    some = some[(some > 0) & (some < np.inf)]
    if not len(some):
        return
    middle = float(np.median(some))
    if middle > DEPTHS[1]:
        raise DepthError(f'depth: {encoding} with a median of {middle:g} m looks like '
                         f'millimetres: publish 16UC1, or metres (REP 118)')
    if middle < DEPTHS[0]:
        raise DepthError(f'depth: {encoding} with a median of {middle:g} m looks like metres '
                         f'where millimetres are due: publish 32FC1, or millimetres (REP 118)')


def read_given(message: Any, frame: str) -> tuple[Given | None, str]:
    """
    Return what the detections of a Detection2DArray say of where they are, and what is wrong.

    The pose of the best hypothesis counts; one at the origin is none, for most detectors leave
    it there.

    :param frame: of the image, in which the poses must be.
    """
    found = message.detections
    centre, spread = np.full((len(found), 3), np.nan), np.zeros((len(found), 3, 3))
    strangers = set()
    for row, detection in enumerate(found):
        best = best_hypothesis(detection.results)
        if best is None:
            continue
        place = best.pose.pose.position
        if place.x == place.y == place.z == 0.0:
            continue
        own = detection.header.frame_id or message.header.frame_id
        if own.lstrip('/') not in ('', frame.lstrip('/')):
            strangers.add(own)
            continue
        centre[row] = place.x, place.y, place.z
        spread[row] = np.asarray(best.pose.covariance).reshape(6, 6)[:3, :3]
    words = (f'detections have poses in {", ".join(sorted(strangers))}: they are used only in the '
             f'frame of the image, {frame}' if strangers else '')
    return Given.of(centre, spread, np.full(len(found), np.nan)), words


def read_transforms(message: TFMessage) -> Iterator[tuple[str, str, int, tuple[float, ...],
                                                          tuple[float, ...]]]:
    """Yield (parent, child, nanoseconds, translation, quaternion) of each transform."""
    for one in message.transforms:
        move, turn = one.transform.translation, one.transform.rotation
        stamp = int(one.header.stamp.sec) * 1_000_000_000 + int(one.header.stamp.nanosec)
        yield (one.header.frame_id, one.child_frame_id, stamp, (move.x, move.y, move.z),
               (turn.x, turn.y, turn.z, turn.w))


def write_positions(message: TrackArray, positions: Positions, frame: str) -> None:
    """
    Fill in where the tracks of a message are.

    :param positions: of its tracks, in their order; :param frame: the fixed frame.
    """
    message.world_frame = frame
    for row in positions.source.nonzero()[0].tolist():
        track = message.tracks[row]
        track.position_source = int(positions.source[row])
        # Those that :func:`write_tracks` fills in are of all tracks.
        track.pose, track.twist = type(track.pose)(), type(track.twist)()
        vx, vy = positions.velocity[row].tolist()
        place = track.pose.pose.position
        place.x, place.y, place.z = positions.position[row].tolist()
        heading, variance = _heading(vx, vy, positions.velocity_covariance[row])
        track.pose.pose.orientation.z = math.sin(heading / 2)
        track.pose.pose.orientation.w = math.cos(heading / 2)
        track.pose.covariance = _six(positions.covariance[row], variance)
        track.twist.twist.linear.x, track.twist.twist.linear.y = vx, vy
        spread = np.zeros((3, 3))
        spread[:2, :2] = positions.velocity_covariance[row]
        track.twist.covariance = _six(spread, 0.0)


def _heading(vx: float, vy: float, spread: NDArray[np.float64]) -> tuple[float, float]:
    """Return where a velocity points, and its variance, in radians."""
    speed = math.hypot(vx, vy)
    if speed < HEADED:
        return 0.0, math.pi ** 2
    across = np.array((-vy, vx)) / speed
    return math.atan2(vy, vx), min(float(across @ spread @ across) / speed ** 2, math.pi ** 2)


def _six(linear: NDArray[np.float64], yaw: float) -> NDArray[np.float64]:
    """Return the 36 numbers of a covariance of place and turn: upright, yaw alone is open."""
    whole = np.zeros((6, 6))
    whole[:3, :3] = linear
    whole[5, 5] = yaw
    return whole.ravel()


def write_world(message: TrackArray, sizes: NDArray[np.float64]) -> Detection3DArray:
    """
    Return the tracks that have a position as vision_msgs, in the fixed frame.

    :param sizes: (M, 3) length, width, height of the tracks of the message in m.
    """
    header = Header(stamp=message.header.stamp, frame_id=message.world_frame)
    return Detection3DArray(header=header, detections=[
        _solid(track, header, sizes[row]) for row, track in enumerate(message.tracks)
        if track.position_source])


def _solid(track: Track, header: Header, size: NDArray[np.float64]) -> Detection3D:
    solid: Any = Detection3D(header=header, id=str(track.id))
    result = ObjectHypothesisWithPose()
    result.hypothesis.class_id, result.hypothesis.score = track.class_id, track.score
    result.pose = track.pose
    solid.results = [result]
    length, width, height = size.tolist()
    solid.bbox.size.x, solid.bbox.size.y, solid.bbox.size.z = length, width, height
    place, middle = track.pose.pose.position, solid.bbox.center.position
    middle.x, middle.y, middle.z = place.x, place.y, place.z + height / 2
    solid.bbox.center.orientation = track.pose.pose.orientation
    return solid
