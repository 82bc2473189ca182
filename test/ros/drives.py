"""Messages of a robot that drives and looks around before three people who stand still."""
from __future__ import annotations

import numpy as np
from geometry_msgs.msg import TransformStamped
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection2DArray

from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.ros.messages.conversions import write_detections
from deepsort_ros.ros.messages.images import write_image
from deepsort_ros.tracking import Detections

SIZE = (320, 240)
FOCAL = 160.0
HEIGHT, TALL = 1.2, 1.72
PEOPLE = ((6.0, 0.0), (5.0, 1.4), (7.0, -2.0))
OPTICAL = Rotation.from_matrix(((0, 0, 1), (-1, 0, 0), (0, -1, 0)))
STEP = 100_000_000
# The robot looks left and right by so many radians, in so many seconds.
TURN, PERIOD = 0.4, 1.1


def robot(stamp: int) -> tuple[tuple[float, float, float], float]:
    """Return place and heading at a time."""
    seconds = stamp / 1e9
    return ((1.0 - np.cos(0.3 * seconds), 0.0, 0.0),
            TURN * np.sin(2 * np.pi * seconds / PERIOD))


def transform(parent: str, child: str, stamp: int, place, turn: Rotation) -> TransformStamped:
    one = TransformStamped(child_frame_id=child)
    one.header = Header(stamp=time_message(stamp), frame_id=parent)
    move, rotation = one.transform.translation, one.transform.rotation
    move.x, move.y, move.z = map(float, place)
    rotation.x, rotation.y, rotation.z, rotation.w = map(float, turn.as_quat())
    return one


def mounting() -> TFMessage:
    """Return what is published once: camera and base on the robot."""
    return TFMessage(transforms=[
        transform('base_link', 'camera', 0, (0, 0, HEIGHT - 0.1), OPTICAL),
        transform('base_link', 'body', 0, (0, 0, HEIGHT - 0.1), Rotation.identity()),
        transform('base_link', 'base_footprint', 0, (0, 0, -0.1), Rotation.identity())])


def odometry(stamp: int, jump: float = 0.0) -> TFMessage:
    (x, y, _), heading = robot(stamp)
    return TFMessage(transforms=[transform(
        'odom', 'base_link', stamp, (x + jump, y, 0.1), Rotation.from_euler('z', heading))])


def camera_info(stamp: int, frame: str = 'camera', scale: float = 1.0) -> CameraInfo:
    width, height = SIZE
    k = [FOCAL * scale, 0, width / 2, 0, FOCAL * scale, height / 2, 0, 0, 1]
    return CameraInfo(
        header=Header(stamp=time_message(stamp), frame_id=frame), width=width, height=height,
        k=np.array(k, dtype=float), p=np.insert(np.array(k, dtype=float), (3, 6, 9), 0.0))


def points(stamp: int) -> np.ndarray:
    """Return the feet of the people in the camera's frame."""
    (x, y, _), heading = robot(stamp)
    axes = (Rotation.from_euler('z', heading) * OPTICAL).as_matrix()
    feet = np.array([(px, py, 0.0) for px, py in PEOPLE])
    return (feet - (x, y, HEIGHT)) @ axes


def boxes(stamp: int) -> np.ndarray:
    found = []
    for across, down, ahead in points(stamp):
        tall = FOCAL * TALL / ahead
        foot = (SIZE[0] / 2 + FOCAL * across / ahead, SIZE[1] / 2 + FOCAL * down / ahead)
        found.append((foot[0] - 0.2 * tall, foot[1] - tall, 0.4 * tall, 1.03 * tall))
    return np.array(found)


def frame(stamp: int, frame_id: str = 'camera') -> list:
    """Return image and detections."""
    header = Header(stamp=time_message(stamp), frame_id=frame_id)
    picture = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    return [write_image(picture, 'bgr8', header), write_detections(
        Detections.from_arrays(boxes(stamp), class_id=['person'] * len(PEOPLE)), header)]


def locate(detections: Detection2DArray, stamp: int) -> None:
    """Give detections their positions, as a detector does that works in space."""
    for one, (across, down, ahead) in zip(detections.detections, points(stamp)):
        place = one.results[0].pose.pose.position
        place.x, place.y, place.z = float(across), float(down - TALL / 2), float(ahead)


def depth(stamp: int, encoding: str = '16UC1', size: tuple[int, int] = SIZE) -> Image:
    """Return a registered depth image: a wall at 9 m with the people before it."""
    metres = np.full((size[1], size[0]), 9.0, dtype=np.float32)
    for (left, top, width, height), point in zip(boxes(stamp), points(stamp)):
        metres[max(int(top), 0):int(top + height),
               max(int(left + 0.2 * width), 0):max(int(left + 0.8 * width), 0)] = point[2]
    message = Image(header=Header(stamp=time_message(stamp), frame_id='camera'),
                    width=size[0], height=size[1], encoding=encoding)
    pixels = (metres * 1000).astype(np.uint16) if encoding == '16UC1' else metres
    message.step = pixels.strides[0]
    message.data = pixels.tobytes()
    return message
