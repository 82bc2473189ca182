"""Of each track its last crop and a few from before are kept."""
from __future__ import annotations

import numpy as np
import pytest

from deepsort_ros.kept_crops import KeptCrops
from deepsort_ros.kept_crops import MOST


def crop(number: int) -> np.ndarray:
    return np.full((2, 1, 3), number, dtype=np.uint8)


def kept_of(images: int, spacing: int) -> KeptCrops:
    kept = KeptCrops(spacing)
    for image in range(images):
        kept.add([(7, crop(image))])
    return kept


def numbers(kept: KeptCrops, needed: dict[int, int]) -> list[int]:
    return [int(one.max()) for one in kept.newest(needed)[1]]


@pytest.mark.parametrize(('images', 'spacing', 'left'), [
    (1, 3, [0]), (2, 3, [0, 1]), (3, 3, [0, 2]), (4, 3, [0, 3]), (5, 3, [0, 3, 4]),
    (8, 3, [0, 3, 6, 7]), (20, 3, [9, 12, 15, 18, 19]), (20, 1, [15, 16, 17, 18, 19])])
def test_the_last_crop_and_some_spaced_ones_before_it_are_kept(
        images: int, spacing: int, left: list[int]) -> None:
    kept = kept_of(images, spacing)
    assert kept.counts() == {7: len(left)} and len(kept) == len(left) <= MOST
    assert numbers(kept, {7: len(left)}) == left


def test_the_newest_are_given_oldest_first_and_only_they_are_dropped() -> None:
    kept = kept_of(8, 3)
    assert numbers(kept, {7: 2}) == [6, 7]
    assert kept.newest({7: 2})[0] == [7, 7]
    kept.drop_newest({7: 2})
    assert numbers(kept, {7: 2}) == [0, 3]
    kept.drop_newest({7: 2})
    assert kept.counts() == {} and not len(kept)


def test_a_box_that_showed_nothing_leaves_what_was_kept() -> None:
    kept = kept_of(2, 3)
    kept.add([(7, None), (8, None)])
    assert kept.counts() == {7: 2}


def test_crops_of_tracks_not_named_are_let_go_of() -> None:
    kept = KeptCrops(3)
    kept.add((track, crop(track)) for track in (1, 2, 3))
    kept.retain([3, 1, 9])
    assert set(kept.counts()) == {1, 3}
    kept.clear()
    assert kept.counts() == {}
