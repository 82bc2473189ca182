"""The order of the stages in which tracks and detections find each other."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking.by_appearance import ByAppearance
from deepsort_ros.tracking.by_overlap import ByOverlap
from deepsort_ros.tracking.config import TrackerConfig
from deepsort_ros.tracking.gallery import Gallery
from deepsort_ros.tracking.stage import Observed
from deepsort_ros.tracking.stage import Stage
from deepsort_ros.tracking.stage import TIME_TOLERANCE
from deepsort_ros.tracking.table import TENTATIVE
from deepsort_ros.tracking.table import TrackTable
from deepsort_ros.tracking.votes import ClassVotes

# Largest 1 - IoU of a match with a low-score detection, as in ByteTrack.
LOW_SCORE_IOU_DISTANCE = 0.5


class Matches(NamedTuple):
    """
    What all stages of an image found.

    :param row: (K,) matched track; :param column: (K,) its detection.
    :param left: (L,) detections that may start a track.
    :param by_reach: (J,) those of ``row`` that match without an overlap.
    :param early: (E,) new ones among ``row`` that need no more detections to be confirmed.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    left: NDArray[np.int64]
    by_reach: NDArray[np.int64]
    early: NDArray[np.int64]


class Matcher(Stage):
    """
    Matches predicted tracks and detections; reads the tracker's data and changes nothing.

    :meth:`match` runs the stages in their order (arXiv 1703.07402, listing 1, and what came
    after it); each works on what the ones before left over.
    """

    def __init__(self, table: TrackTable, gallery: Gallery, votes: ClassVotes,
                 config: TrackerConfig) -> None:
        """Look at the data of a tracker."""
        super().__init__(table, gallery, votes, config)
        self._appearance = ByAppearance(table, gallery, votes, config)
        self._overlap = ByOverlap(table, gallery, votes, config)
        # What the demand for features asks.
        self.settled = self._overlap.settled
        self.claims = self._overlap.claims

    def match(self, seen: Observed) -> Matches:
        """Return the matches of all stages, rows and detections, and the high ones left over."""
        table = self._table
        confirmed = table.state > TENTATIVE
        within_age = confirmed & (table.elapsed <= self._config.max_age + TIME_TOLERANCE)
        free = (table.state >= TENTATIVE) & (table.elapsed <= self.longest_age)
        left = seen.high.nonzero()[0]
        recent = table.time_since_update == 1
        fit = self._gallery.fit
        if self._config.adapt_distance and seen.features is not None and fit.due():
            fit.take(*self._overlap.known_distances(seen, seen.features))
        compared = within_age
        stages = []
        if self._config.feature_interval:
            stages.append(self._overlap.settled_pairs(left, seen, recent))
            left = stages[-1].left
            free[stages[-1].row] = False
            compared = within_age & (free | ~recent)
        if seen.features is not None:
            stages.append(self._appearance.match(
                compared.nonzero()[0], left, seen, seen.features))
            left = stages[-1].left
            free[stages[-1].row] = False

        if self._config.second_look:
            known = free & (within_age | recent | ~confirmed)
            stages.append(self._overlap.by_overlap_and_looks(known.nonzero()[0], left, seen))
            free[stages[-1].row] = False
        else:
            for stage in self._overlap.by_overlap_alone(
                    free, within_age, recent, left, seen, stages):
                stages.append(stage)
                free[stage.row] = False
        left = stages[-1].left
        reached = left[:0]
        if self._config.reach and len(left):
            stages.append(self._overlap.by_reach((free & ~confirmed).nonzero()[0], left, seen))
            reached, left = stages[-1].row, stages[-1].left
            free[reached] = False

        change = self._classes_count and self._share < 1.0
        if change and len(left):
            stages.append(self._overlap.of_another_class(
                (free & recent).nonzero()[0], left, seen,
                1.0 - self._config.class_change_overlap))
            left = stages[-1].left
            free[stages[-1].row] = False

        low = (~seen.high).nonzero()[0]
        if len(low):
            seen_last = free & within_age & recent
            stages.append(self._overlap.by_overlap(
                seen_last.nonzero()[0], low, seen, LOW_SCORE_IOU_DISTANCE))
            if change and len(stages[-1].left):
                seen_last[stages[-1].row] = False
                limit = min(LOW_SCORE_IOU_DISTANCE, 1.0 - self._config.class_change_overlap)
                stages.append(self._overlap.of_another_class(
                    seen_last.nonzero()[0], stages[-1].left, seen, limit))
        row = np.concatenate([stage.row for stage in stages])
        column = np.concatenate([stage.column for stage in stages])
        early = left[:0]
        if self._config.pace > 1.0 and seen.features is not None:
            early = self._early(row, column, reached, seen, seen.features)
        return Matches(row, column, left, reached, early)

    def _early(self, row: NDArray[np.int64], column: NDArray[np.int64],
               reached: NDArray[np.int64], seen: Observed, features: NDArray[np.float32],
               ) -> NDArray[np.int64]:
        """
        Return new tracks that look like their match, after as long as ``n_init`` takes at 30 Hz.

        Where images are rare, who passes is gone before the third one.
        """
        table, config = self._table, self._config
        long = self._long_enough.take(row)
        long &= (table.state.take(row) == TENTATIVE) & seen.described.take(column)
        row, column = row[long], column[long]
        known = self._gallery.count(table.slot[row]) > 0
        known &= ~np.isin(row, reached)
        row, column = row[known], column[known]
        early: NDArray[np.int64] = row[self._gallery.distance(
            table.slot[row], features[column], config.nearest_features) <= self._limit]
        return early
