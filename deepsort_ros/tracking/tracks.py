"""The tracker's output: a snapshot of all tracks after one image."""
from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking.occlusion import visibility


class TrackState(enum.IntEnum):
    """State of a track, with the numbers of ``Track.msg``."""

    TENTATIVE = 1
    CONFIRMED = 2
    LOST = 3


@dataclass(frozen=True)
class Tracks:
    """
    All tracks after one image, ascending by id, as arrays over M tracks.

    Positions are in pixels, velocities in pixels per time step (the tracker's unit of dt),
    ages in images.

    :param id: (M,) int64, >= 1, never reused.
    :param state: (M,) uint8, values of :class:`TrackState`.
    :param class_id: (M,) str (object dtype), majority class over the track.
    :param score: (M,) float64, of the last matched detection.
    :param tlwh: (M, 4) float64, filtered box (predicted box when not matched).
    :param velocity: (M, 2) float64, of the box centre.
    :param covariance: (M, 4, 4) float64, of (cx, cy, vx, vy).
    :param age: (M,) int64, images since the first detection, which counts as 1.
    :param hits: (M,) int64, images with a matched detection; one that the track did not overlap
        (``reach``) does not count, and one that confirms a track early counts as all it takes.
    :param time_since_update: (M,) int64, images since the last match, 0 when matched now.
    :param first_seen: (M,) int64, stamp of the first detection.
    :param last_seen: (M,) int64, stamp of the last matched detection.
    :param detection_index: (M,) int64, ``Detections.index`` of the match, -1 when none.
    :param feature: (M, D) float32, newest feature of the gallery, NaN rows where there is none;
        of length 0 without ``report_features``.
    :param removed_ids: (K,) int64, confirmed tracks that ended with this image for good; those
        that may come back (``reid_window``) are in neither list until they do or no more can.
    """

    id: NDArray[np.int64]
    state: NDArray[np.uint8]
    class_id: NDArray[np.object_]
    score: NDArray[np.float64]
    tlwh: NDArray[np.float64]
    velocity: NDArray[np.float64]
    covariance: NDArray[np.float64]
    age: NDArray[np.int64]
    hits: NDArray[np.int64]
    time_since_update: NDArray[np.int64]
    first_seen: NDArray[np.int64]
    last_seen: NDArray[np.int64]
    detection_index: NDArray[np.int64]
    feature: NDArray[np.float32]
    removed_ids: NDArray[np.int64]

    def __len__(self) -> int:
        """Return M."""
        return len(self.id)

    def visibility(self) -> NDArray[np.float64]:
        """
        Return (M,) the share of each box that no other track hides, 0 to 1.

        Tracks that were not seen in this image or the last one hide nothing
        (:func:`~deepsort_ros.tracking.occlusion.visibility`).
        """
        return visibility(self.tlwh, self.time_since_update <= 1)

    def select(self, chosen: NDArray[Any]) -> Tracks:
        """Return the tracks a boolean mask or an index array chooses, in its order."""
        per_track = {name: value[chosen] for name, value in vars(self).items()
                     if name != 'removed_ids'}
        return Tracks(**per_track, removed_ids=self.removed_ids)
