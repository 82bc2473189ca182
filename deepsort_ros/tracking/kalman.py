"""
The constant-velocity Kalman filter of DeepSORT for all tracks at once.

The state is (cx, cy, a, h) and its velocity, the measurement (cx, cy, a, h) (arXiv 1703.07402,
section 2.1); or, in the form :data:`SIZE`, the width instead of the aspect ratio a. Every matrix
of this filter is diagonal in those four components, so its 8 x 8 covariance is four independent
2 x 2 blocks (position, velocity) and the whole filter has a closed form: no matrix is ever built
or inverted.

The filter's state is one array (6, N, 4) float64 over N tracks and the four components: mean,
velocity, variance of the mean, covariance of mean and velocity (upper and lower half of the
matrix, which round differently), variance of the velocity. Operations come in the order of the
matrix algorithm, so that results equal it to the bit: where assignment costs tie, the numbers of
new tracks hang on the last bit.

Units are pixels and pixels per time step; the aspect ratio a has none.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import boxes

# Standard deviations, as the paper's authors set them: in shares of the box height, and
# absolute for the aspect ratio.
POSITION_STD = 1.0 / 20
VELOCITY_STD = 1.0 / 160
ASPECT_STD = 1e-2
ASPECT_VELOCITY_STD = 1e-5
ASPECT_MEASUREMENT_STD = 1e-1

# Least share of the measurement noise that a sure detection keeps.
LEAST_NOISE = 0.01


def _aspect_variance(mean: NDArray[np.float64], share: float, aspect_std: float,
                     ) -> NDArray[np.float64]:
    std = share * mean[:, 3]
    # Repeated, not broadcast along rows of four, which is slow.
    variance: NDArray[np.float64] = (std * std).repeat(4).reshape(-1, 4)
    variance[:, 2] = aspect_std * aspect_std
    return variance


def _size_variance(mean: NDArray[np.float64], share: float, _: float) -> NDArray[np.float64]:
    variance: NDArray[np.float64] = np.square(share * mean[:, (2, 3, 2, 3)])
    return variance


class Form(NamedTuple):
    """
    How the filter holds a box.

    :param measure: (N, 4) tlwh to what is measured; :param tlwh: back.
    :param variance: of noise, (N, 4), from (N, 4) means, a share of the box and the standard
        deviation of the aspect ratio.
    """

    measure: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    tlwh: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    variance: Callable[[NDArray[np.float64], float, float], NDArray[np.float64]]


# Aspect ratio and height, the paper's.
ASPECT = Form(boxes.to_xyah, boxes.to_tlwh, _aspect_variance)
# Width and height (BoT-SORT, arXiv 2206.14651, section 3.1): noise along x goes by the width.
SIZE = Form(boxes.to_xywh, boxes.xywh_to_tlwh, _size_variance)


def initiate(measurement: NDArray[np.float64], form: Form = ASPECT,
             pace: float = 1.0) -> NDArray[np.float64]:
    """
    Return the (6, N, 4) state of tracks first seen at (N, 4) measured, standing still.

    :param pace: time steps of the paper's camera in one of ours.
    """
    state = np.zeros((6, len(measurement), 4))
    state[0] = measurement
    state[2] = form.variance(measurement, 2 * POSITION_STD, ASPECT_STD)
    state[5] = form.variance(measurement, 10 * VELOCITY_STD * pace, ASPECT_VELOCITY_STD)
    return state


def predict(state: NDArray[np.float64], dt: float, form: Form = ASPECT,
            pace: float = 1.0) -> NDArray[np.float64]:
    """
    Return the (6, N, 4) state after ``dt`` time steps.

    The process noise grows linearly with dt, and dt = 1 is the paper's filter. Over a long coast
    the height may cross zero: noise depends on its square, every variance stays positive and a
    measurement leads back, so the state is left alone; see :func:`boxes.reported`.

    :param pace: time steps of the paper's camera in one of ours. Boxes jitter by the image, but
        velocities change by the second: their noise grows with it.
    """
    mean, velocity, variance, upper, _, velocity_variance = state
    moved = np.empty_like(state)
    np.add(mean, dt * velocity, out=moved[0])
    moved[1] = velocity
    np.add(state[3:5], dt * velocity_variance, out=moved[3:5])
    moved[2] = ((variance + dt * upper) + dt * moved[4]
                + dt * form.variance(mean, POSITION_STD, ASPECT_STD))
    moved[5] = velocity_variance + dt * form.variance(
        mean, VELOCITY_STD * pace ** 1.5, ASPECT_VELOCITY_STD)
    return moved


def innovation_variance(state: NDArray[np.float64], form: Form = ASPECT,
                        noise: NDArray[np.float64] | float = 1.0) -> NDArray[np.float64]:
    """
    Return the (N, 4) variance of a measurement about the predicted mean.

    :param noise: factor of the measurement noise, (N, 1) or one for all.
    """
    variance: NDArray[np.float64] = state[2] + noise * form.variance(
        state[0], POSITION_STD, ASPECT_MEASUREMENT_STD)
    return variance


def score_noise(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Return (N, 1) factors of the measurement noise, 1 - score (arXiv 2202.11983, section 3.3).

    :param score: (N,) on a scale of 0 to 1; beyond it the nearer end counts.
    """
    factor: NDArray[np.float64] = np.clip(1.0 - score, LEAST_NOISE, 1.0)[:, None]
    return factor


def hidden_noise(visibility: NDArray[np.float64], doubt: float) -> NDArray[np.float64]:
    """
    Return (N, 1) factors of the measurement noise of boxes that others hide in part.

    :param visibility: (N,) share of each that none hides.
    :param doubt: growth of the standard deviation where all is hidden, in shares of itself.
    """
    factor: NDArray[np.float64] = np.square(1.0 + doubt * (1.0 - visibility))[:, None]
    return factor


def stretch(transform: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much (2, 3) or (N, 2, 3) transforms stretch areas: their determinants."""
    area: NDArray[np.float64] = (transform[..., 0, 0] * transform[..., 1, 1]
                                 - transform[..., 0, 1] * transform[..., 1, 0])
    return area


def move(state: NDArray[np.float64], transform: NDArray[np.float64],
         form: Form = ASPECT) -> NDArray[np.float64]:
    """
    Return the (6, N, 4) state as the camera sees it after it moved (arXiv 2206.14651, 3.2).

    Turning keeps the blocks apart: x and y have the same variances from the start and through
    every update, so that a rotation of their plane leaves them as they are. (With :data:`SIZE`
    they differ, and the small turn between two images is neglected in them.)

    :param transform: similarity (turn, scale, shift) from pixels before to pixels now: (2, 3),
        the same for all tracks, or (N, 2, 3), one for each.
    """
    scale = np.sqrt(abs(stretch(transform)))
    if transform.ndim == 2:
        factor = np.array([scale] * 2 + [scale ** 2] * 4)[:, None, None]
        place, velocity = (state[row, :, :2] @ transform[:, :2].T for row in (0, 1))
    else:
        factor = np.stack([scale] * 2 + [scale ** 2] * 4)[:, :, None]
        place, velocity = (np.einsum('nij,nj->ni', transform[:, :, :2], state[row, :, :2])
                           for row in (0, 1))
    moved: NDArray[np.float64] = state * factor
    if form is ASPECT:
        moved[:, :, 2] = state[:, :, 2]
    moved[0, :, :2] = place + transform[..., 2]
    moved[1, :, :2] = velocity
    return moved


def update(state: NDArray[np.float64], measurement: NDArray[np.float64],
           spread: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """
    Return the (6, N, 4) state after track i was measured at row i of (N, 4).

    :param spread: (N, 4) :func:`innovation_variance`; None: the paper's.
    """
    spread = innovation_variance(state) if spread is None else spread
    # The two triangular solves of a Cholesky decomposition, for the gains of mean and velocity.
    scale = 1.0 / np.sqrt(spread)
    gains = state[2:6:2] * scale
    gains *= scale
    moved = (measurement - state[0]) * gains
    known = spread * gains
    updated = np.empty_like(state)
    np.add(state[:2], moved, out=updated[:2])
    np.subtract(state[2:4], gains[0] * known, out=updated[2:4])
    np.subtract(state[4:], gains[1] * known, out=updated[4:])
    return updated
