"""
How far away things are, by where they stand and by how high they look.

A box whose foot stands on the ground has one depth; a thing of known height has another. Both err
in two ways: differently in every image (``white``: the box's edges), and in the same way for as
long as the thing is seen (``same``: kerbs, pitch of the camera, how tall someone is). A filter
must know which is which, or it becomes certain and wrong.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.world.camera import Camera
from deepsort_ros.world.kinds import KindArrays

# Standard deviations of a box's edges, in shares of its height and in pixels.
BOTTOM_SHARE = 0.05
SIDE_SHARE = 0.045
EDGE = 1.5
HEIGHT_SHARE = 0.045
# Of the camera's pitch in radians, and of the ground's height in metres.
PITCH = math.radians(0.35)
KERB = 0.10
# Standard deviations below the horizon at which a ground depth begins.
HORIZON = 3.0
# Pixels from the edge of the image within which a box is cut off.
CUT = 4.0
# Correlation of what lasts in two ways of measuring: the lower edge of a loose box is in both.
SHARED = 0.5
# Factor of the variances of a thing whose feet a nearer one hides.
HIDDEN = 9.0


@dataclass(frozen=True)
class Depths:
    """
    Depths of N things along the optical axis, by one way of measuring; NaN where there is none.

    :param depth: (N,) m; :param white: (N,) m2, new in every image.
    :param same: (N,) m2, the same for long.
    """

    depth: NDArray[np.float64]
    white: NDArray[np.float64]
    same: NDArray[np.float64]

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Return where there is a depth."""
        return np.isfinite(self.depth)


@dataclass(frozen=True)
class Feet:
    """
    Where N boxes touch the ground, as the camera sees it.

    :param ray: (N, 3) with z = 1; :param top: (N, 3) ray of the upper edge's middle.
    :param height: (N,) px; :param complete: (N,) bool, cut off neither below nor at the sides.
    :param whole: (N,) bool, nor above.
    :param inside: (N,) m along the optical axis from the side one sees to the middle.
    :param doubt: (N,) factor of the variances: feet that a nearer box covers make things look
        further away than they are, by an amount one cannot see.
    """

    ray: NDArray[np.float64]
    top: NDArray[np.float64]
    height: NDArray[np.float64]
    complete: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    inside: NDArray[np.float64]
    doubt: NDArray[np.float64]


def feet(camera: Camera, tlwh: NDArray[np.float64], kinds: KindArrays) -> Feet:
    """Return where (N, 4) boxes stand; feet lie a little above the lower edge."""
    left, top, width, height = tlwh.T
    right, bottom, middle = left + width, top + height, left + width / 2
    size = camera.size
    complete = (left >= CUT) & (right <= size[0] - CUT) & (bottom <= size[1] - CUT)
    count = len(tlwh)
    pixels = np.empty((2 * count, 2))
    pixels[:count, 0] = pixels[count:, 0] = middle
    pixels[:count, 1] = bottom - kinds.foot * height
    pixels[count:, 1] = top
    rays = camera.rays(pixels)
    ray = rays[:count]
    # What stands nearer has its lower edge further down.
    across, low = middle[:, None], bottom[:, None]
    covers = (bottom > low + 0.02 * height[:, None]) & (left <= across)
    covers &= across <= right
    covers &= top < low
    return Feet(ray, rays[count:], height, complete, complete & (top >= CUT),
                kinds.thickness / np.linalg.norm(ray, axis=1),
                np.where(covers.any(axis=1), HIDDEN, 1.0))


def ground_depth(camera: Camera, seen: Feet, up: NDArray[np.float64],
                 camera_height: float) -> Depths:
    """
    Return the depths at which feet meet the ground.

    None near the horizon, where a pixel is worth metres.

    :param up: (3,) in the camera frame; :param camera_height: m above the ground.
    """
    focal = camera.focal[1]
    edge = np.hypot(BOTTOM_SHARE * seen.height, EDGE)
    below = -(seen.ray @ up)
    good = seen.complete & (below > HORIZON * np.hypot(edge / focal, PITCH)) & (camera_height > 0)
    with np.errstate(divide='ignore', invalid='ignore'):
        depth = np.where(good, camera_height / below, np.nan)
        per_pixel = camera_height * abs(float(up[1])) / focal / below ** 2
        white = (per_pixel * edge) ** 2
        same = ((per_pixel * focal * PITCH) ** 2 + (depth / camera_height * KERB) ** 2)
    return _of_middle(depth, white, same, seen)


def height_depth(seen: Feet, up: NDArray[np.float64], kinds: KindArrays) -> Depths:
    """Return the depths at which things of their kind's height look as high as they do."""
    tall = kinds.size[:, 2]
    slope = seen.ray[:, 1] - seen.top[:, 1]
    good = seen.whole & (kinds.height_share > 0) & (slope > 0)
    with np.errstate(divide='ignore', invalid='ignore'):
        depth = np.where(good, tall * (seen.top[:, 1] * up[2] - up[1]) / slope, np.nan)
    depth = np.where(depth > 0, depth, np.nan)
    white = depth ** 2 * (HEIGHT_SHARE ** 2 + (EDGE / seen.height) ** 2)
    same = depth ** 2 * kinds.height_share ** 2
    return _of_middle(depth, white, same, seen)


def _of_middle(depth: NDArray[np.float64], white: NDArray[np.float64], same: NDArray[np.float64],
               seen: Feet) -> Depths:
    """Return depths of the middle of things, out of those of their near side."""
    return Depths(depth + seen.inside, white * seen.doubt, same * seen.doubt)


def fused(first: Depths, second: Depths) -> Depths:
    """Return the depths of two ways together, each by its total variance."""
    weights = [np.where(one.known, 1.0 / (one.white + one.same), 0.0) for one in (first, second)]
    total = weights[0] + weights[1]
    with np.errstate(divide='ignore', invalid='ignore'):
        share, other = weights[0] / total, weights[1] / total
    depth = (np.where(first.known, share * first.depth, 0.0)
             + np.where(second.known, other * second.depth, 0.0))
    white = (np.where(first.known, share ** 2 * first.white, 0.0)
             + np.where(second.known, other ** 2 * second.white, 0.0))
    deviations = [np.where(one.known, part * np.sqrt(one.same), 0.0)
                  for one, part in ((first, share), (second, other))]
    same = (np.square(deviations[0]) + np.square(deviations[1])
            + 2.0 * SHARED * deviations[0] * deviations[1])
    known = first.known | second.known
    return Depths(np.where(known, depth, np.nan), white, same)
