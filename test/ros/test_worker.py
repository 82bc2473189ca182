"""The worker never makes its callers wait, never queues without bound, never dies."""
import threading

import pytest

from deepsort_ros.ros.worker import Job
from deepsort_ros.ros.worker import Worker


class Bench:
    """A worker whose jobs wait until they are let go."""

    def __init__(self, depth):
        self.tracked, self.failures, self.dropped = [], [], 0
        self.started, self.go = threading.Event(), threading.Event()
        self.worker = Worker(depth, self._track, self._drop, self.failures.append)

    def _track(self, job):
        self.started.set()
        assert self.go.wait(10)
        if job.image == 'bad':
            raise ValueError('bad image')
        self.tracked.append(job.image)

    def _drop(self):
        self.dropped += 1

    def add(self, *names):
        for name in names:
            self.worker.add(Job(name, (), 0.0))

    def finish(self):
        self.go.set()
        assert self.worker.request(lambda: None).wait(10)
        while self.worker.waiting():
            assert self.worker.request(lambda: None).wait(10)
        assert self.worker.request(lambda: None).wait(10)


@pytest.fixture
def bench():
    bench = Bench(depth=2)
    yield bench
    bench.go.set()
    assert bench.worker.stop(10)


def test_when_behind_the_oldest_waiting_job_makes_room_and_is_counted(bench):
    bench.add('first')
    assert bench.started.wait(10)
    bench.add('a', 'b', 'c', 'd')
    bench.finish()
    assert bench.tracked == ['first', 'c', 'd']
    assert bench.dropped == 2


def test_the_time_left_is_until_the_queue_is_full(bench):
    for arrived in (0.0, 0.1, 0.2, 0.9, 1.0):
        bench.worker.add(Job('tracked', (), arrived))
        assert bench.started.wait(10)
        bench.worker.clear()
    assert bench.worker.time_left(1.0) == pytest.approx(0.2), 'by the usual time between pairs'
    assert bench.worker.time_left(1.05) == pytest.approx(0.15)
    bench.worker.add(Job('waits', (), 1.1))
    assert bench.worker.time_left(1.1) == pytest.approx(0.1)
    bench.worker.add(Job('waits too', (), 1.2))
    assert bench.worker.time_left(1.2) == 0.0


def test_the_time_left_is_unknown_before_pairs_have_come_regularly(bench):
    for arrived in (0.0, 0.1):
        assert bench.worker.time_left(arrived) is None
        bench.worker.add(Job('pair', (), arrived))


def test_images_to_be_predicted_take_no_time_from_others(bench):
    for arrived in (0.0, 0.1, 0.2):
        bench.worker.add(Job('pair', (), arrived))
    assert bench.started.wait(10)
    bench.worker.clear()
    bench.worker.add(Job('predicted', None, 0.25))
    assert bench.worker.time_left(0.25) == pytest.approx(0.15)


def test_a_request_runs_before_the_waiting_jobs_and_after_the_running_one(bench):
    bench.add('first')
    assert bench.started.wait(10)
    bench.add('waiting')
    done = bench.worker.request(lambda: bench.tracked.append('request'))
    assert not done.is_set()
    bench.finish()
    assert bench.tracked == ['first', 'request', 'waiting']


def test_a_job_that_raises_is_told_and_the_next_one_runs(bench):
    bench.go.set()
    bench.add('bad')
    bench.finish()
    bench.add('good')
    bench.finish()
    assert bench.tracked == ['good']
    assert [str(error) for error in bench.failures] == ['bad image']


def test_a_request_that_raises_still_counts_as_done(bench):
    def fail():
        raise OSError('gone')

    assert bench.worker.request(fail).wait(10)
    bench.finish()
    assert [str(error) for error in bench.failures] == ['gone']


def test_cleared_jobs_do_not_run(bench):
    bench.add('first')
    assert bench.started.wait(10)
    bench.add('a', 'b')
    assert bench.worker.clear() == 2
    bench.finish()
    assert bench.tracked == ['first']


def test_a_worker_that_is_stuck_is_reported_and_not_waited_for():
    bench = Bench(depth=1)
    bench.add('stuck')
    assert bench.started.wait(10)
    assert not bench.worker.stop(0.05)
    bench.go.set()
    assert bench.worker.stop(10)
