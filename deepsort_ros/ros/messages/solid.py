"""Detections in space, as ``vision_msgs/Detection3DArray`` has them, seen by the camera."""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from deepsort_ros.ros.messages.conversions import best_hypothesis
from deepsort_ros.tracking import Detections
from deepsort_ros.world.camera import Camera
from deepsort_ros.world.given import Given

# m; corners of a box nearer than this, or behind the camera, are taken to be so far ahead.
NEAREST = 0.1
# The eight corners of a box, in shares of its sides.
CORNERS = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])


def read_solid(message: Any, camera: Camera, frame: str) -> tuple[Detections, Given | None, str]:
    """
    Return the detections of a Detection3DArray, where they are, and in words what is wrong.

    The 2D box of a detection is what the camera sees of its 3D box, cut off at the edges of the
    image. One behind the camera, or in another frame, has NaN for a box, which makes it invalid.

    :param camera: of the image; :param frame: of the image, in which the boxes must be.
    """
    found = message.detections
    # Place, turn (x, y, z, w), size, score.
    values, spread = np.full((len(found), 11), np.nan), np.zeros((len(found), 3, 3))
    classes = np.empty(len(found), dtype=object)
    strangers = set()
    for row, detection in enumerate(found):
        best = best_hypothesis(detection.results)
        classes[row] = '' if best is None else best.hypothesis.class_id
        own = detection.header.frame_id or message.header.frame_id
        if own.lstrip('/') not in ('', frame.lstrip('/')):
            strangers.add(own)
            continue
        place, turn = detection.bbox.center.position, detection.bbox.center.orientation
        size = detection.bbox.size
        values[row] = (place.x, place.y, place.z, turn.x, turn.y, turn.z, turn.w, size.x, size.y,
                       size.z, np.nan if best is None else best.hypothesis.score)
        if best is not None:
            spread[row] = np.asarray(best.pose.covariance).reshape(6, 6)[:3, :3]
    centre, size = values[:, :3], values[:, 7:10]
    sides = _axes(values[:, 3:7]) * size[:, None, :]
    tlwh = _seen(camera, centre, sides)
    words = (f'detections are in {", ".join(sorted(strangers))}: they are used only in the frame '
             f'of the image, {frame}' if strangers else '')
    # The camera's y axis points down.
    height = np.abs(sides[:, 1]).sum(axis=1)
    return (Detections.from_arrays(tlwh, values[:, 10], classes),
            Given.of(centre, spread, height), words)


def _axes(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, 3, 3) rotations of (N, 4) quaternions; of zeros and NaN, those of no turn."""
    length = np.linalg.norm(turn, axis=1)
    turn = np.where((length > 0.0)[:, None] & np.isfinite(turn), turn, (0.0, 0.0, 0.0, 1.0))
    axes: NDArray[np.float64] = Rotation.from_quat(turn).as_matrix().reshape(-1, 3, 3)
    return axes


def _seen(camera: Camera, centre: NDArray[np.float64], sides: NDArray[np.float64],
          ) -> NDArray[np.float64]:
    """Return (N, 4) tlwh of boxes, NaN for what is not before the camera."""
    whole = np.full((len(centre), 4), np.nan)
    good = (centre[:, 2] > NEAREST) & np.isfinite(sides).all(axis=(1, 2)) & np.isfinite(
        centre).all(axis=1)
    if not good.any():
        return whole
    corners = centre[good, None] + CORNERS @ sides[good].transpose(0, 2, 1) + camera.offset
    corners[:, :, 2] = np.maximum(corners[:, :, 2], NEAREST)
    pixels = camera.pixels((corners / corners[:, :, 2:]).reshape(-1, 3)).reshape(-1, 8, 2)
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    # What shows nothing of the image stays as it is, to be counted as outside.
    inside = ((high > 0.0) & (low < camera.size)).all(axis=1)[:, None]
    low = np.where(inside, np.maximum(low, 0.0), low)
    high = np.where(inside, np.minimum(high, camera.size), high)
    whole[good] = np.hstack((low, high - low))
    return whole
