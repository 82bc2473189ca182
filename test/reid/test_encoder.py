"""From boxes to features."""
import logging
import threading

import numpy as np
import pytest

from deepsort_ros.reid.encoder import batches
from deepsort_ros.reid.encoder import Encoder
from deepsort_ros.reid.preprocess import crop_bounds

BUCKETS = (1, 4)


@pytest.fixture(scope='module')
def encoder(random_checkpoint):
    made = Encoder.create(str(random_checkpoint), 'CPU', batch_buckets=BUCKETS)
    made.warm_up()
    return made


@pytest.fixture(scope='module')
def image():
    generator = np.random.default_rng(3)
    small = generator.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return np.ascontiguousarray(small.repeat(20, axis=0).repeat(20, axis=1))


def random_boxes(count):
    generator = np.random.default_rng(4)
    return np.column_stack((
        generator.uniform(0, 200, count), generator.uniform(0, 100, count),
        generator.uniform(20, 110, count), generator.uniform(40, 130, count)))


@pytest.fixture(scope='module')
def features(encoder, image):
    return encoder.encode(image, random_boxes(11))


def test_features_are_unit_rows_that_differ(features):
    assert features.shape == (11, 128)
    assert features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1.0, atol=1e-6)
    assert np.ptp(features, axis=0).max() > 0.01


def test_no_boxes_give_no_features(encoder, image):
    assert encoder.encode(image, np.empty((0, 4))).shape == (0, 128)


@pytest.mark.parametrize('rows', [[0], [3, 0], [0, 1, 2], [9, 8, 7, 6, 5], [5, 5, 5, 5, 0]])
def test_a_feature_does_not_depend_on_its_batch(encoder, image, features, rows):
    alone = encoder.encode(image, random_boxes(11)[rows])
    np.testing.assert_allclose(alone, features[rows], rtol=0, atol=2e-6)


def test_within_a_bucket_batch_mates_change_not_one_bit(encoder, image):
    boxes = random_boxes(11)
    first = encoder.encode(image, boxes[[0, 1, 2, 3]])
    second = encoder.encode(image, boxes[[0, 9, 8, 3]])
    assert np.array_equal(first[[0, 3]], second[[0, 3]])


def test_boxes_without_a_pixel_give_nan_rows_and_disturb_no_other(encoder, image, features):
    nan, inf = np.nan, np.inf
    boxes = np.array([
        [400, 50, 50, 100], [-80, 50, 60, 100], [50, -300, 50, 100], [50, 240, 50, 100],
        [50, 50, 0, 100], [50, 50, 50, 0], [50, 50, -20, 100], [50.6, 50, 0.3, 100],
        [nan, 50, 50, 100], [50, 50, 50, nan], [inf, 50, 50, 100], [50, 50, inf, 100],
        random_boxes(11)[0]])
    result = encoder.encode(image, boxes)
    assert np.isnan(result[:-1]).all()
    np.testing.assert_allclose(result[-1], features[0], rtol=0, atol=2e-6)


def test_a_box_partly_outside_shows_its_part_inside(encoder, image):
    boxes = np.array([[-30.0, -40.0, 90.0, 140.0], [0.0, 0.0, 60.0, 100.0]])
    outside, inside = encoder.encode(image, boxes)
    np.testing.assert_allclose(outside, inside, rtol=0, atol=2e-6)


def test_bounds_are_the_pixels_whose_centres_a_box_covers():
    boxes = np.array([[1.4, 2.6, 3.0, 3.0], [-5.0, -5.0, 1e300, 1e300], [np.nan, 0, 1, 1]])
    assert crop_bounds(boxes, 10, 20).tolist() == [[1, 3, 4, 6], [0, 0, 20, 10], [0, 0, 0, 0]]


@pytest.mark.parametrize('view', ['padded', 'mirrored', 'read-only'])
def test_any_view_of_an_image_gives_the_features_of_its_copy(encoder, image, view):
    if view == 'padded':
        buffer = np.zeros((image.shape[0], image.shape[1] * 3 + 13), dtype=np.uint8)
        buffer[:, :-13] = image.reshape(image.shape[0], -1)
        given = np.lib.stride_tricks.as_strided(
            buffer, image.shape, (buffer.strides[0], 3, 1))
    elif view == 'mirrored':
        given = np.ascontiguousarray(image[:, ::-1])[:, ::-1]
    else:
        given = np.frombuffer(image.tobytes(), np.uint8).reshape(image.shape)
    boxes = random_boxes(4)
    assert np.array_equal(encoder.encode(given, boxes), encoder.encode(image, boxes))


def test_the_encoding_says_where_red_is(encoder, image):
    boxes = random_boxes(4)
    bgr = encoder.encode(image, boxes, 'bgr8')
    rgb = encoder.encode(np.ascontiguousarray(image[..., ::-1]), boxes, 'rgb8')
    assert np.array_equal(bgr, rgb)
    assert not np.allclose(bgr, encoder.encode(image, boxes, 'rgb8'), atol=1e-3)


@pytest.mark.parametrize('encoding', ['bgr8', 'rgb8'])
@pytest.mark.parametrize(('own', 'kept'), [(0, 1), (1, 0), (3, 1), (3, 4), (6, 5)])
def test_kept_crops_are_described_as_they_would_have_been_at_once(
        encoder, image, own, kept, encoding):
    boxes = random_boxes(own + kept)
    crops = encoder.keep(image, boxes[own:], encoding)
    black = np.zeros_like(image)
    at_once = encoder.encode(image, boxes, encoding)
    np.testing.assert_array_equal(
        encoder.encode(image, boxes[:own], encoding, crops), at_once)
    np.testing.assert_allclose(
        encoder.encode(black, boxes[:own], 'bgr8', crops)[own:], at_once[own:], rtol=0, atol=2e-6)


def test_kept_crops_come_after_boxes_without_a_pixel(encoder, image):
    boxes = np.array([[10.0, 10, 50, 100], [-900, 0, 50, 100], [60, 20, 30, 80]])
    crops = encoder.keep(image, boxes)
    assert crops[1] is None and crops[0].shape == (128, 64, 3)
    assert not np.shares_memory(crops[0], crops[2]) and crops[0].base.nbytes == crops[0].nbytes
    result = encoder.encode(image, boxes[:2], 'bgr8', crops[2:])
    assert np.isnan(result[1]).all()
    assert np.array_equal(result[[0, 2]], encoder.encode(image, boxes[[0, 2]]))


def test_color_order_bgr_feeds_the_network_swapped_channels(encoder, random_checkpoint, image):
    swapped = Encoder.create(
        str(random_checkpoint), 'CPU', batch_buckets=(4,), color_order='bgr')
    boxes = random_boxes(4)
    assert np.array_equal(
        swapped.encode(image, boxes, 'bgr8'), encoder.encode(image, boxes, 'rgb8'))


def test_a_worker_thread_gets_the_same_features(encoder, image, features):
    result = []
    worker = threading.Thread(target=lambda: result.append(
        encoder.encode(image, random_boxes(11))))
    worker.start()
    worker.join()
    assert np.array_equal(result[0], features)


@pytest.mark.parametrize('image, boxes, encoding, message', [
    (np.zeros((4, 4), np.uint8), np.zeros((1, 4)), 'bgr8', 'image: uint8 of shape'),
    (np.zeros((4, 4, 3)), np.zeros((1, 4)), 'bgr8', 'image: float64 of shape'),
    (np.zeros((4, 4, 3), np.uint8), np.zeros((1, 5)), 'bgr8', 'tlwh: shape'),
    (np.zeros((4, 4, 3), np.uint8), np.zeros((1, 4)), 'mono8', "encoding: 'mono8'"),
])
def test_input_of_another_kind_is_refused(encoder, image, boxes, encoding, message):
    with pytest.raises(ValueError, match=message):
        encoder.encode(image, boxes, encoding)


def test_an_empty_image_shows_nothing(encoder):
    assert np.isnan(encoder.encode(np.zeros((0, 0, 3), np.uint8), random_boxes(2))).all()


@pytest.mark.parametrize('count, expected', [
    (0, []), (1, [(1, 1)]), (2, [(2, 2)]), (3, [(2, 2), (1, 1)]), (5, [(4, 4), (1, 1)]),
    (7, [(7, 8)]), (17, [(16, 16), (1, 1)]), (70, [(32, 32), (32, 32), (4, 4), (2, 2)]),
])
def test_crops_are_split_so_that_little_is_padded(count, expected):
    assert list(batches(count, (1, 2, 4, 8, 16, 32))) == expected


def test_fewer_crops_than_the_smallest_bucket_are_padded():
    assert list(batches(3, (16, 32))) == [(3, 16)]


def test_a_device_that_is_not_there_is_replaced_aloud(random_checkpoint, caplog):
    with caplog.at_level(logging.WARNING):
        made = Encoder.create(str(random_checkpoint), 'Ascend', 1, precision='fp16')
    if made.device == 'Ascend':
        pytest.skip('this machine has an Ascend device')
    assert made.device == 'CPU'
    assert made.device_note.startswith('device Ascend 1 is not available (')
    assert 'using CPU' in made.device_note and 'using fp32' in made.device_note
    assert [record.name for record in caplog.records] == [
        'deepsort_ros.reid.device', 'deepsort_ros.reid.engines.mindspore_engine']


def test_warm_up_can_be_stopped_between_buckets(random_checkpoint):
    made = Encoder.create(str(random_checkpoint), 'CPU', batch_buckets=(1, 4))
    said = []

    def stop(line):
        said.append(line)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        made.warm_up(stop)
    assert said == ['compiling the appearance network for batches of 1']


def test_the_description_names_what_runs(encoder, random_checkpoint):
    import hashlib
    assert encoder.describe() == {
        'device': 'CPU', 'device_note': '', 'engine': 'mindspore',
        'model': str(random_checkpoint),
        'sha256': hashlib.sha256(random_checkpoint.read_bytes()).hexdigest(),
        'architecture': 'DeepSORT network of the MindSpore ModelZoo', 'input': '128x64 NCHW',
        'color_order': 'rgb', 'feature_size': 128, 'max_cosine_distance': 0.0,
        'precision': 'fp32', 'batch_buckets': BUCKETS}
