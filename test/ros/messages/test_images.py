"""Image messages become the right pixels, whatever their encoding, padding and byte order."""
import zlib

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from deepsort_ros.ros.messages.images import ImageError
from deepsort_ros.ros.messages.images import read_image
from deepsort_ros.ros.messages.images import write_image
from deepsort_ros.samples import Samples

HEIGHT, WIDTH = 24, 36


def scene():
    """Return a smooth (H, W, 3) BGR picture, so that chroma subsampling changes it little."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    channels = (x * 255 / WIDTH, y * 255 / HEIGHT, 255 - (x + y) * 255 / (WIDTH + HEIGHT))
    return np.stack(channels, axis=2).astype(np.uint8)


def gray(image):
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def uyvy(image, luminance_first=False):
    yuv = cv2.cvtColor(image, cv2.COLOR_BGR2YUV).astype(float)
    # OpenCV's packed formats are video range, its plain YUV full range.
    y = 16 + yuv[:, :, 0] * 219 / 255
    u, v = (128 + (yuv[:, :, c] - 128) * s for c, s in ((1, 112 / 111.2), (2, 112 / 156.8)))
    packed = np.empty((HEIGHT, WIDTH, 2))
    packed[:, :, 0 if luminance_first else 1] = y
    packed[:, 0::2, 1 if luminance_first else 0] = u[:, 0::2]
    packed[:, 1::2, 1 if luminance_first else 0] = v[:, 0::2]
    return packed.round().clip(0, 255).astype(np.uint8)


def nv(image, chroma_order):
    i420 = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
    quarter = HEIGHT * WIDTH // 4
    flat = i420.reshape(-1)
    u, v = flat[-2 * quarter:-quarter], flat[-quarter:]
    first, second = (u, v) if chroma_order == 'uv' else (v, u)
    return np.concatenate([flat[:-2 * quarter], np.stack([first, second], 1).reshape(-1)]).reshape(
        HEIGHT * 3 // 2, WIDTH)


def mosaic(image, pattern):
    sensor = np.empty((HEIGHT, WIDTH), np.uint8)
    for place, color in enumerate(pattern):
        rows, columns = slice(place // 2, None, 2), slice(place % 2, None, 2)
        sensor[rows, columns] = image[rows, columns, 'bgr'.index(color)]
    return sensor


def wide(samples):
    """Return 16-bit samples whose high byte is the picture and whose low byte is noise."""
    low = np.random.default_rng(0).integers(0, 256, samples.shape, np.uint16)
    return samples.astype(np.uint16) << 8 | low


def cases():
    """Yield encoding, raw samples, the picture they show (BGR), and the error allowed."""
    image = scene()
    rgb, grays = image[:, :, ::-1], cv2.cvtColor(gray(image), cv2.COLOR_GRAY2BGR)
    alpha = np.full((HEIGHT, WIDTH, 1), 7, np.uint8)
    yield from (('bgr8', image, image, 0), ('rgb8', rgb, image, 0), ('8UC3', image, image, 0))
    for encoding, raw in (('bgra8', image), ('rgba8', rgb), ('8UC4', image)):
        yield encoding, np.concatenate([raw, alpha], 2), image, 0
    for encoding, raw in (('bgra16', image), ('rgba16', rgb)):
        yield encoding, wide(np.concatenate([raw, alpha], 2)), image, 0
    yield from (('mono8', gray(image), grays, 0), ('8UC1', gray(image), grays, 0))
    yield from ((e, wide(gray(image)), grays, 0) for e in ('mono16', '16UC1'))
    yield from ((e, wide(r), image, 0) for e, r in (
        ('bgr16', image), ('rgb16', rgb), ('16UC3', image)))
    yield from ((e, uyvy(image), image, 20) for e in ('yuv422', 'uyvy'))
    yield from ((e, uyvy(image, True), image, 20) for e in ('yuv422_yuy2', 'yuyv'))
    yield from ((e, nv(image, o), image, 20) for e, o in (('nv12', 'uv'), ('nv21', 'vu')))
    for pattern in ('rggb', 'bggr', 'gbrg', 'grbg'):
        yield f'bayer_{pattern}8', mosaic(image, pattern), image, 20
        yield f'bayer_{pattern}16', wide(mosaic(image, pattern)), image, 20


CASES = list(cases())
WIDE = [case for case in CASES if case[1].dtype == np.uint16]


def message(encoding, samples, padding=0, big_endian=False):
    rows = np.ascontiguousarray(samples.astype(samples.dtype.newbyteorder(
        '>' if big_endian else '<'))).view(np.uint8).reshape(len(samples), -1)
    padded = np.full((len(rows), rows.shape[1] + padding), 0xA5, np.uint8)
    padded[:, :rows.shape[1]] = rows
    return Image(height=HEIGHT, width=WIDTH, encoding=encoding, is_bigendian=int(big_endian),
                 step=padded.shape[1], data=padded.tobytes())


def bgr(pixels, order):
    return pixels[:, :, ::-1] if order == 'rgb8' else pixels


@pytest.mark.parametrize('encoding, samples, expected, error', CASES, ids=[c[0] for c in CASES])
def test_every_encoding_gives_its_picture(encoding, samples, expected, error):
    pixels = bgr(*read_image(message(encoding, samples)))
    assert pixels.shape == (HEIGHT, WIDTH, 3) and pixels.dtype == np.uint8
    inside = np.s_[2:-2, 2:-2] if error else np.s_[:, :]
    assert np.abs(pixels.astype(int) - expected.astype(int))[inside].max() <= error


@pytest.mark.parametrize('bits', [10, 12, 14])
@pytest.mark.parametrize('encoding, samples, expected, error', WIDE, ids=[c[0] for c in WIDE])
def test_16_bit_encodings_of_fewer_bits_give_the_same_picture(
        encoding, samples, expected, error, bits):
    pixels = bgr(*read_image(message(encoding, samples >> (16 - bits))))
    inside = np.s_[2:-2, 2:-2] if error else np.s_[:, :]
    assert np.abs(pixels.astype(int) - expected.astype(int))[inside].max() <= error


def test_images_of_one_camera_are_scaled_alike():
    samples = Samples()
    bright = wide(gray(scene())) >> 4
    read_image(message('mono16', bright), samples)
    dark, _ = read_image(message('mono16', bright >> 4), samples)
    assert dark.max() == bright.max() >> 8
    assert read_image(message('mono16', bright >> 4))[0].max() > 150


@pytest.mark.parametrize('padding', [1, 2, 3, 64])
@pytest.mark.parametrize('encoding, samples, expected, error', CASES, ids=[c[0] for c in CASES])
def test_padded_rows_give_the_same_pixels(encoding, samples, expected, error, padding):
    plain, order = read_image(message(encoding, samples))
    padded, padded_order = read_image(message(encoding, samples, padding))
    assert padded_order == order
    np.testing.assert_array_equal(padded, plain)


@pytest.mark.parametrize('encoding, samples, expected, error', CASES, ids=[c[0] for c in CASES])
def test_big_endian_samples_give_the_same_pixels(encoding, samples, expected, error):
    plain, _ = read_image(message(encoding, samples))
    swapped, _ = read_image(message(encoding, samples, big_endian=True))
    np.testing.assert_array_equal(swapped, plain)


@pytest.mark.parametrize('encoding', ['bgr8', 'rgb8'])
def test_color_images_are_views_and_not_copies(encoding):
    image = message(encoding, scene(), padding=5)
    pixels, _ = read_image(image)
    assert np.shares_memory(pixels, np.frombuffer(image.data, np.uint8))


@pytest.mark.parametrize('change, words', [
    ({'width': 0, 'height': 0}, '0 x 0'),
    ({'encoding': 'cmyk8'}, "'cmyk8'"),
    ({'encoding': ''}, "''"),
    ({'step': 5}, 'step: 5'),
    ({'height': HEIGHT + 1}, 'data:'),
    ({'width': 4_000_000_000, 'height': 4_000_000_000, 'step': 4_294_967_295}, 'step:'),
    ({'data': b''}, 'data: 0 bytes'),
    ({'encoding': 'nv12', 'height': 23}, 'odd'),
])
def test_a_bad_image_is_refused_with_field_and_value(change, words):
    image = message('bgr8', scene())
    for name, value in change.items():
        setattr(image, name, value)
    with pytest.raises(ImageError, match=words):
        read_image(image)


@pytest.mark.parametrize('suffix, samples, expected, error', [
    ('.jpg', scene(), scene(), 24),
    ('.png', scene(), scene(), 0),
    ('.png', wide(scene()), scene(), 0),
    ('.png', gray(scene()), cv2.cvtColor(gray(scene()), cv2.COLOR_GRAY2BGR), 0),
    ('.png', np.dstack([scene(), gray(scene())]), scene(), 0),
], ids=['jpeg', 'png', 'png 16 bit', 'png gray', 'png alpha'])
def test_compressed_images_are_decoded(suffix, samples, expected, error):
    data = cv2.imencode(suffix, samples)[1].tobytes()
    pixels, order = read_image(CompressedImage(format=suffix[1:], data=data))
    assert order == 'bgr8'
    assert np.abs(pixels.astype(int) - expected.astype(int)).max() <= error


@pytest.mark.parametrize('data', [b'', b'\xff\xd8\xff\xe0 not a jpeg'])
def test_compressed_data_that_is_no_image_is_refused(data):
    with pytest.raises(ImageError, match=f'{len(data)} bytes'):
        read_image(CompressedImage(format='jpeg', data=data))


def test_a_compressed_image_that_claims_to_be_huge_is_refused():
    data = bytearray(cv2.imencode('.png', scene())[1].tobytes())
    data[16:24] = (60_000).to_bytes(4, 'big') * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, 'big')
    with pytest.raises(ImageError, match='refuses to decode'):
        read_image(CompressedImage(format='png', data=bytes(data)))


def test_a_written_image_reads_back():
    header = Header(frame_id='camera')
    image = write_image(scene()[:, ::2], 'rgb8', header)
    pixels, order = read_image(image)
    assert (image.header, order) == (header, 'rgb8')
    np.testing.assert_array_equal(pixels, scene()[:, ::2])


@pytest.mark.parametrize(('format', 'says'), [
    ('h264', 'a stream of video: republish it raw or as JPEG'),
    ('16UC1; compressedDepth png', 'depth: name the topic of the colour images')])
def test_what_is_no_picture_of_its_own_is_refused_with_the_cure(format, says):
    with pytest.raises(ImageError, match=says):
        read_image(CompressedImage(format=format, data=b'\0\0\0\1\x67' + bytes(100)))
