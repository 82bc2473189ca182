"""Each track moved by a similarity of its own."""
import numpy as np
import pytest

from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import kalman
from deepsort_ros.tracking import Tracker
from deepsort_ros.tracking import TrackerConfig

RNG = np.random.default_rng(5)
LEFT, RIGHT = [100.0, 100, 40, 100], [400.0, 100, 40, 100]


def similarity(turn: float, scale: float, x: float, y: float) -> np.ndarray:
    cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
    return np.array(((cosine, -sine, x), (sine, cosine, y)))


@pytest.mark.parametrize('form', (kalman.ASPECT, kalman.SIZE))
def test_a_stack_of_one_similarity_is_that_similarity(form: kalman.Form) -> None:
    state = RNG.uniform(1, 100, (6, 7, 4))
    one = similarity(0.1, 1.2, 30, -5)
    moved = kalman.move(state, np.broadcast_to(one, (7, 2, 3)), form)
    np.testing.assert_allclose(moved, kalman.move(state, one, form), rtol=1e-12)


def test_every_track_moves_by_its_own_and_no_other() -> None:
    state = RNG.uniform(1, 100, (6, 2, 4))
    stack = np.stack((np.eye(2, 3), similarity(0.1, 0.8, 30, -5)))
    moved = kalman.move(state, stack)
    np.testing.assert_array_equal(moved[:, 0], state[:, 0])
    np.testing.assert_allclose(
        moved[:, 1:], kalman.move(state[:, 1:], stack[1]), rtol=1e-12)
    np.testing.assert_array_equal(moved[:, 1, 2], state[:, 1, 2])


def two_tracks() -> Tracker:
    tracker = Tracker(TrackerConfig(n_init=1))
    tracker.update(Detections.from_arrays([LEFT, RIGHT], class_id=['person', 'car']), None)
    return tracker


def test_the_order_is_that_of_the_boxes() -> None:
    tracker = two_tracks()
    ids, tlwh, classes = tracker.boxes()
    assert ids.tolist() == [1, 2] and classes.tolist() == ['person', 'car']
    np.testing.assert_allclose(tlwh, (LEFT, RIGHT))
    tracker.move(np.stack((similarity(0, 1, 7, 0), similarity(0, 1, 0, 9))))
    np.testing.assert_allclose(tracker.boxes()[1], ([107, 100, 40, 100], [400, 109, 40, 100]))


@pytest.mark.parametrize('stack', (
    np.stack([np.eye(2, 3)] * 3), np.full((2, 2, 3), np.nan),
    np.stack((np.eye(2, 3), np.zeros((2, 3))))))
def test_what_is_no_similarity_for_each_is_refused_and_changes_nothing(stack: np.ndarray) -> None:
    tracker = two_tracks()
    with pytest.raises(ValueError, match='transform'):
        tracker.move(stack)
    np.testing.assert_allclose(tracker.boxes()[1], (LEFT, RIGHT))


def test_without_tracks_there_is_nothing_to_move() -> None:
    tracker = Tracker(TrackerConfig())
    tracker.move(np.empty((0, 2, 3)))
    assert len(tracker.boxes()[0]) == 0
