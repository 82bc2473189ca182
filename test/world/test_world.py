import numpy as np
import pytest
from views import boxes_of
from views import project
from views import view

from deepsort_ros.world.location import Source
from deepsort_ros.world.transforms import NANOSECONDS
from deepsort_ros.world.view import View
from deepsort_ros.world.world import Positions
from deepsort_ros.world.world import World
from deepsort_ros.world.world import WorldConfig

IDS = np.array((3, 5))
CLASSES = np.array(('person', 'person'), dtype=object)
RATE = 10


def at(number: int) -> int:
    return number * NANOSECONDS // RATE


def walk(world: World, seconds: float, seen: bool = True, start: int = 0, robot: float = 0.5,
         ) -> Positions:
    """Let a robot drive past two people; the first walks to the left at 1.2 m/s."""
    positions = None
    for number in range(start, start + round(seconds * RATE)):
        time = number / RATE
        camera = view(x=robot * time)
        places = np.array(((10.0, -3.0 + 1.2 * time), (14.0, 2.0)))
        boxes = boxes_of(camera, places)
        world.move(camera, at(number), IDS, boxes, CLASSES)
        matched = np.full(2, seen)
        positions = world.update(camera, at(number), IDS, CLASSES, matched, boxes[matched])
    assert positions is not None
    return positions


def test_positions_and_velocities_come_in_the_fixed_frame() -> None:
    found = walk(World(WorldConfig()), 3.0)
    assert np.allclose(found.position[:, :2], ((10.0, 0.48), (14.0, 2.0)), atol=0.35)
    assert np.allclose(found.velocity, ((0, 1.2), (0, 0)), atol=0.25)
    assert found.source.tolist() == [Source.GROUND_HEIGHT] * 2


def test_what_lasts_stays_in_the_covariance_however_long_one_looks() -> None:
    world = World(WorldConfig())
    early, late = walk(world, 1.0), walk(world, 9.0, start=10, robot=0.0)
    assert (np.trace(late.covariance[:, :2, :2], axis1=1, axis2=2) > 0.1).all()
    assert (late.velocity_covariance[:, 0, 0] < early.velocity_covariance[:, 0, 0]).all()


def test_through_an_occlusion_a_position_is_predicted_and_less_certain() -> None:
    world = World(WorldConfig())
    before = walk(world, 3.0)
    after = walk(world, 1.0, seen=False, start=30)
    assert after.position[0, 1] - before.position[0, 1] == pytest.approx(1.2, abs=0.3)
    assert (after.covariance[:, 0, 0] > before.covariance[:, 0, 0]).all()
    assert (after.source == before.source).all()


def test_a_track_without_a_position_has_none_until_it_is_seen_whole() -> None:
    world = World(WorldConfig())
    camera = view()
    cut = np.array(((600.0, 300, 200, 420), (100.0, 300, 80, 420)))
    nowhere = world.update(camera, at(0), IDS, CLASSES, np.ones(2, bool), cut)
    assert nowhere is not None
    assert nowhere.source.tolist() == [Source.NONE] * 2
    assert np.isnan(nowhere.position).all()
    assert walk(world, 0.5, start=1).source.all()


def test_tracks_come_and_go_and_keep_what_is_theirs() -> None:
    world = World(WorldConfig())
    before = walk(world, 1.0)
    camera = view(x=0.5)
    boxes = boxes_of(camera, np.array(((14.0, 2.0), (8.0, 0.0))))
    ids = np.array((5, 9))
    after = world.update(camera, at(10), ids, CLASSES, np.ones(2, bool), boxes)
    assert after is not None
    assert np.allclose(after.position[0], before.position[1], atol=0.2)
    assert np.allclose(after.position[1, :2], (8, 0), atol=0.3)


def test_warps_take_tracks_where_the_camera_sees_them_next() -> None:
    world = World(WorldConfig())
    places = np.array(((10.0, -3.0), (14.0, 2.0)))
    before, after = view(), view(x=0.5, yaw=0.05)
    boxes = boxes_of(before, places)
    assert world.move(before, at(0), IDS, boxes, CLASSES) is None
    world.update(before, at(0), IDS, CLASSES, np.ones(2, bool), boxes)
    warp = world.move(after, at(1), IDS, boxes, CLASSES)
    assert warp is not None
    middle = boxes[:, :2] + boxes[:, 2:] / 2
    new = boxes_of(after, places)
    there = np.einsum('nij,nj->ni', warp[:, :, :2], middle) + warp[:, :, 2]
    assert np.allclose(there, new[:, :2] + new[:, 2:] / 2, atol=2.0)
    assert world.counts.followed == 1


def test_a_missing_pose_is_counted_and_the_next_image_only_begins() -> None:
    world = World(WorldConfig())
    walk(world, 0.3)
    boxes = boxes_of(view(), np.array(((10.0, 0.0), (14.0, 2.0))))
    assert world.move(None, at(3), IDS, boxes, CLASSES) is None
    found = world.update(None, at(3), IDS, CLASSES, np.ones(2, bool), boxes)
    assert found is not None and np.isfinite(found.position).all()
    assert world.move(view(), at(4), IDS, boxes, CLASSES) is None
    assert world.counts.missing == 1


def test_when_the_pose_jumps_people_stay_where_they_are_before_the_robot() -> None:
    world = World(WorldConfig())
    walk(world, 2.0, robot=0.0)
    jumped = view(x=50.0, y=20.0, yaw=np.pi / 2)
    places = np.array(((10.0, -0.6), (14.0, 2.0)))
    boxes = boxes_of(view(), places)
    still = world.move(jumped, at(20), IDS, boxes, CLASSES)
    assert np.allclose(still, np.eye(2, 3))
    found = world.update(jumped, at(20), IDS, CLASSES, np.zeros(2, bool), np.empty((0, 4)))
    assert found is not None
    assert world.counts.jumps == 1 and world.counts.last_jump
    assert np.allclose(found.position[1, :2], (50 - 2, 20 + 14), atol=0.5)
    assert found.velocity[0, 0] == pytest.approx(-1.2, abs=0.3)


def test_without_positions_the_camera_is_followed_all_the_same() -> None:
    world = World(WorldConfig(positions=False))
    boxes = boxes_of(view(), np.array(((10.0, 0.0), (14.0, 2.0))))
    world.move(view(), at(0), IDS, boxes, CLASSES)
    assert world.update(view(), at(0), IDS, CLASSES, np.ones(2, bool), boxes) is None
    warp = world.move(view(x=0.3), at(1), IDS, boxes, CLASSES)
    assert warp is not None
    assert np.linalg.det(warp[0, :, :2]) > 1.03


def test_with_positions_alone_no_track_is_moved() -> None:
    world = World(WorldConfig(ego_motion=False))
    walk(world, 0.3)
    boxes = boxes_of(view(), np.array(((10.0, 0.0), (14.0, 2.0))))
    assert world.move(view(x=0.15), at(3), IDS, boxes, CLASSES) is None


def test_a_reset_forgets_all() -> None:
    world = World(WorldConfig())
    walk(world, 1.0)
    world.reset()
    found = world.update(None, at(20), IDS, CLASSES, np.zeros(2, bool), np.empty((0, 4)))
    assert found is not None and not found.source.any()


def test_depth_images_count_only_where_they_are_wanted() -> None:
    seen = view()
    boxes = boxes_of(seen, np.array(((10.0, -3.0), (14.0, 2.0))))
    deep = View(seen.camera, seen.pose, seen.base, np.full((720, 1280), 9.0, dtype=np.float32))
    for depth, source in ((True, Source.DEPTH), (False, Source.GROUND_HEIGHT)):
        world = World(WorldConfig(depth=depth))
        found = world.update(deep, at(0), IDS, CLASSES, np.ones(2, bool), boxes)
        assert found is not None and found.source.tolist() == [source] * 2


def test_the_filter_is_as_certain_as_it_is_right() -> None:
    random = np.random.default_rng(3)
    inside, count = 0, 0
    for _ in range(60):
        world = World(WorldConfig())
        tall = random.normal(1.72, 0.1, 2)
        place = np.column_stack((random.uniform(6, 18, 2), random.uniform(-3, 3, 2)))
        kerb, tilt = random.normal(0, 0.1), random.normal(0, np.radians(0.35))
        for number in range(15):
            camera, true = view(x=0.05 * number), view(x=0.05 * number, pitch=tilt)
            boxes = np.concatenate([boxes_of(true, place[i:i + 1], tall[i]) for i in (0, 1)])
            foot = project(true, np.column_stack((place, np.full(2, kerb))))
            boxes[:, 3] = foot[:, 1] + 0.03 * boxes[:, 3] - boxes[:, 1]
            boxes += random.normal(0, 1, (2, 4)) * boxes[:, 3:] * (0.02, 0.02, 0.02, 0.035)
            world.move(camera, at(number), IDS, boxes, CLASSES)
            found = world.update(camera, at(number), IDS, CLASSES, np.ones(2, bool), boxes)
        assert found is not None
        miss = found.position[:, :2] - place
        nees = np.einsum('ni,nij,nj->n', miss, np.linalg.inv(found.covariance[:, :2, :2]), miss)
        inside += np.count_nonzero(nees < 5.991)
        count += len(nees)
    assert 0.85 <= inside / count <= 1.0


def test_a_stack_of_views_is_read_from_left_to_right() -> None:
    # What stands left of the camera has a positive y.
    seen = view()
    assert project(seen, np.array(((10.0, 3.0, 0.0),)))[0, 0] < 640
