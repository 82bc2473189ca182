"""Which crops a training step sees, by its number alone, so that a resumed run repeats it."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid.dataset import DatasetError


class BalancedSampler:
    """
    Batches of P identities x K crops.

    Every identity comes once per round; its crops are drawn without repetition where it has
    enough.

    :param identity: (N,) identity of every crop.
    :raises DatasetError: fewer identities than a batch takes.
    """

    def __init__(self, identity: NDArray[np.int64], identities: int, crops: int,
                 seed: int) -> None:
        """Index the crops."""
        labels = np.unique(identity)
        if len(labels) < identities:
            raise DatasetError(
                f'identities: {identities} per batch, but the data has {len(labels)}')
        self._rows = [np.flatnonzero(identity == label) for label in labels]
        self._identities = identities
        self._crops = crops
        self._seed = seed
        self._steps_per_round = len(labels) // identities

    def batch(self, step: int) -> NDArray[np.int64]:
        """Return the rows of a step's crops, those of one identity together."""
        turn, place = divmod(step, self._steps_per_round)
        order = np.random.default_rng((self._seed, 0, turn)).permutation(len(self._rows))
        chosen = order[place * self._identities:(place + 1) * self._identities]
        generator = np.random.default_rng((self._seed, 1, step))
        return np.concatenate([
            generator.choice(rows, self._crops, replace=len(rows) < self._crops)
            for rows in (self._rows[i] for i in chosen)])


class ShuffledSampler:
    """
    Batches of crops at random, each crop once per round.

    :param count: crops in all; :param size: of a batch.
    :raises DatasetError: fewer crops than a batch takes.
    """

    def __init__(self, count: int, size: int, seed: int) -> None:
        """Remember the numbers."""
        if count < size:
            raise DatasetError(f'identities x crops: {size} per batch, but the data has {count}')
        self._count = count
        self._size = size
        self._seed = seed

    def batch(self, step: int) -> NDArray[np.int64]:
        """Return the rows of a step's crops."""
        turn, place = divmod(step, self._count // self._size)
        order = np.random.default_rng((self._seed, 0, turn)).permutation(self._count)
        return order[place * self._size:(place + 1) * self._size]


def halved(crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (N, H, W, C) crops at half the height and width, each pixel the mean of four."""
    count, height, width, channels = crops.shape
    quarters = crops.reshape(count, height // 2, 2, width // 2, 2, channels)
    return np.round(quarters.mean(axis=(2, 4))).astype(np.uint8)
