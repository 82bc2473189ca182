"""What the stages of matching have in common: what they look at, and who is of which class."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import kalman
from deepsort_ros.tracking.config import TrackerConfig
from deepsort_ros.tracking.gallery import Gallery
from deepsort_ros.tracking.table import TrackTable
from deepsort_ros.tracking.votes import ClassVotes

# Times within a thousandth of a step are equal: sums of rounded steps are not exact.
TIME_TOLERANCE = 1e-3

# A class with this share of the votes that a track's first class has is its class as well.
CLASS_SHARE = 0.1


def kalman_form(config: TrackerConfig) -> kalman.Form:
    """Return how the filter holds a box."""
    return kalman.SIZE if config.size_state else kalman.ASPECT


class Observed(NamedTuple):
    """
    The N detections of one image as matching sees them, and where M tracks should be.

    :param tlwh: (N, 4) boxes; :param measurement: (N, 4) as the filter's form has it.
    :param classes: (N,) int64 codes.
    :param high: (N,) bool, those that may start a track.
    :param described: (N,) bool, those with a feature, all high.
    :param features: (N, D) float32 unit rows, or None when nothing is described.
    :param edges: (5, N) :func:`boxes.edges` of the boxes.
    :param predicted: (5, M) those of all tracks, where they should be.
    :param spread: (M, 4) variance of a measurement of all tracks about their predicted mean.
    """

    tlwh: NDArray[np.float64]
    measurement: NDArray[np.float64]
    classes: NDArray[np.int64]
    high: NDArray[np.bool_]
    described: NDArray[np.bool_]
    features: NDArray[np.float32] | None
    edges: NDArray[np.float64]
    predicted: NDArray[np.float64]
    spread: NDArray[np.float64]


class Stage:
    """
    Reads the tracker's data and changes nothing.

    Stages take rows of the table that take part (``candidates``) and detections that are left
    over, and return a :class:`~deepsort_ros.tracking.association.Matching` of such rows.
    """

    def __init__(self, table: TrackTable, gallery: Gallery, votes: ClassVotes,
                 config: TrackerConfig) -> None:
        """Look at the data of a tracker."""
        self._table = table
        self._gallery = gallery
        self._votes = votes
        self._config = config
        self._form = kalman_form(config)
        self._share = CLASS_SHARE if config.class_change_overlap < 1.0 else 1.0

    @property
    def longest_age(self) -> float:
        """Return the longest time, in steps, after which a track seen last may match."""
        # A track seen in the last image may match at a full frame rate, whatever max_age is.
        return max(self._config.max_age, 1.0) + TIME_TOLERANCE

    @property
    def _limit(self) -> float:
        """Return the largest appearance distance of a match."""
        return self._gallery.fit.limit(self._config.max_cosine_distance)

    @property
    def _long_enough(self) -> NDArray[np.bool_]:
        """Return (M,) whether a match now makes tracks as old as ``n_init`` images at 30 Hz."""
        long: NDArray[np.bool_] = (
            self._table.hits * self._config.pace >= self._config.n_init - 1)
        return long

    @property
    def _classes_count(self) -> bool:
        """Return whether there is more than one class to keep apart."""
        return self._config.class_gating and self._votes.several

    def _of_class(self, slots: NDArray[np.int64], classes: NDArray[np.int64],
                  ) -> NDArray[np.bool_]:
        """Return (P,) bool, whether a class is one of its slot's; shapes may broadcast."""
        return self._votes.held(slots, classes, self._share)
