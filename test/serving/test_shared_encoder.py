"""Cameras that share a network: one batch, separate features, separate faults."""
import threading

import numpy as np
import pytest

from deepsort_ros.serving.network import load_encoder
from deepsort_ros.serving.network import Unavailable
from deepsort_ros.serving.shared_encoder import SharedEncoder
from deepsort_ros.settings import SettingError
from deepsort_ros.settings import Settings

SETTINGS = Settings(device='CPU', batch_buckets=(1, 4, 8))
BOX = (0.0, 0.0, 64.0, 128.0)
POISON = 13


class Device:
    """Gives the grey of a crop for its feature, when it is let go; fails for one grey."""

    input_size, feature_size = (128, 64), 128

    def __init__(self):
        self.batches, self.go, self.entered = [], threading.Event(), threading.Event()
        self.error, self.threads, self.room = None, set(), 100
        self.go.set()

    def describe(self):
        return {'device': 'CPU', 'device_note': ''}

    def encode(self, image, tlwh, encoding):
        greys = image.reshape(len(tlwh), -1)[:, 0].tolist()
        self.batches.append(sorted(greys))
        self.threads.add(threading.current_thread().name)
        self.entered.set()
        assert self.go.wait(60)
        if self.error or POISON in greys:
            raise self.error or RuntimeError('poisoned')
        if len(greys) > self.room:
            raise MemoryError
        return self.compute(image, tlwh, encoding)

    def compute(self, image, tlwh, encoding):
        greys = image.reshape(len(tlwh), -1)[:, :1]
        return greys.astype(np.float32).repeat(128, axis=1)


class Bench:
    """Cameras, each a thread that asks for features, before a network that is there."""

    def __init__(self):
        self.device, self.loads, self.results = Device(), 0, {}
        self.network = SharedEncoder(self.load)
        self.load_error = None
        self.threads = []

    def load(self, settings, progress):
        self.loads += 1
        if self.load_error:
            raise self.load_error
        return self.device

    def ask(self, grey, what=3, wait=False):
        """Ask on a thread of its own for features of so many crops of one grey, or of others."""
        if isinstance(what, int):
            what = np.full((128, 64, 3), grey, np.uint8), np.array([BOX] * what), 'bgr8'

        def run():
            try:
                self.results[grey] = self.network.encode(*what)
            except Exception as error:
                self.results[grey] = error

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()
        if wait:
            self.threads[-1].join(60)

    def ask_while_busy(self, *cameras):
        """Have cameras ask while the device computes for one whose grey is 1."""
        self.device.entered.clear()
        self.device.go.clear()
        self.ask(1)
        assert self.device.entered.wait(60)
        for number, (grey, what) in enumerate(cameras):
            self.ask(grey, what)
            while len(self.network._queue._waiting) <= number:
                threading.Event().wait(0.001)
        self.device.go.set()
        for thread in self.threads:
            thread.join(60)

    def greys(self, *cameras):
        """Return the greys of the features each camera got."""
        return [np.unique(self.results[grey]).tolist() for grey in cameras]


@pytest.fixture
def bench():
    bench = Bench()
    assert bench.network.join('front', SETTINGS).wait(60)
    yield bench
    bench.device.go.set()
    assert bench.network.stop()


def test_a_camera_alone_waits_for_nobody(bench):
    bench.ask(5, wait=True)
    assert bench.device.batches == [[5, 5, 5]] and bench.greys(5) == [[5.0]]


def test_the_crops_of_all_cameras_that_wait_are_one_batch_and_each_gets_its_own(bench):
    bench.ask_while_busy((7, 3), (9, 4))
    assert bench.device.batches == [[1] * 3, [7] * 3 + [9] * 4]
    assert bench.greys(7, 9) == [[7.0], [9.0]]
    assert [len(bench.results[grey]) for grey in (7, 9)] == [3, 4]
    assert bench.device.threads == {'encoder'}


def test_what_does_not_fit_into_the_largest_bucket_goes_in_the_next_batch(bench):
    bench.ask_while_busy((7, 6), (9, 3), (11, 2))
    assert bench.device.batches[1:] == [[7] * 6 + [11] * 2, [9] * 3]


def test_a_camera_with_a_crowd_takes_turns_with_the_others(bench):
    bench.ask_while_busy((7, 20), (9, 2))
    assert bench.device.batches[1:] == [[7] * 8, [9] * 2, [7] * 8, [7] * 4]
    assert len(bench.results[7]) == 20 and bench.greys(7, 9) == [[7.0], [9.0]]


def test_a_batch_that_fails_is_tried_camera_by_camera(bench):
    bench.ask_while_busy((POISON, 2), (9, 2))
    assert str(bench.results[POISON]) == 'poisoned' and bench.greys(9) == [[9.0]]


def test_when_the_network_fails_every_camera_is_told(bench):
    bench.device.error = RuntimeError('device lost')
    bench.ask_while_busy((7, 2), (9, 2))
    assert [str(bench.results[grey]) for grey in (1, 7, 9)] == ['device lost'] * 3


def test_without_memory_for_a_batch_of_all_half_as_many_crops_go_at_once(bench, caplog):
    bench.device.room = 4
    bench.ask_while_busy((7, 4), (9, 4))
    assert bench.device.batches[1:] == [[7] * 4 + [9] * 4, [7] * 4, [9] * 4]
    assert bench.greys(7, 9) == [[7.0], [9.0]]
    assert 'at most 4 crop(s)' in bench.network.describe()['device_note']
    assert 'at most 4 at once' in caplog.text


def test_it_is_loaded_once_and_let_go_of_with_its_last_user(bench):
    assert bench.network.join('rear', SETTINGS).wait(60)
    bench.network.leave('front')
    bench.ask(5, wait=True)
    assert bench.greys(5) == [[5.0]] and bench.loads == 1
    bench.network.leave('rear')
    while bench.network.ready:
        threading.Event().wait(0.001)
    bench.ask(6, wait=True)
    assert isinstance(bench.results[6], Unavailable)
    assert bench.network.join('rear', SETTINGS).wait(60) and bench.loads == 2


def test_it_is_not_loaded_anew_for_one_camera_while_it_works_for_another(bench):
    bench.ask(5, wait=True)
    bench.network.reload(failing_since=0.0)
    bench.ask(6, wait=True)
    assert bench.greys(6) == [[6.0]] and bench.loads == 1


def test_one_that_cannot_be_loaded_is_tried_again_by_itself():
    bench = Bench()
    bench.load_error = OSError('no such file')
    assert bench.network.join('front', SETTINGS).wait(60)
    assert 'no such file' in bench.network.error and bench.network.retry_in <= 1.0
    bench.load_error = None
    while not bench.network.ready:
        threading.Event().wait(0.01)
    assert bench.loads == 2 and bench.network.error is None
    assert bench.network.stop()


def test_cameras_that_ask_for_different_networks_are_refused(bench):
    with pytest.raises(SettingError, match="model: 'hub' is not 'bundled', as other cameras"):
        bench.network.join('rear', Settings(device='CPU', batch_buckets=(1, 4, 8), model='hub'))


def test_at_the_end_nobody_is_kept_waiting(bench):
    bench.device.go.clear()
    bench.ask(5)
    assert bench.device.entered.wait(60)
    assert not bench.network.stop(0.05)
    bench.threads[0].join(60)
    assert isinstance(bench.results[5], Unavailable)


def test_features_are_those_a_camera_gets_alone():
    alone = load_encoder(SETTINGS, lambda text: None)
    bench = Bench()
    assert bench.network.join('front', SETTINGS).wait(60)
    bench.device.compute = alone.encode
    random = np.random.default_rng(0)
    cameras = {grey: (random.integers(0, 255, (240, 320, 3), np.uint8),
                      random.uniform((-20, -20, 20, 40), (250, 150, 80, 160), (count, 4)),
                      encoding)
               for grey, count, encoding in ((7, 3, 'bgr8'), (9, 4, 'rgb8'))}
    bench.ask_while_busy(*((grey, cameras[grey]) for grey in cameras))
    assert [len(batch) for batch in bench.device.batches] == [3, 7]
    for grey, (image, boxes, encoding) in cameras.items():
        # The place in the batch is another, and with it the order of sums.
        np.testing.assert_allclose(
            bench.results[grey], alone.encode(image, boxes, encoding), rtol=0, atol=1e-6)
    image, boxes, encoding = cameras[7]
    kept = bench.network.keep(image, boxes, encoding)
    late = bench.network.encode(np.zeros_like(image), boxes[:0], 'rgb8', kept)
    assert np.array_equal(late, alone.encode(image, boxes, encoding))
    assert bench.network.stop()


def test_crops_have_the_size_and_features_the_length_of_the_model(bench):
    bench.device.input_size, bench.device.feature_size = (32, 16), 5
    bench.device.compute = lambda image, tlwh, encoding: np.zeros((len(tlwh), 5), np.float32)
    bench.ask(7, 2, wait=True)
    assert bench.results[7].shape == (2, 5)
    image = np.zeros((100, 100, 3), np.uint8)
    kept = bench.network.keep(image, np.array([[0.0, 0, 50, 100], [200, 0, 9, 9]]), 'bgr8')
    assert kept[0].shape == (32, 16, 3) and kept[1] is None


def test_crops_kept_for_a_model_of_another_size_are_resized(bench):
    late = [np.full((256, 128, 3), 9, np.uint8)]
    features = bench.network.encode(np.zeros((5, 5, 3), np.uint8), np.zeros((0, 4)), 'bgr8', late)
    assert features[:, 0].tolist() == [9.0]


def test_it_passes_on_the_distance_that_the_model_recommends(bench):
    assert bench.network.max_cosine_distance == 0.0
    bench.network.leave('front')
    while bench.network.ready:
        threading.Event().wait(0.001)
    bench.device.max_cosine_distance = 0.33
    assert bench.network.join('front', SETTINGS).wait(60)
    assert bench.network.max_cosine_distance == 0.33
