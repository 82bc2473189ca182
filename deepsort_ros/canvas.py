"""
Whether boxes are of another canvas than their image: of what a network saw.

Networks see a square, or a smaller image: the image scaled until it fits (letterbox), with bars
above and below or at the sides, or stretched. A detector must take its boxes back to the image.
Where it does not, they are pixels of that canvas: they keep to the part of it that shows the
image, they reach the edges of that part, and these are not the edges of the image.
"""
from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# Sides of the canvases of common networks, pixels.
SIDES = (320, 416, 480, 512, 608, 640, 736, 768, 800, 960, 1024, 1280)
# Networks take sides that are a multiple of this; bars need be no wider.
STRIDE = 32
# Boxes that tell something.
ENOUGH = 100
# Share of the boxes that may break the rule, and of an edge by which a box may miss it.
SLACK, MARGIN = 0.005, 0.02
# Boxes that reach an edge, at least.
REACH = 3
# Share of the edge's coordinate by which those differ in length: a thing at rest does not.
CUT = 0.05
# A part this much smaller or larger than the image is another.
OTHER = 0.04
# Share of the part, in both directions, that boxes cover all together.
SPREAD = 0.6


def canvas_of(tlwh: NDArray[np.float64], size: tuple[int, int]) -> str:
    """
    Return in words the canvas that boxes are of, if all evidence says it is not the image.

    :param tlwh: (N, 4) pixels; :param size: (width, height) of the image.
    """
    if len(tlwh) < ENOUGH or not all(size) or not np.isfinite(tlwh).all():
        return ''
    low, high = tlwh[:, :2], tlwh[:, :2] + tlwh[:, 2:]
    first, last = (np.quantile(low, SLACK, axis=0), np.quantile(high, 1 - SLACK, axis=0))
    image = np.array(size, dtype=float)
    for part, words in _parts(size):
        begin, end = part[:2], part[2:]
        margin = MARGIN * (end - begin)
        if (first < begin - margin).any() or (last > end + margin).any():
            continue
        if (last - first < SPREAD * (end - begin)).any():
            continue
        differs = np.abs(end - image) > OTHER * image
        # Of one edge that is inside the image, a wall or a door may be the reason.
        if differs.any() and (differs.all() or (end > image)[differs].any()) and all(
                _is_reached(low[:, axis], high[:, axis], end[axis], margin[axis])
                for axis in np.flatnonzero(differs)):
            return words
    return ''


def _is_reached(low: NDArray[np.float64], high: NDArray[np.float64], end: float,
                margin: float) -> bool:
    """Return whether boxes of several lengths end at an edge: it cuts them off."""
    at_edge = low[(high > end - margin) & (high <= end + margin)]
    return len(at_edge) >= REACH and float(np.ptp(at_edge)) >= CUT * end


@lru_cache(maxsize=8)
def _parts(size: tuple[int, int]) -> list[tuple[NDArray[np.float64], str]]:
    """Return (left, top, right, bottom) of the image on a canvas, and the canvas in words."""
    image = np.array(size, dtype=float)
    found = []
    for side in SIDES:
        inner = np.round(image * side / image.max())
        square = np.array((side, side), dtype=float)
        least = inner + (-inner) % STRIDE
        for canvas in (square, least):
            bars = (canvas - inner) / 2
            found.append((np.concatenate((bars, bars + inner)),
                          f'a letterbox of {canvas[0]:.0f} x {canvas[1]:.0f}'))
        found += [(np.concatenate((np.zeros(2), inner)),
                   f'an image of {inner[0]:.0f} x {inner[1]:.0f}'),
                  (np.concatenate((np.zeros(2), square)),
                   f'an image stretched to {side} x {side}')]
    return found
