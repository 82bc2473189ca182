"""
Pair images with the detections computed from them, by stamp.

Synchronisers that evict the smallest stamp pair wrongly once a bag loops: after the jump back
the smallest stamp is the newest message. Here the oldest *arrival* goes, and a jump back clears
what waited.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Generic
from typing import TypeVar

from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.settings import Settings

Image = TypeVar('Image')
DetectionArray = TypeVar('DetectionArray')


@dataclass
class PairingCounts:
    """
    What became of every message; each ends in exactly one of these or still waits.

    :param paired: pairs handed out.
    :param assumed_empty: images handed out without detections, after waiting long enough.
    :param detections_late: detections that came when their image, or a newer one, had been
        handed out without.
    :param image_without_detections: images evicted, or overtaken by a newer pair.
    :param detections_without_image: detections evicted, or overtaken by a newer pair.
    :param duplicates: messages whose stamp already waited on the same input.
    :param cleared: messages that waited when time jumped back.
    :param jumps: jumps back seen, each input on its own.
    """

    paired: int = 0
    assumed_empty: int = 0
    detections_late: int = 0
    image_without_detections: int = 0
    detections_without_image: int = 0
    duplicates: int = 0
    cleared: int = 0
    jumps: int = 0


class _Input(dict[int, tuple[float, object]]):
    """What waits on one input: stamp -> (arrival, message), in order of arrival."""

    last: int | None = None


class Pairer(Generic[Image, DetectionArray]):
    """
    Exact-stamp pairer; not thread-safe.

    :param depth: messages that wait per input; must exceed the detector's lag in images.
    :param tolerance: largest stamp difference of a pair, in nanoseconds; the nearest waiting
        stamp wins; 0 pairs equal stamps only.
    :param jump: a stamp further back than this, in nanoseconds, is a jump in time.
    :param patience: seconds after which an image without detections is :meth:`overdue`; 0 waits
        for them until there is no more room.
    """

    def __init__(self, depth: int, tolerance: int = 0, jump: int = 1_000_000_000,
                 patience: float = 0.0) -> None:
        """Start with nothing waiting."""
        self.depth = depth
        self.tolerance = tolerance
        self.jump = jump
        self.patience = patience
        self.counts = PairingCounts()
        self._images = _Input()
        self._detections = _Input()
        self._ahead: _Input | None = None
        self._emptied: int | None = None  # stamp of the newest image assumed to be empty

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
        partner = self._add(stamp, detections, self._detections, self._images, now)
        return None if partner is None else (partner, detections)  # type: ignore[return-value]

    def overdue(self, now: float) -> list[Image]:
        """
        Hand out the images that have waited too long for detections, in the order of stamps.

        :param now: seconds, of the clock that gave the arrivals.
        """
        found: list[Image] = []
        while self.patience and self._images:
            stamp = min(self._images)
            if now - self._images[stamp][0] < self.patience:
                break
            found.append(self._images.pop(stamp)[1])  # type: ignore[arg-type]
            self.counts.assumed_empty += 1
            self._emptied = stamp
            self._drop_before(self._detections, stamp)
        return found

    def waiting(self) -> int:
        """Return how many messages wait for their partner."""
        return len(self._images) + len(self._detections)

    def clear(self) -> None:
        """Forget everything that waits."""
        self._clear(self._images)
        self._clear(self._detections)
        self._ahead = self._emptied = None

    def forget_after(self, stamp: int) -> None:
        """Forget what waits with a later stamp: the clock went back, it is of another time."""
        for waiting in (self._images, self._detections):
            for late in [s for s in waiting if s > stamp]:
                del waiting[late]
                self.counts.cleared += 1
        if self._emptied is not None and self._emptied > stamp:
            self._emptied = None

    def _add(self, stamp: int, message: object, own: _Input, other: _Input,
             now: float) -> object | None:
        if own.last is not None and own.last - stamp > self.jump:
            self._jumped_back(own, other)
        own.last = stamp
        partner = self._partner(stamp, other)
        if partner is not None:
            found = other.pop(partner)[1]
            self.counts.paired += 1
            self._ahead = None
            # The tracker takes frames in stamp order: nothing older can still be used.
            self._drop_before(own, stamp)
            self._drop_before(other, partner)
            return found
        if stamp in own:
            self.counts.duplicates += 1
            return None
        if own is self._detections and self._emptied is not None and stamp <= self._emptied:
            self.counts.detections_late += 1
            return None
        own[stamp] = now, message
        if len(own) > self.depth:
            self._drop(own, next(iter(own)))
        return None

    def _partner(self, stamp: int, other: _Input) -> int | None:
        if stamp in other:
            return stamp
        if not self.tolerance or not other:
            return None
        nearest = min(other, key=lambda candidate: abs(candidate - stamp))
        return nearest if abs(nearest - stamp) <= self.tolerance else None

    def _jumped_back(self, own: _Input, other: _Input) -> None:
        self.counts.jumps += 1
        self._clear(own)
        if own is self._images or self._ahead is not other:
            self._emptied = None
        if self._ahead is other:
            # The other input went back before: what waits there is of the new time already.
            self._ahead = None
        else:
            self._clear(other)
            self._ahead = own

    def _clear(self, waiting: _Input) -> None:
        self.counts.cleared += len(waiting)
        waiting.clear()

    def _drop_before(self, waiting: _Input, stamp: int) -> None:
        for old in [s for s in waiting if s < stamp]:
            self._drop(waiting, old)

    def _drop(self, waiting: _Input, stamp: int) -> None:
        del waiting[stamp]
        if waiting is self._images:
            self.counts.image_without_detections += 1
        else:
            self.counts.detections_without_image += 1


def new_pairer(settings: Settings) -> Pairer[Image, DetectionArray]:
    """Return a pairer as the settings ask for."""
    return Pairer(settings.sync_depth, round(settings.sync_tolerance * NANOSECONDS),
                  round(settings.time_jump_reset * NANOSECONDS), settings.assume_empty_after)
