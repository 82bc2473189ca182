"""What a user of the Tracker relies on."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scenes import Scene

from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import Tracker
from deepsort_ros.tracking import TrackerConfig
from deepsort_ros.tracking import Tracks
from deepsort_ros.tracking import TrackState

LEFT, RIGHT = [100.0, 100, 40, 100], [400.0, 100, 40, 100]
A, B = np.eye(2, 8, dtype=np.float32)
NONE = np.full(8, np.nan, dtype=np.float32)


def see(tracker: Tracker, *boxes: list[float], features: object = None, times: int = 1,
        classes: object = None, dt: float = 1.0, stamp: int = 0) -> Tracks:
    """Show the same detections ``times`` times and return the last result."""
    given = None if features is None else np.array(features, dtype=np.float32)
    for _ in range(times):
        tracks = tracker.update(
            Detections.from_arrays(boxes, class_id=classes), given, dt, stamp)
    return tracks


def test_a_track_is_confirmed_by_its_third_detection() -> None:
    tracker = Tracker(TrackerConfig())
    assert see(tracker, LEFT, times=2).state.tolist() == [TrackState.TENTATIVE]
    assert see(tracker, LEFT).state.tolist() == [TrackState.CONFIRMED]


def test_n_init_of_one_confirms_at_once() -> None:
    assert see(Tracker(TrackerConfig(n_init=1)), LEFT).state.tolist() == [TrackState.CONFIRMED]


def test_a_tentative_track_ends_unreported_at_its_first_miss() -> None:
    tracker = Tracker(TrackerConfig())
    see(tracker, LEFT, times=2)
    tracks = see(tracker)
    assert len(tracks) == 0
    assert tracks.removed_ids.tolist() == []


@pytest.mark.parametrize('dt', [1.0, 0.1, 7.0])
def test_a_confirmed_track_ends_once_unseen_for_longer_than_max_age(dt: float) -> None:
    tracker = Tracker(TrackerConfig(max_age=21.0))
    see(tracker, LEFT, times=3, dt=dt)
    alive = see(tracker, times=round(21 / dt), dt=dt)
    assert alive.state.tolist() == [TrackState.LOST]
    assert alive.removed_ids.tolist() == []
    gone = see(tracker, dt=dt)
    assert len(gone) == 0
    assert gone.removed_ids.tolist() == [1]
    assert see(tracker, dt=dt).removed_ids.tolist() == []


def test_one_gap_longer_than_max_age_ends_every_track() -> None:
    tracker = Tracker(TrackerConfig())
    see(tracker, LEFT, features=[A], times=3)
    see(tracker, LEFT, RIGHT, features=[A, B])
    tracks = see(tracker, LEFT, RIGHT, features=[A, B], dt=1000.0)
    assert tracks.removed_ids.tolist() == [1]
    assert tracks.id.tolist() == [3, 4]


def test_counters_stamps_and_indices_describe_the_track() -> None:
    tracker = Tracker(TrackerConfig())
    for stamp in (10, 20, 30, 40):
        detections = Detections.from_arrays([RIGHT, LEFT], [0.9, stamp / 100])
        tracks = tracker.update(detections.select(np.array([1])), None, 1.0, stamp)
    tracks = tracker.update(Detections.empty(), None, 1.0, 50)
    assert (tracks.age[0], tracks.hits[0], tracks.time_since_update[0]) == (5, 4, 1)
    assert (tracks.first_seen[0], tracks.last_seen[0]) == (10, 40)
    assert tracks.score[0] == 0.4
    assert tracks.detection_index[0] == -1
    tracks = tracker.update(detections.select(np.array([1])), None, 1.0, 60)
    assert (tracks.detection_index[0], tracks.time_since_update[0]) == (1, 0)


def test_fields_have_the_documented_shapes_and_types() -> None:
    for tracks in (see(Tracker(TrackerConfig()), LEFT, RIGHT, features=[A, B]),
                   see(Tracker(TrackerConfig()), LEFT, RIGHT), see(Tracker(TrackerConfig()))):
        count = len(tracks)
        assert tracks.tlwh.shape == (count, 4)
        assert tracks.velocity.shape == (count, 2)
        assert tracks.covariance.shape == (count, 4, 4)
        assert tracks.feature.shape[0] == count
        assert tracks.feature.dtype == np.float32
        assert tracks.state.dtype == np.uint8
        assert tracks.class_id.dtype == object
        for name in ('id', 'age', 'hits', 'time_since_update', 'first_seen', 'last_seen',
                     'detection_index', 'removed_ids'):
            assert getattr(tracks, name).dtype == np.int64


def test_covariance_is_that_of_position_and_velocity() -> None:
    tracker = Tracker(TrackerConfig())
    for step in range(30):
        tracks = see(tracker, [100 + 3.0 * step, 200 - 2.0 * step, 40, 100])
    covariance = tracks.covariance[0]
    np.testing.assert_allclose(covariance, covariance.T)
    assert (np.linalg.eigvalsh(covariance) > 0).all()
    assert covariance[0, 1] == covariance[0, 3] == covariance[2, 3] == 0
    assert covariance[0, 2] == covariance[1, 3] > 0
    np.testing.assert_allclose(tracks.velocity[0], [3, -2], atol=0.1)


def test_appearance_brings_an_id_back_where_another_person_stands() -> None:
    tracker = Tracker(TrackerConfig())
    see(tracker, LEFT, features=[A], times=5)
    see(tracker, times=5)
    assert see(tracker, LEFT, features=[A]).id.tolist() == [1]
    see(tracker, times=5)
    assert see(tracker, LEFT, features=[B]).id.tolist() == [1, 2]


def test_without_features_a_lost_track_returns_by_overlap() -> None:
    tracker = Tracker(TrackerConfig())
    see(tracker, LEFT, times=5)
    see(tracker, times=20)
    assert see(tracker, LEFT).id.tolist() == [1]


def test_a_detection_without_feature_matches_by_overlap_one_with_does_not() -> None:
    for feature, ids in ((NONE, [1]), (B, [1, 2])):
        tracker = Tracker(TrackerConfig())
        see(tracker, LEFT, features=[A], times=5)
        see(tracker, times=3)
        tracks = see(tracker, LEFT, RIGHT, features=[feature, B])
        assert tracks.id[tracks.id < len(ids) + 1].tolist() == ids
        assert (tracks.time_since_update[0] == 0) == (len(ids) == 1)


def test_a_track_without_features_takes_the_feature_that_comes() -> None:
    tracker = Tracker(TrackerConfig())
    see(tracker, LEFT, times=5)
    see(tracker, times=3)
    tracks = see(tracker, LEFT, features=[A])
    assert tracks.id.tolist() == [1]
    assert tracks.feature.tolist() == [A.tolist()]


def test_the_feature_reported_is_the_newest_one() -> None:
    tracker = Tracker(TrackerConfig(max_cosine_distance=2.0))
    see(tracker, LEFT, features=[A], times=5)
    assert see(tracker, LEFT, features=[B]).feature.tolist() == [B.tolist()]
    assert see(tracker, LEFT, features=[NONE]).feature.tolist() == [B.tolist()]
    assert np.isnan(see(tracker, LEFT, RIGHT).feature[1]).all()


def test_a_new_track_knows_no_feature_of_one_that_ended() -> None:
    tracker = Tracker(TrackerConfig())
    see(tracker, LEFT, features=[A])
    tracks = see(tracker, RIGHT)
    assert tracks.id.tolist() == [2]
    assert np.isnan(tracks.feature).all()


def test_class_is_the_majority_and_ties_keep_the_earlier_winner() -> None:
    tracker = Tracker(TrackerConfig())
    seen = ['cat', 'dog', 'dog', 'cat', 'cat']
    winners = [see(tracker, LEFT, classes=[name]).class_id[0] for name in seen]
    assert winners == ['cat', 'cat', 'dog', 'dog', 'cat']


@pytest.mark.parametrize('features', [None, [A]])
def test_class_gating_keeps_classes_apart(features: object) -> None:
    for gating, ids in ((True, [1, 2]), (False, [1])):
        tracker = Tracker(TrackerConfig(class_gating=gating))
        see(tracker, LEFT, classes=['car'], features=features, times=4)
        tracks = see(tracker, LEFT, classes=['truck'], features=features)
        assert tracks.id.tolist() == ids


def test_endless_class_names_do_not_pile_up() -> None:
    tracker = Tracker(TrackerConfig())
    for number in range(300):
        tracks = see(tracker, LEFT, RIGHT, classes=['person', f'object {number}'])
    assert tracks.class_id.tolist() == ['person', 'object 0']
    for number in range(1000):
        tracks = see(tracker, LEFT, [1000.0 * number, 0, 9, 9], classes=['person', f'x{number}'])
    assert tracks.class_id.tolist() == ['person', 'x999']
    assert tracker.nbytes < 200_000


def test_a_new_budget_keeps_the_newest_features_and_the_ids() -> None:
    tracker = Tracker(TrackerConfig(max_cosine_distance=1.5))
    see(tracker, LEFT, features=[A], times=10)
    see(tracker, LEFT, features=[B], times=2)
    tracker.configure(TrackerConfig(nn_budget=2))
    see(tracker, times=2)
    assert see(tracker, LEFT, features=[A]).time_since_update.tolist() == [3, 0]
    assert see(tracker, LEFT, features=[B]).time_since_update[0] == 0


def test_new_limits_take_effect_at_the_next_update() -> None:
    tracker = Tracker(TrackerConfig(max_age=30.0))
    see(tracker, LEFT, times=3)
    see(tracker, times=10)
    tracker.configure(TrackerConfig(max_age=5.0))
    assert see(tracker).removed_ids.tolist() == [1]


def test_reset_drops_tracks_and_ids_go_on() -> None:
    tracker = Tracker(TrackerConfig())
    see(tracker, LEFT, RIGHT, features=[A, B], times=3)
    tracker.reset()
    tracks = see(tracker, LEFT, features=[np.ones(5)])
    assert tracks.id.tolist() == [3]
    assert tracks.removed_ids.tolist() == []


@pytest.mark.parametrize('appearance', [True, False])
def test_a_saved_state_continues_exactly(tmp_path: Path, appearance: bool) -> None:
    config = TrackerConfig(nn_budget=20)
    frames = list(Scene(15, miss=0.3, leave=0.02, feature_length=8).frames(120))
    whole = Tracker(config)
    for number, (tlwh, score, features) in enumerate(frames):
        if number in (0, 1, 60):
            np.savez(tmp_path / 'state.npz', **whole.state())
            with np.load(tmp_path / 'state.npz') as saved:
                resumed = Tracker.from_state(dict(saved), config)
        detections = Detections.from_arrays(
            tlwh, score, np.where(tlwh[:, 3] > 100, 'tall', 'short'))
        given = features if appearance else None
        first, second = (one.update(detections, given, 1.0, number) for one in (whole, resumed))
        for name, value in vars(first).items():
            np.testing.assert_array_equal(value, getattr(second, name), name)


def test_a_state_is_a_copy_and_may_meet_another_budget() -> None:
    tracker = Tracker(TrackerConfig(max_cosine_distance=1.5))
    see(tracker, LEFT, features=[A], times=10)
    see(tracker, LEFT, features=[B], times=2)
    state = tracker.state()
    see(tracker, times=40)
    resumed = Tracker.from_state(state, TrackerConfig(nn_budget=2))
    see(resumed, times=2)
    assert see(resumed, LEFT, features=[A]).time_since_update.tolist() == [3, 0]


def test_a_tracker_resumed_without_features_takes_those_that_come() -> None:
    tracker = Tracker(TrackerConfig())
    see(tracker, LEFT, times=4)
    resumed = Tracker.from_state(tracker.state(), TrackerConfig(nn_budget=7))
    assert see(resumed, LEFT, features=[A], times=9).feature.tolist() == [A.tolist()]


def test_an_incomplete_state_is_refused() -> None:
    state = Tracker(TrackerConfig()).state()
    del state['kalman']
    with pytest.raises(ValueError, match='state: kalman missing'):
        Tracker.from_state(state, TrackerConfig())


def test_ids_ascend_and_are_never_reused() -> None:
    tracker, seen = Tracker(TrackerConfig(max_age=2.0)), set()
    for tlwh, score, features in Scene(20, leave=0.3, miss=0.4, feature_length=8).frames(200):
        tracks = tracker.update(Detections.from_arrays(tlwh, score), features)
        assert (np.diff(tracks.id) > 0).all()
        fresh = set(tracks.id[tracks.age == 1].tolist())
        assert not fresh & seen
        seen |= fresh
        assert not set(tracks.removed_ids.tolist()) & set(tracks.id.tolist())
    assert seen == set(range(1, len(seen) + 1))


def test_a_result_stays_as_it_was_when_tracking_goes_on() -> None:
    tracker = Tracker(TrackerConfig())
    result = see(tracker, LEFT, RIGHT, features=[A, B], times=4)
    before = {name: value.copy() for name, value in vars(result).items()}
    see(tracker, [110.0, 110, 40, 100], features=[B], times=40)
    for name, value in vars(result).items():
        np.testing.assert_array_equal(value, before[name], name)


def test_updates_without_detections_are_fine_from_the_start() -> None:
    tracker = Tracker(TrackerConfig())
    assert len(see(tracker, times=3)) == 0
    assert len(tracker.update(Detections.empty(), np.empty((0, 8), dtype=np.float32))) == 0


@pytest.mark.parametrize('tlwh', [
    [np.nan, 0, 1, 1], [0, 0, 0, 1], [0, 0, 1, -1], [np.inf, 0, 1, 1], [0, 0, 1e300, 1e300],
    [0, 0, 1e-300, 1e-300]])
def test_an_invalid_box_is_refused_and_nothing_changes(tlwh: list[float]) -> None:
    tracker = Tracker(TrackerConfig())
    see(tracker, LEFT, times=3)
    with pytest.raises(ValueError, match='detections: box .* at 1'):
        see(tracker, LEFT, tlwh)
    tracks = see(tracker, LEFT)
    assert (tracks.age[0], tracks.hits[0]) == (4, 4)


def test_wrong_arguments_are_named() -> None:
    tracker = Tracker(TrackerConfig())
    see(tracker, LEFT, features=[A])
    with pytest.raises(ValueError, match=r'features: shape \(2, 8\) does not fit 1'):
        see(tracker, LEFT, features=[A, B])
    with pytest.raises(ValueError, match='features: length 5 is not the 8'):
        see(tracker, LEFT, features=[np.ones(5)])
    with pytest.raises(ValueError, match='dt: 0'):
        see(tracker, LEFT, dt=0.0)
    assert see(tracker, LEFT, features=[A]).age.tolist() == [2]


@pytest.mark.parametrize('tlwh', [
    [-1e9, -1e9, 1e9, 1e9], [1e9, 1e9, 1e-3, 1e-3], [0, 0, 1e9, 1e-3], [0, 0, 1e-3, 1e9]])
@pytest.mark.filterwarnings('error')
def test_extreme_boxes_coast_and_return_without_harm(tlwh: list[float]) -> None:
    tracker = Tracker(TrackerConfig(max_age=1e6))
    see(tracker, tlwh, LEFT, features=[A, B], times=4)
    see(tracker, LEFT, features=[B], times=300)
    tracks = see(tracker, tlwh, LEFT, features=[A, B], dt=1e5)
    assert tracks.id[0] == 1
    for value in (tracks.tlwh, tracks.velocity, tracks.covariance):
        assert np.isfinite(value).all()
    assert (tracks.tlwh[:, 2:] > 0).all()


def test_ten_thousand_detections_in_one_image_are_tracked() -> None:
    rng = np.random.default_rng(6)
    tracker = Tracker(TrackerConfig())
    see(tracker, LEFT, features=[A], times=3)
    many = np.concatenate(([LEFT], rng.uniform([0, 0, 5, 5], [9000, 9000, 50, 50], (9999, 4))))
    features = np.concatenate(([A], np.tile(B, (9999, 1))))
    tracks = tracker.update(Detections.from_arrays(many), features)
    assert len(tracks) == 10000
    assert tracks.detection_index[0] == 0
    assert see(tracker, LEFT, features=[A]).id.tolist() == [1]
    assert tracker.nbytes < 100_000_000
