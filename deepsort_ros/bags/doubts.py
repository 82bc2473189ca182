"""What is strange about the messages of a bag, as the node says it of those it gets."""
from __future__ import annotations

from collections import Counter
from typing import Any

from deepsort_ros.blank import Blank
from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.pipeline.selection import Scale
from deepsort_ros.ros.frames import Tracked
from deepsort_ros.ros.health.places import Places
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.detectors import solid_type
from deepsort_ros.ros.stamps import StampEvidence
from deepsort_ros.samples import Samples
from deepsort_ros.settings import Settings

# Share of the detections outside their image that people at its border explain.
MOST_OUTSIDE = 0.05
# Seconds between the stamps of both topics that no detector takes.
APART = 1.0


class Doubts:
    """Looks at the messages of a bag as they are paired and tracked."""

    def __init__(self, settings: Settings) -> None:
        """Know nothing yet."""
        self._settings = settings
        self._evidence = StampEvidence(settings.detections_delay)
        self._scale, self._places, self._blank = Scale(), Places(), Blank()
        #: Of the images, for :func:`deepsort_ros.ros.frames.track_pair`.
        self.samples = Samples()
        self._unstamped = Counter[str]()
        self._first: dict[str, int] = {}
        self._frames: tuple[str, str] | None = None
        self._outside = self._boxes = self._tracked = self._unreadable = 0
        self._error = ''

    def message(self, role: str, stamp: int, missing: bool) -> None:
        """Take the stamp of a message, in nanoseconds, and whether it came without one."""
        self._unstamped[role] += missing
        self._first.setdefault(role, stamp)

    def pair(self, image: Any, detections: Any) -> None:
        """Take a pair."""
        self._evidence.pair(nanoseconds(image.header.stamp), nanoseconds(detections.header.stamp))
        names = image.header.frame_id, detections.header.frame_id
        if all(names) and names[0] != names[1] and solid_type(detections) is None:
            self._frames = names

    def tracked(self, tracked: Tracked) -> None:
        """Take what came of a frame."""
        self._outside += tracked.outside
        if (found := tracked.frame.detections) is not None:
            self._boxes += len(found)
            self._tracked += 1
            self._scale.take(found.score)
        self._places.take(found, tracked.size)
        if tracked.frame.image is not None and self._settings.appearance != 'off':
            self._blank.take(tracked.frame.image, tracked.frame.stamp / NANOSECONDS)
        if tracked.image_error is not None:
            self._unreadable += 1
            self._error = self._error or tracked.image_error

    def sentences(self, interval: int | None) -> list[str]:
        """
        Return what was strange, a sentence each.

        :param interval: nanoseconds between two images, None where that is not known.
        """
        instead = {'image': 'the time they were received',
                   'detections': 'the stamp of the image before them'}
        found = [f'{count} {role} messages have a stamp of zero: {instead[role]} stands in for it'
                 for role, count in self._unstamped.items() if count and role in instead]
        if problem := self._evidence.problem(interval):
            found.append(problem)
        if self._frames is not None:
            found.append(f'detections have the frame_id {self._frames[1]!r} and their images '
                         f'{self._frames[0]!r}: are they of the same camera?')
        if self._tracked and not self._boxes:
            found.append(f'none of {self._tracked} detections messages has a box')
        found += [text for text in (
            self._scale.words(self._settings), self._places.changes(), self.samples.words(),
            self._blank.words()) if text]
        if canvas := self._places.problem():
            found.append(canvas)
        elif self._boxes and self._outside > MOST_OUTSIDE * self._boxes:
            found.append(f'{self._outside} of {self._boxes} detections lie outside their image: '
                         'does the detector see images of another size?')
        return found

    def unreadable(self) -> str:
        """Return in one sentence how many images could not be read; empty when all were."""
        if not self._unreadable:
            return ''
        return (f'{self._unreadable} images cannot be read and were tracked by motion alone '
                f'({self._error})')

    def apart(self) -> str:
        """Return how far the first stamps of both topics are apart, where it is far."""
        if not {'image', 'detections'} <= self._first.keys():
            return ''
        late = (self._first['detections'] - self._first['image']) / NANOSECONDS
        if abs(late) < APART:
            return ''
        return (f'; the first detections are stamped {abs(late):.1f} s '
                f'{"after" if late > 0 else "before"} the first image')
