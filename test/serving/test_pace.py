"""How many features fit into a time follows from what the latest images took."""
import pytest

from deepsort_ros.serving.pace import Pace
from deepsort_ros.serving.pace import REMEMBERED


def after(*images, timed=None):
    pace = Pace()
    pace.begin(timed)
    for crops, seconds in images:
        pace.took(crops, seconds)
    return pace


def test_a_network_that_was_never_timed_has_no_limit():
    assert after().most(0.0) is None


def test_what_was_timed_at_the_load_counts_from_the_first_image():
    assert after(timed=(8, 0.080)).most(0.055) == 5


def test_a_fixed_time_and_a_time_for_each_crop_are_told_apart():
    pace = after((1, 0.012), (4, 0.018), (16, 0.042))
    assert pace.most(0.0301) == 10


@pytest.mark.parametrize('seconds', [0.0, 0.001])
def test_one_feature_fits_always_so_that_there_is_progress(seconds):
    assert after((5, 0.1)).most(seconds) == 1


def test_of_a_device_that_takes_equally_long_for_few_and_many_more_are_tried():
    assert after((1, 0.010), (16, 0.010)).most(0.030) > 16


def test_images_without_features_teach_nothing():
    assert after((0, 0.5), timed=(1, 0.01)).most(0.035) == 3


def test_a_device_that_became_slow_is_believed():
    images = [(4, 0.008)] * REMEMBERED + [(4, 0.08)] * REMEMBERED
    assert after(*images).most(0.041) == 2


def test_another_network_begins_by_its_own_time():
    pace = after((4, 0.4))
    pace.begin((8, 0.008))
    assert pace.most(0.0101) == 10
