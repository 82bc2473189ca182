"""A camera at a known place, and boxes of things it sees."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.world.camera import Camera
from deepsort_ros.world.transforms import Transform
from deepsort_ros.world.view import View

# Camera axes (x right, y down, z ahead) in axes of a robot (x ahead, y left, z up).
OPTICAL = np.array(((0.0, 0, 1), (-1, 0, 0), (0, -1, 0)))
CAMERA = Camera.pinhole(np.array(((600.0, 0, 640), (0, 600, 360), (0, 0, 1))), (1280, 720))


def turned(yaw: float) -> NDArray[np.float64]:
    """Return a turn to the left."""
    cosine, sine = np.cos(yaw), np.sin(yaw)
    return np.array(((cosine, -sine, 0), (sine, cosine, 0), (0, 0, 1)))


def tilted(pitch: float) -> NDArray[np.float64]:
    """Return a tilt downwards."""
    cosine, sine = np.cos(pitch), np.sin(pitch)
    return np.array(((cosine, 0, sine), (0, 1, 0), (-sine, 0, cosine)))


def view(x: float = 0.0, y: float = 0.0, yaw: float = 0.0, pitch: float = 0.0,
         height: float = 1.5, camera: Camera = CAMERA) -> View:
    """Return what a robot at (x, y) sees, its camera this high above the ground."""
    base = Transform(tilted(pitch) @ OPTICAL, np.array((0.0, 0.0, height)))
    robot = Transform(turned(yaw), np.array((x, y, 0.0)))
    return View(camera, robot @ base, base)


def project(seen: View, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the pixels of (N, 3) points of the fixed frame."""
    to_camera = seen.centre.inverse()
    return seen.camera.pixels(points @ to_camera.rotation.T + to_camera.translation)


def boxes_of(seen: View, places: NDArray[np.float64], height: float = 1.72,
             foot: float = 0.03) -> NDArray[np.float64]:
    """Return the (N, 4) tlwh of people at (N, 2) places, as detectors draw them."""
    up = np.array((0.0, 0.0, height))
    ground = np.column_stack((places, np.zeros(len(places))))
    feet, heads = project(seen, ground), project(seen, ground + up)
    tall = (feet[:, 1] - heads[:, 1]) / (1.0 - foot)
    wide = 0.4 * tall
    return np.column_stack((feet[:, 0] - wide / 2, heads[:, 1], wide, tall))
