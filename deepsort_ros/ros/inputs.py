"""The two inputs of the node: from messages as they arrive to frames in the order of stamps."""
from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from typing import TypeAlias

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.ros.frames import ImageMessage
from deepsort_ros.ros.health.losses import Losses
from deepsort_ros.ros.health.self_report import SelfReport
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.detectors import message_class
from deepsort_ros.ros.messages.detectors import solid_type
from deepsort_ros.ros.pairing import new_pairer
from deepsort_ros.ros.pairing import Pairer
from deepsort_ros.ros.pairing import PairingCounts
from deepsort_ros.ros.pairing import Unanswered
from deepsort_ros.ros.stamps import StampEvidence
from deepsort_ros.ros.stamps import Stamps
from deepsort_ros.ros.subscribing import Subscribed
from deepsort_ros.settings import Settings

# Steady seconds after a jump back of /clock in which earlier messages may still arrive.
IN_FLIGHT = 5.0
# Seconds between the newest stamps of both inputs that no detector takes.
APART = 5.0

Offer: TypeAlias = Callable[[ImageMessage, Detection2DArray | None], None]


class Inputs:
    """
    Subscribes to images and detections and hands on frames, in the order of stamps.

    All of it runs on the executor's thread.

    :ivar enabled: while False messages are counted and ignored.
    """

    def __init__(self, node: Node, settings: Settings, report: SelfReport, offer: Offer) -> None:
        """
        Subscribe to nothing yet.

        :param offer: takes a frame; detections are None for an image that its detector skips.
        :raises SettingError: the package of ``detections_type`` is not installed.
        """
        self.enabled = True
        self._node = node
        self._settings = settings
        self._report = report
        self._offer = offer
        self._detections_class = message_class(settings.detections_type)
        self._pairer: Pairer[ImageMessage, Detection2DArray] = new_pairer(settings)
        self._stamps = Stamps()
        self._evidence = StampEvidence(settings.detections_delay)
        self._clock_went_back = -math.inf
        self._losses = Losses()
        self._size = 0
        self._newest: dict[str, int] = {}

    @property
    def counts(self) -> PairingCounts:
        """Return what became of the messages."""
        return self._pairer.counts

    def waiting(self) -> int:
        """Return how many messages wait for their partner."""
        return self._pairer.waiting()

    def problems(self) -> list[str]:
        """
        Return in words that pairs are systematically off, or that images are missing.

        To be asked about once a second.
        """
        rhythm = self._pairer.rhythm
        found = [self._evidence.problem(rhythm.image_interval)]
        if 'image' in self._report.subscriptions:
            found.append(self._losses.problem(
                time.monotonic(), self.counts, rhythm.gaps,
                self._report.subscriptions['image'].topic_name, self._size))
        return [problem for problem in found if problem]

    def apart(self) -> str:
        """Return in words how far the newest stamps of both inputs are apart, where it is far."""
        if len(self._newest) < 2:
            return ''
        late = (self._newest['detections'] - self._newest['image']) / NANOSECONDS
        if abs(late) < APART:
            return ''
        return (f'; its stamps are {abs(late):.1f} s {"later" if late > 0 else "earlier"} than '
                'those of the images: they are of another clock, or of another recording')

    def subscribe(self) -> None:
        """Subscribe to both topics."""
        compressed = self._settings.image_transport == 'compressed'
        # As image_transport does it: remapping `image` moves the compressed topic too.
        image = self._node.resolve_topic_name('image') + ('/compressed' if compressed else '')
        for name, kind, topic, callback in (
                ('image', CompressedImage if compressed else Image, image, self._on_image),
                ('detections', self._detections_class, 'detections', self._on_detections)):
            self._report.subscriptions[name] = Subscribed(
                self._node, kind, topic, callback, partial(self._report.input_qos_problem, name))

    def unsubscribe(self) -> None:
        """Take no more messages; what waits stays."""
        for subscription in self._report.subscriptions.values():
            subscription.end()
        self._report.subscriptions.clear()

    def follow(self) -> None:
        """Ask for the quality of service that the publishers offer."""
        for subscription in self._report.subscriptions.values():
            subscription.follow()

    def apply(self, settings: Settings) -> None:
        """Use other settings from the next message on."""
        self._settings = settings
        self._pairer.jump = round(settings.time_jump_reset * NANOSECONDS)

    def clear(self) -> None:
        """Forget the messages that wait."""
        self._pairer.clear()
        self._losses = Losses()

    def clock_jumped(self) -> None:
        """Forget what waits with a stamp that has not come yet: the clock went back."""
        self._clock_went_back = time.monotonic()
        limit = round(self._settings.time_jump_reset * NANOSECONDS)
        self._pairer.forget_after(self._node.get_clock().now().nanoseconds + limit)

    def assume_empty(self) -> None:
        """Hand on the images that have waited for detections for too long."""
        self._hand_on_unanswered(self._pairer.overdue(time.monotonic()))

    def _on_image(self, message: ImageMessage) -> None:
        self._take('image', self._pairer.add_image, message)

    def _on_detections(self, message: Detection2DArray) -> None:
        self._take('detections', self._pairer.add_detections, message)

    def _take(self, name: str, add: Callable[[int, Any, float], tuple[Any, Any] | None],
              message: Any) -> None:
        self._report.monitor.inputs[name].arrived()
        if not self.enabled:
            if name == 'image':
                self._report.monitor.drop('disabled')
            return
        if name == 'image':
            self._size = len(message.data)
        # Without /clock, sim time stands at zero.
        received = self._node.get_clock().now().nanoseconds or time.time_ns()
        stamp, missing = self._stamps.of(message, received)
        if missing:
            self._report.unstamped(name)
        self.assume_empty()
        pair = add(stamp, message, time.monotonic())
        self._hand_on_unanswered(self._pairer.passed())
        self._newest[name] = nanoseconds(message.header.stamp)
        if pair is not None:
            frames = [one.header.frame_id for one in pair]
            # Detections in space may be in any frame.
            if all(frames) and frames[0] != frames[1] and solid_type(pair[1]) is None:
                self._report.other_frame(*frames)
            self._evidence.pair(*(nanoseconds(one.header.stamp) for one in pair))
            self._hand_on(*pair)

    def _hand_on_unanswered(self, images: list[Unanswered[ImageMessage]]) -> None:
        for image, skipped in images:
            self._hand_on(image, None if skipped else Detection2DArray(header=image.header))

    def _hand_on(self, image: ImageMessage, detections: Detection2DArray | None) -> None:
        if self._is_of_another_time(nanoseconds(image.header.stamp)):
            self._report.monitor.drop('other_time')
        else:
            self._offer(image, detections)

    def _is_of_another_time(self, stamp: int) -> bool:
        """Return whether a frame from before a jump back of /clock arrives after it."""
        clock = self._node.get_clock()
        limit = self._settings.time_jump_reset * NANOSECONDS
        return bool(time.monotonic() - self._clock_went_back < IN_FLIGHT
                    and clock.ros_time_is_active and stamp - clock.now().nanoseconds > limit)
