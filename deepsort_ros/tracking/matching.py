"""The stages in which tracks and detections find each other (arXiv 1703.07402, listing 1)."""
from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import association
from deepsort_ros.tracking import boxes
from deepsort_ros.tracking import demand
from deepsort_ros.tracking import kalman
from deepsort_ros.tracking.association import Matching
from deepsort_ros.tracking.association import Pairs
from deepsort_ros.tracking.config import TrackerConfig
from deepsort_ros.tracking.gallery import Gallery
from deepsort_ros.tracking.table import CONFIRMED
from deepsort_ros.tracking.table import DORMANT
from deepsort_ros.tracking.table import TENTATIVE
from deepsort_ros.tracking.table import TrackTable
from deepsort_ros.tracking.votes import ClassVotes

# Times within a thousandth of a step are equal: sums of rounded steps are not exact.
TIME_TOLERANCE = 1e-3

# Largest squared Mahalanobis distance on the ground: of a match of a lost track, and of one by
# appearance. The variances there are cautious, so that these are wider than they look.
GROUND_LIMIT = 4.0
GROUND_GATE = 20.0

# Largest 1 - IoU of a match with a low-score detection, as in ByteTrack.
LOW_SCORE_IOU_DISTANCE = 0.5

# A class with this share of the votes that a track's first class has is its class as well.
CLASS_SHARE = 0.1

# So few pairs are compared at once, whether they need to be or not.
FEW = 64


def kalman_form(config: TrackerConfig) -> kalman.Form:
    """Return how the filter holds a box."""
    return kalman.SIZE if config.size_state else kalman.ASPECT


@dataclass(frozen=True)
class Observed:
    """
    The detections of one image as matching sees them, N of them.

    :param tlwh: (N, 4) boxes; :param measurement: (N, 4) as the filter's form has it.
    :param classes: (N,) int64 codes.
    :param high: (N,) bool, those that may start a track.
    :param described: (N,) bool, those with a feature, all high.
    :param features: (N, D) float32 unit rows, or None when nothing is described.
    :param ground: (M, N) squared Mahalanobis distances of tracks and detections on the ground, NaN
        where unknown; None when there are none.
    """

    tlwh: NDArray[np.float64]
    measurement: NDArray[np.float64]
    classes: NDArray[np.int64]
    high: NDArray[np.bool_]
    described: NDArray[np.bool_]
    features: NDArray[np.float32] | None
    ground: NDArray[np.float64] | None = None


class Possible(NamedTuple):
    """
    Pairs of tracks and detections inside the gate that may look alike, each pair once.

    :param row: (P,) track, of those that take part; :param column: (P,) detection.
    :param cosine: (P,) float32, of the anchor of the track's gallery and the detection.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    cosine: NDArray[np.float32]


class Matcher:
    """
    Matches predicted tracks and detections; reads the tracker's data and changes nothing.

    :meth:`match` runs the stages in their order; each works on what the ones before left over.
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

    def longest_age(self) -> float:
        """Return the longest time, in steps, after which a track seen last may match."""
        # A track seen in the last image may match at a full frame rate, whatever max_age is.
        return max(self._config.max_age, 1.0) + TIME_TOLERANCE

    def match(self, seen: Observed) -> Matching:
        """Return the matches of all stages, rows and detections, and the high ones left over."""
        table = self._table
        confirmed = table.state > TENTATIVE
        within_age = confirmed & (table.elapsed <= self._config.max_age + TIME_TOLERANCE)
        free = (table.state >= TENTATIVE) & (table.elapsed <= self.longest_age())
        left = seen.high.nonzero()[0]
        recent = table.time_since_update == 1
        stages = [self._settled_pairs(left, seen, recent)]
        left = stages[-1].left
        free[stages[-1].row] = False
        if seen.features is not None:
            stages.append(self._by_appearance(
                (within_age & (free | ~recent)).nonzero()[0], left, seen, seen.features))
            left = stages[-1].left
            free[stages[-1].row] = False

        if self._config.second_look:
            known = free & ((within_age & ~recent) | recent | ~confirmed)
            stages.append(self._by_overlap_and_looks(known.nonzero()[0], left, seen))
        else:
            stages += self._by_overlap_alone(free, within_age, recent, left, seen, stages)
        left = stages[-1].left
        for stage in stages:
            free[stage.row] = False
        if self._config.reach and len(left):
            stages.append(self._by_reach((free & ~confirmed).nonzero()[0], left, seen))
            left = stages[-1].left
            free[stages[-1].row] = False

        if seen.ground is not None:
            stages.append(self._on_the_ground(
                (free & within_age & ~recent).nonzero()[0], left, seen, seen.ground))
            left = stages[-1].left
            free[stages[-1].row] = False

        change = self._config.class_gating and self._share < 1.0
        if change and len(left):
            stages.append(self._by_overlap((free & recent).nonzero()[0], left, seen,
                                           1.0 - self._config.class_change_overlap, gated=False))
            left = stages[-1].left
            free[stages[-1].row] = False

        low = (~seen.high).nonzero()[0]
        if len(low):
            seen_last = free & within_age & recent
            stages.append(self._by_overlap(
                seen_last.nonzero()[0], low, seen, LOW_SCORE_IOU_DISTANCE))
            if change and len(stages[-1].left):
                seen_last[stages[-1].row] = False
                limit = min(LOW_SCORE_IOU_DISTANCE, 1.0 - self._config.class_change_overlap)
                stages.append(self._by_overlap(
                    seen_last.nonzero()[0], stages[-1].left, seen, limit, gated=False))
        return Matching(np.concatenate([stage.row for stage in stages]),
                        np.concatenate([stage.column for stage in stages]), left)

    def _by_overlap_alone(self, free: NDArray[np.bool_], within_age: NDArray[np.bool_],
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
        stages = [self._by_overlap(candidates, left, seen, limit)]
        left = stages[-1].left
        lost = (free & within_age & ~recent).nonzero()[0]
        if len(lost) and len(left):
            compared = self._compared(lost, left, seen)
            if not compared.all():
                stages.append(self._by_overlap(lost, left, seen, limit, compared))
        return stages

    def _by_overlap_and_looks(self, candidates: NDArray[np.int64], left: NDArray[np.int64],
                              seen: Observed) -> Matching:
        """Match tracks that are left by overlap, but those that look different."""
        limit = self._config.max_iou_distance
        if seen.features is None or not len(candidates) or not len(left):
            return self._by_overlap(candidates, left, seen, limit)
        slot = self._table.slot[candidates]
        featured = (self._gallery.count(slot) > 0)[:, None] & seen.described[left]
        refused = featured.copy()
        overlap = boxes.iou(self._form.tlwh(self._table.kalman[0, candidates]), seen.tlwh[left])
        row, column = (featured & (overlap >= 1.0 - limit)).nonzero()
        distance = self._gallery.distance(
            slot[row], seen.features[left[column]], self._config.nearest_features)
        near = distance <= self._config.second_look * self._config.max_cosine_distance
        refused[row[near], column[near]] = False
        lost = (self._table.time_since_update[candidates] > 1).nonzero()[0]
        if self._config.feature_interval and len(lost):
            refused[lost] |= self._compared(candidates[lost], left, seen) & ~featured[lost]
        return self._by_overlap(candidates, left, seen, limit, refused)

    def _by_reach(self, candidates: NDArray[np.int64], left: NDArray[np.int64],
                  seen: Observed) -> Matching:
        """Match new tracks anywhere in their motion gates, where no other track wants the same."""
        row, column = association.gate(self._table.kalman.take(candidates, axis=1),
                                       seen.measurement[left], self._form)
        if self._config.class_gating:
            same = self._votes.held(
                self._table.slot[candidates[row]], seen.classes[left[column]], self._share)
            row, column = row[same], column[same]
        if seen.features is not None and len(row):
            slot = self._table.slot[candidates[row]]
            known = ((self._gallery.count(slot) > 0) & seen.described[left[column]]).nonzero()[0]
            alike = np.ones(len(row), dtype=bool)
            alike[known] = self._gallery.distance(
                slot[known], seen.features[left[column[known]]], self._config.nearest_features,
            ) <= self._config.max_cosine_distance
            row, column = row[alike], column[alike]
        alone = (np.bincount(row)[row] == 1) & (np.bincount(column)[column] == 1)
        row, column = candidates[row[alone]], left[column[alone]]
        return Matching(row, column, left[~np.isin(left, column)])

    def settled(self, state: NDArray[np.float64], tlwh: NDArray[np.float64],
                classes: NDArray[np.int64], recent: NDArray[np.bool_],
                elapsed: NDArray[np.float64]) -> NDArray[np.int64]:
        """
        Return (N,) the row that motion settles on for N detections, -1 where it is open.

        Only on confirmed tracks that were seen in the last image.

        :param state: (6, M, 4) predicted; :param recent: (M,) seen in the last image.
        :param elapsed: (M,) time steps since the last match.
        """
        table = self._table
        eligible = (table.state == CONFIRMED) & recent & (elapsed <= self.longest_age())
        if not eligible.any():
            return np.full(len(tlwh), -1)
        overlap = boxes.iou(self._form.tlwh(state[0]), tlwh)
        gated = np.zeros(overlap.shape, dtype=bool)
        row, column = association.gate(
            state[:, eligible], self._form.measure(tlwh), self._form)
        gated[eligible.nonzero()[0][row], column] = True
        apart = (table.state == DORMANT)[:, None]
        if self._config.class_gating:
            apart = apart | self._other_class(table.slot, classes)
        possible = ~apart
        return demand.settled(overlap * possible, gated & possible, eligible,
                              1.0 - self._config.max_iou_distance)

    def claims(self, state: NDArray[np.float64], tlwh: NDArray[np.float64],
               classes: NDArray[np.int64], elapsed: NDArray[np.float64],
               ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """
        Return row and detection, of N, of the pairs that appearance could match.

        That is, of confirmed and lost tracks and what their gates admit.

        :param state: (6, M, 4) predicted; :param elapsed: (M,) time steps since the last match.
        """
        table = self._table
        row, column = association.gate(state, self._form.measure(tlwh), self._form)
        possible = ((table.state > TENTATIVE) & (elapsed <= self.longest_age()))[row]
        if self._config.class_gating:
            possible &= self._votes.held(table.slot[row], classes[column], self._share)
        return row[possible], column[possible]

    def _compared(self, candidates: NDArray[np.int64], left: NDArray[np.int64],
                  seen: Observed) -> NDArray[np.bool_]:
        """Return (N, M) bool, the pairs that appearance has spoken on, or would not have."""
        featured = self._gallery.count(self._table.slot[candidates]) > 0
        compared: NDArray[np.bool_] = featured[:, None] & seen.described[left]
        if self._config.feature_interval and not compared.all():
            # Outside its gate a track takes nothing by appearance, so no feature was asked for.
            row, column = association.gate(self._table.kalman.take(candidates, axis=1),
                                           seen.measurement[left], self._form)
            inside = np.zeros(compared.shape, dtype=bool)
            inside[row, column] = True
            compared |= ~inside
        return compared

    def _settled_pairs(self, left: NDArray[np.int64], seen: Observed,
                       recent: NDArray[np.bool_]) -> Matching:
        """Match detections without a feature where motion settles the matter."""
        table = self._table
        if not self._config.feature_interval or seen.described[left].all():
            return Matching(left[:0], left[:0], left)
        row = self.settled(
            table.kalman, seen.tlwh[left], seen.classes[left], recent, table.elapsed)
        row[seen.described[left]] = -1
        return Matching(row[row >= 0], left[row >= 0], left[row < 0])

    def _by_appearance(self, candidates: NDArray[np.int64], left: NDArray[np.int64],
                       seen: Observed, features: NDArray[np.float32]) -> Matching:
        """Match confirmed tracks by the smallest cosine distance inside the gate, by age."""
        table, config = self._table, self._config
        limit = config.max_cosine_distance
        pairs = self._close_pairs(candidates, seen, features)
        if config.by_age:
            matching = association.cascade(
                self._compared_exactly(pairs, candidates, features),
                table.time_since_update[candidates], left, limit)
            return matching._replace(row=candidates[matching.row])
        certain, pairs = self._certain(pairs, candidates, features)
        taken = np.zeros(len(seen.tlwh), dtype=bool)
        taken[certain.column] = True
        matching = association.share_out(
            self._compared_exactly(pairs, candidates, features), left[~taken[left]], limit)
        return Matching(candidates[np.concatenate((certain.row, matching.row))],
                        np.concatenate((certain.column, matching.column)), matching.left)

    def _on_the_ground(self, candidates: NDArray[np.int64], left: NDArray[np.int64],
                       seen: Observed, ground: NDArray[np.float64]) -> Matching:
        """Match lost tracks by where on the ground they should be by now."""
        if not len(candidates) or not len(left):
            return Matching(candidates[:0], left[:0], left)
        cost = np.nan_to_num(ground[np.ix_(candidates, left)], nan=2 * GROUND_LIMIT)
        if self._config.class_gating:
            cost[self._other_class(self._table.slot[candidates], seen.classes[left])] = (
                2 * GROUND_LIMIT)
        cost[self._compared(candidates, left, seen)] = 2 * GROUND_LIMIT
        matching = association.assign(cost, GROUND_LIMIT)
        return Matching(
            candidates[matching.row], left[matching.column], left[matching.left])

    def _close_pairs(self, candidates: NDArray[np.int64], seen: Observed,
                     features: NDArray[np.float32]) -> Possible:
        """Return the pairs inside the gate that may be within the appearance limit."""
        slot = self._table.slot[candidates]
        row = (self._gallery.count(slot) > 0).nonzero()[0]
        column = seen.described.nonzero()[0]
        if not len(row):
            return Possible(row, row, np.empty(0, dtype=np.float32))
        slot, featured = slot[row], candidates[row]
        cosine = self._gallery.toward(slot, features[column])
        near = cosine >= self._gallery.least_cosine(
            slot, self._config.max_cosine_distance)[:, None]
        if seen.ground is not None:
            near &= ~(seen.ground[np.ix_(featured, column)] > GROUND_GATE)
        first, second = association.gate(
            self._table.kalman.take(featured, axis=1), seen.measurement[column], self._form, near)
        if self._config.class_gating:
            same = self._votes.held(slot[first], seen.classes[column[second]], self._share)
            first, second = first[same], second[same]
        return Possible(row[first], column[second], cosine[first, second])

    def _certain(self, pairs: Possible, candidates: NDArray[np.int64],
                 features: NDArray[np.float32]) -> tuple[Possible, Possible]:
        """
        Return the pairs that the least total cost holds in any case, and what is open then.

        Of most tracks and detections it is plain that they belong together, and that nothing
        else is near enough to either to be worth an exchange. That needs a look at a few
        features only, and whatever else the two could do need not be compared at all.
        """
        row, column, cosine = pairs
        if len(row) < FEW:
            return Possible(row[:0], column[:0], cosine[:0]), pairs
        limit = self._config.max_cosine_distance
        unmatched = limit + association.EXCESS
        # Of equal indices the last one written stays: the largest cosine.
        number, order = np.arange(len(row)), cosine.argsort()
        best_of_row = np.empty(len(candidates), dtype=np.int64)
        best_of_column = np.empty(len(features), dtype=np.int64)
        best_of_row[row[order]] = order
        best_of_column[column[order]] = order
        mutual = (best_of_row[row] == number) & (best_of_column[column] == number)
        own, others = mutual.nonzero()[0], (~mutual).nonzero()[0]
        slot = self._table.slot[candidates]
        most = self._gallery.recent_distance(
            slot[row[own]], features[column[own]], self._config.nearest_features)
        least = self._gallery.least_distance(slot[row[others]], cosine[others])
        order = others[(-least).argsort()]
        rival_of_row = np.full(len(candidates), unmatched)
        rival_of_column = np.full(len(features), unmatched)
        least = np.sort(np.minimum(least, unmatched))[::-1]
        rival_of_row[row[order]] = least
        rival_of_column[column[order]] = least
        # Without the pair its two would at best take these, instead of one of them none.
        settled = own[(most <= limit) & (most + unmatched + 1e-6 < rival_of_row[row[own]]
                                         + rival_of_column[column[own]])]
        open_row = np.ones(len(candidates), dtype=bool)
        open_column = np.ones(len(features), dtype=bool)
        open_row[row[settled]] = False
        open_column[column[settled]] = False
        rest = open_row[row] & open_column[column]
        return (Possible(row[settled], column[settled], cosine[settled]),
                Possible(row[rest], column[rest], cosine[rest]))

    def _compared_exactly(self, pairs: Possible, candidates: NDArray[np.int64],
                          features: NDArray[np.float32]) -> Pairs:
        """Return the pairs within the appearance limit and their distances."""
        limit, nearest = self._config.max_cosine_distance, self._config.nearest_features
        row, column = pairs.row, pairs.column
        if not len(row):
            return Pairs(row, column, np.empty(0, dtype=np.float32))
        slot = self._table.slot[candidates]
        distance = self._gallery.recent_distance(slot[row], features[column], nearest)
        far = (distance > limit).nonzero()[0]
        distance[far] = self._gallery.distance(slot[row[far]], features[column[far]], nearest)
        near = distance <= limit
        row, column, distance = row[near], column[near], distance[near]
        # A pair whose track and detection have no other is matched at any distance within the
        # limit; the others compete, and their distances must be exact.
        rival = ((np.bincount(row)[row] > 1) | (np.bincount(column)[column] > 1)).nonzero()[0]
        distance[rival] = self._gallery.distance(
            slot[row[rival]], features[column[rival]], nearest)
        return Pairs(row, column, distance)

    def _by_overlap(self, candidates: NDArray[np.int64], left: NDArray[np.int64],
                    seen: Observed, limit: float,
                    excluded: NDArray[np.bool_] | None = None, gated: bool = True) -> Matching:
        """Match tracks and the detections left over by IoU; those of any class if not gated."""
        if not len(candidates) or not len(left):
            return Matching(candidates[:0], left[:0], left)
        predicted = self._form.tlwh(self._table.kalman[0, candidates])
        cost = 1.0 - boxes.iou(predicted, seen.tlwh[left])
        if self._config.class_gating:
            other = self._other_class(self._table.slot[candidates], seen.classes[left])
            cost[other if gated else ~other] = association.INADMISSIBLE
        if excluded is not None:
            cost[excluded] = association.INADMISSIBLE
        matching = association.assign(cost, limit)
        return Matching(
            candidates[matching.row], left[matching.column], left[matching.left])

    def _other_class(self, slots: NDArray[np.int64], classes: NDArray[np.int64],
                     ) -> NDArray[np.bool_]:
        """Return (N, M) bool, where the classes of slot and detection differ."""
        return ~self._votes.held(slots[:, None], classes, self._share)
