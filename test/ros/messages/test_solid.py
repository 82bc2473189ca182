"""Boxes in space become what the camera sees of them, and positions."""
from __future__ import annotations

import numpy as np
import pytest
from vision_msgs.msg import Detection3D
from vision_msgs.msg import Detection3DArray
from vision_msgs.msg import ObjectHypothesisWithPose

from deepsort_ros.ros.messages.detectors import read_any
from deepsort_ros.ros.messages.detectors import SOLID
from deepsort_ros.ros.messages.detectors import solid_type
from deepsort_ros.ros.messages.solid import read_solid
from deepsort_ros.world.camera import Camera

MATRIX = np.array(((100.0, 0, 320), (0, 100, 240), (0, 0, 1)))
CAMERA = Camera.pinhole(MATRIX, (640, 480))


def solid(place, size=(1.0, 2.0, 0.0), turn=(0.0, 0.0, 0.0, 1.0), score=0.9, frame='',
          ) -> Detection3D:
    one = Detection3D()
    one.header.frame_id = frame
    position, orientation = one.bbox.center.position, one.bbox.center.orientation
    position.x, position.y, position.z = map(float, place)
    orientation.x, orientation.y, orientation.z, orientation.w = map(float, turn)
    one.bbox.size.x, one.bbox.size.y, one.bbox.size.z = map(float, size)
    best = ObjectHypothesisWithPose()
    best.hypothesis.class_id, best.hypothesis.score = 'person', score
    other = ObjectHypothesisWithPose()
    other.hypothesis.class_id, other.hypothesis.score = 'dog', score / 2
    one.results = [other, best]
    return one


def read(*detections: Detection3D, camera: Camera = CAMERA):
    message = Detection3DArray(detections=list(detections))
    message.header.frame_id = 'camera'
    return read_solid(message, camera, 'camera')


def test_a_box_is_what_the_camera_sees_of_its_corners() -> None:
    found, given, words = read(solid((1.0, 0.5, 5.0)), solid((0.0, 0.0, 10.0), (1.0, 2.0, 4.0)))
    near = 100.0 / 8.0
    assert np.allclose(found.tlwh, [[330, 230, 20, 40],
                                    [320 - near / 2, 240 - near, near, 2 * near]])
    assert found.score.tolist() == [0.9, 0.9] and found.class_id.tolist() == ['person'] * 2
    assert np.allclose(given.centre, [[1.0, 0.5, 5.0], [0.0, 0.0, 10.0]])
    assert np.allclose(given.height, 2.0) and words == ''


def test_a_box_that_is_turned_looks_as_high_as_it_stands() -> None:
    # A quarter turn about the optical axis: what was wide is high.
    found, given, _ = read(solid((0.0, 0.0, 5.0), turn=(0, 0, np.sqrt(0.5), np.sqrt(0.5))))
    assert np.allclose(found.tlwh, [[300, 230, 40, 20]])
    assert np.allclose(given.height, 1.0)


def test_an_orientation_of_zeros_is_no_turn() -> None:
    assert np.allclose(read(solid((0.0, 0.0, 5.0), turn=(0, 0, 0, 0)))[0].tlwh,
                       read(solid((0.0, 0.0, 5.0)))[0].tlwh)


def test_boxes_end_at_the_edges_of_the_image() -> None:
    found, _, _ = read(solid((-16.0, 0.0, 5.0), (2.0, 2.0, 0.0)))
    assert np.allclose(found.tlwh, [[0, 220, 20, 40]])


def test_one_outside_the_image_stays_outside() -> None:
    left, top, width, height = read(solid((-50.0, 0.0, 5.0)))[0].tlwh[0]
    assert left + width < 0 and height == pytest.approx(40)


def test_one_that_reaches_past_the_camera_fills_its_side_of_the_image() -> None:
    found, _, _ = read(solid((1.0, 0.0, 1.0), (0.5, 2.0, 4.0)))
    assert found.valid().all()
    left, top, width, height = found.tlwh[0]
    assert left + width == 640 and top == 0 and height == 480


@pytest.mark.parametrize('place, size', [
    ((0, 0, -5), (1, 2, 1)), ((0, 0, 0), (1, 2, 1)), ((np.nan, 0, 5), (1, 2, 1)),
    ((0, 0, np.inf), (1, 2, 1)), ((0, 0, 5), (np.nan, 2, 1)), ((0, 0, 5), (0, 0, 0))])
def test_what_is_not_before_the_camera_or_no_box_is_invalid(place, size) -> None:
    found, given, _ = read(solid(place, size), solid((0, 0, 5)))
    assert found.valid().tolist() == [False, True]
    assert np.isfinite(given.centre[1]).all()


def test_boxes_in_another_frame_are_left_out_in_words() -> None:
    found, given, words = read(solid((0, 0, 5), frame='lidar'), solid((0, 0, 5), frame='/camera'))
    assert found.valid().tolist() == [False, True]
    assert np.isnan(given.centre[0]).all()
    assert 'detections are in lidar' in words and 'only in the frame of the image, camera' in words


def test_the_covariance_is_that_of_the_best_hypothesis() -> None:
    one = solid((0, 0, 5))
    one.results[1].pose.covariance = np.diag((0.1, 0.2, 0.3, 0, 0, 0)).ravel()
    given = read(one, solid((0, 0, 5)))[1]
    assert np.allclose(given.covariance[0], np.diag((0.1, 0.2, 0.3)))
    assert np.linalg.eigvalsh(given.covariance[1]).min() > 0


def test_a_detection_without_a_hypothesis_is_invalid() -> None:
    one = solid((0, 0, 5))
    one.results = []
    assert not read(one)[0].valid().any()


def test_the_camera_of_a_stereo_pair_sees_from_beside() -> None:
    right = Camera.pinhole(MATRIX, (640, 480), np.array((-0.5, 0.0, 0.0)))
    assert np.allclose(read(solid((0, 0, 5)), camera=right)[0].tlwh, [[300, 220, 20, 40]])


def test_an_empty_message_is_no_detections() -> None:
    found, given, words = read()
    assert len(found) == 0 and given is None and words == ''


def test_only_boxes_in_space_need_a_camera() -> None:
    from vision_msgs.msg import Detection2DArray
    assert solid_type(Detection3DArray()) is SOLID['vision_msgs/Detection3DArray']
    assert solid_type(Detection2DArray()) is None and len(read_any(Detection2DArray())) == 0
