"""When a new track is confirmed: after ``n_init`` images, or as long where images are rare."""
from __future__ import annotations

import numpy as np
import pytest

from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import Tracker
from deepsort_ros.tracking import TrackerConfig
from deepsort_ros.tracking import TrackState

RED, ORANGE = np.array([[1.0, 0.0], [0.8, 0.6]], dtype=np.float32)
BOX = (100.0, 100.0, 40.0, 100.0)


def images_until_confirmed(looks, rate: float, step: float = 4.0, **more) -> int:
    """Return how many images it takes, 0 for ever."""
    tracker = Tracker(TrackerConfig(
        max_cosine_distance=0.15, second_look=2.0, pace=30.0 / rate, reach=True, **more))
    for image, look in enumerate(looks):
        box = (BOX[0] + image * step, *BOX[1:])
        features = None if look is None else look[None]
        tracks = tracker.update(Detections.from_arrays([box], [1.0]), features)
        if (tracks.state == TrackState.CONFIRMED).any():
            assert tracks.hits.tolist() == [tracker._config.n_init]
            return image + 1
    return 0


@pytest.mark.parametrize('rate, images', [(30.0, 3), (25.0, 3), (15.0, 2), (10.0, 2), (2.0, 2)])
def test_who_looks_the_same_is_confirmed_after_the_time_of_three_images_at_30_hz(
        rate: float, images: int) -> None:
    assert images_until_confirmed([RED] * 9, rate) == images


@pytest.mark.parametrize('n_init, images', [(1, 1), (2, 2), (3, 2), (4, 2), (5, 3), (7, 3)])
def test_more_are_needed_where_n_init_asks_for_more(n_init: int, images: int) -> None:
    assert images_until_confirmed([RED] * 9, rate=10.0, n_init=n_init) == images


def test_it_takes_all_images_without_features() -> None:
    assert images_until_confirmed([None] * 9, rate=10.0) == 3


def test_it_takes_all_images_of_someone_who_looks_different() -> None:
    # Their distance, 0.2, is within the second look only.
    assert images_until_confirmed([RED, ORANGE, RED, ORANGE], rate=10.0) == 3


def test_a_match_without_overlap_is_not_enough() -> None:
    assert images_until_confirmed([RED] * 9, rate=10.0, step=60.0) == 3
