"""Detections of one image, and the filters that run before tracking."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import boxes


@dataclass(frozen=True)
class Detections:
    """
    The detections of one image, as arrays over N detections.

    :param tlwh: (N, 4) float64, left, top, width, height in pixels; may leave the image.
    :param score: (N,) float64, the detector's confidence, on the detector's own scale.
    :param class_id: (N,) str (object dtype), the best hypothesis' class.
    :param index: (N,) int64, position in the message or file the detection came from.
    """

    tlwh: NDArray[np.float64]
    score: NDArray[np.float64]
    class_id: NDArray[np.object_]
    index: NDArray[np.int64]

    @classmethod
    def from_arrays(cls, tlwh: Any, score: Any = None, class_id: Any = None) -> Detections:
        """
        Build detections from anything numpy can read.

        :param tlwh: (N, 4) boxes; :param score: (N,), 1.0 when not given;
            :param class_id: (N,) of str, empty strings when not given.
        :raises ValueError: the lengths differ or the boxes are not (N, 4).
        """
        box = np.asarray(tlwh, dtype=np.float64)
        box = box.reshape(0, 4) if box.size == 0 else box
        if box.ndim != 2 or box.shape[1] != 4:
            raise ValueError(f'tlwh: shape {box.shape} is not (N, 4)')
        count = len(box)
        scores = np.ones(count) if score is None else np.asarray(score, dtype=np.float64)
        classes = np.full(count, '', dtype=object) if class_id is None else np.array(
            class_id, dtype=object)
        for name, array in (('score', scores), ('class_id', classes)):
            if array.shape != (count,):
                raise ValueError(f'{name}: shape {array.shape} does not fit {count} boxes')
        return cls(box, scores, classes, np.arange(count))

    @classmethod
    def empty(cls) -> Detections:
        """Return no detections."""
        return cls.from_arrays(np.empty((0, 4)))

    def __len__(self) -> int:
        """Return N."""
        return len(self.tlwh)

    def select(self, chosen: NDArray[Any]) -> Detections:
        """Return the detections a boolean mask or an index array chooses, in its order."""
        return Detections(
            self.tlwh[chosen], self.score[chosen], self.class_id[chosen], self.index[chosen])

    def valid(self) -> NDArray[np.bool_]:
        """Return (N,) bool: finite score, finite box of positive size, neither of absurd scale."""
        valid: NDArray[np.bool_] = (
            np.isfinite(self.score) & (np.abs(self.tlwh) <= boxes.FARTHEST).all(axis=1)
            & (self.tlwh[:, 2] >= boxes.SMALLEST) & (self.tlwh[:, 3] >= boxes.SMALLEST))
        return valid


def non_max_suppression(detections: Detections, max_overlap: float) -> NDArray[np.int64]:
    """
    Greedy non-maximum suppression by score.

    :param max_overlap: a box is dropped when a better one covers more than this share of it.
    :returns: (K,) int64 indices of the kept detections, best score first.
    """
    order: NDArray[np.int64] = np.argsort(detections.score)[::-1]
    if max_overlap >= 1.0:
        return order
    tlwh = detections.tlwh[order]
    coverage = boxes.intersection(tlwh, tlwh) / boxes.area(tlwh)
    kept = np.ones(len(order), dtype=bool)
    for best in range(len(order)):
        if kept[best]:
            kept[best + 1:] &= coverage[best, best + 1:] <= max_overlap
    best_first: NDArray[np.int64] = order[kept]
    return best_first
