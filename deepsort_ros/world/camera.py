"""
What a camera makes of the world: rays of pixels and pixels of points.

The parameters are those of ``sensor_msgs/CameraInfo``, and they are read as ``image_geometry``
reads them: P for images that are rectified, K and D for those that are not, both shifted by the
region of interest and divided by the binning. A fourth column of P moves the centre of the camera
away from the origin of its frame (the right camera of a stereo pair).
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

# Distortion models of sensor_msgs/distortion_models.hpp, and how many coefficients they may have.
MODELS = {'plumb_bob': (0, 4, 5), 'rational_polynomial': (0, 4, 5, 8, 12, 14),
          'equidistant': (0, 4)}
UNDISTORTED_ITERATIONS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-9)


class CameraError(ValueError):
    """The parameters of a camera cannot be used; the message names field, value and cure."""


@dataclass(frozen=True)
class Camera:
    """
    A pinhole camera, with or without distortion.

    :param size: (width, height) of the image in pixels.
    :param matrix: (3, 3) float64, camera frame to pixels of the undistorted image.
    :param offset: (3,) float64, to be added to a point of the camera's frame to get it as seen
        from the centre of the camera.
    :param distortion: (D,) float64 coefficients of the image, none when it is rectified.
    :param fisheye: the coefficients are those of the equidistant model.
    :param raw_matrix: (3, 3) float64, the matrix the distortion goes with.
    :param rotation: (3, 3) float64, turns a ray of the raw camera into its frame.
    """

    size: tuple[int, int]
    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]
    distortion: NDArray[np.float64]
    fisheye: bool
    raw_matrix: NDArray[np.float64]
    rotation: NDArray[np.float64]

    @classmethod
    def pinhole(cls, matrix: NDArray[np.float64], size: tuple[int, int],
                offset: NDArray[np.float64] | None = None) -> Camera:
        """Return a camera without distortion."""
        shift = np.zeros(3) if offset is None else offset
        return cls(size, matrix, shift, np.empty(0), False, matrix, np.eye(3))

    @classmethod
    def from_info(cls, *, width: int, height: int, k: Sequence[float], p: Sequence[float],
                  d: Sequence[float] = (), r: Sequence[float] = (), model: str = '',
                  rectified: bool = False, binning: tuple[int, int] = (0, 0),
                  roi: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Camera:
        """
        Return the camera of a CameraInfo.

        :param rectified: the images are: P counts; else K, D and R.
        :param binning: along x and y, 0 like 1; :param roi: x, y, width, height, zeros for all.
        :raises CameraError: it is not calibrated, a matrix is not one of a camera, or the
            distortion model is not known.
        """
        intrinsic, projection = np.array(k).reshape(3, 3), np.array(p).reshape(3, 4)
        if rectified and not projection[:, :3].any():
            projection = np.hstack((intrinsic, np.zeros((3, 1))))
        used = projection[:, :3] if rectified else intrinsic
        if not used.any():
            raise CameraError(f'camera_info: {"P" if rectified else "K"} is all zeros: the camera '
                              f'is not calibrated')
        focal = used[0, 0], used[1, 1]
        if not np.isfinite(projection).all() or not np.isfinite(used).all() or min(focal) <= 0:
            raise CameraError(f'camera_info: {"P" if rectified else "K"} has the focal lengths '
                              f'{focal[0]:g} and {focal[1]:g} px: no matrix of a camera')
        # A monocular driver may leave P empty.
        column = projection[:, 3] if projection[:, :3].any() else np.zeros(3)
        full = projection[:, :3] if projection[:, :3].any() else used
        offset = np.linalg.solve(full, column)
        coefficients = np.empty(0) if rectified else np.array(d, dtype=np.float64)
        if not coefficients.any():
            coefficients = np.empty(0)
        elif len(coefficients) not in MODELS.get(model, ()):
            raise CameraError(
                f'camera_info: distortion_model {model!r} with {len(coefficients)} coefficients '
                f'is not one of {", ".join(MODELS)}: publish rectified images instead')
        rotation = np.eye(3) if rectified or not np.any(r) else np.array(r).reshape(3, 3)
        shrink = [max(int(number), 1) for number in binning]
        scale = np.diag((1 / shrink[0], 1 / shrink[1], 1.0))
        shift = np.array(((1.0, 0, -roi[0]), (0, 1.0, -roi[1]), (0, 0, 1.0)))
        seen = (roi[2] or width, roi[3] or height)
        matrix: NDArray[np.float64] = scale @ shift @ used
        return cls((seen[0] // shrink[0], seen[1] // shrink[1]), matrix, offset, coefficients,
                   model == 'equidistant', matrix, rotation)

    @property
    def focal(self) -> tuple[float, float]:
        """Return the focal lengths along x and y, in pixels."""
        return float(self.matrix[0, 0]), float(self.matrix[1, 1])

    @cached_property
    def inverse(self) -> NDArray[np.float64]:
        """Return the (3, 3) inverse of the matrix."""
        return np.linalg.inv(self.matrix)

    @cached_property
    def plain(self) -> bool:
        """Return whether the image is that of the matrix: no distortion, and not turned."""
        return not len(self.distortion) and bool((self.rotation == np.eye(3)).all())

    def rays(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (N, 3) rays with z = 1 in the camera's frame of (N, 2) pixels of its image."""
        if not len(pixels):
            return np.empty((0, 3))
        if not len(self.distortion):
            rays = np.empty((len(pixels), 3))
            matrix = self.matrix
            rays[:, 1] = (pixels[:, 1] - matrix[1, 2]) / matrix[1, 1]
            rays[:, 0] = (pixels[:, 0] - matrix[0, 2] - matrix[0, 1] * rays[:, 1]) / matrix[0, 0]
            rays[:, 2] = 1.0
            if self.plain:
                return rays
        else:
            points = np.ascontiguousarray(pixels, dtype=np.float64)[:, None]
            if self.fisheye:
                flat = cv2.fisheye.undistortPoints(points, self.raw_matrix, self.distortion)
            else:
                flat = cv2.undistortPointsIter(
                    points, self.raw_matrix, self.distortion, np.eye(3), np.eye(3),
                    UNDISTORTED_ITERATIONS)
            rays = np.hstack((flat[:, 0], np.ones((len(flat), 1))))
        turned: NDArray[np.float64] = rays @ self.rotation.T
        return turned / turned[:, 2:]

    def flat(self, rays: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the (N, 2) pixels that (N, 3) rays have in an image without distortion."""
        seen = rays @ self.matrix.T
        flat: NDArray[np.float64] = seen[:, :2] / seen[:, 2:]
        return flat

    def pixels(self, rays: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the (N, 2) pixels of its image that (N, 3) rays with z > 0 have."""
        if not len(rays):
            return np.empty((0, 2))
        if self.plain:
            return self.flat(rays)
        raw = rays @ self.rotation
        if not len(self.distortion):
            return self.flat(raw)
        if self.fisheye:
            flat = np.ascontiguousarray(raw[:, :2] / raw[:, 2:])[:, None]
            return np.asarray(cv2.fisheye.distortPoints(
                flat, self.raw_matrix, self.distortion)[:, 0], dtype=np.float64)
        seen, _ = cv2.projectPoints(
            np.ascontiguousarray(raw)[:, None], np.zeros(3), np.zeros(3), self.raw_matrix,
            self.distortion)
        return np.asarray(seen[:, 0], dtype=np.float64)
