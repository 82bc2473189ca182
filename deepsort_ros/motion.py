"""
The camera's own motion, seen in the images.

A tracker that knows it keeps its predictions on the people while the camera turns or drives
(BoT-SORT, arXiv 2206.14651, section 3.2). :class:`CameraMotion` is the whole contract: a robot
that knows its ego-motion better can bring its own.
"""
from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

# Width images are reduced to, in pixels: optical flow on full HD takes longer than an image.
WIDTH = 480

# Corners followed, and the least of them that must agree on a motion.
CORNERS = 300
LEAST_AGREEING = 12

# Pixels of the reduced image by which a corner may miss the common motion.
TOLERANCE = 1.5


class CameraMotion(Protocol):
    """What the pipeline asks about the camera."""

    def transform(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """
        Return the motion of the background since the last image, from pixels then to now.

        :param image: (H, W, 3) uint8.
        :returns: (2, 3) float64, a similarity: turn, scale and shift.
        """


class SparseFlow:
    """
    Camera motion by sparse optical flow (Lucas-Kanade) between reduced grey images.

    Corners of the last image are looked for in this one; what most of them agree on (RANSAC) is
    the background's motion. Where too few agree, and for the first image or another size, the
    camera stood still.
    """

    def __init__(self) -> None:
        """Start without an image."""
        self._last: NDArray[np.uint8] | None = None

    def transform(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the motion since the last image; see :class:`CameraMotion`."""
        shrink = max(image.shape[1] / WIDTH, 1.0)
        size = (round(image.shape[1] / shrink), max(round(image.shape[0] / shrink), 1))
        grey = cv2.cvtColor(cv2.resize(image, size), cv2.COLOR_BGR2GRAY).astype(
            np.uint8, copy=False)
        last, self._last = self._last, grey
        if last is None or last.shape != grey.shape:
            return np.eye(2, 3)
        motion = _similarity(last, grey)
        motion[:, 2] *= shrink
        return motion


def _similarity(last: NDArray[np.uint8], now: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the (2, 3) motion of most corners, the identity where too few agree."""
    corners = cv2.goodFeaturesToTrack(last, CORNERS, qualityLevel=0.01, minDistance=8)
    if corners is None or len(corners) < LEAST_AGREEING:
        return np.eye(2, 3)
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        last, now, corners, np.empty(0, dtype=np.float32), winSize=(15, 15), maxLevel=3)
    good = status.ravel() == 1
    if np.count_nonzero(good) < LEAST_AGREEING:
        return np.eye(2, 3)
    motion, agreeing = cv2.estimateAffinePartial2D(
        corners[good], found[good], method=cv2.RANSAC, ransacReprojThreshold=TOLERANCE)
    if motion is None or np.count_nonzero(agreeing) < LEAST_AGREEING:
        return np.eye(2, 3)
    # No camera zooms like this between two images: the flow went wrong.
    if not 0.5 < np.linalg.det(motion[:, :2]) < 2.0:
        return np.eye(2, 3)
    return np.asarray(motion, dtype=np.float64)
