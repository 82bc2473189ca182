"""The limit of the appearance distance follows the features that come."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from newer import NewerTracker
from scenes import Scene

from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import Tracker
from deepsort_ros.tracking import TrackerConfig
from deepsort_ros.tracking.fitting import ENOUGH
from deepsort_ros.tracking.fitting import EVERY
from deepsort_ros.tracking.fitting import Fit
from deepsort_ros.tracking.fitting import KEPT

CONFIG = TrackerConfig(max_cosine_distance=0.4, nearest_features=5, by_age=False,
                       second_look=1.33, rejoin=0.67, adapt_distance=True)


def people(places: list[float], noise: float, seed: int, length: int = 64):
    """Yield detections and features of people who walk; ``noise``: length of what is added."""
    rng = np.random.default_rng(seed)
    looks = np.linalg.qr(rng.normal(size=(length, len(places))))[0].T
    for frame in range(90):
        tlwh = np.array([(place + 2 * frame, 100.0, 40, 100) for place in places])
        blur = rng.normal(size=looks.shape)
        seen = looks + noise * blur / np.linalg.norm(blur, axis=1, keepdims=True)
        seen /= np.linalg.norm(seen, axis=1, keepdims=True)
        yield Detections.from_arrays(tlwh, np.ones(len(tlwh))), seen.astype(np.float32)


def test_a_limit_between_the_distances_of_one_and_of_two_stays() -> None:
    fit = Fit()
    fit.take(np.full(ENOUGH, 0.1), np.full(ENOUGH, 0.9))
    assert fit.limit(0.4) == 0.4


@pytest.mark.parametrize('given, used', [(0.2, 0.34), (0.34, 0.34), (0.46, 0.46), (0.7, 0.46)])
def test_any_other_limit_becomes_the_nearest_one_between_them(given: float, used: float) -> None:
    fit = Fit()
    fit.take(np.full(ENOUGH, 0.1), np.full(ENOUGH, 0.9))
    assert fit.limit(given) == pytest.approx(used)


def test_a_few_distances_prove_nothing() -> None:
    fit = Fit()
    fit.take(np.full(ENOUGH - 1, 0.5), np.full(ENOUGH - 1, 0.9))
    assert fit.limit(0.2) == 0.2


def test_objects_without_looks_teach_nothing() -> None:
    fit = Fit()
    fit.take(np.full(ENOUGH, -1e-7), np.full(ENOUGH, -1e-7))
    assert fit.limit(0.4) == 0.4


def test_images_of_one_colour_stop_nothing() -> None:
    tracker = Tracker(CONFIG)
    for detections, features in people([0.0, 200, 400, 600], noise=0.1, seed=3):
        tracks = tracker.update(detections, np.tile(features[:1], (len(features), 1)))
    assert tracks.id.tolist() == [1, 2, 3, 4]
    assert tracker.limit == 0.4


def test_the_newest_distances_count() -> None:
    fit = Fit()
    fit.take(np.full(KEPT, 0.5), np.full(KEPT, 0.9))
    fit.take(np.full(KEPT, 0.1), np.full(KEPT, 0.7))
    assert fit.limit(0.0) == pytest.approx(0.28)


def test_once_there_are_enough_an_image_now_and_then_is_looked_at() -> None:
    fit = Fit()
    assert all(fit.due() for _ in range(5))
    fit.take(np.full(KEPT, 0.5), np.full(KEPT, 0.9))
    assert [fit.due() for _ in range(EVERY)] == [False] * (EVERY - 1) + [True]


def test_people_that_a_network_hardly_knows_again_keep_their_ids() -> None:
    ids = {}
    for adapt in (False, True):
        tracker = Tracker(replace(CONFIG, adapt_distance=adapt))
        ids[adapt] = max(tracker.update(*image).id.max(initial=0)
                         for image in people([0.0, 200, 400, 600], noise=1.2, seed=3))
    assert 3 * ids[True] < ids[False]
    assert tracker.limit > 0.5


def test_people_who_look_alike_get_a_smaller_limit() -> None:
    tracker = Tracker(CONFIG)
    for detections, features in people([0.0, 200, 400], noise=0.1, seed=3):
        features = features + np.float32(1.0) / np.sqrt(features.shape[1]) * 2
        tracker.update(detections, features)
    assert tracker.limit < 0.2
    tracker.forget_features()
    assert tracker.limit == 0.4


def test_someone_alone_teaches_nothing() -> None:
    tracker = Tracker(CONFIG)
    for image in people([0.0], noise=1.2, seed=3):
        tracker.update(*image)
    assert tracker.limit == 0.4


def test_boxes_that_touch_and_other_classes_teach_nothing() -> None:
    touching, mixed = Tracker(CONFIG), Tracker(replace(CONFIG, class_gating=True))
    for detections, features in people([0.0, 30], noise=1.2, seed=3):
        touching.update(detections, features)
    for detections, features in people([0.0, 200], noise=1.2, seed=3):
        mixed.update(replace(detections, class_id=np.array(['cat', 'dog'], object)), features)
    assert touching.limit == mixed.limit == 0.4


def test_without_the_option_the_limit_stays() -> None:
    tracker = Tracker(replace(CONFIG, adapt_distance=False))
    for image in people([0.0, 200, 400], noise=1.2, seed=3):
        tracker.update(*image)
    assert tracker.limit == 0.4


def test_what_was_learned_is_saved() -> None:
    tracker = Tracker(CONFIG)
    images = list(people([0.0, 200, 400, 600], noise=1.2, seed=3))
    for image in images[:50]:
        tracker.update(*image)
    resumed = Tracker.from_state(tracker.state(), CONFIG)
    assert resumed.limit == tracker.limit > 0.4
    for image in images[50:]:
        np.testing.assert_array_equal(resumed.update(*image).id, tracker.update(*image).id)
        assert resumed.limit == tracker.limit


@pytest.mark.parametrize('limit', [0.02, 0.9])
@pytest.mark.parametrize('scene', [
    Scene(14, size=(900.0, 500.0), feature_length=16, occlusion=0.9, feature_noise=0.8),
    Scene(6, size=(600.0, 400.0), feature_length=8, miss=0.3, leave=0.05)])
def test_same_ids_and_limit_as_with_loops(scene: Scene, limit: float) -> None:
    config = replace(CONFIG, max_cosine_distance=limit, nn_budget=20, class_gating=True)
    tracker, loops = Tracker(config), NewerTracker(config)
    for tlwh, score, features in scene.frames(110):
        classes = ['tall' if box[3] > 110 else 'short' for box in tlwh]
        tracks = tracker.update(Detections.from_arrays(tlwh, score, classes), features)
        loops.update(tlwh, classes, list(features))
        assert tracks.id.tolist() == [t.id for t in loops.tracks]
        assert tracker.limit == pytest.approx(loops.limit(), abs=1e-6)
    assert tracker.limit != limit
    assert len(loops.same) > ENOUGH
