"""
Where the image of a track goes when the camera moves.

A turn of the camera moves the whole image by one homography; a step moves what is near more than
what is far. So each track gets a similarity of its own (turn, scale, shift): the camera's turn
about its box, and its step at the depth of the track where that is known.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deepsort_ros.world.camera import Camera
from deepsort_ros.world.transforms import Transform

# Depth in metres below which a track is left where it is, and the least it is taken for.
NEAREST = 0.2
LEAST_DEPTH = 1.0
SCALES = (0.5, 2.0)
# How much a step may differ from going on as before: by an acceleration, m/s2, by what positions
# err, m, and by what stamps err, s; turns likewise, rad/s2 and rad.
ACCELERATION, JITTER, STAMP_JITTER = 3.0, 0.05, 0.012
TURN_ACCELERATION, TURN_JITTER = 20.0, 0.01


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

    def after(self, old: Transform) -> Transform:
        """Return the camera's pose after the step."""
        return old @ Transform(self.rotation, self.translation).inverse()

    def level(self, base: Transform) -> Step:
        """
        Return the step without what moves the robot's base up or down its own axis.

        Wheels do not; odometry does, above all a receiver's altitude.

        :param base: base frame <- camera.
        """
        up, origin = base.rotation[2], base.inverse().translation
        climb = up @ (self.rotation @ origin + self.translation - origin)
        return Step(self.rotation, self.translation - climb * up)


def warps(camera: Camera, step: Step, centre: NDArray[np.float64], depth: NDArray[np.float64],
          after: Camera | None = None) -> NDArray[np.float64]:
    """
    Return (N, 2, 3) similarities from pixels of the old image to pixels of the new one.

    :param centre: (N, 2) pixels of the old image; :param depth: (N,) m along the optical axis,
        infinite where it is not known: then the turn alone counts.
    :param after: the camera of the new image where it is another one: it zooms, or bins pixels.
    """
    after = after or camera
    result = np.zeros((len(centre), 2, 3))
    result[:, 0, 0] = result[:, 1, 1] = 1.0
    if not len(centre):
        return result
    depth = np.maximum(depth, LEAST_DEPTH)
    rays = camera.rays(centre)
    moved = rays @ step.rotation.T + step.translation / depth[:, None]
    far = np.isinf(depth)
    with np.errstate(invalid='ignore', divide='ignore'):
        new_depth = moved[:, 2] * depth
        scale = np.where(far, 1.0, np.minimum(np.maximum(depth / new_depth, SCALES[0]), SCALES[1]))
    good = (moved[:, 2] >= NEAREST) & ((new_depth >= NEAREST) | far)
    everywhere = bool(good.all())
    if not everywhere:
        rays, moved, scale, centre = rays[good], moved[good], scale[good], centre[good]
    homography = after.matrix @ step.rotation @ camera.inverse
    new = after.flat(moved)
    # The derivative of the homography at the centre tells how far the picture turns about it.
    weight, (x, y), row = 1.0 / moved[:, 2], new.T, homography.tolist()
    skew = weight * ((row[1][0] - y * row[2][0]) - (row[0][1] - x * row[2][1]))
    trace = weight * ((row[0][0] - x * row[2][0]) + (row[1][1] - y * row[2][1]))
    angle = np.arctan2(skew, trace)
    if after is not camera:
        scale = scale * math.sqrt(math.prod(after.focal) / math.prod(camera.focal))
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    aim = new if after.plain else after.pixels(moved)
    warp = np.empty((len(centre), 2, 3))
    warp[:, 0, 0] = warp[:, 1, 1] = cosine
    warp[:, 0, 1], warp[:, 1, 0] = -sine, sine
    warp[:, 0, 2] = aim[:, 0] - (cosine * centre[:, 0] - sine * centre[:, 1])
    warp[:, 1, 2] = aim[:, 1] - (sine * centre[:, 0] + cosine * centre[:, 1])
    if everywhere:
        return warp
    result[good] = warp
    return result


@dataclass(frozen=True)
class _Rate:
    """
    How fast the camera went in a step.

    :param fixed: (3,) m/s in the fixed frame; :param own: (3,) m/s in the camera's own axes.
    :param turn: (3,) rad/s about the camera's axes.
    """

    fixed: NDArray[np.float64]
    own: NDArray[np.float64]
    turn: NDArray[np.float64]

    @classmethod
    def between(cls, old: Transform, new: Transform, seconds: float) -> _Rate:
        """Return the rate between two poses, each fixed <- camera."""
        velocity = (new.translation - old.translation) / seconds
        turn = cv2.Rodrigues(old.rotation.T @ new.rotation)[0].ravel() / seconds
        return cls(velocity, old.rotation.T @ velocity, turn)

    def change(self, other: _Rate) -> tuple[float, float]:
        """
        Return by how much speed (m/s) and turn (rad/s) differ.

        A robot that drives a bend keeps its speed in the camera's axes, a camera that pans keeps
        it in the fixed frame: the smaller change counts.
        """
        return (min(_length(self.fixed - other.fixed), _length(self.own - other.own)),
                _length(self.turn - other.turn))


class CameraPath:
    """
    Follows the camera's poses, and goes on as before where they jump.

    A step counts when it differs from the last one by no more than a robot's acceleration and the
    jitter of stamps explain, or when the step before it was as odd: then the robot does move so.
    Any other step is replaced by the last speed. That errs by little where the pose was right
    after all, so the bounds can be tight.

    :param fastest: m/s.
    """

    def __init__(self, fastest: float) -> None:
        """Start before the first step."""
        self.fastest = fastest
        self.clear()

    def clear(self) -> None:
        """Forget what the last steps were like."""
        self._last: _Rate | None = None
        self._odd: _Rate | None = None
        self._since = self._odd_seconds = 0.0

    def wait(self, seconds: float) -> None:
        """Let time pass without a step."""
        self._since += seconds

    def step(self, old: Transform, new: Transform, seconds: float) -> tuple[Step, str]:
        """
        Return the step to believe, and in words why it is not the measured one, if it is not.

        :param old, new: poses, fixed <- camera; :param seconds: between them.
        """
        rate = _Rate.between(old, new, seconds)
        last, odd, self._odd = self._last, self._odd, rate
        # Rates are those of the middles of their steps.
        since, since_odd = self._since + seconds / 2, (self._odd_seconds + seconds) / 2
        self._since, self._odd_seconds = self._since + seconds, seconds
        speed = _length(rate.fixed)
        moves = turns = True
        if last is not None:
            moves, turns = _smooth(last, rate, seconds, since)
            if odd is not None and not (moves and turns):
                moves = turns = all(_smooth(odd, rate, seconds, since_odd))
        if speed > self.fastest:
            moves = False
        if moves and turns:
            self._last, self._odd, self._since = rate, None, seconds / 2
            return Step.between(old, new), ''
        if speed > self.fastest or last is None:
            why = f'{speed:.1f} m/s, more than max_ego_speed {self.fastest:g} m/s'
        else:
            change, turn = last.change(rate)
            why = (f'its speed changed by {change:.1f} m/s and its turn by {turn:.1f} rad/s in '
                   f'{since:.2f} s, more than a robot does')
        return _coast(last, rate if turns else last, seconds), why


def _coast(last: _Rate | None, turning: _Rate | None, seconds: float) -> Step:
    """Return the step of a camera that goes on as it did."""
    turn = np.eye(3)
    if turning is not None:
        turn = np.asarray(cv2.Rodrigues(turning.turn * seconds)[0], dtype=np.float64)
    move = np.zeros(3) if last is None else last.own * seconds
    return Step(turn.T, -(turn.T @ move))


def _length(vector: NDArray[np.float64]) -> float:
    return math.sqrt(vector @ vector)


def _smooth(before: _Rate, rate: _Rate, seconds: float, since: float) -> tuple[bool, bool]:
    """
    Return whether a robot can get from one speed, and from one turn, to another.

    :param seconds: of the step with that rate; :param since: seconds between the two.
    """
    change, turn = before.change(rate)
    speed = _length(before.own)
    return (change * seconds
            <= ACCELERATION * since * seconds + JITTER + STAMP_JITTER * speed,
            turn * seconds <= TURN_ACCELERATION * since * seconds + TURN_JITTER
            + STAMP_JITTER * _length(before.turn))
