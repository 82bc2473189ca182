"""The appearance gallery: the newest features of every track, in one ring-buffer tensor."""
from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking.fitting import Fit

# Newest features that :meth:`Gallery.recent_distance` looks at.
RECENT = 4

# Most features that come in between two computations of a slot's anchor.
REFRESH = 64

# The cosine of a feature that is not held: below every other, and finite.
NOTHING = -2.0

# Radians by which rounding may falsify an angle.
ANGLE_TOLERANCE = 2e-3


class Gallery:
    """
    Up to ``budget`` unit features for each slot; a slot is the number a track keeps for life.

    Slots and ring depth grow by doubling, only as far as tracks and features come in.

    Each slot has an anchor, a direction near all its features, and a spread, the largest angle
    between the anchor and a feature held. They rule out most slots without a look at their ring:
    no feature is closer to a query than the anchor's angle to it, less the spread.

    :ivar fit: where the limit of distances belongs.
    """

    def __init__(self, budget: int) -> None:
        """Start empty; the feature length is that of the first features."""
        self._budget = budget
        self.fit = Fit()
        self._rings = np.zeros((0, 0, 0), dtype=np.float32)
        self._anchor = np.zeros((0, 0), dtype=np.float32)
        self._spread = np.zeros(0, dtype=np.float32)
        # Features held, place of the next one, features until the anchor is computed again.
        self._count, self._next, self._until = np.zeros((3, 0), dtype=np.int64)

    @property
    def feature_length(self) -> int:
        """Length D of a feature, 0 while none was ever added."""
        length: int = self._rings.shape[2]
        return length

    @property
    def nbytes(self) -> int:
        """Memory reserved, in bytes."""
        reserved: int = self._rings.nbytes + self._anchor.nbytes + 4 * self._count.nbytes
        return reserved

    def count(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (N,) int64, features held for each of (N,) slots."""
        try:
            count: NDArray[np.int64] = self._count.take(slots)
        except IndexError:
            known = slots < len(self._count)
            count = np.zeros(len(slots), dtype=np.int64)
            count[known] = self._count[slots[known]]
        return count

    def clear(self, slots: NDArray[np.int64]) -> None:
        """Forget what (N,) slots hold, for new tracks to use them."""
        try:
            self._count[slots] = self._next[slots] = 0
        except IndexError:
            self.clear(slots[slots < len(self._count)])

    def add(self, slots: NDArray[np.int64], features: NDArray[np.float32]) -> None:
        """Add row i of (N, D) unit features to slot i of N different slots; the oldest yields."""
        if not len(slots):
            return
        try:
            held = self._count[slots]
        except IndexError:
            self._reserve(int(slots.max()) + 1, self._rings.shape[1], features.shape[1])
            held = self._count[slots]
        depth = self._rings.shape[1]
        if depth < self._budget and held.max() >= depth:
            self._reserve(len(self._count), depth + 1, features.shape[1])
        place = self._next[slots]
        self._rings[slots, place] = features
        self._next[slots] = (place + 1) % self._budget
        self._count[slots] = np.minimum(held + 1, self._budget)

        first = (held == 0).nonzero()[0]
        if len(first):
            new = slots[first]
            self._anchor[new] = features[first]
            self._spread[new] = 0.0
            self._until[new] = 2
        angle = _angle(np.einsum('nd,nd->n', self._anchor[slots], features))
        self._spread[slots] = np.maximum(self._spread[slots], angle)
        until = self._until[slots] - 1
        self._until[slots] = until
        due = slots[until == 0]
        if len(due):
            self._compute_anchor(due)

    def _compute_anchor(self, slots: NDArray[np.int64]) -> None:
        """Compute anchor and spread of (N,) slots, each with at least one feature."""
        # As in :meth:`distance`, one product for each gallery.
        least = np.empty(len(slots), dtype=np.float32)
        for place, (slot, held) in enumerate(zip(slots.tolist(), self._count[slots].tolist())):
            ring = self._rings[slot, :held]
            mean = ring.sum(axis=0)
            anchor = mean / max(math.sqrt(mean.dot(mean)), 1e-6)
            least[place] = ring.dot(anchor).min()
            self._anchor[slot] = anchor
            self._until[slot] = min(held + 1, REFRESH)
        self._spread[slots] = _angle(least)

    def _reserve(self, slots: int, depth: int, length: int) -> None:
        old_slots, old_depth, _ = self._rings.shape
        # A ring shallower than the budget has not come round yet: growing it keeps its order.
        if depth > old_depth:
            depth = min(max(depth, 2 * old_depth, 4), self._budget)
        if slots > old_slots:
            slots = max(slots, 2 * old_slots, 16)
            more = slots - old_slots
            self._count, self._next, self._until = np.pad(
                (self._count, self._next, self._until), ((0, 0), (0, more)))
            self._spread = np.pad(self._spread, (0, more))
        rings = np.zeros((slots, depth, length), dtype=np.float32)
        anchor = np.zeros((slots, length), dtype=np.float32)
        if old_depth:
            rings[:old_slots, :old_depth] = self._rings
            anchor[:old_slots] = self._anchor
        self._rings, self._anchor = rings, anchor

    def append(self, slots: NDArray[np.int64], sources: NDArray[np.int64]) -> None:
        """Add what slot i of ``sources`` holds to slot i of N different slots, oldest first."""
        features, count = self.held(sources, self._budget), self.count(sources)
        for place in range(features.shape[1]):
            known = place < count
            self.add(slots[known], features[known, place])

    def mean(self, slots: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return (N, D) unit means of what (N,) slots hold, each at least one feature."""
        self._compute_anchor(slots)
        mean: NDArray[np.float32] = self._anchor[slots]
        return mean

    def newest(self, slots: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return (N, D) the newest feature of each of (N,) slots, NaN rows where there is none."""
        if not self.feature_length:
            return np.empty((len(slots), 0), dtype=np.float32)
        held = self.count(slots).nonzero()[0]
        known = slots[held]
        newest: NDArray[np.float32] = self._rings[known, self._next[known] - 1]
        if len(held) == len(slots):
            return newest
        features = np.full((len(slots), self.feature_length), np.nan, dtype=np.float32)
        features[held] = newest
        return features

    def toward(self, slots: NDArray[np.int64], queries: NDArray[np.float32],
               ) -> NDArray[np.float32]:
        """
        Return (N, M) cosines of the anchors of slots and queries.

        :param slots: (N,), each with at least one feature; :param queries: (M, D) unit rows.
        """
        cosine: NDArray[np.float32] = self._anchor[slots] @ queries.T
        return cosine

    def toward_each(self, slots: NDArray[np.int64], queries: NDArray[np.float32],
                    ) -> NDArray[np.float32]:
        """Return (P,) cosines of the anchor of slot i and query i, (P, D) unit rows."""
        cosine: NDArray[np.float32] = np.einsum('pd,pd->p', self._anchor[slots], queries)
        return cosine

    def least_cosine(self, slots: NDArray[np.int64], limit: float) -> NDArray[np.float32]:
        """Return (N,) what :meth:`toward` is at least, where a feature is within ``limit``."""
        reach = math.acos(min(max(1.0 - limit, -1.0), 1.0)) + ANGLE_TOLERANCE
        least: NDArray[np.float32] = np.cos(
            np.minimum(self._spread[slots] + reach, math.pi)) - ANGLE_TOLERANCE
        return least

    def sure_cosine(self, slots: NDArray[np.int64], limit: float) -> NDArray[np.float32]:
        """Return (N,) the :meth:`toward` from which on every feature is within ``limit``."""
        reach = math.acos(min(max(1.0 - limit, -1.0), 1.0)) - ANGLE_TOLERANCE - self._spread[slots]
        # A reach of zero or less is above every cosine.
        sure: NDArray[np.float32] = np.cos(np.maximum(reach, 0.0)) + np.float32(ANGLE_TOLERANCE)
        return sure

    def least_distance(self, slots: NDArray[np.int64], cosine: NDArray[np.float32],
                       ) -> NDArray[np.float32]:
        """Return (P,) what :meth:`distance` is at least, by (P,) cosines of the anchors."""
        angle = _angle(cosine) - self._spread[slots] - ANGLE_TOLERANCE
        least: NDArray[np.float32] = 1.0 - np.cos(np.maximum(angle, 0.0))
        return least

    def recent_distance(self, slots: NDArray[np.int64], queries: NDArray[np.float32],
                        nearest: int = 1) -> NDArray[np.float32]:
        """Return what :meth:`distance` returns, or more: only the newest features are compared."""
        count = self._count[slots][:, None]
        steps = np.arange(1, max(RECENT, nearest) + 1)
        recent = self._rings[slots[:, None], self._next[slots][:, None] - np.minimum(steps, count)]
        cosine = np.einsum('pkd,pd->pk', recent, queries)
        cosine[steps > count] = NOTHING
        return _distance(cosine, count[:, 0], nearest)

    def distance(self, slots: NDArray[np.int64], queries: NDArray[np.float32],
                 nearest: int = 1) -> NDArray[np.float32]:
        """
        Return (P,) cosine distances, 1 - cosine, between slot i and query i.

        :param slots: (P,), each with at least one feature; :param queries: (P, D) unit rows.
        :param nearest: features of a slot, those nearest to the query but no more than half of
            them, whose mean distance is returned.
        """
        if not len(slots):
            return np.empty(0, dtype=np.float32)
        count = self._count[slots]
        cosine = np.empty((len(slots), count.max()), dtype=np.float32)
        cosine.fill(NOTHING)
        # One product for each gallery, where it lies: to gather them all takes four times as long.
        for row, slot, held, query in zip(cosine, slots.tolist(), count.tolist(), queries):
            np.dot(self._rings[slot, :held], query, out=row[:held])
        return _distance(cosine, count, nearest)

    def held(self, slots: NDArray[np.int64], most: int) -> NDArray[np.float32]:
        """
        Return (N, K, D) the newest ``most`` features of (N,) slots, oldest first.

        K is what the fullest slot holds; what lies beyond a slot's own count means nothing.
        """
        count = np.minimum(self.count(slots), most)
        column = np.arange(count.max(initial=0))
        if not len(column):
            return np.zeros((len(slots), 0, self.feature_length), dtype=np.float32)
        known = np.minimum(slots, len(self._count) - 1)
        place = (self._next[known] - count)[:, None] + column
        features: NDArray[np.float32] = self._rings[known[:, None], place % self._rings.shape[1]]
        return features

    def load(self, features: NDArray[np.float32], count: NDArray[np.int64]) -> None:
        """Hold what :meth:`held` returned, (N, K, D), and (N,) counts, in slots 0 to N - 1."""
        self._rings = features
        self._count = count
        self._next = count % self._budget
        self._until = np.zeros_like(count)
        self._anchor = np.zeros((len(count), features.shape[2]), dtype=np.float32)
        self._spread = np.zeros(len(count), dtype=np.float32)
        self._compute_anchor(count.nonzero()[0])

    def resize(self, budget: int) -> None:
        """Hold at most ``budget`` features per slot from now on; the newest ones stay."""
        if budget == self._budget:
            return
        self._budget = budget
        self.load(self.held(np.arange(len(self._count)), budget),
                  np.minimum(self._count, budget))


def _distance(cosine: NDArray[np.float32], count: NDArray[np.int64],
              nearest: int) -> NDArray[np.float32]:
    """
    Return (P,) distances by (P, K) cosines, ``NOTHING`` where none is held; these are overwritten.

    :param count: (P,) features held, of which ``cosine`` may show the newest.
    """
    if nearest == 1:
        closest: NDArray[np.float32] = 1.0 - cosine.max(axis=1)
        return closest
    if nearest < cosine.shape[1]:
        cosine.partition(-nearest, axis=1)
        cosine = cosine[:, -nearest:]
    cosine.sort(axis=1)
    weight = _weights(nearest).take(count, axis=0, mode='clip')[:, -cosine.shape[1]:]
    mean: NDArray[np.float32] = 1.0 - np.einsum('pk,pk->p', cosine, weight)
    return mean


@functools.lru_cache
def _weights(nearest: int) -> NDArray[np.float32]:
    """Return weights of the ``nearest`` cosines, ascending, by how many features are held."""
    # Of few features no more than half: someone who turned round has two looks.
    taken = np.minimum((np.arange(2 * nearest) + 1) // 2, nearest)
    taken[0] = 1
    chosen = np.arange(nearest) >= nearest - taken[:, None]
    weights: NDArray[np.float32] = (chosen / taken[:, None]).astype(np.float32)
    return weights


def _angle(cosine: NDArray[np.float32]) -> NDArray[np.float32]:
    angle: NDArray[np.float32] = np.arccos(np.maximum(np.minimum(cosine, 1.0), -1.0))
    return angle
