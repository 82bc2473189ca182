"""Matching by overlap of predicted boxes and detections, and by reach where nothing overlaps."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import association
from deepsort_ros.tracking import boxes
from deepsort_ros.tracking.association import Matching
from deepsort_ros.tracking.association import Pairs
from deepsort_ros.tracking.claims import Claims
from deepsort_ros.tracking.stage import Observed
from deepsort_ros.tracking.table import TENTATIVE

# How much less is known of the velocity of an object that was seen once than the paper's noise
# says, which goes by its height: at 30 Hz a gate three times as wide admits 17 heights a second, a
# car that passes at 90 km/h.
SEEN_ONCE = 3.0


class ByOverlap(Claims):
    """Matches tracks that appearance left over by where they should be."""

    def by_overlap(self, candidates: NDArray[np.int64], left: NDArray[np.int64], seen: Observed,
                   limit: float) -> Matching:
        """Match by IoU."""
        row, column, cost = self._overlaps(candidates, left, seen, limit)
        if self._classes_count:
            same = self._of_class(self._table.slot[candidates[row]], seen.classes[left[column]])
            row, column, cost = row[same], column[same], cost[same]
        return self._shared_out(candidates, left, row, column, cost, limit)

    def of_another_class(self, candidates: NDArray[np.int64], left: NDArray[np.int64],
                         seen: Observed, limit: float) -> Matching:
        """Match by IoU what is of another class; of the same one it was refused before."""
        row, column, cost = self._overlaps(candidates, left, seen, limit)
        other = ~self._of_class(self._table.slot[candidates[row]], seen.classes[left[column]])
        return self._shared_out(
            candidates, left, row[other], column[other], cost[other], limit)

    def by_overlap_and_looks(self, candidates: NDArray[np.int64], left: NDArray[np.int64],
                             seen: Observed) -> Matching:
        """Match tracks that are left by overlap, except those that look different."""
        limit = self._config.max_iou_distance
        row, column, cost = self._overlaps(candidates, left, seen, limit)
        if not len(row):
            return Matching(candidates[:0], left[:0], left)
        slot, detection = self._table.slot[candidates[row]], left[column]
        possible = np.ones(len(row), dtype=bool)
        if self._classes_count:
            possible = self._of_class(slot, seen.classes[detection])
        if seen.features is not None:
            featured = (self._gallery.count(slot) > 0) & seen.described[detection]
            looked = (possible & featured).nonzero()[0]
            possible[looked] = self._gallery.distance(
                slot[looked], seen.features[detection[looked]], self._config.nearest_features,
            ) <= self._config.second_look * self._limit
            lost = self._table.time_since_update[candidates[row]] > 1
            if self._config.feature_interval and lost.any():
                # Those compared, or that would not have been compared had there been a feature.
                compared = self.compared(candidates, left, seen)[row, column]
                possible &= ~lost | featured | ~compared
        return self._shared_out(
            candidates, left, row[possible], column[possible], cost[possible], limit)

    def _overlaps(self, candidates: NDArray[np.int64], left: NDArray[np.int64], seen: Observed,
                  limit: float) -> tuple[NDArray[np.int64], NDArray[np.int64],
                                         NDArray[np.float64]]:
        """Return places in ``candidates`` and ``left`` of pairs within the limit, and 1 - IoU."""
        if not len(candidates) or not len(left):
            return candidates[:0], left[:0], np.empty(0)
        return boxes.overlapping(
            seen.predicted.take(candidates, axis=1), seen.edges.take(left, axis=1), 1.0 - limit)

    @staticmethod
    def _shared_out(candidates: NDArray[np.int64], left: NDArray[np.int64],
                    row: NDArray[np.int64], column: NDArray[np.int64], cost: NDArray[np.float64],
                    limit: float) -> Matching:
        if not len(row):
            return Matching(candidates[:0], left[:0], left)
        matching = association.share_out(Pairs(row, left[column], cost), left, limit)
        return Matching(candidates[matching.row], matching.column, matching.left)

    def by_overlap_alone(self, free: NDArray[np.bool_], within_age: NDArray[np.bool_],
                         recent: NDArray[np.bool_], left: NDArray[np.int64], seen: Observed,
                         before: list[Matching]) -> list[Matching]:
        """Match new tracks and those just seen by overlap, then lost ones not looked at."""
        confirmed = self._table.state > TENTATIVE
        # The reference takes these rows out of a Python set. Their order decides nothing but
        # how the solver breaks ties, and with it the numbers of new tracks.
        unmatched = set(confirmed.nonzero()[0].tolist())
        taken = set[int]().union(*(stage.row.tolist() for stage in before))
        unmatched = unmatched - taken if seen.features is not None or taken else unmatched
        candidates = np.fromiter(unmatched, np.int64, len(unmatched))
        candidates = candidates[(free & recent)[candidates]]
        candidates = np.concatenate(((free & ~confirmed).nonzero()[0], candidates))
        limit = self._config.max_iou_distance
        stages = [self._in_order(candidates, left, seen, limit)]
        left = stages[-1].left
        lost = (free & within_age & ~recent).nonzero()[0]
        if len(lost) and len(left):
            compared = self.compared(lost, left, seen)
            if not compared.all():
                stages.append(self._in_order(lost, left, seen, limit, compared))
        return stages

    def _in_order(self, candidates: NDArray[np.int64], left: NDArray[np.int64],
                  seen: Observed, limit: float,
                  excluded: NDArray[np.bool_] | None = None) -> Matching:
        """Match by IoU, what is left in the paper's order: new tracks get its numbers."""
        if not len(candidates) or not len(left):
            return Matching(candidates[:0], left[:0], left)
        cost = boxes.distances(seen.predicted[:, candidates], seen.edges[:, left])
        if self._classes_count:
            cost[~self._of_class(self._table.slot[candidates][:, None], seen.classes[left])] = (
                association.INADMISSIBLE)
        if excluded is not None:
            cost[excluded] = association.INADMISSIBLE
        matching = association.assign(cost, limit)
        return Matching(
            candidates[matching.row], left[matching.column], left[matching.left])

    def by_reach(self, candidates: NDArray[np.int64], left: NDArray[np.int64],
                 seen: Observed) -> Matching:
        """
        Match tracks that are one image old in their motion gates, where no other wants the same.

        The gate is wider than the paper's: nothing is known of their velocity. From then on it
        is, and boxes must overlap where it takes the track.

        :param candidates: new tracks; :param left: detections.
        """
        candidates = candidates[self._table.age[candidates] == 2]
        if not len(candidates):
            return Matching(candidates, left[:0], left)
        mean, _, _, cross, _, velocity_variance = self._table.kalman.take(candidates, axis=1)
        spread = seen.spread[candidates]
        # What the velocity has added to the variance of the place.
        added = cross[:, :2] ** 2 / velocity_variance[:, :2]
        spread[:, :2] += (SEEN_ONCE ** 2 - 1.0) * added
        row, column = association.gate(mean, spread, seen.measurement[left])
        if self._classes_count:
            same = self._of_class(self._table.slot[candidates[row]], seen.classes[left[column]])
            row, column = row[same], column[same]
        if seen.features is not None and len(row):
            slot = self._table.slot[candidates[row]]
            known = ((self._gallery.count(slot) > 0) & seen.described[left[column]]).nonzero()[0]
            alike = np.ones(len(row), dtype=bool)
            alike[known] = self._gallery.distance(
                slot[known], seen.features[left[column[known]]], self._config.nearest_features,
            ) <= self._limit
            row, column = row[alike], column[alike]
        if not len(row):
            return Matching(candidates[:0], left[:0], left)
        alone = ~association.rivals(row, column)
        open_column = np.ones(len(left), dtype=bool)
        open_column[column[alone]] = False
        return Matching(candidates[row[alone]], left[column[alone]], left[open_column])
