"""Features on demand: where motion settles a match, none is needed, and the match stands."""
from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scenes import Scene

from deepsort_ros.tracking import demand
from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import Tracker
from deepsort_ros.tracking import TrackerConfig
from deepsort_ros.tracking import Tracks

LEFT, RIGHT, NEW = [100.0, 100, 40, 100], [400.0, 100, 40, 100], [800.0, 100, 40, 100]
A, B = np.eye(2, 8, dtype=np.float32)
NONE = np.full(8, np.nan, dtype=np.float32)


def see(tracker: Tracker, *boxes: list[float], features: object, times: int = 1) -> Tracks:
    for _ in range(times):
        tracks = tracker.update(Detections.from_arrays(boxes), np.array(features, np.float32))
    return tracks


def needed(tracker: Tracker, *boxes: list[float]) -> list[bool]:
    return tracker.needs_feature(Detections.from_arrays(boxes), 1.0).tolist()


def tracker_of_two(**options: int) -> Tracker:
    tracker = Tracker(TrackerConfig(**{'feature_interval': 10, **options}))
    see(tracker, LEFT, RIGHT, features=[A, B], times=5)
    return tracker


def settled(overlap: list[list[float]], gated: object = 0, eligible: object = True) -> list[int]:
    given = np.array(overlap)
    return demand.settled(given, np.full(given.shape, gated, dtype=bool),
                          np.full(len(given), eligible), 0.3).tolist()


@pytest.mark.parametrize(('overlap', 'track'), [
    ([[0.9, 0.0], [0.0, 0.8]], [0, 1]),
    # Another track overlaps the first detection nearly as much, or clearly less.
    ([[0.6], [0.5]], [-1]),
    ([[0.6], [0.3]], [0]),
    # Another detection overlaps the track nearly as much, or clearly less.
    ([[0.6, 0.5]], [-1, -1]),
    ([[0.6, 0.3]], [0, -1]),
    ([[0.6, 0.6]], [-1, -1]),
    ([[0.29]], [-1]),
    ([[0.0, 0.0]], [-1, -1]),
])
def test_motion_settles_on_a_pair_without_a_rival_by_overlap(
        overlap: list[list[float]], track: list[int]) -> None:
    assert settled(overlap) == track


@pytest.mark.parametrize(('gated', 'track'), [
    ([[1, 0], [0, 1]], [0, 1]),
    # The pair itself may lie outside its gate.
    ([[0, 0], [0, 0]], [0, 1]),
    # The gate of the second track admits the first detection: both have a rival.
    ([[1, 0], [1, 1]], [-1, -1]),
    ([[1, 0], [1, 0]], [-1, -1]),
])
def test_motion_settles_on_a_pair_without_a_rival_within_the_gate(
        gated: list[list[int]], track: list[int]) -> None:
    assert settled([[0.9, 0.0], [0.0, 0.8]], gated=gated) == track


def test_motion_settles_on_no_track_that_is_only_a_rival() -> None:
    assert settled([[0.9]], eligible=[False]) == [-1]
    assert settled([[0.6], [0.5]], eligible=[True, False]) == [-1]


def test_every_detection_needs_a_feature_unless_an_interval_is_given() -> None:
    tracker = tracker_of_two(feature_interval=0)
    assert needed(tracker, LEFT, RIGHT) == [True, True]
    assert needed(tracker) == []


def test_new_unconfirmed_contested_and_lost_ones_need_a_feature() -> None:
    tracker = tracker_of_two()
    assert needed(tracker, LEFT, RIGHT) == [False, False]
    assert needed(tracker, LEFT, RIGHT, [401.0, 100, 40, 100]) == [False, True, True]
    assert needed(tracker, LEFT, RIGHT, NEW) == [False, False, True]
    see(tracker, LEFT, RIGHT, NEW, features=[A, B, A])
    assert needed(tracker, LEFT, RIGHT, NEW) == [False, False, True]
    see(tracker, LEFT, features=[A])
    assert needed(tracker, LEFT, RIGHT) == [False, True]


def test_the_gate_of_a_lost_track_opens_no_match_of_another() -> None:
    tracker = tracker_of_two()
    beside, other = [430.0, 100, 40, 100], np.eye(8)[2]
    tracks = see(tracker, beside, features=[other], times=8)
    assert tracks.time_since_update.tolist() == [8, 8, 0]
    assert needed(tracker, beside) == [False]


def test_a_track_without_any_feature_needs_one() -> None:
    tracker = Tracker(TrackerConfig(feature_interval=10))
    see(tracker, LEFT, features=[NONE], times=5)
    assert needed(tracker, LEFT) == [True]


def asked(tracker: Tracker, *boxes: list[float], images: int) -> NDArray[np.bool_]:
    """Return (images, N) bool, the features asked for, each given where it was."""
    own, none = np.eye(len(boxes), dtype=np.float32), np.float32(np.nan)
    rows = []
    for _ in range(images):
        rows.append(needed(tracker, *boxes))
        see(tracker, *boxes, features=np.where(np.array(rows[-1])[:, None], own, none))
    return np.array(rows)


def row_of(count: int) -> list[list[float]]:
    return [[100.0 * place, 100, 40, 100] for place in range(count)]


def test_each_track_needs_a_feature_once_per_interval() -> None:
    tracker = Tracker(TrackerConfig(feature_interval=4))
    assert asked(tracker, LEFT, images=15)[3:, 0].tolist() == 3 * [False, False, False, True]


@pytest.mark.parametrize(('count', 'most'), [(1, 1), (4, 1), (5, 1), (6, 2), (20, 4), (22, 5)])
def test_tracks_born_together_take_turns(count: int, most: int) -> None:
    tracker = Tracker(TrackerConfig(feature_interval=5))
    rows = asked(tracker, *row_of(count), images=43)
    assert rows[:3].all()
    assert rows[3:].sum(axis=1).max() == most
    # The first turn comes before two intervals are over, the others after one each.
    assert rows[3:12].any(axis=0).all()
    assert (rows[13:].sum(axis=0) == 30 // 5).all()


@pytest.mark.parametrize(('age', 'interval', 'track'), [
    ([5, 5, 5], 5, [0]), ([5, 7, 6], 5, [1]), ([4, 4, 4], 5, []), ([5, 7, 6], 2, [1, 2]),
    ([1, 1, 1], 1, [0, 1, 2])])
def test_the_oldest_features_have_the_first_turn(
        age: list[int], interval: int, track: list[int]) -> None:
    chosen = demand.chosen(np.arange(3), np.array(age), interval, 0)
    assert chosen.nonzero()[0].tolist() == track


def test_a_budget_serves_what_is_open_in_its_order_then_the_oldest_features() -> None:
    track, age = np.array([0, -1, 1, 2, -1]), np.array([3, 9, 2])

    def chosen(budget: int) -> list[int]:
        return demand.chosen(track, age, 2, budget).nonzero()[0].tolist()

    assert [chosen(budget) for budget in range(6)] == [
        [0, 1, 2, 4], [1], [1, 4], [1, 2, 4], [0, 1, 2, 4], [0, 1, 2, 4]]


def test_a_tracker_asks_for_no_more_than_its_budget() -> None:
    tracker = tracker_of_two(feature_budget=2)
    other = [1200.0, 100, 40, 100]
    assert needed(tracker, LEFT, NEW, RIGHT, other, [1600.0, 0, 9, 9]) == [
        False, True, False, True, False]


def test_a_stranger_in_the_gate_opens_the_match_though_it_overlaps_little() -> None:
    tracker = tracker_of_two()
    assert needed(tracker, LEFT, [128.0, 100, 40, 100], RIGHT) == [True, True, False]
    assert needed(tracker, LEFT, [188.0, 100, 40, 100], RIGHT) == [False, True, False]


def test_asking_for_needs_changes_nothing() -> None:
    config = TrackerConfig(feature_interval=5, feature_budget=3)
    asked, silent = Tracker(config), Tracker(config)
    for tlwh, score, features in Scene(15, feature_length=8).frames(60):
        detections = Detections.from_arrays(tlwh, score)
        asked.needs_feature(detections, 1.0)
        first, second = asked.update(detections, features), silent.update(detections, features)
        for name, value in vars(first).items():
            np.testing.assert_array_equal(value, getattr(second, name))


def test_what_needs_no_feature_is_matched_without_one() -> None:
    tracker = Tracker(TrackerConfig(feature_interval=10))
    settled = total = 0
    for tlwh, score, features in Scene(15, feature_length=8, size=(900.0, 500.0)).frames(100):
        detections = Detections.from_arrays(tlwh, score)
        wanted = tracker.needs_feature(detections, 1.0)
        features[~wanted] = np.nan
        tracks = tracker.update(detections, features)
        matched = tracks.detection_index[(tracks.hits > 1) & (tracks.time_since_update == 0)]
        assert set(np.flatnonzero(~wanted)) <= set(matched.tolist())
        settled += np.count_nonzero(~wanted)
        total += len(wanted)
    assert settled > 0.6 * total
