"""What is known of the camera at the moment of one image."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.world.camera import Camera
from deepsort_ros.world.transforms import Transform


@dataclass(frozen=True)
class View:
    """
    Where the camera was when it took an image, and what else was seen then.

    :param camera: of the image; :param pose: fixed frame <- camera frame.
    :param base: base frame <- camera frame, None where the base is not known.
    :param depth: (H, W) float32 m along the optical axis, registered to the image, 0 or NaN
        where there is none; None without a depth image.
    :param depth_lag: seconds between the depth image and the image.
    """

    camera: Camera
    pose: Transform
    base: Transform | None = None
    depth: NDArray[np.float32] | None = None
    depth_lag: float = 0.0

    @cached_property
    def centre(self) -> Transform:
        """Return the pose of the camera's centre, which P may move out of its frame."""
        pose = self.pose
        return Transform(pose.rotation, pose.translation - pose.rotation @ self.camera.offset)

    def upright(self, ground: str) -> tuple[NDArray[np.float64], float]:
        """
        Return up, a (3,) unit vector of the camera frame, and the camera's height, NaN if unknown.

        :param ground: ``fixed_frame``: against gravity, ``base_frame``: as the robot stands.
        """
        if self.base is None:
            return self.pose.rotation[2], np.nan
        middle = self.base.translation - self.base.rotation @ self.camera.offset
        if ground == 'base_frame':
            return self.base.rotation[2], float(middle[2])
        # The base's origin, seen from the camera, lies on the ground.
        origin = self.base.inverse().translation + self.camera.offset
        up = self.pose.rotation[2]
        return up, -float(up @ origin)
