"""Boxes that are not pixels of their image, and images that change their size."""
import numpy as np

from deepsort_ros.ros.health.places import Places
from deepsort_ros.tracking import Detections


def walk(places: Places, size: tuple[int, int], steps: int = 40) -> None:
    """Show people as a network sees them on 640 x 640, the image of 640 x 480 amid bars."""
    for step in range(steps):
        places.take(Detections.from_arrays(np.array([
            (12 * step, 90, 80, 200), (300, 100 + 6 * step, 90, 460 - 6 * step),
            (540 + 2 * step, 90, 100 - 2 * step, 300), (0, 95, 20 + 2 * step, 280)])), size)


def test_boxes_of_a_letterbox_are_reported_until_they_are_of_the_image() -> None:
    places = Places()
    walk(places, (640, 480), 20)
    assert places.problem() == ''
    walk(places, (640, 480))
    assert places.problem().startswith('detections are pixels of a letterbox of 640 x 640, not')
    for _ in range(1100):
        places.take(Detections.from_arrays(np.array([(10.0, 10, 40, 90)])), (640, 480))
    assert places.problem() == ''


def test_images_of_an_unknown_size_tell_nothing() -> None:
    places = Places()
    walk(places, (0, 0))
    walk(places, (640, 640))
    assert places.problem() == places.changes() == ''


def test_a_change_of_size_is_counted_and_boxes_before_it_are_forgotten() -> None:
    places = Places()
    walk(places, (640, 480))
    places.take(None, (1280, 720))
    places.take(None, (1280, 720))
    places.take(None, (640, 480))
    assert places.resized == 2
    assert places.changes().startswith('images changed from 1280 x 720 to 640 x 480 pixels')
    assert places.problem() == ''
