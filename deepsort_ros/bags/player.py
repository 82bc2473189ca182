"""Play images and detections over DDS to a running tracker, and collect its tracks."""
from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import TypeAlias

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray

from deepsort_ros.mot.sequence import SequenceFrame
from deepsort_ros.msg import TrackArray
from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.ros.messages.conversions import write_detections
from deepsort_ros.ros.messages.images import write_image
from deepsort_ros.ros.pairing import Pairer

Message: TypeAlias = Image | CompressedImage | Detection2DArray


# Seconds: what is lost is sent again after the first, the second is what discovery may take
# to reach the other side too.
RESEND = 5.0
DISCOVERY = 0.5


class PlayerError(RuntimeError):
    """The tracker does not answer; the message says what was waited for."""


@dataclass
class Played:
    """
    What came back.

    :param tracks: in order of arrival.
    :param latencies: seconds from publishing the later message of a pair to its tracks.
    :param pairs: pairs published.
    """

    tracks: list[TrackArray] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    pairs: int = 0


def sequence_messages(frames: Iterable[SequenceFrame], frame_rate: float, start: int = 0,
                      frame_id: str = 'camera') -> Iterator[Message]:
    """
    Yield every frame's image, then its detections, as messages.

    :param frame_rate: Hz, between stamps, where frames have no time of their own.
    :param start: stamp of the first frame, nanoseconds.
    :raises PlayerError: a frame without an image.
    """
    for count, frame in enumerate(frames):
        seconds = count / frame_rate if frame.time is None else frame.time
        stamp = start + round(seconds * NANOSECONDS)
        header = Header(stamp=time_message(stamp), frame_id=frame_id)
        image = frame.load()
        if image is None:
            raise PlayerError(f'frame {frame.number} has no image')
        yield write_image(image, 'bgr8', header)
        yield write_detections(frame.detections, header)


class Player:
    """
    A node that publishes images and detections and subscribes to the tracks.

    Big images need the Fast DDS profile ``config/large_images.xml`` in this process: its path in
    the variable of :func:`deepsort_ros.ros.distro.profiles_variable` before ROS starts.

    :param compressed: publish CompressedImage on ``image/compressed``.
    :param context: a ROS context of the caller's, the default one when None.
    """

    def __init__(self, image_topic: str = 'image', detections_topic: str = 'detections',
                 tracks_topic: str = 'tracks', compressed: bool = False, namespace: str = '',
                 context: Context | None = None) -> None:
        """Create the node; ROS must be initialised."""
        self._node = Node('player', namespace=namespace, context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        qos = QoSProfile(depth=10)
        self._images = self._node.create_publisher(
            CompressedImage if compressed else Image,
            image_topic + ('/compressed' if compressed else ''), qos)
        self._detections = self._node.create_publisher(Detection2DArray, detections_topic, qos)
        self._tracks = self._node.create_subscription(
            TrackArray, tracks_topic, self._received, QoSProfile(depth=1000))
        self._sent: dict[int, float] = {}
        self._played = Played()
        self._arrived = 0.0
        self._on_tracks: Callable[[TrackArray], Any] | None = None

    def wait_for_tracker(self, timeout: float = 60.0) -> None:
        """
        Wait until a tracker subscribes to both topics and publishes tracks.

        :raises PlayerError: not within ``timeout`` seconds.
        """
        def publishers() -> int:
            # Subscriptions of Humble do not count them.
            count: int = self._node.count_publishers(self._tracks.topic_name)
            return count

        def connected() -> bool:
            return bool(self._images.get_subscription_count()
                        and self._detections.get_subscription_count()
                        and publishers())
        if not self._spin_until(connected, timeout):
            raise PlayerError(
                f'no tracker within {timeout:g} s: {self._images.get_subscription_count()} '
                f'subscribe to {self._images.topic_name}, '
                f'{self._detections.get_subscription_count()} to {self._detections.topic_name}, '
                f'{publishers()} publish {self._tracks.topic_name}')
        self._spin_until(lambda: False, DISCOVERY)

    def play(self, messages: Iterable[Message], rate: float | None = None,
             timeout: float = 30.0, settle: float = 2.0,
             on_tracks: Callable[[TrackArray], Any] | None = None) -> Played:
        """
        Publish messages in their order and return the tracks that came back.

        :param rate: images per second; None is lock-step: after each pair its tracks are
            awaited, so that nothing is dropped however slow the tracker is.
        :param timeout: seconds to wait for one pair's tracks in lock-step.
        :param settle: seconds without tracks that end the wait for the last ones with a rate.
        :param on_tracks: called with every TrackArray as it arrives.
        :raises PlayerError: in lock-step, no tracks for a pair within ``timeout``.
        """
        self._played, self._on_tracks, self._sent = Played(), on_tracks, {}
        pairer: Pairer[Message, Message] = Pairer(depth=100)
        due = time.monotonic()
        for message in messages:
            stamp = nanoseconds(message.header.stamp)
            if isinstance(message, Detection2DArray):
                self._detections.publish(message)
                pair = pairer.add_detections(stamp, message)
            else:
                if rate is not None:
                    self._spin_until(lambda: False, due - time.monotonic())
                    due += 1.0 / rate
                self._images.publish(message)
                pair = pairer.add_image(stamp, message)
            if pair is None:
                continue
            self._sent[stamp] = time.monotonic()
            self._played.pairs += 1
            if rate is None:
                self._await_tracks(*pair, timeout)
        self._arrived = time.monotonic()
        while self._sent and time.monotonic() - self._arrived < settle:
            self._spin_until(lambda: not self._sent, settle / 10)
        return self._played

    def close(self) -> None:
        """Destroy the node."""
        self._executor.shutdown()
        self._node.destroy_node()

    def _await_tracks(self, image: Message, detections: Message, timeout: float) -> None:
        """Wait for the tracks of a pair; best effort may lose it, so send it again."""
        end = time.monotonic() + timeout
        while not self._spin_until(
                lambda: not self._sent, min(RESEND, end - time.monotonic())):
            if time.monotonic() >= end:
                raise PlayerError(f'no tracks within {timeout:g} s for the image stamped '
                                  f'{nanoseconds(image.header.stamp)}')
            self._images.publish(image)
            self._detections.publish(detections)

    def _received(self, message: TrackArray) -> None:
        self._arrived = time.monotonic()
        sent = self._sent.pop(nanoseconds(message.header.stamp), None)
        if sent is not None:
            self._played.latencies.append(time.monotonic() - sent)
        self._played.tracks.append(message)
        if self._on_tracks is not None:
            self._on_tracks(message)

    def _spin_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        end = time.monotonic() + timeout
        while not condition():
            left = end - time.monotonic()
            if left <= 0 or not rclpy.ok(context=self._node.context):
                return False
            self._executor.spin_once(timeout_sec=min(left, 0.1))
        return True
