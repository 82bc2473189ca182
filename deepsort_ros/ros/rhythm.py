"""
The rhythm of a detector: which images it skips, and when its answer is due.

Many detectors take every second or third image, or the newest one when they are done with the one
before. An image they skip says nothing about who is there; an image whose answer was due and did
not come is an empty one, for a detector that is silent when it finds nothing.
"""
from __future__ import annotations

from collections import deque

from deepsort_ros.pipeline import NANOSECONDS

# Intervals that are remembered, of images and of answers.
MEMORY = 20
# Of answers, intervals up to this many times the median are the detector's; longer ones are
# silence. Of these the longest counts except one in MEMORY: an image may be lost.
SILENCE = 2.0
SHARE = 0.9
# With fewer intervals between answers the next one may still be longer.
ENOUGH = 5
# By how much, in images, a gap of a steady stream may differ from a whole number of images.
STEADY = 0.25
# Nanoseconds after a first answer in which it is unknown when the second is due.
UNKNOWN = NANOSECONDS


class Rhythm:
    """Learns from stamps, in nanoseconds, how often a detector answers; not thread-safe."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._images: deque[int] = deque(maxlen=MEMORY)
        self._answers: deque[int] = deque(maxlen=MEMORY)
        self.forget()

    def forget(self) -> None:
        """Forget where the stamps are, as when they jump back; what was learnt stays."""
        self._image: int | None = None
        self._answer: int | None = None
        # Stamps that had their answer, or at which one was due and did not come.
        self._slots: deque[int] = deque(maxlen=2 * MEMORY)

    def image(self, stamp: int) -> None:
        """Take the stamp of an image."""
        if self._image is not None and stamp > self._image:
            self._images.append(stamp - self._image)
        self._image = stamp if self._image is None else max(stamp, self._image)

    def answered(self, stamp: int) -> None:
        """Take the stamp of an image that has its detections."""
        if self._answer is not None and stamp > self._answer:
            self._answers.append(stamp - self._answer)
        self._answer = stamp if self._answer is None else max(stamp, self._answer)
        self._slots.append(stamp)

    @property
    def image_interval(self) -> int | None:
        """Return the usual time from image to image, None while unknown."""
        return sorted(self._images)[len(self._images) // 2] if self._images else None

    @property
    def gaps(self) -> float:
        """Return the share of images missing from a steady stream, 0.0 while unknown."""
        usual = self.image_interval
        if usual is None or len(self._images) < ENOUGH:
            return 0.0
        steps = [interval / usual for interval in self._images]
        missing = sum(round(step) - 1 for step in steps
                      if step >= 1.5 and abs(step - round(step)) <= STEADY)
        return missing / (missing + len(steps))

    @property
    def interval(self) -> int | None:
        """Return the longest usual time from answer to answer, None while unknown."""
        if not self._answers:
            return None
        ordered = sorted(self._answers)
        limit = SILENCE * ordered[len(ordered) // 2]
        usual = [interval for interval in ordered if interval <= limit]
        longest = usual[min(int(SHARE * len(usual)), len(usual) - 1)]
        return longest if len(self._answers) >= ENOUGH else round(SILENCE * longest)

    def skips(self, stamp: int) -> bool:
        """
        Return whether the detector skips this image, so that it says nothing about who is there.

        When it does not, the image takes the place of the answer that was due.
        """
        before = [slot for slot in self._slots if slot < stamp]
        if not before:
            return False
        interval = self.interval
        if interval is None:
            due = max(before) + UNKNOWN
        else:
            # An image may come a little early.
            due = max(before) + interval - min(self.image_interval or interval, interval) // 2
        if stamp < due:
            return True
        self._slots.append(stamp)
        return False
