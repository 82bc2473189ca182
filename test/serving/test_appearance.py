"""A failed network is retried at growing intervals; one short of memory gets fewer crops."""
import threading
import time

import numpy as np
import pytest

from deepsort_ros.pipeline import Frame
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.serving.appearance import Appearance
from deepsort_ros.serving.backoff import LAST_RETRY
from deepsort_ros.serving.network import out_of_memory
from deepsort_ros.serving.shared_encoder import SharedEncoder
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Detections

MINDSPORE_SAYS = ("Malloc for kernel output failed, Memory isn't enough, node:Default/Conv2D",
                  'Out of memory!!! total [3G] (dynamic [0] memory poll [524288000])',
                  'Allocate memory failed, alloc size 12845056B',
                  'OpenCV(4.11.0) error: (-4:Insufficient memory) Failed to allocate 8 bytes')


class Device:
    """An encoder whose device holds so many crops at once, or fails with an error."""

    input_size, feature_size = (128, 64), 128

    def __init__(self):
        self.room, self.error, self.calls = 100, None, []

    def describe(self):
        return {'device': 'CPU', 'device_note': ''}

    def encode(self, image, tlwh, encoding):
        self.calls.append(len(tlwh))
        if self.error:
            raise self.error
        if len(tlwh) > self.room:
            raise RuntimeError(MINDSPORE_SAYS[0])
        features = np.zeros((len(tlwh), 128), np.float32)
        features[:, 50] = image.reshape(len(tlwh), -1).max(axis=1)  # crops lie upon each other
        return features


class Bench:
    """A pipeline with the appearance in front of a device, and a clock the test moves."""

    def __init__(self, monkeypatch):
        self.now, self.stamp, self.said, self.loaded = 1000.0, 0, [], 0
        monkeypatch.setattr(time, 'monotonic', lambda: self.now)
        self.device = Device()
        self.network = SharedEncoder(self.load)
        self.pipeline = Pipeline(Settings(), None)
        self.appearance = Appearance(
            self.pipeline, self.network, self.said.append, self.said.append)
        assert self.appearance.join(Settings()).wait(10)

    def load(self, settings, progress):
        self.loaded += 1
        return self.device

    def frame(self, boxes=3):
        """Track one frame; return how many features were computed."""
        self.stamp += 33_333_333
        tlwh = np.array([(20.0 * n, 5, 10, 20) for n in range(boxes)]).reshape(-1, 4)
        self.appearance.before_frame()
        result = self.pipeline.process(Frame(
            self.stamp, Detections.from_arrays(tlwh), np.zeros((48, 640, 3), np.uint8)))
        assert result.tracks is not None
        return result.crops

    def most(self, seconds):
        """Return what a frame that has so much time may compute."""
        asked = []
        self.pipeline.allow_encoder = lambda allowed, most=None: asked.append((allowed, most))
        self.appearance.before_frame(seconds)
        return asked[-1]

    def attempts(self, seconds):
        """Track ten frames a second; return the seconds at which the network was tried."""
        start, tried = self.now, []
        while self.now < start + seconds:
            before = len(self.device.calls)
            self.frame()
            if len(self.device.calls) > before:
                tried.append(round(self.now - start))
            self.now = round(self.now + 0.1, 1)
        return tried


@pytest.fixture
def bench(monkeypatch):
    bench = Bench(monkeypatch)
    yield bench
    assert bench.network.stop()


def test_a_failing_network_is_tried_again_after_waits_that_double_up_to_a_minute(bench):
    bench.device.error = RuntimeError('device lost')
    assert bench.attempts(250) == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]
    assert LAST_RETRY == 60
    assert 'device lost' in bench.appearance.error and 'tried again in' in bench.appearance.error
    assert len(bench.said) == 1 and 'motion and overlap alone' in bench.said[0]


def test_recovery_is_told_once_and_features_are_back(bench):
    bench.device.error = RuntimeError('device lost')
    bench.attempts(10)
    bench.device.error = None
    bench.attempts(6)
    assert bench.appearance.error is None and bench.frame() == 3
    assert bench.said[1:] == ['the appearance network works again']


def test_after_three_failures_in_a_row_it_is_loaded_anew(bench):
    bench.device.error = RuntimeError('device lost')
    bench.attempts(2)
    assert bench.loaded == 1
    bench.attempts(2)
    bench.device.error = None
    bench.attempts(8)
    assert bench.loaded == 2 and bench.appearance.error is None


def test_switched_off_the_network_is_released_and_switched_on_it_is_loaded(bench):
    assert bench.appearance.join(Settings(appearance='off')).wait(10)
    assert released(bench.network)
    assert bench.frame() == 0
    assert bench.appearance.join(Settings()).wait(10)
    assert bench.frame() == 3 and bench.loaded == 2


def test_one_that_would_keep_its_memory_stays(bench):
    bench.device.gives_memory_back = False
    assert bench.appearance.join(Settings(appearance='off')).wait(10)
    assert bench.appearance.join(Settings()).wait(10)
    assert bench.network.ready and bench.loaded == 1


def released(network):
    """Return whether the thread of the network drops it in time."""
    waiting = threading.Event()
    for _ in range(1000):
        if not network.ready:
            return True
        waiting.wait(0.01)
    return False


def test_a_frame_without_boxes_proves_no_recovery(bench):
    bench.device.error = RuntimeError('device lost')
    bench.frame()
    bench.device.error = None
    bench.now += 2
    assert bench.frame(boxes=0) == 0 and bench.appearance.error
    assert bench.frame() == 3 and bench.appearance.error is None


def test_a_network_that_works_only_now_and_then_is_not_tried_more_and_more_often(bench):
    for _ in range(5):
        bench.device.error = RuntimeError('flaky')
        bench.frame()
        bench.device.error = None
        bench.attempts(bench.appearance._backoff.left + 0.2)
        assert bench.appearance.error is None
    bench.device.error = RuntimeError('flaky')
    bench.frame()
    assert 'in 32 s' in bench.appearance.error
    assert bench.attempts(30) == []


def test_a_reset_tries_at_once(bench):
    bench.device.error = RuntimeError('device lost')
    bench.attempts(10)
    bench.device.error = None
    bench.appearance.retry()
    assert bench.frame() == 3


def test_without_memory_for_all_crops_halves_are_tried_down_to_what_fits(bench):
    bench.device.room = 3
    assert bench.frame(11) == 11
    assert bench.device.calls == [11, 5, 2, 2, 2, 2, 2, 1]
    bench.device.calls = []
    bench.frame(5)
    assert bench.device.calls == [2, 2, 1]
    assert 'at most 2 crop(s)' in bench.appearance.describe()['device_note']
    assert bench.appearance.error is None


def test_parts_give_the_features_of_their_own_boxes(bench):
    image = np.repeat(np.arange(220, dtype=np.uint8), 10).reshape(1, -1, 1).repeat(40, 0)
    tlwh = np.array([(200.0 * n, 0, 10, 20) for n in range(11)])
    bench.device.room = 4
    features = bench.appearance.encode(image.repeat(3, 2), tlwh, 'bgr8')
    assert features[:, 50].tolist() == [20 * n for n in range(11)]


def test_without_memory_for_a_single_crop_the_network_has_failed(bench):
    bench.device.room = 0
    assert bench.frame(4) == 0
    assert bench.device.calls == [4, 2, 1]
    assert 'enough' in bench.appearance.error


@pytest.mark.parametrize('text', MINDSPORE_SAYS)
def test_running_out_of_memory_is_recognised(text):
    assert out_of_memory(RuntimeError(text)) and out_of_memory(MemoryError())


def test_other_errors_are_not_taken_for_a_lack_of_memory(bench):
    assert not out_of_memory(RuntimeError('device lost'))
    bench.device.error = RuntimeError('device lost')
    bench.frame(8)
    assert bench.device.calls == [8]


def test_the_time_left_bounds_the_features_by_what_the_network_took(bench):
    assert bench.most(1.0) == (True, None), 'a network that was never timed'
    bench.device.timed = 8, 0.080
    assert bench.most(0.055) == (True, 5)
    assert bench.most(None) == (True, None)
