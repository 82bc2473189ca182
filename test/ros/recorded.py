"""A sequence with poses as the messages of a robot: images, detections, calibration, depth, TF."""
from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from drives import transform
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from deepsort_ros.mot.poses import find_poses
from deepsort_ros.mot.poses import Poses
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.ros.messages.conversions import write_detections
from deepsort_ros.ros.messages.images import write_image
from deepsort_ros.ros.messages.stand_ins import typestore

TOPICS = {'static': ('/tf_static', 'tf2_msgs/msg/TFMessage'),
          'transforms': ('/tf', 'tf2_msgs/msg/TFMessage'),
          'camera_info': ('/camera_info', 'sensor_msgs/msg/CameraInfo'),
          'depth': ('/depth', 'sensor_msgs/msg/Image'),
          'image': ('/image', 'sensor_msgs/msg/Image'),
          'detections': ('/detections', 'vision_msgs/msg/Detection2DArray')}
# A pose is stamped a little beside its image: the transforms are interpolated.
BESIDE = 30_000_000
START = 50 * 10 ** 9


def robot(poses: Poses, number: int, stamp: int) -> TFMessage:
    """Return where the robot's base is in a frame."""
    assert poses.base is not None
    base = poses.poses[number - 1] @ poses.base.inverse()
    return TFMessage(transforms=[transform(
        'odom', 'base_footprint', stamp, base.translation, Rotation.from_matrix(base.rotation))])


def mounting(poses: Poses) -> TFMessage:
    """Return where the camera is on the robot."""
    assert poses.base is not None
    return TFMessage(transforms=[transform(
        'base_footprint', 'camera', 0, poses.base.translation,
        Rotation.from_matrix(poses.base.rotation))])


def camera_info(poses: Poses, header: Header) -> CameraInfo:
    """Return the calibration of rectified images."""
    camera = poses.camera
    p = np.column_stack((camera.matrix, camera.matrix @ camera.offset))
    return CameraInfo(header=header, width=camera.size[0], height=camera.size[1],
                      k=camera.matrix.ravel(), p=p.ravel())


def depth_image(path: Path, header: Header) -> Image:
    """Return a depth image in mm."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return Image(header=header, width=pixels.shape[1], height=pixels.shape[0], encoding='16UC1',
                 step=pixels.strides[0], data=pixels.tobytes())


def messages(images: Path, world: Path, detections: Path, frames: int) -> Iterator[
        tuple[int, str, object]]:
    """
    Yield time of reception, role and message, as a robot records them: poses come late.

    :param images: a sequence; :param world: folder with its poses and calibration, and perhaps
        its depth images.
    """
    sequence = open_sequence(images, detections)
    poses = find_poses(world, sequence.size)
    assert poses is not None
    interval = round(10 ** 9 / sequence.frame_rate)
    yield START, 'static', mounting(poses)
    yield START, 'transforms', robot(poses, 1, START)
    for frame in itertools.islice(sequence.frames(), frames):
        stamp = START + frame.number * interval
        header = Header(stamp=time_message(stamp), frame_id='camera')
        yield stamp + 1, 'camera_info', camera_info(poses, header)
        depth = world / 'depth' / f'{frame.number:06d}.png'
        if depth.is_file():
            yield stamp + 2, 'depth', depth_image(depth, header)
        yield stamp + 3, 'image', write_image(frame.load(), 'bgr8', header)
        yield stamp + 4, 'detections', write_detections(frame.detections, header)
        yield stamp + BESIDE + 5, 'transforms', robot(poses, frame.number, stamp + BESIDE)


def write_bag(path: Path, rows) -> Path:
    """Write (time of reception, role, message)."""
    store = typestore()
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {}
        for received, role, message in rows:
            if role not in connections:
                connections[role] = writer.add_connection(*TOPICS[role], typestore=store)
            writer.write(connections[role], received, serialize_message(message))
    return path


def numbered_as(arrays: list, other: list) -> list:
    """Return copies of track arrays with the session and the ids of another run of the same."""
    found = copy.deepcopy(arrays)
    first = next(index for index, message in enumerate(arrays) if message.tracks)
    shift = other[first].tracks[0].id - arrays[first].tracks[0].id
    for message in found:
        message.session = other[0].session
        message.removed_ids = [number + shift for number in message.removed_ids]
        for track in message.tracks:
            track.id += shift
    return found
