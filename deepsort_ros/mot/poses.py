"""
Camera poses and calibration of a sequence, as text: ``poses.txt`` and ``calib.txt``.

``poses.txt`` has one row for each frame, twelve numbers apart by spaces: the (3, 4) matrix that
takes points of the camera's frame to the fixed frame (z up, m). ``calib.txt`` has rows ``NAME:``
and numbers, as KITTI's: ``P`` (or ``P2``), the (3, 4) projection like ``CameraInfo.P``, and, where
it is known, ``T_base_cam``, the (3, 4) matrix that takes points of the camera's frame to the
robot's, on the ground below it.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.mot.table import MotFileError
from deepsort_ros.world.camera import Camera
from deepsort_ros.world.camera import CameraError
from deepsort_ros.world.transforms import Transform
from deepsort_ros.world.view import View

PROJECTIONS = ('P', 'P2')
BASE = 'T_base_cam'
# How far rows of a matrix may be from a rotation: files round.
ROTATION_TOLERANCE = 1e-2


@dataclass(frozen=True)
class Poses:
    """
    Where the camera of a sequence was.

    :param camera: the same for all frames; :param base: base frame <- camera, None if not known.
    :param poses: fixed frame <- camera, the first is that of frame 1.
    """

    camera: Camera
    base: Transform | None
    poses: list[Transform]

    def view(self, number: int) -> View | None:
        """Return where the camera was in a frame, numbered from 1; None behind the last pose."""
        if not 1 <= number <= len(self.poses):
            return None
        return View(self.camera, self.poses[number - 1], self.base)


def find_poses(folder: Path, size: tuple[int, int], poses: Path | None = None,
               calibration: Path | None = None) -> Poses | None:
    """
    Return the poses of a sequence, None when it has none and none are named.

    :param folder: of the sequence, whose ``poses.txt`` and ``calib.txt`` count unless others are
        named; :param size: width and height of the images in pixels.
    :raises MotFileError: a file is missing or malformed, or says nothing of the camera.
    """
    named = poses is not None or calibration is not None
    poses = poses or folder / 'poses.txt'
    calibration = calibration or folder / 'calib.txt'
    if not named and not (poses.is_file() and calibration.is_file()):
        return None
    for path in (poses, calibration):
        if not path.is_file():
            raise MotFileError(f'{path}: no such file')
    camera, base = _read_calibration(calibration, size)
    return Poses(camera, base, read_poses(poses))


def read_poses(path: Path) -> list[Transform]:
    """
    Read a file of poses.

    :raises MotFileError: names the line that is not one.
    """
    rows = [(number, line.split()) for number, line in enumerate(_text(path).splitlines(), 1)
            if line.strip()]
    if not rows:
        raise MotFileError(f'{path}: empty, no poses')
    return [_rigid(_matrix(f'{path}:{number}', cells), f'{path}:{number}')
            for number, cells in rows]


def _read_calibration(path: Path, size: tuple[int, int]) -> tuple[Camera, Transform | None]:
    entries = dict(line.split(':', 1) for line in _text(path).splitlines() if ':' in line)
    name = next((name for name in PROJECTIONS if name in entries), None)
    if name is None:
        raise MotFileError(f'{path}: no row {" or ".join(f"{name}:" for name in PROJECTIONS)} '
                           f'with the projection of the camera')
    projection = _matrix(f'{path}: {name}', entries[name].split())
    try:
        camera = Camera.from_info(
            width=size[0], height=size[1], k=projection[:, :3].ravel().tolist(),
            p=projection.ravel().tolist(), rectified=True)
    except CameraError as error:
        raise MotFileError(f'{path}: {name}: {error}') from error
    if BASE not in entries:
        return camera, None
    return camera, _rigid(_matrix(f'{path}: {BASE}', entries[BASE].split()), f'{path}: {BASE}')


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise MotFileError(f'{path}: not a text file') from error


def _matrix(where: str, cells: list[str]) -> NDArray[np.float64]:
    """Return the (3, 4) matrix of twelve cells."""
    try:
        values = np.array([float(cell) for cell in cells])
    except ValueError as error:
        raise MotFileError(f'{where}: {error}') from error
    if len(values) != 12 or not np.isfinite(values).all():
        raise MotFileError(f'{where}: not the 12 finite numbers of a (3, 4) matrix, row by row')
    return values.reshape(3, 4)


def _rigid(matrix: NDArray[np.float64], where: str) -> Transform:
    """Return the transform of a matrix, its rotation freed from what rounding did to it."""
    left, lengths, right = np.linalg.svd(matrix[:, :3])
    if abs(lengths - 1.0).max() > ROTATION_TOLERANCE or np.linalg.det(left @ right) < 0:
        raise MotFileError(f'{where}: its first three columns are no rotation')
    return Transform(left @ right, matrix[:, 3].copy())
