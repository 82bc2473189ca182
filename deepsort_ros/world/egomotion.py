"""
Where the image of a track goes when the camera moves.

A turn of the camera moves the whole image by one homography; a step moves what is near more than
what is far. So each track gets a similarity of its own (turn, scale, shift): the camera's turn
about its box, and its step at the depth of the track where that is known.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.world.camera import Camera
from deepsort_ros.world.transforms import Transform

# Depth in metres below which a track is left where it is, and the least it is taken for.
NEAREST = 0.2
LEAST_DEPTH = 1.0
SCALES = (0.5, 2.0)
# No robot accelerates harder, m/s2, nor turns harder, rad/s2: what does is a jump of the pose.
HARDEST = 10.0
HARDEST_TURN = 20.0
# What poses of a steady robot differ by all the same: m/s, rad/s, and a share of the speed, for
# stamps are not exact.
JITTER, TURN_JITTER, SHARE_JITTER = 0.3, 0.1, 0.3


@dataclass(frozen=True)
class Step:
    """
    The camera's motion between two images.

    :param rotation: (3, 3), turns the old camera's axes into the new one's.
    :param translation: (3,) m, the old camera's centre seen from the new one.
    """

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]

    @classmethod
    def between(cls, old: Transform, new: Transform) -> Step:
        """Return the step between two poses, each fixed <- camera."""
        step = new.inverse() @ old
        return cls(step.rotation, step.translation)

    @property
    def angle(self) -> float:
        """Return by how much it turns, in radians."""
        return math.acos(max(-1.0, min(1.0, (float(np.trace(self.rotation)) - 1.0) / 2.0)))


def warps(camera: Camera, step: Step, centre: NDArray[np.float64], depth: NDArray[np.float64],
          ) -> NDArray[np.float64]:
    """
    Return (N, 2, 3) similarities from pixels of the old image to pixels of the new one.

    :param centre: (N, 2) pixels of the old image; :param depth: (N,) m along the optical axis,
        infinite where it is not known: then the turn alone counts.
    """
    result = np.zeros((len(centre), 2, 3))
    result[:, 0, 0] = result[:, 1, 1] = 1.0
    if not len(centre):
        return result
    depth = np.maximum(depth, LEAST_DEPTH)
    rays = camera.rays(centre)
    turned = rays @ step.rotation.T
    moved = turned + step.translation / depth[:, None]
    far = np.isinf(depth)
    new_depth = np.where(far, NEAREST, 0.0)
    new_depth[~far] = moved[~far, 2] * depth[~far]
    with np.errstate(invalid='ignore', over='ignore', divide='ignore'):
        scale = np.where(far, 1.0, np.clip(depth / new_depth, *SCALES))
    scale[far] = 1.0
    good = (moved[:, 2] >= NEAREST) & (new_depth >= NEAREST)
    matrix = camera.matrix
    homography = matrix @ step.rotation @ np.linalg.inv(matrix)
    new = camera.flat(np.where(good[:, None], moved, rays))
    # The derivative of the homography at the centre tells how far the picture turns about it.
    weight = 1.0 / np.where(good, moved[:, 2], 1.0)
    row = homography[2]
    skew = weight * ((homography[1, 0] - new[:, 1] * row[0])
                     - (homography[0, 1] - new[:, 0] * row[1]))
    trace = weight * ((homography[0, 0] - new[:, 0] * row[0])
                      + (homography[1, 1] - new[:, 1] * row[1]))
    angle = np.arctan2(skew, trace)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    result[good, 0, 0] = result[good, 1, 1] = cosine[good]
    result[good, 0, 1], result[good, 1, 0] = -sine[good], sine[good]
    aim = camera.pixels(moved[good])
    result[good, :, 2] = aim - np.einsum('nij,nj->ni', result[good, :, :2], centre[good])
    return result


class Plausible:
    """
    Tells the steps of a moving robot from jumps of its pose.

    A step counts when neither its speed nor its change of speed since the last one is beyond what
    a robot does; against what was last measured, too, so that one odd step is not the end.

    :param fastest: m/s.
    """

    def __init__(self, fastest: float) -> None:
        """Start before the first step."""
        self.fastest = fastest
        self._known: list[NDArray[np.float64]] = []

    def clear(self) -> None:
        """Forget what the last steps were like."""
        self._known = []

    def check(self, old: Transform, new: Transform, seconds: float) -> str:
        """
        Return in words why a step is none, nothing when it is one.

        :param old, new: poses, fixed <- camera; :param seconds: between them.
        """
        velocity = (new.translation - old.translation) / seconds
        rate = np.append(velocity, Step.between(old, new).angle / seconds)
        speed = float(np.linalg.norm(velocity))
        known, self._known = self._known, [*self._known[:1], rate]
        if speed > self.fastest:
            return f'{speed:.1f} m/s, more than max_ego_speed {self.fastest:g} m/s'
        if not known or any(_smooth(before, rate, seconds) for before in known):
            self._known = [rate]
            return ''
        change = float(np.linalg.norm(rate[:3] - known[0][:3])) / seconds
        turn = abs(float(rate[3] - known[0][3])) / seconds
        return (f'a change of speed by {change:.0f} m/s2 and {turn:.0f} rad/s2, beyond what a '
                f'robot does')


def _smooth(before: NDArray[np.float64], rate: NDArray[np.float64], seconds: float) -> bool:
    """Return whether a robot can get from one (vx, vy, vz, turn) to another in a time."""
    linear, turning = before[:3], before[3]
    most = HARDEST * seconds + JITTER + SHARE_JITTER * np.linalg.norm(linear)
    hardest = HARDEST_TURN * seconds + TURN_JITTER + SHARE_JITTER * turning
    return bool(np.linalg.norm(rate[:3] - linear) <= most and abs(rate[3] - turning) <= hardest)
