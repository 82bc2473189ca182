"""The ring-buffer gallery against plain lists."""
from collections import defaultdict

import numpy as np

from deepsort_ros.tracking.gallery import Gallery


def unit(rng: np.random.Generator, count: int, length: int = 8) -> np.ndarray:
    vectors = rng.standard_normal((count, length))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def check(gallery: Gallery, lists: dict[int, list[np.ndarray]], query: np.ndarray) -> None:
    slots = np.array([slot for slot, held in lists.items() if held])
    expected = [1 - max(np.dot(row, query) for row in lists[slot]) for slot in slots]
    np.testing.assert_allclose(
        gallery.distance(slots, np.repeat(query[None], len(slots), axis=0)), expected, atol=1e-6)
    np.testing.assert_array_equal(gallery.newest(slots), [lists[slot][-1] for slot in slots])
    assert gallery.count(slots).tolist() == [len(lists[slot]) for slot in slots]


def test_holds_the_newest_features_of_each_slot_through_growth_reuse_and_resizing() -> None:
    rng = np.random.default_rng(2)
    budget = 5
    gallery, lists = Gallery(budget), defaultdict(list)
    for step in range(400):
        slots = rng.choice(40, size=rng.integers(1, 12), replace=False)
        features = unit(rng, len(slots))
        gallery.add(slots, features)
        for slot, feature in zip(slots.tolist(), features):
            lists[slot] = (lists[slot] + [feature])[-budget:]
        if step % 7 == 0:
            gone = rng.choice(40, size=3, replace=False)
            gallery.clear(gone)
            for slot in gone.tolist():
                lists[slot] = []
        if step % 50 == 49:
            budget = int(rng.choice([1, 3, 5, 9, 20]))
            gallery.resize(budget)
            lists = defaultdict(list, {s: held[-budget:] for s, held in lists.items()})
        check(gallery, lists, unit(rng, 1)[0])


def test_a_slot_that_never_had_a_feature_is_empty() -> None:
    gallery = Gallery(3)
    assert gallery.count(np.array([0, 7])).tolist() == [0, 0]
    gallery.add(np.array([2]), np.ones((1, 4), dtype=np.float32))
    assert gallery.count(np.array([0, 2, 7, 999])).tolist() == [0, 1, 0, 0]
    assert np.isnan(gallery.newest(np.array([0, 999]))).all()


def test_an_empty_gallery_can_be_resized_and_cleared() -> None:
    gallery = Gallery(3)
    gallery.clear(np.array([4]))
    gallery.resize(2)
    gallery.add(np.array([1]), np.ones((1, 4), dtype=np.float32))
    assert gallery.feature_length == 4


def test_opposite_features_are_at_distance_two_even_beside_unused_ring_places() -> None:
    gallery = Gallery(100)
    feature = np.array([[1, 0, 0, 0]], dtype=np.float32)
    gallery.add(np.array([0]), feature)
    assert gallery.distance(np.array([0]), -feature).tolist() == [2.0]


def test_memory_follows_what_is_held_not_the_budget() -> None:
    gallery = Gallery(10000)
    gallery.add(np.arange(1000), np.zeros((1000, 128), dtype=np.float32))
    assert gallery.nbytes < 1000 * 128 * 4 * 16
