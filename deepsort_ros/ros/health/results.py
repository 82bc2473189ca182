"""Whether detections become tracks: what is wrong when none ever does."""
from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

import numpy as np

from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Detections

# Detections that tell something, and seconds.
ENOUGH, LONG = 20, 5.0
# Classes that are named, at most.
MOST = 5


class Results:
    """Looks at detections until the first is used and the first track is confirmed."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.above_one = 0
        self._offered = self._used = 0
        self._confirmed = False
        self._ignored = Counter[str]()
        self._best, self._classes = -np.inf, set[str]()
        self._since: float | None = None
        self._settings = Settings()

    def take(self, detections: Detections | None, ignored: Mapping[str, int], confirmed: int,
             settings: Settings) -> None:
        """Take the detections of an image, those left out by reason, and new confirmed tracks."""
        if detections is None or not len(detections):
            self._confirmed = self._confirmed or confirmed > 0
            return
        with np.errstate(invalid='ignore'):
            if settings.min_confidence <= 1.0:
                self.above_one += int((detections.score > 1.0).sum())
        self._confirmed = self._confirmed or confirmed > 0
        if self._confirmed:
            return
        self._since = time.monotonic() if self._since is None else self._since
        self._settings = settings
        self._offered += len(detections)
        self._used += len(detections) - sum(ignored.values())
        self._ignored.update(ignored)
        if not self._used:
            self._best = max(self._best, *detections.score.tolist())
            self._classes.update(map(str, detections.class_id[:MOST]))

    def problem(self) -> str:
        """Return in words why there has been no track since the start, or nothing."""
        if self._confirmed or self._since is None or self._offered < ENOUGH or (
                time.monotonic() - self._since < LONG):
            return ''
        if self._used:
            if self._used < ENOUGH:
                return ''
            return (f'{self._used} detections were used and no track was ever confirmed: boxes '
                    f'of n_init ({self._settings.n_init}) images in a row must match; is the '
                    'detector fast enough, and are its boxes in pixels of the image?')
        words = {
            'confidence': (f'below min_confidence {self._settings.min_confidence:g} (the best '
                           f'score is {self._best:g})'),
            'class': (f'not of classes {", ".join(self._settings.classes)} (there are '
                      f'{", ".join(sorted(self._classes)[:MOST])})'),
            'height': f'lower than min_box_height {self._settings.min_box_height:g}'}
        reasons = ', '.join(f'{count} {words.get(reason, reason)}'
                            for reason, count in self._ignored.items())
        return f'none of {self._offered} detections since the start was used: {reasons}'
