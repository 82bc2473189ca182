"""
Stamps of messages, also of those that have none.

A stamp of zero says that its driver sets no stamps. An image then counts as taken when it is
received; detections then belong to the image that came last before them.
"""
from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any
from typing import TYPE_CHECKING

from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.ros.messages.types import CompressedImage
from deepsort_ros.ros.messages.types import Detection2DArray
from deepsort_ros.ros.messages.types import Image
from deepsort_ros.ros.pairing import ROUNDING

if TYPE_CHECKING:
    from rclpy.clock import ROSClock

MILLISECOND = 1_000_000
# Newest pairs whose stamps are looked at, and how many of them tell something.
LOOKED_AT = 50
ENOUGH = 20


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
        is_image = isinstance(message, (Image, CompressedImage))
        if missing:
            stamp = received if is_image or self._newest is None else self._newest
            message.header.stamp = time_message(stamp)
        if is_image:
            self._newest = stamp
        return stamp, missing


class StampEvidence:
    """What the stamps of pairs tell about a detector that sets stamps of its own."""

    def __init__(self, delay: float) -> None:
        """Know nothing yet; ``delay`` [s] is what the settings say."""
        self._delay = round(delay * NANOSECONDS)
        self._offsets: deque[int] = deque(maxlen=LOOKED_AT)
        self._copied: deque[bool] = deque(maxlen=LOOKED_AT)

    def pair(self, image: int, detections: int) -> None:
        """Take the stamps of a pair, in nanoseconds."""
        offset = detections - image
        self._offsets.append(offset)
        # Copied, but carried as seconds in a float, or cut to milliseconds.
        self._copied.append(abs(offset) <= ROUNDING or (
            detections % MILLISECOND == 0 and abs(offset) <= MILLISECOND))

    def problem(self, interval: int | None) -> str:
        """
        Return in words that pairs are systematically off, or nothing.

        :param interval: nanoseconds between two images, None where that is not known.
        """
        if len(self._offsets) < ENOUGH or sum(self._copied) * 2 > len(self._copied):
            return ''
        offset = sorted(self._offsets)[len(self._offsets) // 2]
        found = f'{offset / MILLISECOND:.1f} ms'
        if self._delay:
            error = offset - self._delay
            if abs(error) <= (interval or 0) / 4:
                return ''
            return (f'detections are stamped {found} after the image they are paired with, not '
                    f'detections_delay: it is off by {error / MILLISECOND:.1f} ms, or by that and '
                    f'whole images')
        step = interval or 0
        maybe = ', '.join(f'{(offset % step + n * step if step else offset) / NANOSECONDS:.3f}'
                          for n in range(4 if step else 1))
        return (f'detections are stamped {found} after the image they are paired with: the '
                f'detector sets stamps of its own, and pairs may be off by whole images. Have it '
                f'copy the header of its image, or set detections_delay to the time it takes '
                f'({maybe} s are possible)')


def missing_stamps(name: str, publishers: Iterable[Any]) -> str:
    """
    Return in words that an input has no stamps, whose fault it is and what is done.

    :param publishers: ``TopicEndpointInfo``, whose module has another name in Lyrical.
    """
    nodes = {f'{p.node_namespace.rstrip("/")}/{p.node_name}' for p in publishers}
    instead = 'the time they arrive' if name == 'image' else 'the stamp of the last image'
    return (f'messages with a stamp of zero, published by {", ".join(sorted(nodes)) or "none"}: '
            f'{instead} stands in for it')


def clock_problem(clock: ROSClock) -> str:
    """Return in words why a node's clock cannot be used, or nothing."""
    if clock.ros_time_is_active and not clock.now().nanoseconds:
        return 'use_sim_time is true, but no time has come on /clock'
    return ''
