"""
Pair images with the detections computed from them, by stamp.

Synchronisers that evict the smallest stamp pair wrongly once a bag loops: after the jump back
the smallest stamp is the newest message. Here the oldest *arrival* goes, and a jump back clears
what waited.
"""
from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic
from typing import NamedTuple
from typing import TypeVar

from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.ros.rhythm import Rhythm
from deepsort_ros.settings import Settings

Image = TypeVar('Image')
DetectionArray = TypeVar('DetectionArray')

# Nanoseconds by which equal stamps may differ: detectors carry them as seconds in a float.
ROUNDING = 500
# Stamps of pairs that are remembered, to know a second message for the same image.
REMEMBERED = 100


@dataclass
class PairingCounts:
    """
    What became of every message; each ends in exactly one of these or still waits.

    :param paired: pairs handed out.
    :param assumed_empty: images handed out as empty, their detections did not come in time.
    :param skipped: images handed out to be predicted, their detector skips them.
    :param detections_late: detections that came when their image, or a newer one, had been
        handed out without.
    :param image_without_detections: images evicted, or overtaken by a newer pair.
    :param detections_without_image: detections evicted, or overtaken by a newer pair.
    :param detections_behind: of them, those whose image had come and had to make room.
    :param duplicates: messages whose stamp already waited, or was paired, on the same input.
    :param duplicate_detections: of them, those that are detections.
    :param cleared: messages that waited when time jumped back.
    :param jumps: jumps back seen, each input on its own.
    """

    paired: int = 0
    assumed_empty: int = 0
    skipped: int = 0
    detections_late: int = 0
    image_without_detections: int = 0
    detections_without_image: int = 0
    detections_behind: int = 0
    duplicates: int = 0
    duplicate_detections: int = 0
    cleared: int = 0
    jumps: int = 0


class Unanswered(NamedTuple, Generic[Image]):
    """
    An image without detections.

    :param skipped: its detector skips it; otherwise it is an empty one.
    """

    image: Image
    skipped: bool


class _Input(dict[int, tuple[float, object]]):
    """What waits on one input: stamp -> (arrival, message), in order of arrival."""

    def __init__(self) -> None:
        super().__init__()
        self.last: int | None = None
        self.paired: deque[int] = deque(maxlen=REMEMBERED)
        self.crowded_out: deque[int] = deque(maxlen=REMEMBERED)


class Pairer(Generic[Image, DetectionArray]):
    """
    Exact-stamp pairer; not thread-safe.

    :param depth: messages that wait per input; must exceed the detector's lag in images.
    :param tolerance: largest stamp difference of a pair, in nanoseconds; the nearest waiting
        stamp wins; 0 pairs equal stamps only.
    :param jump: a stamp further back than this, in nanoseconds, is a jump in time.
    :param patience: seconds after which an image without detections is :meth:`overdue`; 0 waits
        for them until there is no more room.
    :param delay: by how much detections are stamped later than their image, in nanoseconds.
    :param keep_passed: keep the images that have to go for others, for :meth:`passed`.
    :ivar rhythm: of the detector, learnt from what comes.
    """

    def __init__(self, depth: int, tolerance: int = 0, jump: int = 1_000_000_000,
                 patience: float = 0.0, delay: int = 0, keep_passed: bool = False) -> None:
        """Start with nothing waiting."""
        self.depth = depth
        self.tolerance = tolerance
        self.jump = jump
        self.patience = patience
        self.delay = delay
        self.keep_passed = keep_passed
        self.counts = PairingCounts()
        self.rhythm = Rhythm()
        self._images = _Input()
        self._detections = _Input()
        self._passed: dict[int, object] = {}
        self._ahead: _Input | None = None
        self._emptied: int | None = None  # stamp of the newest image handed out alone
        self._handed: int | None = None  # or with detections

    def add_image(self, stamp: int, image: Image,
                  now: float = 0.0) -> tuple[Image, DetectionArray] | None:
        """
        Take an image; return the pair it completes.

        :param stamp: nanoseconds; :param now: time of arrival, in seconds of any clock.
        """
        partner = self._add(stamp, image, self._images, self._detections, now)
        return None if partner is None else (image, partner)  # type: ignore[return-value]

    def add_detections(self, stamp: int, detections: DetectionArray,
                       now: float = 0.0) -> tuple[Image, DetectionArray] | None:
        """Take detections, see :meth:`add_image`; return the pair they complete."""
        partner = self._add(
            stamp - self.delay, detections, self._detections, self._images, now)
        return None if partner is None else (partner, detections)  # type: ignore[return-value]

    def passed(self) -> list[Unanswered[Image]]:
        """
        Hand out the images that had to go, in the order of stamps.

        To be asked after each message: they come before the pair that it completed.
        """
        found, self._passed = self._passed, {}
        return [self._alone(stamp, image) for stamp, image in sorted(found.items())]

    def overdue(self, now: float) -> list[Unanswered[Image]]:
        """
        Hand out the images that have waited too long for detections, in the order of stamps.

        :param now: seconds, of the clock that gave the arrivals.
        """
        found: list[Unanswered[Image]] = []
        while self.patience and self._images:
            stamp = min(self._images)
            if now - self._images[stamp][0] < self.patience:
                break
            found.append(self._alone(stamp, self._images.pop(stamp)[1]))
            self._drop_before(self._detections, stamp)
        return found

    def awaits(self, stamp: int) -> bool:
        """Return whether an image of this very stamp waits."""
        return stamp in self._images

    def waiting(self) -> int:
        """Return how many messages wait for their partner."""
        return len(self._images) + len(self._detections)

    def clear(self) -> None:
        """Forget everything that waits."""
        for waiting in (self._images, self._detections):
            self._clear(waiting)
        self._ahead = self._emptied = self._handed = None
        self.rhythm.forget()

    def forget_after(self, stamp: int) -> None:
        """Forget what waits with a later stamp: the clock went back, it is of another time."""
        for waiting in (self._images, self._detections):
            for late in [s for s in waiting if s > stamp]:
                del waiting[late]
                self.counts.cleared += 1
        if self._emptied is not None and self._emptied > stamp:
            self._emptied = None
        if self._handed is not None and self._handed > stamp:
            self._handed = None
            self.rhythm.forget()

    def _add(self, stamp: int, message: object, own: _Input, other: _Input,
             now: float) -> object | None:
        if own.last is not None and own.last - stamp > self.jump:
            self._jumped_back(own, other)
        own.last = stamp
        if own is self._images:
            self.rhythm.image(stamp)
        if stamp in own or stamp in own.paired:
            self.counts.duplicates += 1
            self.counts.duplicate_detections += own is self._detections
            return None
        if own is self._detections:
            self.rhythm.answered(stamp)
        partner = self._partner(stamp, other)
        if partner is not None:
            found = other.pop(partner)[1]
            self.counts.paired += 1
            self._ahead = None
            own.paired.append(stamp)
            other.paired.append(partner)
            # The tracker takes frames in stamp order: nothing older can still be used.
            self._drop_before(own, stamp)
            self._drop_before(other, partner)
            self._handed = stamp if own is self._images else partner
            return found
        if own is self._detections and self._emptied is not None and stamp <= self._emptied:
            self.counts.detections_late += 1
            return None
        own[stamp] = now, message
        if len(own) > self.depth:
            oldest = next(iter(own))
            own.crowded_out.append(oldest)
            self._drop(own, oldest)
        return None

    def _partner(self, stamp: int, other: _Input) -> int | None:
        if stamp in other:
            return stamp
        if not self.tolerance or not other:
            return None
        nearest = min(other, key=lambda candidate: abs(candidate - stamp))
        return nearest if abs(nearest - stamp) <= self.tolerance else None

    def _alone(self, stamp: int, image: object) -> Unanswered[Image]:
        skipped = self.rhythm.skips(stamp)
        if skipped:
            self.counts.skipped += 1
        else:
            self.counts.assumed_empty += 1
        self._emptied = max(stamp, self._emptied or stamp)
        self._handed = max(stamp, self._handed or stamp)
        return Unanswered(image, skipped)  # type: ignore[arg-type]

    def _jumped_back(self, own: _Input, other: _Input) -> None:
        self.counts.jumps += 1
        self._clear(own)
        if own is self._images or self._ahead is not other:
            self._emptied = self._handed = None
            self.rhythm.forget()
        if self._ahead is other:
            # The other input went back before: what waits there is of the new time already.
            self._ahead = None
        else:
            self._clear(other)
            self._ahead = own

    def _clear(self, waiting: _Input) -> None:
        self.counts.cleared += len(waiting)
        waiting.clear()
        waiting.paired.clear()
        waiting.crowded_out.clear()

    def _drop_before(self, waiting: _Input, stamp: int) -> None:
        for old in [s for s in waiting if s < stamp]:
            self._drop(waiting, old)

    def _drop(self, waiting: _Input, stamp: int) -> None:
        _, message = waiting.pop(stamp)
        if waiting is self._detections:
            self.counts.detections_without_image += 1
            self.counts.detections_behind += stamp in self._images.crowded_out
        elif self.keep_passed and (self._handed is None or stamp > self._handed):
            self._passed[stamp] = message
        else:
            self.counts.image_without_detections += 1


def new_pairer(settings: Settings) -> Pairer[Image, DetectionArray]:
    """Return a pairer as the settings ask for."""
    return Pairer(
        settings.sync_depth, max(round(settings.sync_tolerance * NANOSECONDS), ROUNDING),
        round(settings.time_jump_reset * NANOSECONDS), settings.assume_empty_after,
        round(settings.detections_delay * NANOSECONDS), settings.publish_predicted)
