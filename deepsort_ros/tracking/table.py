"""Storage of all live tracks as a structure of arrays."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking.tracks import TrackState

# State of a track that has ended and may come back; never reported.
DORMANT = 0
# Plain integers: numpy takes several times as long to compare with a member of an enum.
TENTATIVE, CONFIRMED, LOST = map(int, TrackState)

FLOATS = 2


class Numbers(NamedTuple):
    """The whole numbers of M tracks, (M,) int64 each; see :class:`TrackTable`."""

    id: NDArray[np.int64]
    state: NDArray[np.int64]
    age: NDArray[np.int64]
    time_since_update: NDArray[np.int64]
    feature_age: NDArray[np.int64]
    hits: NDArray[np.int64]
    first_seen: NDArray[np.int64]
    last_seen: NDArray[np.int64]
    detection_index: NDArray[np.int64]
    slot: NDArray[np.int64]


class TrackTable:
    """
    The live tracks, one row each, ascending by id.

    Every field is a view over the rows in use; :meth:`append` and :meth:`drop` make new views.
    A track's row changes when older tracks end; its ``slot`` never does, so that bulky data
    (gallery, class votes) is stored by slot and stays in place. Slots of ended tracks are
    reused, the lowest first.

    :ivar id, state, age, hits, time_since_update, first_seen, last_seen, detection_index: (M,)
        int64, as in :class:`~deepsort_ros.tracking.tracks.Tracks`.
    :ivar feature_age: (M,) int64, images since the newest feature.
    :ivar ages: (3, M) int64, what counts images: age, time_since_update and feature_age.
    :ivar slot: (M,) int64.
    :ivar score: (M,) float64, of the last matched detection.
    :ivar elapsed: (M,) float64, time steps since the last match.
    :ivar kalman: (6, M, 4) float64, see :mod:`~deepsort_ros.tracking.kalman`.
    """

    def __init__(self) -> None:
        """Start with no track and room for a few."""
        self._integers = np.zeros((len(Numbers._fields), 16), dtype=np.int64)
        self._floats = np.zeros((FLOATS, 16))
        self._kalman = np.zeros((6, 16, 4))
        self._slot_used = np.zeros(16, dtype=bool)
        self._view(0)

    def _view(self, size: int) -> None:
        self._size = size
        integers = self._integers[:, :size]
        (self.id, self.state, self.age, self.time_since_update, self.feature_age, self.hits,
         self.first_seen, self.last_seen, self.detection_index, self.slot) = integers
        self.ages = integers[2:5]
        self.score, self.elapsed = self._floats[:, :size]
        self.kalman: NDArray[np.float64] = self._kalman[:, :size]

    def __len__(self) -> int:
        """Return M."""
        return self._size

    def numbers(self) -> Numbers:
        """Return a copy of the whole numbers of all tracks."""
        return Numbers(*self._integers[:, :self._size].copy())

    @property
    def nbytes(self) -> int:
        """Memory reserved, in bytes."""
        return (self._integers.nbytes + self._floats.nbytes + self._kalman.nbytes
                + self._slot_used.nbytes)

    def append(self, count: int) -> slice:
        """Add ``count`` tracks of zeros, each with a slot of its own, and return their rows."""
        size = self._size + count
        capacity = len(self._slot_used)
        if size > capacity:
            more = max(size, 2 * capacity) - capacity
            self._integers = np.pad(self._integers, ((0, 0), (0, more)))
            self._floats = np.pad(self._floats, ((0, 0), (0, more)))
            self._kalman = np.pad(self._kalman, ((0, 0), (0, more), (0, 0)))
            self._slot_used = np.pad(self._slot_used, (0, more))
        rows = slice(self._size, size)
        self._integers[:, rows] = 0
        self._floats[:, rows] = 0.0
        self._view(size)
        slots = (~self._slot_used).nonzero()[0][:count]
        self._slot_used[slots] = True
        self.slot[rows] = slots
        return rows

    def drop(self, dropped: NDArray[np.bool_]) -> None:
        """Drop the tracks where (M,) ``dropped`` is True and free their slots."""
        self._slot_used[self.slot[dropped]] = False
        rows = (~dropped).nonzero()[0]
        size = len(rows)
        for held in (self._integers, self._floats, self._kalman):
            held[:, :size] = held.take(rows, axis=1)
        self._view(size)

    def take_over(self, old: NDArray[np.int64], new: NDArray[np.int64]) -> None:
        """Let row i of ``old`` go on where row i of ``new`` is, and drop the rows ``new``."""
        self.hits[old] += self.hits[new]
        for field in (self.state, self.time_since_update, self.last_seen, self.detection_index,
                      self.feature_age, self.score, self.elapsed):
            field[old] = field[new]
        self.kalman[:, old] = self.kalman[:, new]
        dropped = np.zeros(self._size, dtype=bool)
        dropped[new] = True
        self.drop(dropped)

    def save(self) -> dict[str, NDArray[Any]]:
        """Return all fields but the slots as plain arrays, for :meth:`load`."""
        return {'integers': self._integers[:-1, :self._size].copy(),
                'floats': self._floats[:, :self._size].copy(), 'kalman': self.kalman.copy()}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Hold the M tracks of :meth:`save` and no other, in slots 0 to M - 1."""
        count = state['integers'].shape[1]
        self.drop(np.ones(self._size, dtype=bool))
        rows = self.append(count)
        self._integers[:-1, rows] = state['integers']
        self._floats[:, rows] = state['floats']
        self._kalman[:, rows] = state['kalman']
