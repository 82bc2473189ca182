import numpy as np
from views import boxes_of
from views import view

from deepsort_ros.world.given import Given
from deepsort_ros.world.kinds import KindTable
from deepsort_ros.world.location import locate
from deepsort_ros.world.location import Source

PLACES = np.array(((8.0, -1.0), (12.0, 2.0)))
PERSON = KindTable().look(['person', 'person'])


def given(centre: np.ndarray, spread: float = 0.0, height: float = np.nan) -> Given | None:
    count = len(centre)
    return Given.of(centre, spread * np.broadcast_to(np.eye(3), (count, 3, 3)),
                    np.full(count, height))


def middles(seen, height: float = 1.72) -> np.ndarray:
    """Return the middles of people in the frame of the camera's image."""
    back = seen.pose.inverse()
    points = np.column_stack((PLACES, np.full(len(PLACES), height / 2)))
    return points @ back.rotation.T + back.translation


def test_what_a_detection_says_of_its_place_counts() -> None:
    seen = view(x=1.0, y=0.5, yaw=0.1)
    found = locate(seen, boxes_of(seen, PLACES), PERSON, given=given(middles(seen), 0.01))
    assert found.source.tolist() == [Source.DETECTION] * 2
    assert np.allclose(found.position, np.column_stack((PLACES, (0, 0))))
    assert np.allclose(found.white, 0.01 * np.eye(3)) and not found.same.any()


def test_its_own_height_tells_where_it_stands() -> None:
    seen = view()
    low = given(middles(seen, 1.0), 0.01, 1.0)
    found = locate(seen, boxes_of(seen, PLACES), PERSON, given=low)
    assert np.allclose(found.position[:, 2], 0.0)


def test_a_detection_without_a_place_is_located_as_usual() -> None:
    seen = view()
    centre = middles(seen)
    centre[1] = np.nan
    found = locate(seen, boxes_of(seen, PLACES), PERSON, given=given(centre, 0.01))
    assert found.source.tolist() == [Source.DETECTION, Source.GROUND_HEIGHT]


def test_places_that_are_none_are_left_out() -> None:
    assert given(np.array(((0.0, 0.0, -3.0), (np.inf, 0.0, 5.0)))) is None


def test_a_covariance_that_is_none_is_replaced_by_a_usual_one() -> None:
    found = given(np.array(((0.0, 0.0, 2.0), (0.0, 0.0, 20.0))))
    assert found is not None
    assert np.sqrt(found.covariance[:, 0, 0]).tolist() == [0.15, 0.6]
