"""
Constant velocity on the ground, for all tracks at once, with errors of two kinds kept apart.

What errs the same way in every image (kerbs, pitch, someone's height) does not average out. A
Kalman filter that takes it for noise becomes certain and wrong; so the filter averages the white
part alone, and the rest is added to what it reports.
"""
from __future__ import annotations

from dataclasses import dataclass
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.world.kinds import KindArrays
from deepsort_ros.world.location import Located
from deepsort_ros.world.transforms import Transform

# What the white part counts for: neighbouring images err a little alike as well.
WHITE = 4.0
# Variance by which the height of the ground under a track grows in a second, m2.
SLOPE = 0.05


@dataclass
class States:
    """
    What is known of M tracks; one without a position has the source NONE.

    :param id: (M,) int64, ascending. :param source: (M,) uint8, of the newest measurement.
    :param mean: (M, 4) x, y, vx, vy; :param covariance: (M, 4, 4), of the white part alone.
    :param z: (M,), :param z_variance: (M,): height of the foot.
    :param same: (M, 3, 3) m2, the same part of the last measurement.
    """

    id: NDArray[np.int64]
    source: NDArray[np.uint8]
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    z: NDArray[np.float64]
    z_variance: NDArray[np.float64]
    same: NDArray[np.float64]

    @classmethod
    def zeros(cls, ids: NDArray[np.int64]) -> States:
        """Return tracks without a position."""
        count = len(ids)
        return cls(ids, np.zeros(count, dtype=np.uint8), np.zeros((count, 4)),
                   np.zeros((count, 4, 4)), np.zeros(count), np.zeros(count),
                   np.zeros((count, 3, 3)))

    def follow(self, ids: NDArray[np.int64]) -> States:
        """Return the states of these tracks, ascending by id, in their order."""
        if len(ids) == len(self.id) and (ids == self.id).all():
            return self
        new = States.zeros(ids)
        place = np.searchsorted(self.id, ids)
        known = place < len(self.id)
        known[known] = self.id[place[known]] == ids[known]
        for field in fields(self):
            if field.name != 'id':
                getattr(new, field.name)[known] = getattr(self, field.name)[place[known]]
        return new


def predict(states: States, seconds: float, acceleration: NDArray[np.float64]) -> None:
    """
    Move the tracks on in place.

    :param acceleration: (M,) standard deviation of the white acceleration, m/s2.
    """
    step = np.eye(4)
    step[0, 2] = step[1, 3] = seconds
    states.mean[:] = states.mean @ step.T
    noise = np.zeros((4, 4))
    for axis in (0, 1):
        noise[axis, axis] = seconds ** 3 / 3.0
        noise[axis, axis + 2] = noise[axis + 2, axis] = seconds ** 2 / 2.0
        noise[axis + 2, axis + 2] = seconds
    states.covariance[:] = (step @ states.covariance @ step.T
                            + np.square(acceleration)[:, None, None] * noise)
    states.z_variance += SLOPE * seconds


def inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverses of (..., 2, 2) symmetric matrices, without waking LAPACK's threads."""
    a, b, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 1]
    scale = 1.0 / (a * d - b * b)
    result = np.empty(matrix.shape)
    result[..., 0, 0], result[..., 1, 1] = scale * d, scale * a
    result[..., 0, 1] = result[..., 1, 0] = -scale * b
    return result


def update(states: States, rows: NDArray[np.int64], seen: Located, kinds: KindArrays) -> None:
    """
    Take in the positions of some tracks in place.

    :param rows: (K,) rows of the states; :param seen: K located; :param kinds: of the K.
    """
    found = seen.source > 0
    new = found & (states.source[rows] == 0)
    _start(states, rows[new], seen, new, kinds)
    old = found & ~new
    row = rows[old]
    if len(row):
        white = WHITE * seen.white[old]
        covariance = states.covariance[row]
        gain = covariance[:, :, :2] @ inverse(covariance[:, :2, :2] + white[:, :2, :2])
        innovation = seen.position[old, :2] - states.mean[row, :2]
        states.mean[row] += np.einsum('nij,nj->ni', gain, innovation)
        updated = covariance - gain @ covariance[:, :2, :]
        states.covariance[row] = (updated + updated.transpose(0, 2, 1)) / 2.0
        share = states.z_variance[row] / (states.z_variance[row] + white[:, 2, 2])
        states.z[row] += share * (seen.position[old, 2] - states.z[row])
        states.z_variance[row] *= 1.0 - share
    states.same[rows[found]] = seen.same[found]
    states.source[rows[found]] = seen.source[found]


def _start(states: States, row: NDArray[np.int64], seen: Located, new: NDArray[np.bool_],
           kinds: KindArrays) -> None:
    states.mean[row, :2], states.mean[row, 2:] = seen.position[new, :2], 0.0
    states.covariance[row] = 0.0
    states.covariance[row, :2, :2] = WHITE * seen.white[new, :2, :2]
    for axis in (2, 3):
        states.covariance[row, axis, axis] = np.square(kinds.speed[new])
    states.z[row] = seen.position[new, 2]
    states.z_variance[row] = WHITE * seen.white[new, 2, 2]


def shift(states: States, jump: Transform) -> None:
    """Move all tracks in place with the fixed frame, as when the robot's pose jumped."""
    turn = jump.rotation
    place = np.column_stack((states.mean[:, :2], states.z)) @ turn.T + jump.translation
    known = states.source > 0
    states.mean[known, :2], states.z[known] = place[known, :2], place[known, 2]
    flat = turn[:2, :2]
    states.mean[known, 2:] = states.mean[known, 2:] @ flat.T
    both = np.kron(np.eye(2), flat)
    states.covariance[:] = both @ states.covariance @ both.T
    states.same[:] = turn @ states.same @ turn.T
