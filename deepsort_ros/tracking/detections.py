"""Detections of one image, and the filters that run before tracking."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import boxes

# Boxes compared at once by non-maximum suppression, which bounds its memory.
BLOCK = 256


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

    def all_valid(self) -> bool:
        """Return whether all are :meth:`valid`."""
        if not len(self):
            return True
        # Sums of squares are quick, and finite and small only if all that is in them is. Of
        # NaN no comparison is true.
        tlwh = self.tlwh.ravel()
        return bool(tlwh.dot(tlwh) <= boxes.FARTHEST ** 2
                    and self.score.dot(self.score) < np.inf
                    and self.tlwh[:, 2:].min() >= boxes.SMALLEST or self.valid().all())

    def valid(self) -> NDArray[np.bool_]:
        """Return (N,) bool: finite score, finite box of positive size, neither of absurd scale."""
        valid: NDArray[np.bool_] = (
            np.isfinite(self.score) & (np.abs(self.tlwh) <= boxes.FARTHEST).all(axis=1)
            & (self.tlwh[:, 2] >= boxes.SMALLEST) & (self.tlwh[:, 3] >= boxes.SMALLEST))
        return valid


def best_first(score: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return (N,) int64 indices, the best score first; of equal scores the last one given."""
    # Stable: else the order of equal scores, and with it the ids, would depend on the processor.
    order: NDArray[np.int64] = np.argsort(score, kind='stable')[::-1]
    return order


def non_max_suppression(detections: Detections, max_overlap: float = 1.0, max_iou: float = 1.0,
                        most: int | None = None) -> tuple[NDArray[np.int64], int]:
    """
    Greedy non-maximum suppression by score, whatever the classes are.

    Time and memory grow with the boxes times what is kept.

    :param max_overlap: a box is dropped when a better one covers more than this share of it.
    :param max_iou: a box is dropped when its IoU with a better one is more than this.
    :param most: kept boxes after which no more are looked at; None: no limit.
    :returns: (K,) int64 indices of the kept detections, best score first, and how many boxes
        were dropped.
    """
    order = best_first(detections.score)
    most = len(order) if most is None else most
    if max_overlap >= 1.0 and max_iou >= 1.0:
        return order[:most], 0
    tlwh = detections.tlwh[order]
    kept = np.empty(0, dtype=np.int64)
    dropped = 0
    for start in range(0, len(order), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(order)))
        if start:
            hidden = _hidden(tlwh[kept], tlwh[block], max_overlap, max_iou).any(axis=0)
            dropped += int(np.count_nonzero(hidden))
            block = block[~hidden]
        stays = np.ones(len(block), dtype=bool)
        for better, other in zip(*_hiding(tlwh[block], max_overlap, max_iou)):
            stays[other] &= not stays[better]
        room = most - len(kept)
        if np.count_nonzero(stays) >= room:
            last = stays.nonzero()[0][:room].max(initial=-1)
            dropped += int(np.count_nonzero(~stays[:last + 1]))
            kept = np.concatenate((kept, block[stays][:room]))
            break
        dropped += int(np.count_nonzero(~stays))
        kept = np.concatenate((kept, block[stays]))
    return order[kept], dropped


def _hiding(tlwh: NDArray[np.float64], max_overlap: float, max_iou: float,
            ) -> tuple[list[int], list[int]]:
    """Return pairs of (N, 4) boxes, best first, of which the first hides the second."""
    if max_overlap < 1.0 or max_iou <= 0.0:
        first, second = np.triu(_hidden(tlwh, tlwh, max_overlap, max_iou), 1).nonzero()
        return first.tolist(), second.tolist()
    # Boxes that overlap by so much begin at nearly the same place: a sweep finds the few pairs.
    order = tlwh[:, 0].argsort(kind='stable')
    left, width = tlwh[order, 0], tlwh[order, 2]
    place = np.arange(len(order))
    count = left.searchsorted(left + width * (1.0 - max_iou), side='right') - place - 1
    first = place.repeat(count)
    second = first + 1 + np.arange(len(first)) - (count.cumsum() - count).repeat(count)
    pairs = np.sort(np.stack((order[first], order[second])), axis=0)
    side = np.minimum(*(tlwh[pairs, :2] + tlwh[pairs, 2:])) - np.maximum(*tlwh[pairs, :2])
    common = np.maximum(side, 0.0).prod(axis=1)
    area = boxes.area(tlwh)[pairs]
    pairs = pairs[:, common > max_iou * (area[0] + area[1] - common)]
    first, second = pairs[:, pairs[0].argsort(kind='stable')]
    return first.tolist(), second.tolist()


def _hidden(better: NDArray[np.float64], other: NDArray[np.float64], max_overlap: float,
            max_iou: float) -> NDArray[np.bool_]:
    """Return (N, M) bool, whether N boxes leave no room for M others."""
    common = boxes.intersection(better, other)
    area = boxes.area(other)
    hidden = np.zeros(common.shape, dtype=bool)
    if max_overlap < 1.0:
        hidden |= common / area > max_overlap
    if max_iou < 1.0:
        hidden |= common > max_iou * (boxes.area(better)[:, None] + area - common)
    return hidden
