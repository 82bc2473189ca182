"""Box arithmetic."""
import numpy as np

from deepsort_ros.tracking import boxes


def test_xyah_is_centre_aspect_height() -> None:
    assert boxes.to_xyah(np.array([[10.0, 20, 30, 60]])).tolist() == [[25, 50, 0.5, 60]]


def test_conversions_invert_each_other() -> None:
    tlwh = np.random.default_rng(1).uniform(1, 500, (50, 4))
    np.testing.assert_allclose(boxes.to_tlwh(boxes.to_xyah(tlwh)), tlwh)


def test_conversions_leave_their_argument_alone() -> None:
    box = np.array([[10.0, 20, 30, 60]])
    boxes.to_tlwh(box)
    boxes.to_xyah(box)
    boxes.reported(box)
    assert box.tolist() == [[10, 20, 30, 60]]


def test_iou_of_known_boxes() -> None:
    box = np.array([[0.0, 0, 10, 10]])
    others = np.array([[0.0, 0, 10, 10], [5, 0, 10, 10], [10, 0, 10, 10], [50, 50, 1, 1]])
    np.testing.assert_allclose(boxes.iou(box, others), [[1, 1 / 3, 0, 0]])
    np.testing.assert_allclose(boxes.iou(others, box), [[1], [1 / 3], [0], [0]])


def test_iou_of_nothing_has_the_shape_of_nothing() -> None:
    assert boxes.iou(np.empty((0, 4)), np.ones((3, 4))).shape == (0, 3)
    assert boxes.iou(np.ones((3, 4)), np.empty((0, 4))).shape == (3, 0)


def test_a_reported_box_has_positive_size_whatever_the_filter_predicts() -> None:
    reported = boxes.reported(np.array([[5.0, 5, 0.4, -20], [5, 5, -0.1, 20], [5, 5, 0.5, 20]]))
    assert (reported[:, 2:] > 0).all()
    assert reported[2].tolist() == [0, -5, 10, 20]
