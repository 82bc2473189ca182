"""Messages of detectors become arrays; what is not installed is refused by name."""
from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from dataclasses import field
from types import ModuleType

import numpy as np
import pytest
from std_msgs.msg import Header
from vision_msgs.msg import Detection2D
from vision_msgs.msg import Detection2DArray
from vision_msgs.msg import ObjectHypothesisWithPose

from deepsort_ros.ros.messages.detectors import message_class
from deepsort_ros.ros.messages.detectors import read_any
from deepsort_ros.ros.messages.detectors import SOLID
from deepsort_ros.ros.messages.detectors import TYPES
from deepsort_ros.settings import SettingError
from deepsort_ros.settings import SPECS


# Field for field the messages of yolo_ros that matter here.
@dataclass
class Point2D:
    x: float = 0.0
    y: float = 0.0


@dataclass
class Pose2D:
    position: Point2D = field(default_factory=Point2D)
    theta: float = 0.0


@dataclass
class Vector2:
    x: float = 0.0
    y: float = 0.0


@dataclass
class BoundingBox2D:
    center: Pose2D = field(default_factory=Pose2D)
    size: Vector2 = field(default_factory=Vector2)


@dataclass
class Detection:
    class_id: int = 0
    class_name: str = ''
    score: float = 0.0
    id: str = ''
    bbox: BoundingBox2D = field(default_factory=BoundingBox2D)


@dataclass
class DetectionArray:
    header: Header = field(default_factory=Header)
    detections: list[Detection] = field(default_factory=list)


def seen(x: float, y: float, width: float, height: float, **fields: object) -> Detection:
    return Detection(
        bbox=BoundingBox2D(Pose2D(Point2D(x, y)), Vector2(width, height)), **fields)


def test_boxes_scores_and_classes_of_yolo_come_in_order() -> None:
    detections = read_any(DetectionArray(detections=[
        seen(50, 60, 20, 40, class_id=0, class_name='person', score=0.9),
        seen(10, 20, 4, 6, class_id=2, score=0.4)]))
    assert detections.tlwh.tolist() == [[40, 40, 20, 40], [8, 17, 4, 6]]
    assert detections.score.tolist() == [0.9, 0.4]
    assert detections.class_id.tolist() == ['person', '2']
    assert detections.index.tolist() == [0, 1]


@pytest.mark.parametrize(('theta', 'size'), [
    (0.0, [20, 40]), (math.pi / 2, [40, 20]), (-math.pi / 2, [40, 20]), (math.pi, [20, 40]),
    (math.pi / 4, [60 / math.sqrt(2), 60 / math.sqrt(2)])])
def test_a_turned_box_is_the_upright_box_around_it(theta: float, size: list[float]) -> None:
    turned = seen(50, 60, 20, 40, score=0.9)
    turned.bbox.center.theta = theta
    vision = Detection2D(results=[ObjectHypothesisWithPose()])
    vision.bbox.center.position.x, vision.bbox.center.position.y = 50.0, 60.0
    vision.bbox.size_x, vision.bbox.size_y, vision.bbox.center.theta = 20.0, 40.0, theta
    for message in DetectionArray(detections=[turned]), Detection2DArray(detections=[vision]):
        tlwh = read_any(message).tlwh[0]
        np.testing.assert_allclose(tlwh[2:], size)
        np.testing.assert_allclose(tlwh[:2] + tlwh[2:] / 2, [50, 60])


def test_an_empty_message_of_any_type_is_no_detections() -> None:
    assert len(read_any(DetectionArray())) == len(read_any(Detection2DArray())) == 0


@pytest.mark.parametrize('wrong', [float('nan'), float('inf')])
def test_boxes_that_are_none_stay_and_are_invalid(wrong: float) -> None:
    detections = read_any(DetectionArray(detections=[
        seen(1, 2, wrong, 4, score=0.9), seen(5, 5, 4, 4, score=wrong), seen(5, 5, 4, 4)]))
    assert detections.valid().tolist() == [False, False, True]


def test_a_type_whose_package_is_not_installed_is_refused_by_name(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, 'yolo_msgs.msg', None)
    with pytest.raises(SettingError, match='needs the ROS package yolo_msgs'):
        message_class('yolo_msgs/DetectionArray')


def test_a_type_whose_package_is_installed_is_found(monkeypatch) -> None:
    package = ModuleType('yolo_msgs.msg')
    package.DetectionArray = DetectionArray
    monkeypatch.setitem(sys.modules, 'yolo_msgs', ModuleType('yolo_msgs'))
    monkeypatch.setitem(sys.modules, 'yolo_msgs.msg', package)
    assert message_class('yolo_msgs/DetectionArray') is DetectionArray
    assert message_class('vision_msgs/Detection2DArray') is Detection2DArray


def test_the_setting_chooses_among_the_types_of_the_table() -> None:
    assert SPECS['detections_type'].choices == (*TYPES, *SOLID)
    assert len({kind.message for kind in TYPES.values()}) == len(TYPES)
    assert np.all([kind.package in name for name, kind in TYPES.items()])
