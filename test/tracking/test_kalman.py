"""The closed-form filter equals the textbook's matrices."""
import numpy as np
import pytest
from paper import PaperFilter

from deepsort_ros.tracking import kalman

MEASURED = np.array([[100.0, 200, 0.4, 80], [1500, 900, 0.6, 300], [3, 4, 0.3, 12]])
I = np.arange(4)  # noqa: E741


def matrices(state: np.ndarray, track: int) -> tuple[np.ndarray, np.ndarray]:
    mean = np.concatenate((state[0, track], state[1, track]))
    covariance = np.zeros((8, 8))
    covariance[I, I], covariance[I, I + 4] = state[2, track], state[3, track]
    covariance[I + 4, I], covariance[I + 4, I + 4] = state[4, track], state[5, track]
    return mean, covariance


@pytest.mark.parametrize('dt', [1.0, 0.5, 3.0, 0.1, 17.3])
def test_filter_equals_the_matrix_filter(dt: float) -> None:
    rng = np.random.default_rng(3)
    state = kalman.initiate(MEASURED)
    textbook = [PaperFilter(z) for z in MEASURED]
    for step in range(20):
        state = kalman.predict(state, dt)
        for one in textbook:
            one.predict(dt)
        if step % 4 != 3:
            z = MEASURED + rng.normal(0, 3, (3, 4)) * [1, 1, 0.01, 1]
            state = kalman.update(state, z)
            for one, row in zip(textbook, z):
                one.update(row)
        for track, one in enumerate(textbook):
            mean, covariance = matrices(state, track)
            np.testing.assert_allclose(mean, one.x, rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(covariance, one.P, rtol=1e-9, atol=1e-15)


def test_equal_steps_of_one_equal_the_matrix_filter_to_the_bit() -> None:
    state = kalman.initiate(MEASURED)
    textbook = [PaperFilter(z) for z in MEASURED]
    for step in range(30):
        state = kalman.predict(state, 1.0)
        state = kalman.update(state, MEASURED + step)
        for track, one in enumerate(textbook):
            one.predict(1.0)
            one.update(MEASURED[track] + step)
            np.testing.assert_array_equal(matrices(state, track)[0], one.x)
            np.testing.assert_array_equal(matrices(state, track)[1], one.P)


def test_innovation_variance_is_the_diagonal_of_the_projection() -> None:
    state = kalman.predict(kalman.initiate(MEASURED), 1.0)
    for track, z in enumerate(MEASURED):
        one = PaperFilter(z)
        one.predict(1.0)
        np.testing.assert_allclose(
            kalman.innovation_variance(state)[track], np.diag(one.projected()[1]))


def test_one_long_step_moves_as_far_as_many_short_ones() -> None:
    state = kalman.initiate(MEASURED)
    state[1] = [2.0, -1.0, 0.0, 0.5]
    long, short = kalman.predict(state, 6.0), state
    for _ in range(60):
        short = kalman.predict(short, 0.1)
    np.testing.assert_allclose(long[:2], short[:2])


def test_a_long_coast_through_zero_height_stays_finite_and_comes_back() -> None:
    state = kalman.initiate(MEASURED)
    state[1, :, 3] = -5.0
    for _ in range(500):
        state = kalman.predict(state, 1.0)
        assert np.isfinite(state).all()
        assert (state[[2, 5]] > 0).all()
    assert (state[0, :, 3] < 0).all()
    for _ in range(10):
        state = kalman.predict(kalman.update(state, MEASURED), 1.0)
    np.testing.assert_allclose(state[0, :, 3], MEASURED[:, 3], rtol=0.1)


def test_the_speed_of_a_steady_walk_is_found_at_any_frame_rate() -> None:
    for dt in (1.0, 3.0, 0.5):
        state = kalman.initiate(MEASURED)
        for step in range(1, int(90 / dt)):
            z = MEASURED + np.array([2.0, -1.0, 0, 0]) * step * dt
            state = kalman.update(kalman.predict(state, dt), z)
        np.testing.assert_allclose(state[1, :, :2], [[2.0, -1.0]] * 3, rtol=0.02)
