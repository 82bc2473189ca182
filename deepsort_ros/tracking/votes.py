"""The class vote: what most detections of a track said it is."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Class names known before those no live track holds are forgotten.
NAMES = 64


class ClassVotes:
    """
    Votes of every slot, by class.

    Classes are small integers inside. Names that no track voted for are forgotten as new ones
    come in, so that a detector with endless names does not fill the memory.
    """

    def __init__(self) -> None:
        """Start with no slot and no name."""
        self._code: dict[str, int] = {}
        self._names = np.array([''], dtype=object)
        self._votes = np.zeros((0, 1), dtype=np.int64)
        self._winner = np.zeros(0, dtype=np.int64)
        self._names_limit = NAMES

    @property
    def nbytes(self) -> int:
        """Memory reserved for votes, in bytes."""
        return self._votes.nbytes + self._winner.nbytes

    @property
    def several(self) -> bool:
        """Return whether there was ever more than one name."""
        return len(self._code) > 1

    def codes(self, class_id: NDArray[np.object_]) -> NDArray[np.int64]:
        """Return (N,) int64 codes of (N,) class names; good until the next call."""
        names = class_id.tolist()
        try:
            return np.fromiter(map(self._code.__getitem__, names), np.int64, len(names))
        except KeyError:
            self._learn(names)
            return self.codes(class_id)

    def _learn(self, names: list[str]) -> None:
        fresh = set(names) - self._code.keys()
        if len(self._code) + len(fresh) > self._names_limit:
            self._forget()
            self._names_limit = max(NAMES, 2 * (len(self._code) + len(fresh)))
        for name in dict.fromkeys(names):
            self._code.setdefault(name, len(self._code))
        self._names = np.array([*self._code, ''], dtype=object)
        missing = len(self._code) - self._votes.shape[1]
        if missing > 0:
            self._votes = np.pad(self._votes, ((0, 0), (0, missing)))

    def _forget(self) -> None:
        held = np.flatnonzero(self._votes.any(axis=0))
        new_code = np.zeros(self._votes.shape[1], dtype=np.int64)
        new_code[held] = np.arange(len(held))
        self._votes = self._votes[:, held] if len(held) else self._votes[:, :1]
        self._winner = new_code[self._winner]
        kept = set(held.tolist())
        self._code = {name: int(new_code[code]) for name, code in self._code.items()
                      if code in kept}

    def winner(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (N,) int64 codes of the majority class of (N,) slots."""
        return self._winner[slots]

    def held(self, slots: NDArray[np.int64], codes: NDArray[np.int64], share: float,
             ) -> NDArray[np.bool_]:
        """
        Return bool, whether a class is one of those of a slot, for (N,) slots and codes each.

        They may also be of shapes that numpy broadcasts.

        :param share: of the votes of the majority class that makes another class one of them.
        """
        winner = self._winner[slots]
        if share >= 1.0:
            alone: NDArray[np.bool_] = winner == codes
            return alone
        held: NDArray[np.bool_] = (
            self._votes[slots, codes] >= share * self._votes[slots, winner])
        return held

    def names(self, slots: NDArray[np.int64]) -> NDArray[np.object_]:
        """Return (N,) str (object dtype), the majority class of (N,) slots."""
        chosen: NDArray[np.object_] = self._names[self._winner[slots]]
        return chosen

    def start(self, slots: NDArray[np.int64], codes: NDArray[np.int64]) -> None:
        """Start over in (N,) slots with one vote each."""
        try:
            self._winner[slots] = codes
        except IndexError:
            missing = max(int(slots.max()) + 1 - len(self._winner), len(self._winner))
            self._votes = np.pad(self._votes, ((0, missing), (0, 0)))
            self._winner = np.pad(self._winner, (0, missing))
            self._winner[slots] = codes
        self._votes[slots] = 0
        self._votes[slots, codes] = 1

    def vote(self, slots: NDArray[np.int64], codes: NDArray[np.int64]) -> None:
        """Add one vote to each of (N,) slots; on a tie the earlier winner stays."""
        self._votes[slots, codes] += 1
        winner = self._winner[slots]
        other = (codes != winner).nonzero()[0]
        if len(other):
            slots, codes, winner = slots[other], codes[other], winner[other]
            better = self._votes[slots, codes] > self._votes[slots, winner]
            self._winner[slots] = np.where(better, codes, winner)

    def append(self, slots: NDArray[np.int64], sources: NDArray[np.int64]) -> None:
        """Add the votes of slot i of ``sources`` to slot i; on a tie the winner stays."""
        self._votes[slots] += self._votes[sources]
        winner, best = self._winner[slots], self._votes[slots].argmax(axis=1)
        better = self._votes[slots, best] > self._votes[slots, winner]
        self._winner[slots] = np.where(better, best, winner)

    def save(self, slots: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return the votes of (N,) slots as plain arrays, for :meth:`load`."""
        width = len(self._code)
        return {'names': np.array(list(self._code), dtype=str), 'winner': self._winner[slots],
                'votes': self._votes[slots, :width]}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Hold the N rows of :meth:`save` in slots 0 to N - 1."""
        self._code = {str(name): code for code, name in enumerate(state['names'])}
        self._names = np.array([*self._code, ''], dtype=object)
        self._votes = np.pad(state['votes'], ((0, 0), (0, 1)))
        self._winner = state['winner'].copy()
        self._names_limit = max(NAMES, 2 * len(self._code))
