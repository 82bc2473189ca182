"""Images of one colour are noticed when they last, and a scene never is."""
import numpy as np
import pytest

from deepsort_ros.blank import Blank

RATE = 10


def shown(*spans: tuple[float, np.ndarray]) -> Blank:
    """Return what has seen each image for so many seconds."""
    blank, number = Blank(), 0
    for seconds, image in spans:
        for _ in range(round(seconds * RATE)):
            blank.take(image, number / RATE)
            number += 1
    return blank


def flat(level: int, size: tuple[int, int] = (480, 640)) -> np.ndarray:
    return np.full((*size, 3), level, np.uint8)


SCENE = np.random.default_rng(0).integers(0, 256, (480, 640, 3)).astype(np.uint8)
DARK = np.random.default_rng(0).integers(0, 8, (480, 640, 3)).astype(np.uint8)


@pytest.mark.parametrize(('image', 'colour'), [
    (flat(0), 'black'), (DARK, 'black'), (flat(255), 'white'),
    (flat(90), 'a brightness of 90 in 255'), (flat(0, (3, 5)), 'black'),
    (np.broadcast_to(np.array([200, 0, 40], np.uint8), (48, 64, 3)),
     'a brightness of 80 in 255')])
def test_one_colour_that_lasts_is_a_problem(image, colour) -> None:
    blank = shown((4, image))
    assert blank.problem().startswith(f'images are of one colour ({colour}) for ')
    assert blank.words().startswith(f'8 of 8 images that were looked at are of one colour '
                                    f'({colour})')


def test_a_scene_is_none_and_neither_are_a_few_dark_images() -> None:
    blank = shown((10, SCENE), (2, flat(0)), (10, SCENE))
    assert blank.problem() == blank.words() == '' and blank.count == 4


def test_a_dark_street_with_a_lamp_is_none() -> None:
    street = DARK.copy()
    street[100:140, 300:340] = 200
    assert shown((10, street)).count == 0


def test_it_is_over_with_the_first_image_that_shows_something() -> None:
    blank = shown((5, flat(0)), (1, SCENE))
    assert blank.problem() == ''
    assert blank.words().startswith('10 of 12 images that were looked at are of one colour')


def test_stamps_that_jump_back_begin_a_new_count() -> None:
    blank = shown((4, flat(0)))
    blank.take(flat(0), 0.0)
    assert blank.problem() == ''
    assert blank.count == 9


def test_a_short_recording_is_judged_as_a_whole() -> None:
    assert shown((1, flat(0))).words().startswith('2 of 2 images')
    assert shown((1, SCENE), (1, flat(0))).words() == ''


def test_nothing_is_said_of_no_images() -> None:
    blank = Blank()
    blank.take(np.empty((0, 0, 3), np.uint8), 0.0)
    assert blank.problem() == blank.words() == ''
