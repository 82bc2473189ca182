"""
The messages of detectors: one table, a function each from message to arrays.

A further detector is a function like :func:`read_yolo` and a row of ``TYPES``, and its name among
the choices of the setting ``detections_type``. Detections in space are a row of ``SOLID``: what
they look like in the image takes a camera.
"""
from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any
from typing import NamedTuple

import numpy as np

from deepsort_ros.ros.messages.conversions import read_detections
from deepsort_ros.ros.messages.conversions import upright
from deepsort_ros.ros.messages.solid import read_solid
from deepsort_ros.settings import SettingError
from deepsort_ros.tracking import Detections
from deepsort_ros.world.camera import Camera
from deepsort_ros.world.given import Given


class DetectionType(NamedTuple):
    """
    A message that carries the detections of an image, under a ``header`` with its stamp.

    :param package: that holds the message; :param message: its name.
    :param read: returns the detections of a message, in its order.
    """

    package: str
    message: str
    read: Callable[[Any], Detections]


class SolidType(NamedTuple):
    """
    A message that carries detections in space, in the frame of the camera.

    :param package: that holds the message; :param message: its name.
    :param read: returns the detections of a message, in its order, as a camera sees them; where
        they are; and what is wrong, in words.
    """

    package: str
    message: str
    read: Callable[[Any, Camera, str], tuple[Detections, Given | None, str]]


def read_yolo(message: Any) -> Detections:
    """
    Return the detections of a ``yolo_msgs/DetectionArray``, as yolo_ros publishes it.

    The class is its name, or the number of the class where it has no name.
    """
    found = message.detections
    rows = np.array([(one.bbox.center.position.x, one.bbox.center.position.y,
                      *upright(one.bbox.size.x, one.bbox.size.y, one.bbox.center.theta),
                      one.score) for one in found], float).reshape(-1, 5)
    with np.errstate(invalid='ignore'):  # infinite boxes are ignored later
        rows[:, :2] -= rows[:, 2:4] / 2
    return Detections.from_arrays(
        rows[:, :4], rows[:, 4], [one.class_name or str(one.class_id) for one in found])


TYPES = {
    'vision_msgs/Detection2DArray': DetectionType(
        'vision_msgs', 'Detection2DArray', read_detections),
    'yolo_msgs/DetectionArray': DetectionType('yolo_msgs', 'DetectionArray', read_yolo),
}


SOLID = {
    'vision_msgs/Detection3DArray': SolidType('vision_msgs', 'Detection3DArray', read_solid),
}


def message_class(name: str) -> Any:
    """
    Return the class of a type of ``TYPES`` or ``SOLID``.

    :raises SettingError: its package is not installed here.
    """
    kind = TYPES.get(name) or SOLID[name]
    try:
        return getattr(import_module(f'{kind.package}.msg'), kind.message)
    except (ImportError, AttributeError) as error:
        raise SettingError(
            f'detections_type: {name!r} needs the ROS package {kind.package}, which is not '
            f'installed here: {error}') from error


def read_any(message: Any) -> Detections:
    """Return the detections of a message of any type of ``TYPES``."""
    name = type(message).__name__
    return next(kind.read for kind in TYPES.values() if kind.message == name)(message)


def solid_type(message: Any) -> SolidType | None:
    """Return the row of ``SOLID`` of a message, None for one of ``TYPES``."""
    name = type(message).__name__
    return next((kind for kind in SOLID.values() if kind.message == name), None)
