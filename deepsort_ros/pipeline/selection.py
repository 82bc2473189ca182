"""Which detections are worth tracking, and which tracks worth publishing."""
from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.settings import NAMED
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import Tracks
from deepsort_ros.tracking import TrackState
from deepsort_ros.tracking.detections import non_max_suppression


@lru_cache(maxsize=8)
def names_of(class_names: tuple[str, ...]) -> dict[str, str]:
    """Return class -> name, of the setting ``class_names``."""
    matches = [NAMED.fullmatch(entry) for entry in class_names]
    return {match[1].strip() if match else str(number): match[2].strip() if match else entry
            for number, (entry, match) in enumerate(zip(class_names, matches))}


def named(detections: Detections, settings: Settings) -> Detections:
    """Return detections whose classes have the names that ``class_names`` gives them."""
    if not settings.class_names:
        return detections
    names = names_of(settings.class_names)
    classes = np.empty(len(detections), dtype=object)
    classes[:] = [names.get(str(one), one) for one in detections.class_id]
    return replace(detections, class_id=classes)


def normalised(detections: Detections) -> NDArray[np.bool_]:
    """Return (N,) bool: boxes in shares of the image (0 to 1), which cannot be pixels."""
    corner, size = detections.tlwh[:, :2], detections.tlwh[:, 2:]
    small: NDArray[np.bool_] = (
        (size <= 1.0) & (corner >= -1.0) & (corner + size <= 2.0)).all(axis=1)
    return small


class Scale:
    """Looks whether scores are on the scale of the thresholds, 0 to 1."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._above = self._all = 0
        self._highest = -math.inf

    def take(self, scores: NDArray[np.float64]) -> None:
        """Take the (N,) scores of detections."""
        known = scores[np.isfinite(scores)]
        self._above += int(np.count_nonzero(known > 1.0))
        self._all += len(known)
        self._highest = max(self._highest, known.max(initial=-np.inf))

    def words(self, settings: Settings) -> str:
        """Return in words that they are not; empty where they are, or thresholds are not."""
        if not self._above or settings.min_confidence > 1:
            return ''
        return (f'{self._above} of {self._all} scores are above 1, the highest is '
                f'{self._highest:g}: min_confidence {settings.min_confidence:g} and '
                f'low_confidence {settings.low_confidence:g} apply to them as they are; set both '
                'to the scale of the detector, or have it write 0 to 1')


def wanted(detections: Detections, settings: Settings) -> tuple[Detections, dict[str, int]]:
    """
    Return the detections worth tracking, best score first, and how many were left out and why.

    Boxes that cannot be pixels, other classes, low scores and low boxes go first. Of the others
    those that overlap with a better one are left out until ``max_detections`` are found.
    """
    ignored: dict[str, int] = {}

    def keep(reason: str, mask: NDArray[np.bool_]) -> None:
        nonlocal detections
        count = int(len(mask) - np.count_nonzero(mask))
        if count:
            ignored[reason] = count
            detections = detections.select(mask)

    keep('invalid', detections.valid())
    keep('normalised', ~normalised(detections))
    detections = named(detections, settings)
    if settings.classes:
        names = names_of(settings.class_names)
        chosen = [*settings.classes, *(names.get(one, one) for one in settings.classes)]
        keep('class', np.isin(detections.class_id.astype(str), chosen))
    keep('confidence', detections.score >= min(settings.low_confidence, settings.min_confidence))
    keep('height', detections.tlwh[:, 3] >= settings.min_box_height)
    order, hidden = non_max_suppression(
        detections, settings.nms_max_overlap, settings.duplicate_overlap, settings.max_detections)
    for reason, lost in (('overlap', hidden),
                         ('max_detections', len(detections) - hidden - len(order))):
        if lost:
            ignored[reason] = lost
    return detections.select(order), ignored


def publishable(tracks: Tracks, settings: Settings) -> NDArray[np.bool_]:
    """Return which tracks ``publish_lost`` and ``publish_tentative`` ask for."""
    chosen: NDArray[np.bool_] = tracks.state == TrackState.CONFIRMED
    if settings.publish_lost:
        chosen |= tracks.state == TrackState.LOST
    if settings.publish_tentative:
        chosen |= tracks.state == TrackState.TENTATIVE
    return chosen


def published(tracks: Tracks, settings: Settings) -> Tracks:
    """Return the tracks a consumer asked for, see :func:`publishable`."""
    return tracks.select(publishable(tracks, settings))
