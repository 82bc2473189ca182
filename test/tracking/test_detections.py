"""Which detections of an image are tracked: the order of scores, and overlapping boxes."""
from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from deepsort_ros.pipeline import Frame
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import boxes
from deepsort_ros.tracking import Detections
from deepsort_ros.tracking.detections import best_first
from deepsort_ros.tracking.detections import non_max_suppression


def crowd(count: int, seed: int = 1, levels: int = 10) -> Detections:
    """Return boxes of about a person's size in a full-HD image, with few different scores."""
    rng = np.random.default_rng(seed)
    height = rng.uniform(60, 200, count)
    tlwh = np.stack((rng.uniform(0, 1850, count), rng.uniform(0, 900, count), 0.4 * height,
                     height), axis=1)
    return Detections.from_arrays(tlwh, rng.integers(1, levels + 1, count) / levels)


def by_the_book(detections: Detections, max_overlap: float, max_iou: float) -> list[int]:
    kept: list[int] = []
    for one in best_first(detections.score).tolist():
        box = detections.tlwh[one:one + 1]
        better = detections.tlwh[kept]
        common = boxes.intersection(better, box)
        covered = max_overlap < 1 and (common / boxes.area(box) > max_overlap).any()
        if not covered and not (boxes.iou(better, box) > max_iou).any():
            kept.append(one)
    return kept


@pytest.mark.parametrize('count', [3, 17, 40, 300])
def test_equal_scores_are_taken_in_an_order_that_no_processor_decides(count: int) -> None:
    assert best_first(np.full(count, 0.5)).tolist() == list(range(count))[::-1]
    scores = np.random.default_rng(count).integers(0, 3, count) / 2
    assert best_first(scores).tolist() == sorted(
        range(count), key=lambda one: (scores[one], one), reverse=True)


class OtherProcessor:
    """Numpy whose sorts that are not stable put equal values into another order."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def __getattr__(self, name: str):
        return getattr(np, name)

    def argsort(self, values: np.ndarray, kind: str | None = None) -> np.ndarray:
        if kind == 'stable':
            return np.argsort(values, kind=kind)
        order = self._random.permutation(len(values))
        return order[np.argsort(values[order], kind='stable')]


def test_ids_are_the_same_on_processors_that_sort_in_another_order(monkeypatch) -> None:
    def ids(seed: int) -> list[list[int]]:
        monkeypatch.setattr('deepsort_ros.tracking.detections.np', OtherProcessor(seed))
        random = np.random.default_rng(5)
        place = random.uniform(0, 1000, (20, 2))
        pipeline, found = Pipeline(Settings(), None), []
        for number in range(1, 20):
            place += random.normal(0, 2, place.shape)
            tlwh = np.hstack((place, np.full((20, 2), (40.0, 90.0))))
            tracks = pipeline.process(Frame(
                number * 33_333_333, Detections.from_arrays(tlwh, np.full(20, 0.9)), None)).tracks
            found.append(tracks.id[np.lexsort(tracks.tlwh.T)].tolist())
        return found

    first = ids(0)
    assert len(first[-1]) >= 15
    assert all(ids(seed) == first for seed in range(1, 4))


@pytest.mark.parametrize('max_overlap, max_iou', [(0.7, 1.0), (1.0, 0.8), (0.5, 0.3), (0.0, 1.0)])
@pytest.mark.parametrize('count', [0, 1, 30, 700])
def test_suppression_is_greedy_by_score(count: int, max_overlap: float, max_iou: float) -> None:
    detections = crowd(count)
    kept, dropped = non_max_suppression(detections, max_overlap, max_iou)
    assert kept.tolist() == by_the_book(detections, max_overlap, max_iou)
    assert len(kept) + dropped == count


@pytest.mark.parametrize('most', [1, 5, 100, 255, 256, 500])
def test_a_limit_keeps_the_best_of_what_suppression_leaves(most: int) -> None:
    detections = crowd(1500)
    everything = by_the_book(detections, 0.6, 1.0)
    kept, dropped = non_max_suppression(detections, 0.6, most=most)
    assert kept.tolist() == everything[:most]
    assert len(kept) == min(most, len(everything)) and dropped <= 1500 - len(everything)


def test_without_limits_every_box_stays() -> None:
    kept, dropped = non_max_suppression(crowd(50))
    assert sorted(kept.tolist()) == list(range(50)) and dropped == 0


@pytest.mark.parametrize('same_place', [False, True])
def test_thousands_of_boxes_take_little_memory_and_no_longer_than_the_limit_allows(
        same_place: bool) -> None:
    detections = crowd(8000)
    if same_place:
        detections.tlwh[:] = detections.tlwh[0]
    tracemalloc.start()
    kept, dropped = non_max_suppression(detections, 0.7, most=300)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept) == (1 if same_place else 300)
    # All pairs at once would be half a gigabyte for each number of a pair.
    assert peak < 20_000_000
