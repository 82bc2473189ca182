import numpy as np
import pytest
from views import boxes_of
from views import CAMERA
from views import project
from views import view

from deepsort_ros.world.filter import inverse
from deepsort_ros.world.ground import Depths
from deepsort_ros.world.ground import fused
from deepsort_ros.world.kinds import KindTable
from deepsort_ros.world.location import locate
from deepsort_ros.world.location import Source
from deepsort_ros.world.view import View

PLACES = np.array(((6.0, 1.0), (12.0, -3.0), (25.0, 4.0)))
PEOPLE = KindTable().look(['person'] * 3)
NAMELESS = KindTable().look(['traffic cone'] * 3)


@pytest.mark.parametrize('seen', (
    view(), view(x=1, y=-1, yaw=0.2), view(pitch=0.15, height=2.2)))
def test_people_stand_where_ground_and_height_say(seen: View) -> None:
    found = locate(seen, boxes_of(seen, PLACES), PEOPLE)
    assert found.source.tolist() == [Source.GROUND_HEIGHT] * 3
    assert np.allclose(found.position[:, :2], PLACES, rtol=0.02, atol=0.05)
    assert np.allclose(found.position[:, 2], 0, atol=0.1)


def test_a_class_of_unknown_height_has_the_ground_alone() -> None:
    found = locate(view(), boxes_of(view(), PLACES), NAMELESS)
    assert found.source.tolist() == [Source.GROUND] * 3
    assert np.allclose(found.position[:, :2], PLACES, rtol=1e-6)


def test_without_the_robots_base_the_height_counts_alone() -> None:
    seen = view()
    found = locate(View(seen.camera, seen.pose), boxes_of(seen, PLACES), PEOPLE)
    assert found.source.tolist() == [Source.HEIGHT] * 3
    assert np.allclose(found.position[:, :2], PLACES, rtol=0.05)


def test_on_a_ramp_the_ground_lies_as_the_robot_stands() -> None:
    # The whole robot is pitched by 5 degrees, and the ground with it.
    flat = view()
    ramp = view(pitch=np.radians(5))
    tilted = View(CAMERA, ramp.pose, flat.base)
    boxes = boxes_of(flat, PLACES)
    right = locate(tilted, boxes, NAMELESS, 'base_frame')
    assert np.allclose(right.depth, PLACES[:, 0])
    assert not np.allclose(locate(tilted, boxes, NAMELESS).depth, PLACES[:, 0], rtol=0.2,
                           equal_nan=True)


def test_near_the_horizon_the_ground_says_nothing() -> None:
    far = np.array(((60.0, 0.0), (120.0, 0.0), (300.0, 5.0)))
    found = locate(view(), boxes_of(view(), far), NAMELESS)
    assert found.source.tolist()[1:] == [Source.NONE] * 2


@pytest.mark.parametrize('shift', ((0.0, 400.0), (-700.0, 0.0)))
def test_a_box_cut_off_below_or_at_a_side_has_no_position(shift: tuple[float, float]) -> None:
    boxes = boxes_of(view(), PLACES)
    boxes[0, :2] += shift
    found = locate(view(), boxes, PEOPLE)
    assert found.source[0] == Source.NONE and found.source[1] == Source.GROUND_HEIGHT
    assert np.isnan(found.depth[0])


def test_a_box_cut_off_above_has_a_foot_but_no_height() -> None:
    boxes = boxes_of(view(), PLACES)
    boxes[0, 3] += boxes[0, 1] - 2.0
    boxes[0, 1] = 2.0
    assert locate(view(), boxes, PEOPLE).source[0] == Source.GROUND


def test_hidden_feet_are_less_certain() -> None:
    places = np.array(((12.0, 0.0), (6.0, 0.1), (12.0, 4.0)))
    found = locate(view(), boxes_of(view(), places), PEOPLE)
    hidden, _, free = np.trace(found.white + found.same, axis1=1, axis2=2)
    assert hidden > 4 * free


def test_the_covariance_points_along_the_ray() -> None:
    place = np.array(((15.0, 15.0),) * 3) * ((0.6,), (1.0,), (1.5,))
    found = locate(view(), boxes_of(view(yaw=0), place), PEOPLE)
    for spread in found.white[:, :2, :2] + found.same[:, :2, :2]:
        lengths, axes = np.linalg.eigh(spread)
        assert abs(axes[:, 1] @ (0.7071, 0.7071)) > 0.99
        assert lengths[1] > 2 * lengths[0] > 0


def test_things_that_are_thick_have_their_middle_behind_their_near_side() -> None:
    cars = KindTable().look(['car'] * 3)
    boxes = boxes_of(view(), PLACES, height=1.53)
    found = locate(view(), boxes, cars)
    assert np.allclose(np.linalg.norm(found.position[:, :2] - PLACES, axis=1), 1.5, atol=0.6)


def test_the_depth_image_goes_first_and_what_it_lacks_comes_from_the_ground() -> None:
    seen = view()
    boxes = boxes_of(seen, PLACES)
    depth = np.zeros((720, 1280), dtype=np.float32)
    left, top, width, height = boxes[0]
    depth[int(top):int(top + height), int(left):int(left + width)] = 6.2
    found = locate(View(CAMERA, seen.pose, seen.base, depth), boxes, PEOPLE)
    assert found.source.tolist() == [Source.DEPTH, *[Source.GROUND_HEIGHT] * 2]
    assert found.depth[0] == np.float32(6.2)


def test_an_old_depth_image_is_less_certain_for_what_moves() -> None:
    seen = view()
    boxes = boxes_of(seen, PLACES)
    depth = np.full((720, 1280), 6.2, dtype=np.float32)
    new, old = (locate(View(CAMERA, seen.pose, seen.base, depth, lag), boxes, PEOPLE, speed=1.5)
                for lag in (0.0, 0.3))
    assert np.allclose(old.white[0, 0, 0] - new.white[0, 0, 0], 0.45 ** 2)


def test_fusing_weighs_by_variance_and_takes_the_only_one_there_is() -> None:
    one = Depths(np.array((10.0, 10.0, np.nan)), np.full(3, 1.0), np.full(3, 1.0))
    two = Depths(np.array((16.0, np.nan, np.nan)), np.full(3, 4.0), np.full(3, 0.0))
    both = fused(one, two)
    assert both.depth[:2].tolist() == [12.0, 10.0] and np.isnan(both.depth[2])
    assert both.white[0] < 1.0 and both.white[1] == both.same[1] == 1.0


def test_the_offset_of_p_moves_the_view_and_not_the_people() -> None:
    right = CAMERA.pinhole(CAMERA.matrix, CAMERA.size, np.array((-0.5, 0.0, 0.0)))
    seen = view(camera=right)
    foot = project(seen, np.array(((10.0, 0.0, 0.0),)))
    assert foot[0, 0] == pytest.approx(640 - 600 * 0.05)
    found = locate(seen, boxes_of(seen, PLACES), NAMELESS)
    assert np.allclose(found.position[:, :2], PLACES, rtol=1e-6)


def test_no_boxes_have_no_positions() -> None:
    assert len(locate(view(), np.empty((0, 4)), KindTable().look([])).source) == 0


def test_rules_name_kinds_and_heights() -> None:
    table = KindTable(['3:car', 'robot:0.4', '*:cyclist'])
    assert table.look(['3']).thickness[0] == 1.5
    assert table.look(['Robot']).size[0, 2] == 0.4
    assert table.look(['person']).thickness[0] == 0.3  # the rule for all others goes before names
    assert KindTable().look(['Person']).size[0, 2] == 1.72
    with pytest.raises(ValueError, match="'robot' is not CLASS:KIND"):
        KindTable(['robot'])


def test_small_matrices_are_inverted_all_at_once() -> None:
    root = np.random.default_rng(0).normal(size=(20, 2, 2))
    matrices = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(2)
    assert np.allclose(inverse(matrices), np.linalg.inv(matrices), rtol=1e-9)
