"""From boxes in one image to positions in the fixed frame, with their uncertainty."""
from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.world import ground
from deepsort_ros.world.depth import box_depths
from deepsort_ros.world.given import Given
from deepsort_ros.world.ground import Depths
from deepsort_ros.world.kinds import KindArrays
from deepsort_ros.world.view import View


class Source(enum.IntEnum):
    """Where a position comes from, with the numbers of ``Track.msg``."""

    NONE = 0
    HEIGHT = 1
    GROUND = 2
    GROUND_HEIGHT = 3
    DEPTH = 4
    DETECTION = 5


@dataclass(frozen=True)
class Located:
    """
    Positions of N boxes: where the thing in them stands, in the fixed frame.

    :param source: (N,) uint8, values of :class:`Source`; without one the rest means nothing.
    :param depth: (N,) m along the optical axis.
    :param position: (N, 3) m; :param white: (N, 3, 3) m2, covariance that is new in every image.
    :param same: (N, 3, 3) m2, covariance of what is the same for long.
    """

    source: NDArray[np.uint8]
    depth: NDArray[np.float64]
    position: NDArray[np.float64]
    white: NDArray[np.float64]
    same: NDArray[np.float64]


def locate(view: View, tlwh: NDArray[np.float64], kinds: KindArrays,
           plane: str = 'fixed_frame', speed: NDArray[np.float64] | float = 0.0,
           given: Given | None = None) -> Located:
    """
    Return where the things in (N, 4) boxes stand.

    What detections say themselves counts. Else the depth image goes first where there is one; the
    ground and the height of the kind, weighed against each other, where it has nothing to say.

    :param plane: which way the ground lies, ``fixed_frame`` or ``base_frame``.
    :param speed: m/s, of what may have moved since the depth image.
    :param given: of the N boxes.
    """
    centre = view.centre
    seen, by_ground, by_height = _by_eye(view, tlwh, kinds, plane)
    found = ground.fused(by_ground, by_height)
    source = (by_ground.known * int(Source.GROUND) + by_height.known * int(Source.HEIGHT)
              ).astype(np.uint8)
    ray = seen.ray
    if view.depth is not None:
        measured = box_depths(view.depth, tlwh, kinds, speed * view.depth_lag)
        deep = measured.known
        source[deep] = Source.DEPTH
        found = Depths(np.where(deep, measured.depth, found.depth),
                       np.where(deep, measured.white, found.white),
                       np.where(deep, measured.same, found.same))
    depth = found.depth
    located = Located(
        source, depth, centre.translation + (ray * depth[:, None]) @ centre.rotation.T,
        *_covariances(view, ray, seen.height, found))
    if given is not None:
        _prefer(given, located, view, kinds)
    return located


def depths(view: View, tlwh: NDArray[np.float64], kinds: KindArrays,
           plane: str = 'fixed_frame') -> NDArray[np.float64]:
    """Return (N,) depths [m] by ground and height alone, NaN where they say nothing."""
    return ground.fused(*_by_eye(view, tlwh, kinds, plane)[1:]).depth


def _by_eye(view: View, tlwh: NDArray[np.float64], kinds: KindArrays, plane: str,
            ) -> tuple[ground.Feet, Depths, Depths]:
    """Return where boxes stand, and their depths by the ground and by the height of the kind."""
    up, camera_height = view.upright(plane)
    seen = ground.feet(view.camera, tlwh, kinds)
    return (seen, ground.ground_depth(view.camera, seen, up, camera_height),
            ground.height_depth(seen, up, kinds))


def _prefer(given: Given, located: Located, view: View, kinds: KindArrays) -> None:
    """Replace positions by those that the detections bring along."""
    rows = np.isfinite(given.centre[:, 0]).nonzero()[0]
    rotation = view.pose.rotation
    place = given.centre[rows] @ rotation.T + view.pose.translation
    height = given.height[rows]
    place[:, 2] -= np.where(np.isnan(height), kinds.size[rows, 2], height) / 2.0
    located.source[rows] = Source.DETECTION
    located.depth[rows] = given.centre[rows, 2]
    located.position[rows] = place
    located.white[rows] = rotation @ given.covariance[rows] @ rotation.T
    located.same[rows] = 0.0


def _covariances(view: View, ray: NDArray[np.float64], height: NDArray[np.float64],
                 found: Depths) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the white and the same part of the covariance in the fixed frame."""
    rotation, focal = view.pose.rotation, view.camera.focal[0]
    along = ray @ rotation.T
    across = found.depth[:, None] / focal * rotation[:, 0]
    side = np.hypot(ground.SIDE_SHARE * height, ground.EDGE)
    spread = along[:, :, None] * along[:, None, :]
    white = (spread * found.white[:, None, None]
             + across[:, :, None] * across[:, None, :] * np.square(side)[:, None, None])
    same: NDArray[np.float64] = spread * found.same[:, None, None]
    # The foot's height follows from the ground, not from the ray.
    for axis in (0, 1):
        for part in (white, same):
            part[:, axis, 2] = part[:, 2, axis] = 0.0
    white[:, 2, 2] += ground.KERB ** 2
    return white, same
