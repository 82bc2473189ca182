from pathlib import Path

import cv2
import numpy as np
import pytest

from deepsort_ros.world.depth import box_depths
from deepsort_ros.world.kinds import KindTable

RGBD = Path(__file__).resolve().parents[3] / 'shared' / 'data' / 'rgbd_hsr'
PERSONS = ((238, 61, 142, 400), (272, 30, 205, 432), (272, 28, 205, 434), (227, 30, 215, 432),
           (233, 30, 209, 432))
BOX = np.array(((100.0, 50.0, 60.0, 150.0),))
PERSON = KindTable().look(['person'])


def scene(depth: float = 3.0, background: float = 7.0) -> np.ndarray:
    """Return a depth image of a person, as wide as half of the box, before a wall."""
    image = np.full((240, 320), background, dtype=np.float32)
    image[50:200, 115:145] = depth
    return image


def test_the_depth_is_that_of_the_person_and_not_of_the_wall() -> None:
    assert box_depths(scene(), BOX, PERSON).depth.tolist() == [3.0]


@pytest.mark.parametrize('hole', (0.0, np.nan, -1.0, np.inf))
def test_holes_do_not_count(hole: float) -> None:
    image = scene()
    image[50:200:2] = hole
    assert box_depths(image, BOX, PERSON).depth.tolist() == [3.0]


def test_an_image_of_holes_has_no_depth() -> None:
    found = box_depths(np.zeros((240, 320), dtype=np.float32), BOX, PERSON)
    assert np.isnan(found.depth).all() and not found.known.any()


def test_what_a_nearer_person_covers_does_not_count() -> None:
    image = scene()
    image[60:230, 125:170] = 1.5
    near = np.array((122.0, 60, 50, 170))
    assert box_depths(image, np.vstack((BOX, near)), KindTable().look(['person'] * 2)
                      ).depth.tolist() == [3.0, 1.5]


def test_a_box_outside_of_the_image_has_no_depth() -> None:
    boxes = np.array(((-500.0, 50, 60, 150), (100, 900, 60, 150), (1e9, 1e9, 1.0, 1.0)))
    found = box_depths(scene(), boxes, KindTable().look(['person'] * 3))
    assert np.isnan(found.depth).all()


def test_far_things_are_less_certain() -> None:
    near, far = (box_depths(scene(depth), BOX, PERSON).white[0] for depth in (1.0, 6.0))
    assert far > 4 * near


@pytest.mark.skipif(not RGBD.is_dir(), reason='no data')
@pytest.mark.parametrize('number', range(5))
def test_a_real_torso_is_as_far_as_the_silhouette(number: int) -> None:
    path = sorted(RGBD.glob('*.png'))[number]
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float32) / 1000
    box = np.array((PERSONS[number],), dtype=float)
    x, y, w, h = PERSONS[number]
    inside = image[y:y + h, x:x + w]
    # The person stands at 1.7 to 2.0 m, the wall behind.
    silhouette = inside[(inside > 1.4) & (inside < 2.3)]
    found = box_depths(image, box, PERSON).depth[0]
    assert found == pytest.approx(np.median(silhouette), abs=0.05)
