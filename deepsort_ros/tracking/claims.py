"""Which detections motion settles, which ones appearance could claim, and what it has said."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import association
from deepsort_ros.tracking import boxes
from deepsort_ros.tracking import demand
from deepsort_ros.tracking import kalman
from deepsort_ros.tracking.association import Matching
from deepsort_ros.tracking.stage import Observed
from deepsort_ros.tracking.stage import Stage
from deepsort_ros.tracking.table import CONFIRMED
from deepsort_ros.tracking.table import DORMANT
from deepsort_ros.tracking.table import TENTATIVE

# Motion says for certain who a track goes on as where the two overlap by so much (IoU), and both
# nothing else by more than the second.
CERTAIN, APART = 0.5, 0.1
# Of so many such tracks of an image the distances are computed.
MOST = 8


class Claims(Stage):
    """Where detections come without a feature: what needs none, and who could want it."""

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
        eligible = (table.state == CONFIRMED) & recent & (elapsed <= self.longest_age)
        if not eligible.any():
            return np.full(len(tlwh), -1)
        overlap = boxes.iou(self._form.tlwh(state[0]), tlwh)
        gated = np.zeros(overlap.shape, dtype=bool)
        spread = kalman.innovation_variance(state, self._form)
        row, column = association.gate(
            state[0, eligible], spread[eligible], self._form.measure(tlwh))
        gated[eligible.nonzero()[0][row], column] = True
        apart = (table.state == DORMANT)[:, None]
        if self._classes_count:
            apart = apart | ~self._of_class(table.slot[:, None], classes)
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
        row, column = association.gate(
            state[0], kalman.innovation_variance(state, self._form), self._form.measure(tlwh))
        claiming = table.state > TENTATIVE
        if self._config.pace > 1.0:
            claiming |= (table.state == TENTATIVE) & self._long_enough
        possible = (claiming & (elapsed <= self.longest_age))[row]
        if self._classes_count:
            possible &= self._of_class(table.slot[row], classes[column])
        return row[possible], column[possible]

    def compared(self, candidates: NDArray[np.int64], left: NDArray[np.int64],
                 seen: Observed) -> NDArray[np.bool_]:
        """Return (N, M) bool, the pairs that appearance has spoken on, or would not have."""
        featured = self._gallery.count(self._table.slot[candidates]) > 0
        compared: NDArray[np.bool_] = featured[:, None] & seen.described[left]
        if self._config.feature_interval and not compared.all():
            # Outside its gate a track takes nothing by appearance, so no feature was asked for.
            row, column = association.gate(
                self._table.kalman[0, candidates], seen.spread[candidates],
                seen.measurement[left])
            inside = np.zeros(compared.shape, dtype=bool)
            inside[row, column] = True
            compared |= ~inside
        return compared

    def settled_pairs(self, left: NDArray[np.int64], seen: Observed,
                      recent: NDArray[np.bool_]) -> Matching:
        """Match detections without a feature where motion settles the matter."""
        table = self._table
        if seen.described[left].all():
            return Matching(left[:0], left[:0], left)
        row = self.settled(
            table.kalman, seen.tlwh[left], seen.classes[left], recent, table.elapsed)
        row[seen.described[left]] = -1
        return Matching(row[row >= 0], left[row >= 0], left[row < 0])

    def known_distances(self, seen: Observed, features: NDArray[np.float32],
                        ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return (K,) distances of tracks to what is certainly theirs, and (K,) to others."""
        table = self._table
        recent = (table.time_since_update == 1).nonzero()[0]
        high = seen.high.nonzero()[0]
        if len(recent) < 2 or len(high) < 2:
            return np.empty(0, dtype=np.float32), np.empty(0, dtype=np.float32)
        row, column, cost = boxes.overlapping(
            seen.predicted.take(recent, axis=1), seen.edges.take(high, axis=1), APART)
        certain = ~association.rivals(row, column) & (cost <= 1.0 - CERTAIN)
        row, column = recent[row[certain]], high[column[certain]]
        known = (self._gallery.count(table.slot[row]) > 0) & seen.described[column]
        row, column = row[known], column[known]
        # The other one is the next of the same class; of the last one the first.
        order = seen.classes[column].argsort(kind='stable')
        row, column = row[order], column[order]
        classes, place = seen.classes[column], np.arange(len(row))
        after = np.where(place + 1 < classes.searchsorted(classes, side='right'),
                         place + 1, classes.searchsorted(classes))
        chosen = (after != place).nonzero()[0]
        if len(chosen) > MOST:
            chosen = chosen[np.arange(MOST) * len(chosen) // MOST]
        slot, nearest = table.slot[row[chosen]], self._config.nearest_features
        return (self._gallery.distance(slot, features[column[chosen]], nearest),
                self._gallery.distance(slot, features[column[after[chosen]]], nearest))
