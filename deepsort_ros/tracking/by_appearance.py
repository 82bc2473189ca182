"""
Matching by appearance: confirmed tracks of any age, inside their motion gates.

arXiv 1703.07402, section 2.2. Distances to galleries are what costs most in crowds, so only pairs
that may change the outcome are compared.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import association
from deepsort_ros.tracking.association import Matching
from deepsort_ros.tracking.association import Pairs
from deepsort_ros.tracking.stage import Observed
from deepsort_ros.tracking.stage import Stage
from deepsort_ros.tracking.stage import TIME_TOLERANCE

# Steps of the paper's camera, a fifth of a second, up to which motion still tells where a lost
# track is, and matches by appearance are as often right as those of tracks just seen.
BRIEF = 6.0

# So few pairs are compared at once, whether they need to be or not.
FEW = 64


class Possible(NamedTuple):
    """
    Pairs of tracks and detections inside the gate that may look alike, each pair once.

    :param row: (P,) track, of those that take part; :param column: (P,) detection.
    :param cosine: (P,) float32, of the anchor of the track's gallery and the detection.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    cosine: NDArray[np.float32]


class ByAppearance(Stage):
    """Matches confirmed tracks by what they looked like."""

    def match(self, candidates: NDArray[np.int64], left: NDArray[np.int64],
              seen: Observed, features: NDArray[np.float32]) -> Matching:
        """Match confirmed tracks by the smallest cosine distance inside the gate, by age."""
        table, config = self._table, self._config
        limit = self._limit
        pairs = self._close_pairs(candidates, seen, features)
        if config.by_age:
            row, column, left = association.cascade(
                self._compared_exactly(pairs, candidates, features),
                table.time_since_update[candidates], left, limit)
        elif len(pairs.row) < FEW:
            row, column, left = association.share_out(
                self._compared_exactly(pairs, candidates, features), left, limit)
        else:
            certain, pairs = self._certain(pairs, candidates, features)
            taken = np.zeros(len(seen.tlwh), dtype=bool)
            taken[certain.column] = True
            row, column, left = association.share_out(
                self._compared_exactly(pairs, candidates, features), left[~taken[left]], limit)
            row = np.concatenate((certain.row, row))
            column = np.concatenate((certain.column, column))
        row = candidates[row]
        if config.lost_ratio < 1.0:
            unclear = self._unclear(row, column, candidates, seen, features)
            if len(unclear):
                left = np.sort(np.concatenate((left, column[unclear])))
                row, column = np.delete(row, unclear), np.delete(column, unclear)
        return Matching(row, column, left)

    def _unclear(self, row: NDArray[np.int64], column: NDArray[np.int64],
                 candidates: NDArray[np.int64], seen: Observed,
                 features: NDArray[np.float32]) -> NDArray[np.int64]:
        """
        Return which matches of lost tracks are not clear.

        The gate of a track that is lost for long admits much of the image, and some stranger
        there is within the limit. So its match must be closer than every other pair of the track
        and of the detection, by a ratio: the test by which Lowe (IJCV 2004, section 7.1) tells
        matches from chance.

        :param row: (K,) of the matches; :param column: (K,) detection.
        """
        table, config, gallery = self._table, self._config, self._gallery
        lost: NDArray[np.int64] = (
            table.elapsed.take(row) * config.pace > BRIEF + TIME_TOLERANCE).nonzero()[0]
        if not len(lost):
            return lost
        own, taken = row[lost], column[lost]
        apart = gallery.distance(table.slot[own], features[taken], config.nearest_features)
        # The other detections of each track, then the other tracks of each detection.
        described = seen.described.nonzero()[0]
        known = candidates[gallery.count(table.slot[candidates]) > 0]
        slot = table.slot[known]
        least = gallery.least_cosine(slot, max(float(apart.max()), 0.0) / config.lost_ratio)
        first, other = (gallery.toward(table.slot[own], features[described])
                        >= least[known.searchsorted(own)][:, None]).nonzero()
        another, second = (gallery.toward(slot, features[taken]) >= least[:, None]).nonzero()
        match = np.concatenate((first, second))
        row = np.concatenate((own[first], known[another]))
        column = np.concatenate((described[other], taken[second]))
        # Each match was found twice itself.
        rival: NDArray[np.int64] = (
            (row != own[match]) | (column != taken[match])).nonzero()[0]
        rival = rival[association.inside(
            table.kalman[0], 1.0 / seen.spread, seen.measurement, row[rival], column[rival])]
        if self._classes_count:
            rival = rival[self._of_class(table.slot[row[rival]], seen.classes[column[rival]])]
        if not len(rival):
            return rival
        away = gallery.distance(
            table.slot[row[rival]], features[column[rival]], config.nearest_features)
        match = match[rival]
        unclear: NDArray[np.int64] = lost[np.unique(
            match[apart[match] >= np.float32(config.lost_ratio) * away])]
        return unclear

    def _close_pairs(self, candidates: NDArray[np.int64], seen: Observed,
                     features: NDArray[np.float32]) -> Possible:
        """Return the pairs inside the gate that may be within the appearance limit."""
        slot = self._table.slot[candidates]
        row = (self._gallery.count(slot) > 0).nonzero()[0]
        column = seen.described.nonzero()[0]
        if not len(row):
            return Possible(row, row, np.empty(0, dtype=np.float32))
        slot, featured = slot[row], candidates[row]
        mean, spread = self._table.kalman[0].take(featured, axis=0), seen.spread[featured]
        measured = seen.measurement[column]
        least = self._gallery.least_cosine(slot, self._limit)
        inside = association.narrow_gate(mean, spread, measured)
        if inside is None:
            cosine = self._gallery.toward(slot, features[column])
            first, second = association.gate(mean, spread, measured, cosine >= least[:, None])
            cosine = cosine[first, second]
        else:
            first, second = inside
            cosine = self._gallery.toward_each(slot[first], features[column[second]])
            near = cosine >= least[first]
            first, second, cosine = first[near], second[near], cosine[near]
        if self._classes_count:
            same = self._of_class(slot[first], seen.classes[column[second]])
            first, second, cosine = first[same], second[same], cosine[same]
        return Possible(row[first], column[second], cosine)

    def _certain(self, pairs: Possible, candidates: NDArray[np.int64],
                 features: NDArray[np.float32]) -> tuple[Possible, Possible]:
        """
        Return the pairs that the least total cost holds in any case, and what is open then.

        Of most tracks and detections it is plain that they belong together, and that nothing
        else is near enough to either to be worth an exchange. That needs a look at a few
        features only, and whatever else the two could do need not be compared at all.
        """
        row, column, cosine = pairs
        limit = self._limit
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
        config = self._config
        limit, nearest = self._limit, config.nearest_features
        row, column = pairs.row, pairs.column
        if not len(row):
            return Pairs(row, column, np.empty(0, dtype=np.float32))
        slot = self._table.slot[candidates]
        # A pair whose track and detection have no other is matched at any distance within the
        # limit; the others compete, and their distances must be exact.
        slot = slot[row]
        distance = np.zeros(len(row), dtype=np.float32)
        rival = association.rivals(row, column)
        unsure = pairs.cosine < self._gallery.sure_cosine(slot, limit)
        # Of many, most rivals are strangers: without these, few are left to compete.
        many = config.by_age and len(row) >= FEW
        far = (unsure if many else unsure & ~rival).nonzero()[0]
        if len(far):
            distance[far] = some = self._gallery.recent_distance(
                slot[far], features[column[far]], nearest)
            far = far[some > limit]
        if not many:
            compete = rival.nonzero()[0]
            far = np.concatenate((compete, far)) if len(far) else compete
        if len(far):
            distance[far] = self._gallery.distance(slot[far], features[column[far]], nearest)
            near = distance <= limit
            slot, row, column, distance = slot[near], row[near], column[near], distance[near]
        if many:
            exact = association.rivals(row, column).nonzero()[0]
            distance[exact] = self._gallery.distance(
                slot[exact], features[column[exact]], nearest)
        return Pairs(row, column, distance)
