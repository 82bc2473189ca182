"""Crops of several cameras as one batch."""
from __future__ import annotations

import threading
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.pipeline import AppearanceEncoder


class Request:
    """
    Crops of one camera that wait for their features.

    :ivar start: how many of them have theirs.
    :ivar finished: set when all have, or :attr:`error` says why they do not get any.
    """

    def __init__(self, crops: NDArray[np.uint8]) -> None:
        """Take (N, H, W, 3) crops, N at least 1, in RGB order."""
        self.crops = crops
        self.start = 0
        self.error: Exception | None = None
        self.finished = threading.Event()
        self._parts: list[NDArray[np.float32]] = []

    @property
    def features(self) -> NDArray[np.float32]:
        """Return the (N, D) features."""
        return self._parts[0] if len(self._parts) == 1 else np.concatenate(self._parts)

    def take(self, features: NDArray[np.float32]) -> None:
        """Take the features of the next crops."""
        self._parts.append(features)
        self.start += len(features)
        if self.start == len(self.crops):
            self.finished.set()

    def fail(self, error: Exception) -> None:
        """Give up."""
        self.error = error
        self.finished.set()


Batch = list[tuple[Request, int]]


def first_batch(waiting: Iterable[Request], most: int) -> Batch:
    """
    Return the requests that go together now, each with how many of its crops.

    The oldest, and of the others those that fit beside it whole, or with a full batch of theirs.

    :param most: crops in a batch.
    """
    batch, room = [], most
    for request in waiting:
        count = min(len(request.crops) - request.start, most)
        if count <= room:
            batch.append((request, count))
            room -= count
    return batch


def compute(encoder: AppearanceEncoder, batch: Batch) -> None:
    """
    Give every request of a batch the features of its crops.

    :raises Exception: what the encoder raised; then none has got any.
    """
    crops = np.concatenate([r.crops[r.start:r.start + count] for r, count in batch])
    height, width = crops.shape[1:3]
    # One above the other the crops are an image, and each of them a box, resized to itself.
    boxes = np.zeros((len(crops), 4))
    boxes[:, 1] = height * np.arange(len(crops))
    boxes[:, 2:] = width, height
    features = encoder.encode(crops.reshape(-1, width, 3), boxes, 'rgb8')
    ends = np.cumsum([count for _, count in batch])
    for (request, _), part in zip(batch, np.split(features, ends[:-1])):
        request.take(part)
