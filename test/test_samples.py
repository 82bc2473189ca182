"""Images of 10, 12 and 14 bits in 16 come out as bright as they are."""
import numpy as np
import pytest

from deepsort_ros.samples import Samples

PICTURE = np.linspace(0, 255, 24 * 36).reshape(24, 36).astype(np.uint8)


@pytest.mark.parametrize('bits', [8, 10, 12, 14, 16])
@pytest.mark.parametrize('order', ['<', '>'])
def test_samples_of_fewer_bits_become_the_picture(bits, order) -> None:
    wide = (PICTURE.astype(np.uint16) << (bits - 8)).astype(f'{order}u2')
    samples = Samples()
    np.testing.assert_array_equal(samples.eight_bit(wide), PICTURE)
    assert samples.bits == bits
    assert (f'use {bits} bits (none is {1 << bits} or more)' in samples.words()) == (bits < 16)


def test_a_dark_image_stays_dark_after_a_bright_one() -> None:
    samples = Samples()
    bright = PICTURE.astype(np.uint16) << 4
    samples.eight_bit(bright)
    np.testing.assert_array_equal(samples.eight_bit(bright // 16), PICTURE // 16)


def test_alpha_is_no_light() -> None:
    rgba = np.dstack((*[PICTURE.astype(np.uint16) << 4] * 3, np.full(PICTURE.shape, 65535)))
    samples = Samples()
    np.testing.assert_array_equal(
        samples.eight_bit(rgba.astype(np.uint16))[:, :, :3], np.dstack([PICTURE] * 3))


def test_8_bit_samples_are_left_as_they_are() -> None:
    samples = Samples()
    assert samples.eight_bit(PICTURE) is PICTURE
    assert samples.words() == ''


@pytest.mark.parametrize('scale', [1 / 255, 1.0, 65535 / 255])
def test_floats_become_the_picture_whatever_their_range(scale) -> None:
    floats = PICTURE.astype(np.float32) * np.float32(scale)
    floats[0, 0] = np.nan
    found = Samples().eight_bit(floats).astype(int)
    assert abs(found - PICTURE)[PICTURE > 0].max() <= 1
