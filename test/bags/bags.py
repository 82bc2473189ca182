"""Bags made of sequences, as a robot would have recorded them."""
from __future__ import annotations

import itertools
from pathlib import Path

import cv2
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from sensor_msgs.msg import CompressedImage
from vision_msgs.msg import Detection2DArray

from deepsort_ros.bags.player import sequence_messages
from deepsort_ros.mot.sequence import Sequence
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.images import read_image
from deepsort_ros.ros.messages.stand_ins import typestore

TYPES = {'Image': 'sensor_msgs/msg/Image', 'CompressedImage': 'sensor_msgs/msg/CompressedImage',
         'Detection2DArray': 'vision_msgs/msg/Detection2DArray'}
# A robot's clock does not start at zero.
START = 1_700_000_000_123_456_789


def compress(image) -> CompressedImage:
    """Return the PNG of a bgr8 image message: the same pixels."""
    pixels, _ = read_image(image)
    message = CompressedImage(header=image.header, format='png')
    message.data = cv2.imencode('.png', pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    return message


def write_messages(path: Path, messages, plugin=StoragePlugin.MCAP, image_topic='/camera/image',
                   lag: int = 5_000_000) -> Path:
    """Write messages, each received ``lag`` nanoseconds after its stamp, detections later."""
    return write_received(path, (
        (message, nanoseconds(message.header.stamp)
         + lag * (2 if isinstance(message, Detection2DArray) else 1)) for message in messages),
        plugin, image_topic)


def write_received(path: Path, messages, plugin=StoragePlugin.MCAP,
                   image_topic='/camera/image') -> Path:
    """Write (message, time of reception in nanoseconds)."""
    store = typestore()
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        connections = {}
        for message, received in messages:
            name = type(message).__name__
            topic = '/detector/detections' if name == 'Detection2DArray' else image_topic
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, TYPES[name], typestore=store)
            writer.write(connections[topic], received, serialize_message(message))
    return path


def write_sequence(path: Path, sequence: Sequence, frames: int, compressed: bool = False,
                   plugin=StoragePlugin.MCAP) -> Path:
    """Write the first frames of a sequence with their detections."""
    messages = sequence_messages(
        itertools.islice(sequence.frames(), frames), sequence.frame_rate, START)
    if compressed:
        messages = (m if isinstance(m, Detection2DArray) else compress(m) for m in messages)
    return write_messages(path, messages, plugin, '/camera/image' + (
        '/compressed' if compressed else ''))
