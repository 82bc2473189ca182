"""Which detections are worth tracking, and which tracks worth publishing."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import Tracks
from deepsort_ros.tracking import TrackState
from deepsort_ros.tracking.detections import non_max_suppression


def wanted(detections: Detections, settings: Settings) -> tuple[Detections, dict[str, int]]:
    """
    Return the detections worth tracking, best score first, and how many were left out and why.

    Invalid boxes, other classes, low scores and low boxes go first. Of the others those that
    overlap with a better one are left out until ``max_detections`` are found.
    """
    ignored: dict[str, int] = {}

    def keep(reason: str, mask: NDArray[np.bool_]) -> None:
        nonlocal detections
        count = int(len(mask) - np.count_nonzero(mask))
        if count:
            ignored[reason] = count
            detections = detections.select(mask)

    keep('invalid', detections.valid())
    if settings.classes:
        keep('class', np.isin(detections.class_id.astype(str), settings.classes))
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
