"""Features on demand: only where appearance may decide, and what was spared changes no match."""
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
from deepsort_ros.tracking import TrackState

LEFT, RIGHT, NEW = [100.0, 100, 40, 100], [400.0, 100, 40, 100], [800.0, 100, 40, 100]
A, B = np.eye(2, 8, dtype=np.float32)
NONE = np.full(8, np.nan, dtype=np.float32)


def see(tracker: Tracker, *boxes: list[float], features: object, times: int = 1) -> Tracks:
    for _ in range(times):
        tracks = tracker.update(Detections.from_arrays(boxes), np.array(features, np.float32))
    return tracks


def needed(tracker: Tracker, *boxes: list[float]) -> list[bool]:
    return tracker.demand(Detections.from_arrays(boxes), 1.0).detections.tolist()


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


def test_what_tracks_contest_or_a_lost_one_may_claim_needs_a_feature() -> None:
    tracker = tracker_of_two()
    assert needed(tracker, LEFT, RIGHT) == [False, False]
    assert needed(tracker, LEFT, RIGHT, [401.0, 100, 40, 100]) == [False, True, True]
    see(tracker, LEFT, features=[A])
    assert needed(tracker, LEFT, RIGHT) == [False, True]


def test_what_no_confirmed_track_can_claim_needs_no_feature() -> None:
    tracker = tracker_of_two()
    assert needed(tracker, LEFT, RIGHT, NEW) == [False, False, False]
    see(tracker, LEFT, RIGHT, NEW, features=[A, B, NONE])
    assert needed(tracker, LEFT, RIGHT, NEW, [801.0, 100, 40, 100]) == 4 * [False]


def test_new_ones_need_a_feature_where_ended_tracks_may_come_back() -> None:
    assert needed(tracker_of_two(reid_window=10), LEFT, RIGHT, NEW) == [False, False, True]


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
    first_three, then = np.split(asked(tracker, LEFT, images=15)[:, 0], [3])
    assert not first_three.any(), 'not confirmed yet'
    assert then.tolist() == 3 * [True, False, False, False]


@pytest.mark.parametrize(('count', 'most'), [(1, 1), (4, 1), (5, 1), (6, 2), (20, 4), (22, 5)])
def test_tracks_born_together_take_turns(count: int, most: int) -> None:
    tracker = Tracker(TrackerConfig(feature_interval=5))
    rows = asked(tracker, *row_of(count), images=43)
    assert not rows[:3].any()
    assert rows.sum(axis=1).max() == most
    # The first turn comes before an interval is over, the others after one each.
    assert all((rows[start:start + 5].sum(axis=0) == 1).all() for start in range(3, 43, 5))


@pytest.mark.parametrize(('age', 'interval', 'track'), [
    ([5, 5, 5], 5, [0]), ([5, 7, 6], 5, [1]), ([4, 4, 4], 5, []), ([5, 7, 6], 2, [1, 2]),
    ([1, 1, 1], 1, [0, 1, 2])])
def test_the_oldest_features_have_the_first_turn(
        age: list[int], interval: int, track: list[int]) -> None:
    chosen = demand.chosen(np.arange(3), np.array(age), interval)
    assert chosen.nonzero()[0].tolist() == track


def test_a_budget_serves_what_is_open_in_its_order_then_the_oldest_features() -> None:
    track, age = np.array([0, -1, 1, 2, -1]), np.array([3, 9, 2])

    def chosen(most: int) -> list[int]:
        return demand.chosen(track, age, 2, most).nonzero()[0].tolist()

    assert [chosen(most) for most in range(6)] == [
        [], [1], [1, 4], [1, 2, 4], [0, 1, 2, 4], [0, 1, 2, 4]]


def test_a_tracker_asks_for_no_more_than_its_budget() -> None:
    tracker = tracker_of_two(feature_budget=2)
    near, nearer = [402.0, 100, 40, 100], [401.0, 100, 40, 100]
    assert needed(tracker, LEFT, near, NEW, nearer, RIGHT) == [False, True, False, True, False]


def test_a_stranger_in_the_gate_opens_the_match_though_it_overlaps_little() -> None:
    tracker = tracker_of_two()
    assert needed(tracker, LEFT, [128.0, 100, 40, 100], RIGHT) == [True, True, False]
    assert needed(tracker, LEFT, [188.0, 100, 40, 100], RIGHT) == [False, False, False]


def kept_needed(tracker: Tracker, *boxes: list[float],
                kept: dict[int, int]) -> tuple[dict[int, int], list[bool]]:
    found = tracker.demand(Detections.from_arrays(boxes), 1.0, kept)
    return found.kept, found.detections.tolist()


def test_the_last_crop_is_needed_of_a_track_whose_gate_admits_an_open_detection() -> None:
    tracker, kept = tracker_of_two(), {1: 4, 2: 1}
    beside = [425.0, 100, 40, 100]
    assert kept_needed(tracker, LEFT, RIGHT, kept=kept)[0] == {}
    assert kept_needed(tracker, LEFT, RIGHT, NEW, kept=kept)[0] == {}
    assert kept_needed(tracker, LEFT, RIGHT, beside, kept=kept)[0] == {2: 1}
    assert kept_needed(tracker, LEFT, RIGHT, beside, kept={1: 4})[0] == {}
    assert kept_needed(tracker, [126.0, 100, 40, 100], RIGHT, kept=kept)[0] == {1: 1}


def test_all_crops_are_needed_of_a_lost_track_whose_gate_admits_an_open_detection() -> None:
    tracker, kept = tracker_of_two(), {1: 4, 2: 1}
    see(tracker, LEFT, features=[A])
    assert kept_needed(tracker, LEFT, kept={1: 2, 2: 3})[0] == {}
    assert kept_needed(tracker, LEFT, RIGHT, kept={1: 2, 2: 3})[0] == {2: 3}
    assert kept_needed(tracker, RIGHT, kept=kept)[0] == {2: 1}


def test_no_crop_is_needed_of_a_track_of_another_class_or_not_confirmed() -> None:
    tracker = Tracker(TrackerConfig(feature_interval=10, class_gating=True))
    for _ in range(2):
        see(tracker, LEFT, features=[A])
    tentative = kept_needed(tracker, [110.0, 100, 40, 100], kept={1: 1})
    assert tentative == ({}, [False])
    see(tracker, LEFT, features=[A], times=3)
    other = Detections.from_arrays([[126.0, 100, 40, 100]], class_id=['car'])
    assert tracker.demand(other, 1.0, {1: 1}).kept == {}
    assert kept_needed(tracker, [126.0, 100, 40, 100], kept={1: 1})[0] == {1: 1}


@pytest.mark.parametrize(('budget', 'kept', 'detections'), [
    (1, {}, [False, False, True]), (2, {2: 1}, [False, False, True]),
    (3, {2: 2}, [False, False, True]), (5, {2: 3}, [True, False, True]),
    (0, {2: 3}, [True, False, True])])
def test_kept_crops_come_after_what_is_open_and_before_old_features(
        budget: int, kept: dict[int, int], detections: list[bool]) -> None:
    tracker = tracker_of_two(feature_interval=2, feature_budget=budget)
    other, c = [700.0, 100, 40, 100], np.eye(8)[2]
    see(tracker, LEFT, RIGHT, other, features=[A, B, c], times=5)
    see(tracker, LEFT, other, features=[NONE, NONE])
    see(tracker, LEFT, other, features=[NONE, c])
    assert kept_needed(tracker, LEFT, other, RIGHT, kept={2: 3, 3: 1}) == (kept, detections)


def test_a_described_crop_counts_where_appearance_decides() -> None:
    """A lost person who had turned round comes back beside a stranger."""
    def returned(described: bool) -> int:
        tracker = tracker_of_two()
        turned, stranger = np.eye(8, dtype=np.float32)[2:4]
        see(tracker, LEFT, RIGHT, features=[A, NONE], times=3)
        see(tracker, LEFT, features=[A], times=2)
        if described:
            tracker.describe([2, 2], np.array([NONE, turned]))
        tracks = see(tracker, LEFT, [380.0, 100, 40, 100], [420.0, 100, 40, 100],
                     features=[A, stranger, turned])
        return int(tracks.id[tracks.detection_index == 2][0])

    assert returned(described=True) == 2
    assert returned(described=False) > 2


def test_a_described_track_waits_for_its_turn_as_from_when_the_crop_was_seen() -> None:
    tracker = tracker_of_two(feature_interval=4)
    see(tracker, LEFT, RIGHT, features=[NONE, NONE], times=3)
    assert needed(tracker, LEFT, RIGHT) == [True, False]
    tracker.describe([1], A[None])
    assert needed(tracker, LEFT, RIGHT) == [False, True]


def test_asking_for_needs_changes_nothing() -> None:
    config = TrackerConfig(feature_interval=5, feature_budget=3)
    asked, silent = Tracker(config), Tracker(config)
    for tlwh, score, features in Scene(15, feature_length=8).frames(60):
        detections = Detections.from_arrays(tlwh, score)
        asked.demand(detections, 1.0, dict.fromkeys(range(1, 100), 2))
        first, second = asked.update(detections, features), silent.update(detections, features)
        for name, value in vars(first).items():
            np.testing.assert_array_equal(value, getattr(second, name))


def test_no_lost_track_takes_a_detection_nobody_looked_at() -> None:
    tracker = Tracker(TrackerConfig(feature_interval=10))
    lost: set[int] = set()
    returned = spared = total = 0
    for tlwh, score, features in Scene(15, feature_length=8, size=(900.0, 500.0)).frames(100):
        detections = Detections.from_arrays(tlwh, score)
        wanted = tracker.demand(detections, 1.0).detections
        features[~wanted] = np.nan
        tracks = tracker.update(detections, features)
        back = tracks.detection_index[
            np.isin(tracks.id, list(lost)) & (tracks.time_since_update == 0)]
        assert wanted[back].all()
        lost = set(tracks.id[tracks.state == TrackState.LOST].tolist())
        returned += len(back)
        spared += np.count_nonzero(~wanted)
        total += len(wanted)
    assert returned > 10 and spared > 0.6 * total


def test_where_nobody_meets_spared_features_change_no_track() -> None:
    always, spared = Tracker(TrackerConfig()), Tracker(TrackerConfig(feature_interval=10))
    asked = 0
    for image in range(60):
        boxes = [[x + 2.0 * image, 100, 40, 100] for x, *_ in row_of(12)[::2]]
        # One after the other comes into view, and each is missed now and then.
        seen = [n for n in range(6) if image >= 5 * n and (image + n) % 7]
        detections = Detections.from_arrays([boxes[n] for n in seen])
        own = np.eye(6, 8, dtype=np.float32)[seen]
        wanted = spared.demand(detections, 1.0).detections
        first = always.update(detections, own)
        second = spared.update(detections, np.where(wanted[:, None], own, NONE))
        asked += np.count_nonzero(wanted)
        np.testing.assert_array_equal(first.id, second.id)
        np.testing.assert_array_equal(first.tlwh, second.tlwh)
        np.testing.assert_array_equal(first.detection_index, second.detection_index)
    assert 0 < asked < 200


def test_a_covered_detection_has_no_turn_and_its_crop_is_not_worth_keeping() -> None:
    tracker = tracker_of_two(covered_share=0.5)
    inside = [105.0, 120, 30, 40]
    for boxes, remembered in (((LEFT, RIGHT), [True, True]), ((LEFT, RIGHT, inside),
                                                              [True, True, False])):
        demand = tracker.demand(Detections.from_arrays(boxes), 1.0)
        assert demand.remembered.tolist() == remembered


def test_a_feature_that_is_not_remembered_takes_no_turn() -> None:
    tracker = Tracker(TrackerConfig(feature_interval=3, covered_share=0.5))
    front = [60.0, 60, 120, 200]
    see(tracker, LEFT, front, features=[A, B], times=6)
    assert tracker.state()['feature_count'].tolist() == [0, 6]
    # Alone, it is the first whose turn it is.
    assert needed(tracker, LEFT) == [True]
