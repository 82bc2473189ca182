"""The node as a process of its own, and a graph of test nodes around it."""
from __future__ import annotations

import fcntl
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import Header

from deepsort_ros.msg import TrackArray
from deepsort_ros.ros.distro import isolation
from deepsort_ros.ros.distro import profiles_variable
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.ros.messages.conversions import write_detections
from deepsort_ros.ros.messages.images import write_image
from deepsort_ros.tracking import Detections

ROOT = Path(__file__).resolve().parents[2]
PROFILE = ROOT / 'config' / 'large_images.xml'
STEP = 33_333_333
# Small shared memory loses images.
ISOLATION = {**isolation(), profiles_variable(): str(PROFILE)}
_numbers = itertools.count(os.getpid())
# Domains whose ports are below those that Linux gives to any process, except 0, the default.
DOMAINS = 101
# How long to wait for what comes in milliseconds on an idle machine.
WAIT = 60.0
# And for the network, which takes seconds.
LOADING = 600.0
_processes: list[subprocess.Popen[bytes]] = []


@contextmanager
def own_domain() -> Iterator[int]:
    """
    Yield a ROS_DOMAIN_ID that no other process of this machine has from here.

    A lock on a file holds it: it is gone with the process, however that ends.
    """
    folder = Path(tempfile.gettempdir()) / 'deepsort_ros_domains'
    folder.mkdir(mode=0o777, exist_ok=True)
    end = time.monotonic() + 300.0
    while time.monotonic() < end:
        number = 1 + next(_numbers) % DOMAINS
        with (folder / str(number)).open('w') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(0.01)
                continue
            yield number
            return
    raise RuntimeError(f'all {DOMAINS} domains are taken')


def environment(domain: int, **changes: str) -> dict[str, str]:
    return {**os.environ, 'ROS_DOMAIN_ID': str(domain), 'PYTHONUNBUFFERED': '1',
            'PYTHONPATH': str(ROOT), **ISOLATION, **changes}


class NodeProcess:
    """``tracker_node --ros-args ...`` as a process; its output goes to a file."""

    def __init__(self, folder: Path, domain: int, *arguments: str,
                 program: tuple[str, ...] = ('-m', 'deepsort_ros.ros.main'),
                 changes: dict[str, str] | None = None, **parameters: object) -> None:
        # What is tested is not the speed of this machine.
        parameters.setdefault('load_wait', 600.0)
        self.domain = domain
        self._log = folder / f'node-{next(_numbers)}.log'
        ros = [part for name, value in parameters.items()
               for part in ('-p', f'{name}:={value}')]
        with self._log.open('w') as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, '--ros-args', *ros, *arguments],
                cwd=folder, env=environment(domain, **(changes or {})), stdout=log,
                stderr=subprocess.STDOUT)
        _processes.append(self.process)

    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, text: str, timeout: float = 60.0) -> None:
        """Wait for a line, at most so long after the line before: a busy machine is slow."""
        seen, end = '', time.monotonic() + timeout
        while text not in (log := self.log()):
            assert self.process.poll() is None, f'the node ended:\n{self.log()}'
            if log != seen:
                seen, end = log, time.monotonic() + timeout
            assert time.monotonic() < end, f'no {text!r} in the log:\n{log}'
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGINT, timeout: float = WAIT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout)
        finally:
            self.process.kill()


def kill_all() -> None:
    """End the nodes that no fixture ended, as those whose own start-up failed."""
    for process in _processes:
        if process.poll() is None:
            process.kill()
    _processes.clear()


def refused(log: str, transition: int) -> bool:
    """Return whether a log says that an active node refused a transition."""
    # From Kilted on rclpy refuses it itself.
    return (f'transition {transition} is refused in state active' in log
            or f'Unable to start transition {transition} from' in log)


class Graph:
    """Test publishers, subscribers and clients on the node's domain."""

    def __init__(self, domain: int) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node('test', context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._publishers = {}

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    def spin_until(self, condition, timeout: float = WAIT, what: str = 'what was waited for'):
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, f'{what} did not happen within {timeout} s'
            self._executor.spin_once(timeout_sec=0.05)

    def spin_once(self, timeout: float) -> None:
        self._executor.spin_once(timeout_sec=timeout)

    def spin_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.02)

    def collect(self, kind, topic: str, qos: QoSProfile | None = None) -> list:
        """Subscribe and return the list that fills with messages."""
        found: list = []
        self.node.create_subscription(kind, topic, found.append, qos or QoSProfile(depth=100))
        self.spin_until(lambda: self.node.count_publishers(topic), what=f'a publisher of {topic}')
        return found

    def publisher(self, kind, topic: str, qos: QoSProfile | None = None, connected: bool = True):
        """Return a publisher that is connected to the node."""
        key = topic, str(qos)
        if key not in self._publishers:
            self._publishers[key] = self.node.create_publisher(
                kind, topic, qos or QoSProfile(depth=100))
        if connected:
            self.spin_until(self._publishers[key].get_subscription_count,
                            what=f'a subscription to {topic}')
        return self._publishers[key]

    def call(self, kind, service: str, request):
        client = self.node.create_client(kind, service)
        assert client.wait_for_service(WAIT), f'no service {service}'
        future = client.call_async(request)
        self.spin_until(future.done, what=f'an answer of {service}')
        self.node.destroy_client(client)
        return future.result()


class Tracking:
    """Feeds a node with pictures and detections and collects what it says."""

    def __init__(self, graph: Graph, namespace: str = '') -> None:
        from sensor_msgs.msg import Image
        from vision_msgs.msg import Detection2DArray
        self.graph = graph
        self.name = f'{namespace}/tracker'
        self.tracks: list[TrackArray] = graph.collect(TrackArray, f'{namespace}/tracks')
        self.diagnostics: list[DiagnosticArray] = graph.collect(DiagnosticArray, '/diagnostics')
        self._inputs = (graph.publisher(Image, f'{namespace}/image'),
                        graph.publisher(Detection2DArray, f'{namespace}/detections'))
        self.restart()
        self.connect()
        self.restart()

    def connect(self) -> None:
        """Send empty frames until one is answered: a subscription may be announced early."""
        end = time.monotonic() + WAIT
        probe = 0
        self.tracks.clear()
        while not self.tracks:
            assert time.monotonic() < end, f'no tracks within {WAIT:.0f} s'
            probe += 100_000
            self.send(probe, boxes=())
            self.graph.spin_for(0.1)
        self.graph.spin_for(0.1)
        self.session = self.tracks[-1].session

    def restart(self) -> None:
        """Forget what came, send on the first publishers, from the first stamp on."""
        self.images, self.detections = self._inputs
        self.tracks.clear()
        self.stamp = 10**9

    def picture(self):
        image = np.full((48, 64, 3), 90, np.uint8)
        image[0, 0] = 0  # one colour alone would be a problem
        return image

    def send(self, stamp: int, boxes=((10, 10, 8, 16),), image=None, scores=None,
             changes=None) -> Header:
        """Publish one image with its detections; ``changes`` overwrites fields of the image."""
        header = Header(stamp=time_message(stamp), frame_id='camera')
        message = write_image(self.picture() if image is None else image, 'bgr8', header)
        for name, value in (changes or {}).items():
            setattr(message, name, value)
        self.images.publish(message)
        self.detections.publish(write_detections(
            Detections.from_arrays(np.array(boxes, float).reshape(-1, 4), scores), header))
        return header

    def track(self, count: int = 1, **how) -> list[TrackArray]:
        """Send frames with growing stamps, each after the tracks of the one before."""
        answers = []
        for _ in range(count):
            self.stamp += STEP
            header = self.send(self.stamp, **how)
            self.graph.spin_until(
                lambda header=header: self.tracks and self.tracks[-1].header == header,
                what=f'the TrackArray of {nanoseconds(header.stamp)}')
            answers.append(self.tracks[-1])
        return answers

    def status(self, part: str, until=lambda status: True, timeout: float = WAIT):
        """Return the next diagnostic status of a part for which ``until`` is true."""
        self.diagnostics.clear()

        def matching():
            return [s for message in self.diagnostics for s in message.status
                    if s.name == f'{self.name[1:]}: {part}' and until(s)]

        self.graph.spin_until(matching, timeout, what=f'that status of {part}')
        return matching()[-1]

    def values(self, part: str) -> dict[str, str]:
        return {value.key: value.value for value in self.status(part).values}
