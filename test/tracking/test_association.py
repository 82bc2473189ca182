"""Gate, assignment, cascade."""
import numpy as np
from paper import GATE
from paper import PaperFilter

from deepsort_ros.tracking import association
from deepsort_ros.tracking import kalman
from deepsort_ros.tracking.association import Pairs


def test_the_gate_holds_exactly_the_pairs_within_the_distance() -> None:
    rng = np.random.default_rng(4)
    tracks = rng.uniform([0, 0, 0.3, 5], [800, 600, 0.6, 300], (60, 4))
    state = kalman.predict(kalman.initiate(tracks), 1.0)
    measured = tracks[rng.integers(60, size=200)] * rng.normal(1, 0.05, (200, 4))
    row, column = association.gate(state[0], kalman.innovation_variance(state), measured)
    expected = []
    for number, z in enumerate(tracks):
        one = PaperFilter(z)
        one.predict(1.0)
        expected += [(number, k) for k in range(200) if one.squared_distance(measured[k]) <= GATE]
    assert len(expected) > 60
    assert sorted(zip(row.tolist(), column.tolist())) == expected


def test_the_gate_is_exact_far_from_the_origin() -> None:
    track = np.array([[1e6, 1e6, 0.5, 2.0]])
    state = kalman.predict(kalman.initiate(track), 1.0)
    row, _ = association.gate(
        state[0], kalman.innovation_variance(state), track + [[0, 0, 0, 0], [50, 0, 0, 0]])
    assert row.tolist() == [0]


def test_pairs_above_the_limit_stay_apart() -> None:
    matching = association.assign(np.array([[0.1, 0.9], [0.2, 0.9]]), 0.5)
    assert list(zip(matching.row, matching.column)) == [(0, 0)]
    assert matching.left.tolist() == [1]


def test_detections_without_a_row_come_before_those_too_expensive() -> None:
    matching = association.assign(np.array([[0.9, 0.9, 0.1, 0.9]] + [[0.9] * 4]), 0.5)
    assert matching.left.tolist() == [1, 3, 0]


def test_the_track_seen_last_chooses_first() -> None:
    pairs = Pairs(np.array([0, 1]), np.array([0, 0]), np.array([0.01, 0.15], dtype=np.float32))
    matching = association.cascade(pairs, np.array([2, 1]), np.arange(1), 0.2)
    assert (matching.row.tolist(), matching.column.tolist()) == ([1], [0])
    assert matching.left.tolist() == []


def test_tracks_of_one_age_share_out_at_the_least_total_cost() -> None:
    pairs = Pairs(np.array([0, 0, 1]), np.array([0, 1, 0]),
                  np.array([0.01, 0.10, 0.02], dtype=np.float32))
    matching = association.cascade(pairs, np.array([1, 1]), np.arange(2), 0.2)
    assert dict(zip(matching.row.tolist(), matching.column.tolist())) == {0: 1, 1: 0}
