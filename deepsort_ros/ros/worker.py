"""One thread that tracks, fed by a bounded queue, so that callbacks never wait for inference."""
from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from vision_msgs.msg import Detection2DArray

from deepsort_ros.ros.frames import ImageMessage
from deepsort_ros.ros.world_inputs import Sight

# Images without detections that wait beside the pairs.
PREDICTED = 30
# Pairs whose arrivals tell how soon the next one comes.
ARRIVALS = 10


@dataclass(frozen=True)
class Job:
    """
    A pair that waits to be tracked.

    :param detections: None for an image to be predicted.
    :param arrived: steady-clock seconds at which the pair was complete.
    :param sight: what is known of the camera, None where nothing asks for it.
    """

    image: ImageMessage
    detections: Detection2DArray | None
    arrived: float
    sight: Sight | None = None


class Worker:
    """
    Run jobs and requests one after the other on a thread of its own.

    A request goes before all waiting jobs and never interrupts a running one, so whatever
    changes the tracker does so between frames.

    :param track: called with every job; :param dropped: called for a job that had to make room.
    :param failed: called with whatever a job or a request raised; the thread goes on.
    """

    def __init__(self, depth: int, track: Callable[[Job], None],
                 dropped: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        """Start the thread; it waits for work."""
        self._depth = depth
        self._track = track
        self._dropped = dropped
        self._failed = failed
        self._jobs: deque[Job] = deque()
        self._requests: deque[Callable[[], object]] = deque()
        self._changed = threading.Condition()
        self._arrivals: deque[float] = deque(maxlen=ARRIVALS)
        self._stopping = False
        # A daemon: a device that blocks for ever must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name='worker', daemon=True)
        self._thread.start()

    def waiting(self) -> int:
        """Return how many jobs wait."""
        return len(self._jobs)

    def time_left(self, now: float) -> float | None:
        """
        Return the seconds until the queue is full, if pairs arrive as they did before.

        It is full one pair before one has to make room. None while that is not known.

        :param now: on the clock of the arrivals.
        """
        with self._changed:
            arrivals = list(self._arrivals)
            waiting = sum(job.detections is not None for job in self._jobs)
        if len(arrivals) < 3:
            return None
        between = sorted(later - earlier for earlier, later in zip(arrivals, arrivals[1:]))
        period = between[len(between) // 2]
        return max(0.0, (self._depth - waiting) * period - (now - arrivals[-1]))

    def add(self, job: Job) -> None:
        """
        Queue a job; when the queue is full the oldest waiting one makes room.

        Images to be predicted cost little and come several at once: they have room of their own.
        """
        dropped = 0
        with self._changed:
            self._jobs.append(job)
            if job.detections is not None:
                self._arrivals.append(job.arrived)
            while (sum(waiting.detections is not None for waiting in self._jobs) > self._depth
                   or len(self._jobs) > self._depth + PREDICTED):
                self._jobs.popleft()
                dropped += 1
            self._changed.notify()
        for _ in range(dropped):
            self._dropped()

    def request(self, action: Callable[[], object]) -> threading.Event:
        """Run something between two jobs; the event is set when it is done."""
        done = threading.Event()

        def run() -> None:
            try:
                action()
            finally:
                done.set()

        with self._changed:
            self._requests.append(run)
            self._changed.notify()
        return done

    def clear(self) -> int:
        """Forget the waiting jobs and return how many they were."""
        with self._changed:
            count = len(self._jobs)
            self._jobs.clear()
        return count

    def stop(self, timeout: float) -> bool:
        """End the thread after the running job; False when it did not end in time [s]."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._stopping or self._requests or self._jobs)
                if self._stopping:
                    return
                action = self._requests.popleft() if self._requests else None
                job = None if action else self._jobs.popleft()
            try:
                if action:
                    action()
                elif job:
                    self._track(job)
            except Exception as error:  # noqa: B902 one bad frame must not end the tracking
                self._failed(error)
