"""
Where the limit of the appearance distance belongs, learned from the features that come.

A limit belongs to a network, and was measured on other images than those of this camera. Where
motion alone says which detection a track goes on as, the distance of the two is known to be one
to the same object, and that to the next such detection of the image one to another object. The
limit belongs between them. One that lies there stays as it is; from one that does not, the tracker
uses the nearest that does: else a network that is not at home in a scene separates everybody from
themselves, or mixes up everyone.

Ours; it has no source.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The limit is between these shares of the way from the distance to the same object to that to
# others (medians). Chosen on footage that networks of all kinds were at home in, or not.
LOW, HIGH = 0.3, 0.45
# Two objects that are not farther apart than this have no looks: an image of one colour.
ALIKE = 0.01
# Samples of each kind that are kept, and that it takes to know.
KEPT, ENOUGH = 256, 32
# Once all are there, so many images pass from one look to the next.
EVERY = 10


class Fit:
    """The last distances of tracks to themselves and to others."""

    def __init__(self) -> None:
        """Know nothing."""
        self._samples = np.zeros((2, KEPT))
        self._count = self._passed = 0
        self._bounds = -np.inf, np.inf

    def limit(self, given: float) -> float:
        """Return the limit to use instead of the one given, mostly the same."""
        low, high = self._bounds
        return min(max(given, low), high)

    def due(self) -> bool:
        """Count an image, and return whether to look at it."""
        self._passed += 1
        return self._count < KEPT or self._passed >= EVERY

    def take(self, same: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]]) -> None:
        """Take (K,) distances of tracks to themselves, and (K,) to others."""
        self._passed = 0
        different = other > ALIKE
        same, other = same[different], other[different]
        if len(same):
            place = (self._count + np.arange(len(same))) % KEPT
            self._samples[:, place] = same, other
            self._count += len(same)
            self._bound()

    def _bound(self) -> None:
        if self._count >= ENOUGH:
            same, other = np.median(self._samples[:, :self._count], axis=1).tolist()
            apart = max(other - same, 0.0)
            self._bounds = max(same + LOW * apart, 0.0), max(same + HIGH * apart, 0.0)

    def save(self) -> dict[str, NDArray[Any]]:
        """Return all of this as arrays."""
        return {'fit_samples': self._samples.copy(),
                'fit_count': np.array((self._count, self._passed))}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what :meth:`save` returned."""
        self._samples = state['fit_samples'].copy()
        self._count, self._passed = state['fit_count'].tolist()
        self._bound()
