"""The appearance gallery: the newest features of every track, in one ring-buffer tensor."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Pairs whose galleries are compared in one go: bounds the copy of gathered rings.
CHUNK = 32


class Gallery:
    """
    Up to ``budget`` unit features for each slot; a slot is the number a track keeps for life.

    Slots and ring depth grow by doubling, only as far as tracks and features come in.
    """

    def __init__(self, budget: int) -> None:
        """Start empty; the feature length is that of the first features."""
        self._budget = budget
        self._rings = np.zeros((0, 0, 0), dtype=np.float32)
        self._count = np.zeros(0, dtype=np.int64)
        self._next = np.zeros(0, dtype=np.int64)

    @property
    def feature_length(self) -> int:
        """Length D of a feature, 0 while none was ever added."""
        return self._rings.shape[2]

    @property
    def nbytes(self) -> int:
        """Memory reserved, in bytes."""
        return self._rings.nbytes + self._count.nbytes + self._next.nbytes

    def count(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (N,) int64, features held for each of (N,) slots."""
        known = slots < len(self._count)
        return np.where(known, self._count[np.where(known, slots, 0)], 0) if len(
            self._count) else np.zeros(len(slots), dtype=np.int64)

    def clear(self, slots: NDArray[np.int64]) -> None:
        """Forget what (N,) slots hold, for new tracks to use them."""
        slots = slots[slots < len(self._count)]
        self._count[slots] = 0
        self._next[slots] = 0

    def add(self, slots: NDArray[np.int64], features: NDArray[np.float32]) -> None:
        """Add row i of (N, D) unit features to slot i of N different slots; the oldest yields."""
        if not len(slots):
            return
        if slots.max() >= len(self._count):
            self._reserve(int(slots.max()) + 1, self._rings.shape[1], features.shape[1])
        deepest = int(self._count[slots].max()) + 1
        if deepest > self._rings.shape[1] < self._budget:
            self._reserve(len(self._count), deepest, features.shape[1])
        position = self._next[slots]
        self._rings[slots, position] = features
        self._next[slots] = (position + 1) % self._budget
        self._count[slots] = np.minimum(self._count[slots] + 1, self._budget)

    def _reserve(self, slots: int, depth: int, length: int) -> None:
        old_slots, old_depth, _ = self._rings.shape
        # A ring shallower than the budget has not come round yet: growing it keeps its order.
        if depth > old_depth:
            depth = min(max(depth, 2 * old_depth, 4), self._budget)
        if slots > old_slots:
            slots = max(slots, 2 * old_slots, 16)
        rings = np.zeros((slots, depth, length), dtype=np.float32)
        if old_slots:
            rings[:old_slots, :old_depth] = self._rings
        self._rings = rings
        self._count = np.concatenate((self._count, np.zeros(slots - old_slots, dtype=np.int64)))
        self._next = np.concatenate((self._next, np.zeros(slots - old_slots, dtype=np.int64)))

    def newest(self, slots: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return (N, D) the newest feature of each of (N,) slots, NaN rows where there is none."""
        features = np.full((len(slots), self.feature_length), np.nan, dtype=np.float32)
        held = np.flatnonzero(self.count(slots))
        features[held] = self._rings[slots[held], self._next[slots[held]] - 1]
        return features

    def distance(self, slots: NDArray[np.int64], queries: NDArray[np.float32],
                 ) -> NDArray[np.float32]:
        """
        Return (P,) smallest cosine distances, 1 - cosine, between slot i and query i.

        :param slots: (P,), each with at least one feature; :param queries: (P, D) unit rows.
        """
        distance = np.empty(len(slots), dtype=np.float32)
        depth = np.arange(self._rings.shape[1])
        for start in range(0, len(slots), CHUNK):
            part = slots[start:start + CHUNK]
            cosine = np.matmul(self._rings[part], queries[start:start + CHUNK, :, None])[..., 0]
            cosine[depth >= self._count[part, None]] = -np.inf
            distance[start:start + CHUNK] = 1.0 - cosine.max(axis=1)
        return distance

    def resize(self, budget: int) -> None:
        """Hold at most ``budget`` features per slot from now on; the newest ones stay."""
        if budget == self._budget:
            return
        slots, depth, length = self._rings.shape
        kept = min(depth, budget)
        count = np.minimum(self._count, budget)
        # Oldest first in the new ring; what lies beyond a slot's count is never read.
        column = self._next[:, None] - count[:, None] + np.arange(kept)
        if slots and depth:
            self._rings = self._rings[np.arange(slots)[:, None], column % depth]
        self._budget = budget
        self._count = count
        self._next = count % budget
