"""The stages that came after the paper: alone, and held to the loop-based ones at random."""
from __future__ import annotations

import numpy as np
import pytest
from newer import NewerTracker
from scenes import Scene

from deepsort_ros.pipeline import tracker_config
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import association
from deepsort_ros.tracking import boxes
from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import kalman
from deepsort_ros.tracking import Tracker
from deepsort_ros.tracking import TrackerConfig
from deepsort_ros.tracking.association import Pairs
from deepsort_ros.tracking.by_appearance import Possible
from deepsort_ros.tracking.gallery import Gallery
from deepsort_ros.tracking.occlusion import covered
from deepsort_ros.tracking.occlusion import visibility

NEW = {'nearest_features': 5, 'by_age': False, 'second_look': 1.33, 'covered_share': 0.5}
RED, BLUE = np.eye(4, dtype=np.float32)[:2]
SCENES = {
    'street': Scene(12, size=(500.0, 300.0), feature_length=16, occlusion=0.9),
    'crowd': Scene(25, size=(300.0, 200.0), feature_length=16, occlusion=0.95),
    'alike': Scene(12, size=(300.0, 300.0), feature_length=4, miss=0.3),
    'churn': Scene(10, size=(500.0, 300.0), feature_length=16, leave=0.1, miss=0.3),
}


@pytest.mark.parametrize('more', [{}, {'rejoin': 0.67}, {'reach': True},
                                  {'rejoin': 1.0, 'reach': True, 'class_gating': True},
                                  {'lost_ratio': 0.8}, {'lost_ratio': 0.8, 'pace': 3.0}])
@pytest.mark.parametrize('share', [1.0, 0.6, 0.0])
@pytest.mark.parametrize('scene', SCENES)
def test_same_ids_and_boxes_as_with_loops(scene: str, share: float, more: dict) -> None:
    config = TrackerConfig(max_cosine_distance=0.3, nn_budget=20, **NEW, **more)
    tracker, loops = Tracker(config), NewerTracker(config)
    rng = np.random.default_rng(2)
    for tlwh, score, features in SCENES[scene].frames(70):
        known = rng.uniform(size=len(tlwh)) < share
        classes = ['tall' if box[3] > 110 else 'short' for box in tlwh]
        given = np.where(known[:, None], features, np.nan).astype(np.float32)
        tracks = tracker.update(
            Detections.from_arrays(tlwh, score, classes), given if known.any() else None)
        loops.update(tlwh, classes, [row if ok else None for row, ok in zip(features, known)])
        assert tracks.id.tolist() == [t.id for t in loops.tracks]
        assert tracks.state.tolist() == [t.state for t in loops.tracks]
        assert tracks.hits.tolist() == [t.hits for t in loops.tracks]
        assert tracks.removed_ids.tolist() == loops.removed
        good = tracks.tlwh[:, 3] > 1
        np.testing.assert_array_equal(
            tracks.tlwh[good], np.reshape([t.filter.tlwh() for t, ok in zip(loops.tracks, good)
                                           if ok], (-1, 4)))


@pytest.mark.parametrize('rate, looks', [(30.0, 1.0), (10.0, 0.7), (30.0, 0.0), (5.0, 1.0)])
@pytest.mark.parametrize('scene', SCENES)
def test_the_defaults_of_the_node_give_what_loops_give(
        scene: str, rate: float, looks: float) -> None:
    config = tracker_config(Settings().replace(
        {'frame_rate': rate, 'max_cosine_distance': 0.3, 'nn_budget': 20, 'max_age': 1.0}))
    tracker, loops = Tracker(config), NewerTracker(config)
    rng = np.random.default_rng(4)

    for tlwh, score, features in SCENES[scene].frames(50):
        known = rng.uniform(size=len(tlwh)) < looks
        classes = ['tall' if box[3] > 110 else 'short' for box in tlwh]
        dt = float(rng.choice([1.0, 2.0]))
        given = np.where(known[:, None], features, np.nan).astype(np.float32)
        tracks = tracker.update(
            Detections.from_arrays(tlwh, score, classes), given if known.any() else None, dt=dt)
        loops.update(tlwh, classes, [row if ok else None for row, ok in zip(features, known)],
                     dt, score)
        assert tracks.id.tolist() == [t.id for t in loops.tracks]
        assert tracks.state.tolist() == [t.state for t in loops.tracks]
        assert tracks.hits.tolist() == [t.hits for t in loops.tracks]
        assert tracks.class_id.tolist() == [t.class_id for t in loops.tracks]
        good = tracks.tlwh[:, 3] > 1
        np.testing.assert_array_equal(
            tracks.tlwh[good], np.reshape([t.filter.tlwh() for t, ok in zip(loops.tracks, good)
                                           if ok], (-1, 4)))


def test_tracks_of_all_ages_share_out_at_the_least_total_cost() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        cost = rng.uniform(0, 0.6, (9, 11))
        row, column = (cost <= 0.2).nonzero()
        pairs = Pairs(row, column, cost[row, column].astype(np.float32))
        found = association.share_out(pairs, np.arange(11), 0.2)
        table = np.full(cost.shape, 1.0)
        table[row, column] = pairs.cost
        best = association.assign(table, 0.2)
        assert set(zip(found.row, found.column)) == set(zip(best.row, best.column))
        assert set(found.left) | set(found.column) == set(range(11))


def test_the_distance_to_a_gallery_is_the_mean_of_the_nearest_half_at_most() -> None:
    rng = np.random.default_rng(1)
    unit = rng.normal(size=(8, 16)).astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    gallery = Gallery(100)
    for feature in unit[:7]:
        gallery.add(np.array([0]), feature[None])
    cosine = np.sort(unit[:7] @ unit[7])[::-1]
    for nearest, taken in ((1, 1), (3, 3), (7, 4), (9, 4)):
        distance = gallery.distance(np.array([0]), unit[7:], nearest)
        assert distance[0] == pytest.approx(1 - cosine[:taken].mean(), abs=1e-6)
        assert gallery.recent_distance(np.array([0]), unit[7:], nearest)[0] >= distance[0] - 1e-6


def test_each_box_is_covered_by_the_one_that_covers_most_of_it() -> None:
    tlwh = np.array([[0.0, 0, 10, 10], [5, 0, 10, 10], [8, 0, 2, 2], [90, 90, 5, 5]])
    np.testing.assert_allclose(covered(boxes.edges(tlwh)), [0.5, 0.5, 1.0, 0.0])
    assert len(covered(boxes.edges(tlwh[:0]))) == 0


def test_a_box_is_hidden_by_the_one_that_stands_before_it() -> None:
    tlwh = np.array([[0.0, 0, 10, 10], [5, 5, 10, 10], [90, 90, 5, 5], [8, 0, 2, 2]])
    everyone = np.ones(4, dtype=bool)
    # The second stands lower and hides a quarter of the first; the first hides all of the last.
    np.testing.assert_allclose(visibility(tlwh, everyone), [0.75, 1.0, 1.0, 0.0])
    np.testing.assert_allclose(
        visibility(tlwh, np.array([True, False, True, True])), [1.0, 1.0, 1.0, 0.0])
    assert visibility(tlwh[:0], everyone[:0]).shape == (0,)
    side_by_side = np.array([[0.0, 0, 10, 10], [5, 0, 10, 10]])
    np.testing.assert_allclose(visibility(side_by_side, everyone[:2]), 1.0)


def test_visibility_is_one_less_what_the_nearest_cover() -> None:
    rng = np.random.default_rng(3)
    tlwh = rng.uniform(1, 100, (60, 4))
    hiding = rng.uniform(size=60) < 0.8
    expected = np.ones(60)
    for k, (x, y, w, h) in enumerate(tlwh):
        for a, b, c, d in tlwh[hiding]:
            if b + d > y + h:
                common = (max(0, min(x + w, a + c) - max(x, a))
                          * max(0, min(y + h, b + d) - max(y, b)))
                expected[k] = min(expected[k], 1 - common / (w * h))
    np.testing.assert_allclose(visibility(tlwh, hiding), expected)


def test_a_track_not_seen_for_two_images_hides_nobody() -> None:
    tracker = Tracker(TrackerConfig())
    behind, before = [100.0, 100, 40, 100], [110.0, 110, 40, 100]
    for _ in range(4):
        tracks = tracker.update(Detections.from_arrays([behind, before]), None)
    assert tracks.visibility()[0] == pytest.approx(0.325, abs=0.01)
    assert tracks.visibility()[1] == 1.0
    for shown in (0.325, 1.0):
        tracks = tracker.update(Detections.from_arrays([behind]), None)
        assert tracks.visibility()[0] == pytest.approx(shown, abs=0.01)


def seen(tracker: Tracker, left: float, look: np.ndarray, times: int = 1, width: float = 40.0):
    """Show one person some times; return the tracks after the last one."""
    for _ in range(times):
        tracks = tracker.update(
            Detections.from_arrays([[left, 100.0, width, 100.0]]), look[None])
    return tracks


def test_a_track_does_not_take_a_stranger_in_the_right_place() -> None:
    for look, same in ((RED, True), (BLUE, False)):
        tracker = Tracker(TrackerConfig(**NEW))
        seen(tracker, 100.0, RED, 4)
        assert (1 in seen(tracker, 102.0, look).id[seen(tracker, 102.0, look).state == 2]) == same


def test_a_stranger_of_the_same_class_is_none_that_changed_it() -> None:
    tracker = Tracker(TrackerConfig(class_gating=True, class_change_overlap=0.5, **NEW))
    seen(tracker, 100.0, RED, 4)
    tracks = seen(tracker, 101.0, BLUE)
    assert tracks.time_since_update[tracks.id == 1].tolist() == [1]


def test_pairs_that_are_certain_need_no_exact_distance_and_change_nothing() -> None:
    config = TrackerConfig(max_cosine_distance=0.4, nn_budget=20, **NEW)
    compared: list[int] = []
    lazy, eager = Tracker(config), Tracker(config)
    eager._matcher._appearance._certain = lambda pairs, *_: (
        Possible(*(part[:0] for part in pairs)), pairs)
    exactly = lazy._matcher._appearance._compared_exactly
    lazy._matcher._appearance._compared_exactly = lambda pairs, *more: (
        compared.append(len(pairs.row)), exactly(pairs, *more))[1]
    pairs = 0
    for tlwh, score, features in Scene(60, feature_length=32, size=(900.0, 500.0)).frames(60):
        first = lazy.update(Detections.from_arrays(tlwh, score), features)
        other = eager.update(Detections.from_arrays(tlwh, score), features)
        pairs += int((first.time_since_update == 0).sum())
        assert first.id.tolist() == other.id.tolist()
        assert first.detection_index.tolist() == other.detection_index.tolist()
    assert 0 < sum(compared) < pairs


def test_a_lost_track_takes_by_overlap_what_looks_a_little_different() -> None:
    other = np.array([0.75, np.sqrt(1 - 0.75 ** 2), 0, 0], dtype=np.float32)
    for options, same in (({}, False), (NEW, True)):
        tracker = Tracker(TrackerConfig(**options))
        seen(tracker, 100.0, RED, 4)
        tracker.update(Detections.empty(), None)
        tracks = seen(tracker, 102.0, other)
        assert (tracks.time_since_update[tracks.id == 1].tolist() == [0]) == same


def test_a_track_confirmed_elsewhere_is_the_lost_one_it_looks_like() -> None:
    for rejoin, look, ids in ((0.0, RED, [1, 2]), (0.67, RED, [1]), (0.67, BLUE, [1, 2])):
        tracker = Tracker(TrackerConfig(rejoin=rejoin, **NEW))
        seen(tracker, 100.0, RED, 4)
        assert seen(tracker, 900.0, look, 3).id.tolist() == ids


def look(away: float) -> np.ndarray:
    """Return a feature at a cosine distance from RED."""
    return np.array([1 - away, np.sqrt(1 - (1 - away) ** 2), 0, 0], dtype=np.float32)


def found_again(ratio: float, *looks: np.ndarray, gone: int = 20, beside: object = None,
                away: float = 50.0, own: np.ndarray = RED, by_age: bool = False) -> bool:
    """Return whether a track of one look, lost for some images, takes one of these looks."""
    tracker = Tracker(TrackerConfig(lost_ratio=ratio, **{**NEW, 'by_age': by_age}))
    others = [] if beside is None else [beside]
    near = [165.0, 100.0, 40.0, 100.0]

    def show(boxes: list[list[float]], features: list[np.ndarray]):
        boxes, features = boxes + [near] * len(others), features + others
        return tracker.update(Detections.from_arrays(np.reshape(boxes, (-1, 4))),
                              np.array(features) if features else None)

    for _ in range(5):
        show([[100.0, 100.0, 40.0, 100.0]], [own])
    for _ in range(gone):
        show([], [])
    places = [[100.0 + away, 100.0, 40.0, 100.0], [100.0 - away, 100.0, 40.0, 100.0]]
    tracks = show(places[:len(looks)], list(looks))
    return bool(tracks.time_since_update[tracks.id == 1] == 0)


@pytest.mark.parametrize('ratio, second, found', [
    (1.0, 0.11, True), (0.8, 0.11, False), (0.8, 0.14, True), (0.8, 0.24, True),
    (0.4, 0.24, False)])
def test_a_lost_track_takes_nobody_where_two_look_alike(ratio, second, found) -> None:
    for by_age in (False, True):
        assert found_again(ratio, look(0.1), by_age=by_age)
        assert found_again(ratio, look(0.1), look(second), by_age=by_age) == found
        assert found_again(ratio, look(second), look(0.1), by_age=by_age) == found


def test_a_lost_track_takes_nobody_who_looks_like_another_track() -> None:
    assert found_again(0.8, look(0.1), beside=BLUE)
    assert found_again(1.0, look(0.1), beside=look(0.02))
    assert not found_again(0.8, look(0.1), beside=look(0.02))


def test_a_lost_track_takes_who_looks_exactly_the_same() -> None:
    # By rounding, some are closer to themselves than at no distance.
    looks = np.random.default_rng(0).normal(size=(50, 64)).astype(np.float32)
    for one in looks / np.linalg.norm(looks, axis=1, keepdims=True):
        assert found_again(0.8, one, own=one)


def test_a_track_that_was_lost_for_a_moment_goes_where_motion_takes_it() -> None:
    assert found_again(0.8, look(0.1), look(0.11), gone=5, away=25.0)
    assert not found_again(0.8, look(0.1), look(0.11), gone=6, away=25.0)


@pytest.mark.parametrize('looks', [True, False], ids=['with features', 'without'])
@pytest.mark.parametrize('width, height, speed', [(80, 100, 100), (80, 60, 100), (30, 60, -100),
                                                  (30, 40, 100)])
def test_a_fast_object_in_few_images_is_confirmed(width, height, speed, looks) -> None:
    for reach, ids, state in ((False, [4], 1), (True, [1], 2)):
        tracker = Tracker(TrackerConfig(reach=reach, pace=6.0, **NEW))  # 5 Hz
        for image in range(4):
            tracks = tracker.update(
                Detections.from_arrays([[500.0 + speed * image, 100.0, width, height]]),
                RED[None] if looks else None)
        assert tracks.id.tolist() == ids
        assert tracks.state.tolist() == [state]


def test_what_the_gate_admits_once_must_overlap_from_then_on() -> None:
    tracker = Tracker(TrackerConfig(reach=True, pace=6.0, **NEW))
    for left, ids in ((500.0, [1]), (600.0, [1]), (570.0, [2]), (670.0, [2]), (770.0, [2])):
        tracks = tracker.update(Detections.from_arrays([[left, 100.0, 30.0, 60.0]]), None)
        assert tracks.id.tolist() == ids


def test_a_match_without_an_overlap_does_not_confirm() -> None:
    tracker = Tracker(TrackerConfig(reach=True, pace=6.0, **NEW))
    for left, hits, state in ((500.0, 1, 1), (600.0, 1, 1), (700.0, 2, 1), (800.0, 3, 2)):
        tracks = tracker.update(Detections.from_arrays([[left, 100.0, 30.0, 60.0]]), None)
        assert (tracks.hits.tolist(), tracks.state.tolist()) == ([hits], [state])


def test_of_two_that_may_have_moved_so_far_neither_is_taken() -> None:
    tracker = Tracker(TrackerConfig(reach=True, pace=6.0, **NEW))
    for tlwh in ([[500.0, 100, 30, 60]], [[600.0, 100, 30, 60], [400.0, 100, 30, 60]]):
        tracks = tracker.update(Detections.from_arrays(tlwh), None)
    assert tracks.id.tolist() == [2, 3]


def test_the_less_often_images_come_the_less_is_known_of_a_velocity() -> None:
    box = np.array([[100.0, 100.0, 0.4, 100.0]])
    slow, fast = (kalman.predict(kalman.initiate(box, pace=pace), 1.0, pace=pace)
                  for pace in (1.0, 4.0))
    np.testing.assert_array_equal(slow, kalman.predict(kalman.initiate(box), 1.0))
    assert (fast[5, 0, :2] > 15 * slow[5, 0, :2]).all()
    np.testing.assert_array_equal(fast[0], slow[0])
