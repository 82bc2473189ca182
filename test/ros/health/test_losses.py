"""Images that are lost for long are reported, with the cause and the cure."""
from __future__ import annotations

import pytest

from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.ros.health.losses import Losses
from deepsort_ros.ros.pairing import Pairer

VGA = 640 * 480 * 3
RATE = 25


class Stream:
    """A camera and its detector; some images are lost, some detections are late."""

    def __init__(self, size: int = VGA, depth: int = 10) -> None:
        self.losses, self.size = Losses(), size
        self.pairer: Pairer[int, int] = Pairer(depth)
        self.image = 0

    def run(self, seconds: int, lost=lambda image: False, detected=lambda image: True,
            lag: int = 0) -> str:
        problem = ''
        for image in range(self.image, self.image + seconds * RATE):
            stamp = image * NANOSECONDS // RATE
            if not lost(image):
                self.pairer.add_image(stamp, image)
            if detected(image - lag) and image >= lag:
                self.pairer.add_detections((image - lag) * NANOSECONDS // RATE, image)
            if image % RATE == 0:
                problem = self.losses.problem(
                    image / RATE, self.pairer.counts, self.pairer.rhythm.gaps, '/image', self.size)
        self.image += seconds * RATE
        return problem


def test_nothing_is_told_while_all_images_arrive():
    assert Stream().run(30) == ''
    assert Stream().run(30, detected=lambda image: image % 3 == 0) == ''
    assert Stream().run(30, detected=lambda image: image % 100 > 50) == ''


@pytest.mark.parametrize('size, cure', [
    (VGA, 'an image has 922 KB and does not fit into the 512 KB of shared memory that Fast DDS '
          'starts with. Start the process that publishes it with config/large_images.xml'),
    (60_000, 'let its publisher be reliable')])
def test_images_lost_for_long_are_told_with_the_cure(size, cure):
    stream = Stream(size)
    assert stream.run(5, lost=lambda image: image % 4 == 1) == ''
    problem = stream.run(12, lost=lambda image: image % 4 == 1)
    assert 'detections of the last 10 s had no image, /image is incomplete' in problem
    assert cure in problem
    assert stream.run(20) == ''


def test_images_that_the_detector_misses_too_are_told_by_their_stamps():
    problem = Stream().run(30, lost=lambda image: image % 4 == 1,
                           detected=lambda image: image % 4 != 1)
    assert '% of the images are missing by their stamps, /image is incomplete' in problem
    assert 'config/large_images.xml' in problem


def test_a_few_lost_images_are_not_told():
    assert Stream().run(30, lost=lambda image: image % 60 == 7) == ''


def test_a_camera_without_a_steady_rate_is_not_told():
    stream = Stream()
    for number, image in enumerate((0, 1.0, 2.4, 3.3, 5.0, 6.1, 7.7, 8.6, 10.1, 11.5)):
        stream.pairer.add_image(round(image * NANOSECONDS / RATE), number)
    assert stream.pairer.rhythm.gaps == 0.0


def test_detections_later_than_sync_depth_are_told_apart():
    stream = Stream(depth=5)
    stream.run(1)
    problem = ''
    for _ in range(40):
        problem = stream.run(1, lag=8 if stream.image // RATE % 2 else 2) or problem
    assert 'came when their image had made room for newer ones: raise sync_depth' in problem
