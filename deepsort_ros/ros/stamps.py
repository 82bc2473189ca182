"""
Stamps of messages, also of those that have none.

A stamp of zero says that its driver sets no stamps. An image then counts as taken when it is
received; detections then belong to the image that came last before them.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from typing import TYPE_CHECKING

from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.ros.messages.types import CompressedImage
from deepsort_ros.ros.messages.types import Detection2DArray
from deepsort_ros.ros.messages.types import Image

if TYPE_CHECKING:
    from rclpy.clock import ROSClock


class Stamps:
    """Stamps the messages of one pair of topics that come without."""

    def __init__(self) -> None:
        """Start before the first image."""
        self._newest: int | None = None

    def of(self, message: Image | CompressedImage | Detection2DArray,
           received: int) -> tuple[int, bool]:
        """
        Return the stamp of a message in nanoseconds, and whether it came without.

        One that came without is stamped here.

        :param received: nanoseconds, on the clock of the stamps.
        """
        stamp = nanoseconds(message.header.stamp)
        missing = stamp == 0
        is_image = not isinstance(message, Detection2DArray)
        if missing:
            stamp = received if is_image or self._newest is None else self._newest
            message.header.stamp = time_message(stamp)
        if is_image:
            self._newest = stamp
        return stamp, missing


def missing_stamps(name: str, publishers: Iterable[Any]) -> str:
    """
    Return in words that an input has no stamps, whose fault it is and what is done.

    :param publishers: ``TopicEndpointInfo``, whose module has another name in Lyrical.
    """
    nodes = {f'{p.node_namespace.rstrip("/")}/{p.node_name}' for p in publishers}
    instead = 'the time they arrive' if name == 'image' else 'the stamp of the last image'
    return (f'messages with a stamp of zero, published by {", ".join(sorted(nodes)) or "nobody"}: '
            f'{instead} stands in for it')


def clock_problem(clock: ROSClock) -> str:
    """Return in words why a node's clock cannot be used, or nothing."""
    if clock.ros_time_is_active and not clock.now().nanoseconds:
        return 'use_sim_time is true, but no time has come on /clock'
    return ''
