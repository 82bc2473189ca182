"""Tracks in the world: what the camera's pose does for them, image by image."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.world import filter as kalman
from deepsort_ros.world.egomotion import CameraPath
from deepsort_ros.world.egomotion import Step
from deepsort_ros.world.egomotion import warps
from deepsort_ros.world.filter import States
from deepsort_ros.world.given import Given
from deepsort_ros.world.kinds import KindArrays
from deepsort_ros.world.kinds import KindTable
from deepsort_ros.world.location import depths
from deepsort_ros.world.location import locate
from deepsort_ros.world.location import Source
from deepsort_ros.world.transforms import NANOSECONDS
from deepsort_ros.world.view import View


@dataclass(frozen=True)
class WorldConfig:
    """
    Settings of the world.

    :param positions: positions are wanted; without, the camera's motion alone is followed.
    :param depth: depth images count.
    :param ego_motion: tracks are moved with the camera.
    :param plane: which way the ground lies, ``fixed_frame`` or ``base_frame``.
    :param max_ego_speed: m/s, beyond which a step of the camera is a jump of its pose.
    :param kinds: rules of :class:`~deepsort_ros.world.kinds.KindTable`.
    """

    positions: bool = True
    depth: bool = False
    ego_motion: bool = True
    plane: str = 'fixed_frame'
    max_ego_speed: float = 40.0
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Positions:
    """
    Where M tracks are, in the fixed frame; NaN rows for those without a position.

    :param source: (M,) uint8, of the newest measurement, values of
        :class:`~deepsort_ros.world.location.Source`.
    :param position: (M, 3) m, of the middle of the thing on the ground; :param covariance:
        (M, 3, 3) m2.
    :param velocity: (M, 2) m/s; :param velocity_covariance: (M, 2, 2).
    :param size: (M, 3) m, length, width, height as the class has them.
    """

    source: NDArray[np.uint8]
    position: NDArray[np.float64]
    covariance: NDArray[np.float64]
    velocity: NDArray[np.float64]
    velocity_covariance: NDArray[np.float64]
    size: NDArray[np.float64]

    def select(self, chosen: NDArray[np.bool_]) -> Positions:
        """Return those of the tracks a boolean mask chooses."""
        return Positions(**{name: value[chosen] for name, value in vars(self).items()})


@dataclass
class Counts:
    """
    What happened to the camera's poses.

    :param followed: images whose camera motion moved the tracks; :param missing: images without
        a pose.
    :param jumps: steps that no robot makes, replaced by its last speed.
    :param last_jump: the last of them, in words.
    :param located: tracks with a position that was measured in their image, summed over images;
        :param matched: tracks with a detection, summed likewise.
    """

    followed: int = 0
    missing: int = 0
    jumps: int = 0
    last_jump: str = ''
    located: int = 0
    matched: int = 0

    def totals(self) -> dict[str, int]:
        """Return the numbers alone."""
        return {name: value for name, value in vars(self).items() if isinstance(value, int)}


class World:
    """
    Follows the camera's pose and the tracks' positions.

    :ivar steady: the newest step of the camera is the measured one.

    For each image :meth:`move` is called before the tracker's update and :meth:`update` after
    it. An image without a pose is no fault: its tracks are not moved, and their positions are
    predicted.
    """

    def __init__(self, config: WorldConfig) -> None:
        """Start with no track and no pose."""
        self.config = config
        self.counts = Counts()
        self._kinds = KindTable(config.kinds)
        self._path = CameraPath(config.max_ego_speed)
        self.reset()

    def configure(self, config: WorldConfig) -> None:
        """Use other settings from the next image on."""
        self.config = config
        self._kinds = KindTable(config.kinds)
        self._path.fastest = config.max_ego_speed

    def reset(self) -> None:
        """Forget all tracks and the last pose."""
        self._states = States.zeros(np.empty(0, dtype=np.int64))
        self._view: View | None = None
        self._stamp = 0
        self.steady = False
        self._path.clear()

    def move(self, view: View | None, stamp: int, ids: NDArray[np.int64],
             tlwh: NDArray[np.float64], class_id: NDArray[np.object_],
             ) -> NDArray[np.float64] | None:
        """
        Return the (M, 2, 3) similarities that take tracks along with the camera.

        None when nothing is known of its motion: no pose now or in the last image. Where a pose
        jumps the camera goes on as before.

        :param stamp: nanoseconds; :param ids: (M,) of the tracks, ascending.
        :param tlwh: (M, 4) their boxes in the last image; :param class_id: (M,) their classes.
        """
        last = self._view
        seconds = (stamp - self._stamp) / NANOSECONDS
        self.counts.missing += view is None
        if view is None or last is None:
            self._path.wait(seconds)
            return None
        step, why = self._path.step(last.centre, view.centre, seconds)
        self.steady = not why
        depth = self._depths(last, ids, tlwh, class_id) if self.config.ego_motion else None
        if why:
            self._jumped(last, view, step, why)
        if depth is None:
            return None
        self.counts.followed += not why
        if view.base is not None:
            step = step.level(view.base)
        return warps(last.camera, step, tlwh[:, :2] + tlwh[:, 2:] / 2, depth, view.camera)

    def _jumped(self, last: View, view: View, step: Step, why: str) -> None:
        """Keep the tracks where the camera sees them: they jump with its pose."""
        self.counts.jumps += 1
        self.counts.last_jump = why
        kalman.shift(self._states, view.centre @ step.after(last.centre).inverse())

    def _depths(self, view: View, ids: NDArray[np.int64], tlwh: NDArray[np.float64],
                class_id: NDArray[np.object_]) -> NDArray[np.float64]:
        """Return how far tracks were from the camera, infinite where unknown."""
        ahead, placed = np.full(len(ids), np.nan), np.zeros(len(ids), dtype=np.bool_)
        if self.config.positions and len(self._states.id):
            states = self._states.follow(ids)
            place = np.column_stack((states.mean[:, :2], states.z))
            to_camera = view.centre.inverse()
            ahead = place @ to_camera.rotation[2] + to_camera.translation[2]
            placed = states.source > 0
        if not placed.all():
            seen = depths(view, tlwh, self._kinds.look(class_id), self.config.plane)
            ahead = np.where(placed, ahead, seen)
        return np.where(np.isfinite(ahead), ahead, np.inf)

    def update(self, view: View | None, stamp: int, ids: NDArray[np.int64],
               class_id: NDArray[np.object_], matched: NDArray[np.bool_],
               tlwh: NDArray[np.float64], given: Given | None = None) -> Positions | None:
        """
        Return where the tracks are after an image; None when positions are not wanted.

        :param ids: (M,) of the tracks, ascending; :param class_id: (M,) their classes.
        :param matched: (M,) bool, with a detection in this image.
        :param tlwh: (K, 4) boxes of the detections of the K that are; :param given: what these
            detections say of where they are.
        """
        seconds = (stamp - self._stamp) / NANOSECONDS
        self._stamp = stamp
        self._view = view
        if not self.config.positions:
            return None
        kinds = self._kinds.look(class_id)
        self._states = states = self._states.follow(ids)
        if len(ids) and states.source.any():
            kalman.predict(states, seconds, kinds.acceleration)
        rows = matched.nonzero()[0]
        if view is not None and len(rows):
            if not self.config.depth:
                view = View(view.camera, view.pose, view.base)
            theirs = kinds if len(rows) == len(ids) else KindArrays(
                *(value[rows] for value in vars(kinds).values()))
            speed = np.where(states.source[rows] > 0,
                             np.linalg.norm(states.mean[rows, 2:], axis=1), theirs.speed)
            located = locate(view, tlwh, theirs, self.config.plane, speed, given)
            kalman.update(states, rows, located, theirs)
            self.counts.located += int(np.count_nonzero(located.source))
        self.counts.matched += len(rows)
        return _positions(states, kinds)


def _positions(states: States, kinds: KindArrays) -> Positions:
    known = states.source != Source.NONE
    covariance = states.same.copy()
    covariance[:, :2, :2] += states.covariance[:, :2, :2]
    covariance[:, 2, 2] += states.z_variance
    place = np.column_stack((states.mean[:, :2], states.z))
    hole = np.where(known, 1.0, np.nan)[:, None]
    return Positions(
        states.source.copy(), place * hole, covariance * hole[:, :, None],
        states.mean[:, 2:] * hole, states.covariance[:, 2:, 2:] * hole[:, :, None], kinds.size)
