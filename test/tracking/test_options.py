"""What each option of the tracker changes, beside the paper."""
from __future__ import annotations

import numpy as np
import pytest
from scenes import Scene

from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import kalman
from deepsort_ros.tracking import Tracker
from deepsort_ros.tracking import TrackerConfig
from deepsort_ros.tracking import Tracks
from deepsort_ros.tracking import TrackState

LEFT, RIGHT = [100.0, 100, 40, 100], [900.0, 100, 40, 100]
A, B, C = np.eye(3, 8, dtype=np.float32)
SHIFT = np.array([[1.0, 0, 300], [0, 1, -20]])


def see(tracker: Tracker, *boxes: list[float], score: object = None, features: object = None,
        times: int = 1, classes: object = None) -> Tracks:
    """Show the same detections ``times`` times and return the last result."""
    given = None if features is None else np.array(features, dtype=np.float32)
    for _ in range(times):
        tracks = tracker.update(Detections.from_arrays(boxes, score, classes), given)
    return tracks


# Second association of low scores

LOW = TrackerConfig(high_score=0.5)


def test_a_low_score_starts_no_track() -> None:
    assert len(see(Tracker(LOW), LEFT, score=[0.3], times=5)) == 0


def test_a_low_score_goes_on_with_a_track_just_seen() -> None:
    tracker = Tracker(LOW)
    see(tracker, LEFT, times=4)
    tracks = see(tracker, LEFT, score=[0.3])
    assert tracks.state.tolist() == [TrackState.CONFIRMED]
    assert (tracks.score[0], tracks.hits[0], tracks.detection_index[0]) == (0.3, 5, 0)


def test_a_low_score_brings_no_lost_or_tentative_track_on() -> None:
    tracker = Tracker(LOW)
    see(tracker, LEFT, times=4)
    see(tracker)
    assert see(tracker, LEFT, score=[0.3]).state.tolist() == [TrackState.LOST]
    tracker = Tracker(LOW)
    see(tracker, LEFT, times=2)
    assert len(see(tracker, LEFT, score=[0.3])) == 0


def test_a_low_score_yields_to_a_high_one_and_needs_half_the_overlap() -> None:
    tracker = Tracker(LOW)
    see(tracker, LEFT, times=4)
    tracks = see(tracker, [110.0, 100, 40, 100], LEFT, score=[0.9, 0.4])
    assert tracks.detection_index.tolist() == [0]
    assert see(tracker, [128.0, 100, 40, 100], score=[0.4]).state.tolist() == [TrackState.LOST]


def test_the_feature_of_a_low_score_is_neither_needed_nor_kept() -> None:
    tracker = Tracker(LOW)
    see(tracker, LEFT, features=[A], times=4)
    boxes = Detections.from_arrays([RIGHT, LEFT], [0.9, 0.4])
    assert tracker.demand(boxes, 1.0).detections.tolist() == [True, False]
    tracks = see(tracker, LEFT, score=[0.4], features=[B])
    assert tracks.state.tolist() == [TrackState.CONFIRMED]
    assert tracks.feature.tolist() == [A.tolist()]


# Tracks that come back

REID = TrackerConfig(max_age=5.0, reid_window=20.0)


def gone(config: TrackerConfig, steps: int = 10, **kwargs: object) -> Tracker:
    """Return a tracker whose track 1, of look A, ended some steps ago."""
    tracker = Tracker(config)
    see(tracker, LEFT, features=[A], times=4, **kwargs)
    for _ in range(steps):
        tracks = see(tracker)
        assert tracks.removed_ids.tolist() == ([1] if config.reid_window == 0 and _ == 5 else [])
    assert len(tracks) == 0
    return tracker


def test_a_track_comes_back_under_its_id_wherever_it_appears() -> None:
    tracker = gone(REID)
    before = see(tracker, RIGHT, features=[A], times=2)
    assert (before.id.tolist(), before.state.tolist()) == ([2], [TrackState.TENTATIVE])
    tracks = see(tracker, RIGHT, features=[A])
    assert (tracks.id.tolist(), tracks.state.tolist()) == ([1], [TrackState.CONFIRMED])
    assert (tracks.hits[0], tracks.age[0], tracks.time_since_update[0]) == (7, 17, 0)
    np.testing.assert_allclose(tracks.tlwh, [RIGHT], atol=1)
    assert see(tracker, RIGHT, features=[A]).id.tolist() == [1]


def test_without_a_window_it_is_a_new_track() -> None:
    tracker = gone(TrackerConfig(max_age=5.0))
    assert see(tracker, RIGHT, features=[A], times=3).id.tolist() == [2]


def test_another_person_gets_a_new_id() -> None:
    assert see(gone(REID), RIGHT, features=[B], times=3).id.tolist() == [2]


def test_one_resembling_crop_is_not_enough() -> None:
    tracker = gone(REID)
    for feature in (A, B, C):
        tracks = see(tracker, RIGHT, features=[feature])
    assert tracks.id.tolist() == [2]


def test_a_track_counts_as_removed_once_it_can_no_more_come_back() -> None:
    tracker = gone(REID, steps=25)
    assert see(tracker).removed_ids.tolist() == [1]
    assert see(tracker, RIGHT, features=[A], times=3).id.tolist() == [2]


def test_a_track_without_features_is_removed_at_once() -> None:
    tracker = Tracker(REID)
    see(tracker, LEFT, times=4)
    removed = [see(tracker).removed_ids.tolist() for _ in range(7)]
    assert [1] in removed


def test_a_tentative_track_ends_unreported_whatever_the_gap() -> None:
    tracker = Tracker(REID)
    see(tracker, LEFT, features=[A], times=2)
    tracker.update(Detections.empty(), None, dt=10.0)
    removed = [see(tracker).removed_ids.tolist() for _ in range(30)]
    assert removed == [[]] * 30
    assert see(tracker, LEFT, features=[A], times=3).id.tolist() == [2]


def test_of_two_the_one_that_looks_more_alike_comes_back() -> None:
    tracker = Tracker(TrackerConfig(max_age=5.0, reid_window=20.0, max_cosine_distance=0.6))
    both = (A + B) / np.sqrt(2)
    see(tracker, LEFT, RIGHT, features=[A, both], times=4)
    see(tracker, times=8)
    assert see(tracker, RIGHT, features=[A], times=3).id.tolist() == [1]


def test_with_class_gating_a_track_comes_back_as_what_it_was() -> None:
    for gating, expected in ((True, [2]), (False, [1])):
        tracker = gone(TrackerConfig(max_age=5.0, reid_window=20.0, class_gating=gating),
                       classes=['person'])
        tracks = see(tracker, RIGHT, features=[A], classes=['dog'], times=3)
        assert tracks.id.tolist() == expected
    assert tracks.class_id.tolist() == ['person'], 'four votes to three'


def test_a_window_closed_while_tracks_wait_removes_them() -> None:
    tracker = gone(REID)
    tracker.configure(TrackerConfig(max_age=5.0))
    assert see(tracker).removed_ids.tolist() == [1]


def test_ids_stay_ascending_and_a_removed_id_never_returns() -> None:
    tracker = Tracker(TrackerConfig(max_age=2.0, reid_window=15.0, nn_budget=10))
    rng = np.random.default_rng(1)
    looks = np.linalg.qr(rng.standard_normal((16, 12)))[0].T.astype(np.float32)
    removed: set[int] = set()
    returned, last_seen = 0, {}
    for number in range(600):
        # People alternately in sight for twenty images, out of it for ten, and elsewhere after.
        present = np.flatnonzero((number + 7 * np.arange(12)) % 30 < 20)
        place = 150.0 * present + 37 * ((number + 7 * present) // 30)
        boxes = np.stack((place, np.full(len(place), 50.0), np.full(len(place), 40.0),
                          np.full(len(place), 100.0)), axis=1)
        tracks = tracker.update(Detections.from_arrays(boxes), looks[present])
        assert (np.diff(tracks.id) > 0).all()
        assert not removed & set(tracks.id.tolist())
        assert not removed & set(tracks.removed_ids.tolist())
        removed |= set(tracks.removed_ids.tolist())
        returned += sum(number - last_seen.get(i, number) > 4 for i in tracks.id.tolist())
        last_seen.update(dict.fromkeys(tracks.id.tolist(), number))
    assert returned > 100
    resumed = Tracker.from_state(tracker.state(), TrackerConfig(2.0, reid_window=15.0))
    assert resumed.state().keys() == tracker.state().keys()


# Score noise

def test_a_track_follows_a_sure_detection_closer() -> None:
    moved = [115.0, 100, 40, 100]
    centre = {}
    for score in (0.2, 0.9):
        tracker = Tracker(TrackerConfig(score_noise=True))
        see(tracker, LEFT, times=4, score=[score])
        centre[score] = see(tracker, moved, score=[score]).tlwh[0, 0]
    assert 100 < centre[0.2] < centre[0.9] < 115


def test_noise_is_one_minus_the_score_and_bounded() -> None:
    factors = kalman.score_noise(np.array([-3.0, 0.0, 0.25, 1.0, 90.0])).ravel()
    np.testing.assert_allclose(factors, [1, 1, 0.75, 0.01, 0.01])
    state = kalman.predict(kalman.initiate(np.array([[100.0, 200, 0.4, 80]])), 1.0)
    full, half = (kalman.innovation_variance(state, noise=f) - state[2] for f in (1.0, 0.5))
    np.testing.assert_allclose(half, full / 2)


# Width and height

def test_the_size_form_equals_the_textbook_with_the_noise_of_width_and_height() -> None:
    box = np.array([[100.0, 200, 30, 80]])
    transition, sight = np.eye(8) + np.eye(8, k=4), np.eye(4, 8)

    def noise(size: np.ndarray, position: float, velocity: float = 0.0) -> np.ndarray:
        sides = np.array([size[2], size[3], size[2], size[3]])
        return np.diag(np.square(np.concatenate((sides * position, sides * velocity))))

    x, p = np.append(box[0], np.zeros(4)), noise(box[0], 2 / 20, 10 / 160)
    state = kalman.initiate(box, kalman.SIZE)
    for step in range(1, 8):
        state = kalman.predict(state, 1.0, kalman.SIZE)
        p = transition @ p @ transition.T + noise(x, 1 / 20, 1 / 160)
        x = transition @ x
        z = box + step * np.array([3.0, -1, 2, 0.5])
        state = kalman.update(state, z, kalman.innovation_variance(state, kalman.SIZE))
        spread = sight @ p @ sight.T + noise(x, 1 / 20)[:4, :4]
        gain = p @ sight.T @ np.linalg.inv(spread)
        x, p = x + gain @ (z[0] - x[:4]), p - gain @ spread @ gain.T
        np.testing.assert_allclose(state[:2, 0].ravel(), x, rtol=1e-9)
        np.testing.assert_allclose(state[(2, 5), 0].ravel(), np.diag(p), rtol=1e-9)


def test_a_widening_box_is_followed_and_reported_in_either_form() -> None:
    for size_state in (False, True):
        tracker = Tracker(TrackerConfig(size_state=size_state))
        for step in range(20):
            tracks = see(tracker, [100.0 - step, 100, 40 + 2 * step, 100])
        assert tracks.id.tolist() == [1]
        width = tracks.tlwh[0, 2]
        assert abs(width - 78) < (1 if size_state else 40)


@pytest.mark.parametrize('before', [False, True])
def test_a_change_of_form_keeps_the_boxes(before: bool) -> None:
    tracker = Tracker(TrackerConfig(size_state=before))
    see(tracker, LEFT, RIGHT, times=5)
    other = TrackerConfig(size_state=not before)
    resumed = Tracker.from_state(tracker.state(), other)
    tracker.configure(other)
    for one in (tracker, resumed):
        tracks = see(one, LEFT, RIGHT)
        assert tracks.id.tolist() == [1, 2]
        np.testing.assert_allclose(tracks.tlwh, [LEFT, RIGHT], atol=0.5)


# Camera motion

def test_what_a_nearer_one_hides_moves_its_track_less_where_that_is_asked_for() -> None:
    places = {}
    for doubt in (0.0, 2.0):
        tracker = Tracker(TrackerConfig())
        see(tracker, LEFT, times=6)
        tracker.move(np.eye(2, 3), doubt=doubt)
        x, y, w, h = LEFT
        # The nearer one, further down, covers half of the other one's new place.
        tracks = see(tracker, [x + 8.0, y, w, h], [x + 8.0 + w / 2, y + 20.0, w, h + 20.0])
        places[doubt] = tracks.tlwh[0, 0] - x
        # It holds for one update.
        assert tracker._doubt == 0.0
    assert 0.0 < places[2.0] < 0.6 * places[0.0]


def test_the_noise_of_a_hidden_detection_grows_by_what_is_hidden() -> None:
    noise = kalman.hidden_noise(np.array([1.0, 0.5, 0.0]), 2.0)
    assert noise.tolist() == [[1.0], [4.0], [9.0]]


def test_tracks_move_with_the_camera() -> None:
    tracker = Tracker(TrackerConfig())
    see(tracker, LEFT, times=4)
    tracker.move(SHIFT)
    tracks = see(tracker, [400.0, 80, 40, 100])
    assert tracks.id.tolist() == [1]
    np.testing.assert_allclose(tracks.velocity, 0, atol=1e-9)


def test_the_moved_filter_is_the_filter_of_the_moved_scene() -> None:
    turn = 0.3
    similarity = 1.25 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    transform = np.hstack((similarity, [[40.0], [-7.0]]))
    rng = np.random.default_rng(2)
    seen = np.array([300.0, 200, 0.4, 80]) + rng.normal(0, 3, (6, 1, 4)) * [1, 1, 0.001, 1]
    turned = seen.copy()
    turned[:, :, :2] = seen[:, :, :2] @ similarity.T + transform[:, 2]
    turned[:, :, 3] *= 1.25

    def filtered(measurements: np.ndarray) -> np.ndarray:
        state = kalman.initiate(measurements[0])
        for z in measurements[1:]:
            state = kalman.update(kalman.predict(state, 1.0), z)
        return state

    np.testing.assert_allclose(kalman.move(filtered(seen), transform), filtered(turned),
                               rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('transform', [
    np.eye(3), [[1.0, 0, np.nan], [0, 1, 0]], [[1.0, 1, 0], [1, 1, 0]]])
def test_a_motion_that_is_none_is_refused(transform: object) -> None:
    with pytest.raises(ValueError, match='transform: '):
        Tracker(TrackerConfig()).move(np.array(transform))


def test_all_options_together_survive_a_long_scene_and_resume_exactly() -> None:
    config = TrackerConfig(
        max_age=5.0, high_score=0.5, reid_window=20.0, score_noise=True, class_gating=True,
        size_state=True)
    whole = Tracker(config)
    resumed = whole
    frames = Scene(15, miss=0.3, leave=0.05, feature_length=8, size=(700.0, 400.0)).frames(150)
    for number, (tlwh, score, features) in enumerate(frames):
        if number == 75:
            resumed = Tracker.from_state(whole.state(), config)
        detections = Detections.from_arrays(
            tlwh, score, np.where(tlwh[:, 3] > 100, 'tall', 'short'))
        first = whole.update(detections, features, 1.0, number)
        if resumed is not whole:
            second = resumed.update(detections, features, 1.0, number)
            for name, value in vars(first).items():
                np.testing.assert_array_equal(value, getattr(second, name), name)
    assert first.id.max() > 40
