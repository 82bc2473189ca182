"""What sends a stream to a running node as fast as it answers, and checks every answer."""
from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import live
import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import Parameter
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from stream import Frame
from stream import HEIGHT
from stream import SECOND
from stream import STEP
from stream import Stream
from stream import WIDTH
from vision_msgs.msg import Detection2DArray
from visualization_msgs.msg import ImageMarker

from deepsort_ros.msg import TrackArray
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.ros.messages.conversions import write_detections
from deepsort_ros.ros.messages.images import write_image
from deepsort_ros.tracking import Detections

# Frames on the way and in the node's queue: it is never idle, and behind only in a burst.
QUEUE = 4
BURST = 5 * QUEUE
# Seconds without room after which frames count as lost on the way, as some are meant to be.
PATIENCE = 0.3
# Frames with the network, each time; they take ten times as long as those without.
SPELL = 25
# Deeper than all that is ever on the way: DDS itself must lose nothing.
QOS = QoSProfile(depth=500)
OVERRIDES = [part for topic in (
    '/image.subscription', '/detections.subscription', '/tracks.publisher')
    for policy in ('reliability:=reliable', f'depth:={QOS.depth}')
    for part in ('-p', f'qos_overrides.{topic}.{policy}')]


@dataclass(frozen=True)
class Sample:
    """What a process holds: after how many frames, resident MiB, open files, threads."""

    frame: int
    memory: float
    files: int
    threads: int


def sample(process: int, frame: int) -> Sample:
    folder = Path(f'/proc/{process}')
    status = dict(line.split(':', 1) for line in (folder / 'status').read_text().splitlines())
    return Sample(frame, int(status['VmRSS'].split()[0]) / 1024,
                  len(list((folder / 'fd').iterdir())), int(status['Threads']))


class Witness:
    """Checks every TrackArray as it comes."""

    def __init__(self) -> None:
        self.frames = self.newest = 0
        self.sessions: list[int] = []
        self.ended: set[int] = set()
        self.present: set[int] = set()
        self._stamp = 0

    def see(self, array: TrackArray) -> None:
        ids, removed = {track.id for track in array.tracks}, set(array.removed_ids)
        stamp = nanoseconds(array.header.stamp)
        assert len(ids) == len(array.tracks), 'an id twice in one array'
        if not self.sessions or array.session != self.sessions[-1]:
            assert array.session > max(self.sessions, default=-1), 'a session came back'
            self.sessions.append(array.session)
            self.ended |= self.present
            self.present = set()
        else:
            assert stamp > self._stamp, 'stamps do not increase'
        assert self.present - ids == removed, 'removed_ids are not the tracks that ended'
        assert ids.isdisjoint(self.ended), 'an id came back'
        self.ended |= removed
        self.present, self._stamp = ids, stamp
        self.frames += 1
        self.newest = max(self.newest, int(array.header.frame_id))


class Load:
    """Sends a stream to the node on the graph, so that some frames are always on the way."""

    def __init__(self, graph: live.Graph) -> None:
        self.graph = graph
        self.stream = Stream()
        self.witness = Witness()
        self.sent: Counter[str] = Counter()
        self.modes: Counter[str] = Counter()
        self.mode = 'on_demand'
        self.last = self._settled = 0
        self._spell_ends = SPELL
        self._listeners: list = []
        self._pixels = np.random.default_rng(1).integers(
            0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
        self._diagnostics: list[DiagnosticArray] = graph.collect(DiagnosticArray, '/diagnostics')
        graph.node.create_subscription(TrackArray, '/tracks', self.witness.see, QOS)
        self._images = graph.publisher(Image, '/image', QOS)
        self._detections = graph.publisher(Detection2DArray, '/detections', QOS)
        self._set = graph.node.create_client(SetParameters, '/tracker/set_parameters')
        self._reset = graph.node.create_client(Trigger, '/tracker/reset')
        for client in (self._set, self._reset):
            assert client.wait_for_service(20.0)
        graph.spin_until(lambda: graph.node.count_subscribers('/tracks'))

    def step(self) -> None:
        """Send what comes next, then wait until there is room for more."""
        event, stream = self.stream.event(), self.stream
        if self.mode != 'off' and self.last >= self._spell_ends:
            self._switch('off')
        if event == 'burst':
            for _ in range(BURST):
                self.both(stream.frame())
        elif event == 'after its successor':
            first = stream.frame()
            self.both(stream.frame())
            self.both(first)
        elif event == 'a little back':
            self.both(stream.frame(-STEP // 2))
            self.both(stream.frame(2 * STEP))
        elif event == 'unreadable':
            self.both(stream.frame(), encoding='cmyk8')
        elif event in ('reset', 'appearance', 'listeners'):
            self.both(stream.frame())
            {'reset': self._restart, 'appearance': partial(self._switch, 'on_demand'),
             'listeners': self._listen}[event]()
        else:
            frame = stream.frame({'gap': 4 * SECOND, 'jump back': -10 * SECOND}.get(event, STEP))
            for _ in range({'image lost': 0, 'image twice': 2}.get(event, 1)):
                self.image(frame)
            for _ in range({'detections lost': 0, 'detections twice': 2}.get(event, 1)):
                self.detections(frame)
        self._wait()

    def both(self, frame: Frame, **changes: object) -> None:
        """Send a frame, either message first; ``changes`` overwrites fields of the image."""
        if self.stream.chance():
            self.image(frame, **changes)
            self.detections(frame)
        else:
            self.detections(frame)
            self.image(frame, **changes)

    def image(self, frame: Frame, **changes: object) -> None:
        message = write_image(self._pixels, 'bgr8', _header(frame))
        for name, value in changes.items():
            setattr(message, name, value)
        self._images.publish(message)
        self.sent['image'] += 1
        self.modes[self.mode] += 1
        self.last = max(self.last, frame.number)

    def detections(self, frame: Frame) -> None:
        self._detections.publish(write_detections(
            Detections.from_arrays(frame.boxes, frame.scores), _header(frame)))
        self.sent['detections'] += 1

    def finish(self) -> dict[str, int]:
        """Return the counts of the node once all has arrived."""
        self._probe(4 * SECOND)
        counts: dict[str, int] = {}
        end = time.monotonic() + 10.0
        while time.monotonic() < end and counts.get('frames') != self.witness.frames:
            self._diagnostics.clear()
            self.graph.spin_until(lambda: self._diagnostics, what='the next diagnostics')
            counts = {value.key: int(value.value) for status in self._diagnostics[-1].status
                      for value in status.values if value.value.isdigit()}
        return counts

    def _wait(self) -> None:
        """Wait until few frames are on the way."""
        end = time.monotonic() + PATIENCE
        while self.last - max(self.witness.newest, self._settled) >= QUEUE:
            self.graph.spin_once(0.05)
            if time.monotonic() > end:  # the last ones are lost; one that is whole is answered
                self._probe(STEP)

    def _probe(self, step: int) -> None:
        """Send a whole frame and wait for its tracks."""
        frame = self.stream.frame(step)
        self.both(frame)
        self.graph.spin_until(lambda: self.witness.newest == frame.number, 60.0,
                              what=f'the TrackArray of frame {frame.number}')

    def _restart(self) -> None:
        """Reset, while frames are on the way."""
        assert self._call(self._reset, Trigger.Request()).success
        self._settled = self.last

    def _switch(self, mode: str) -> None:
        """Compute features for a while, or none."""
        self.mode, self._spell_ends = mode, self.last + SPELL
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=self.mode)
        answer = self._call(self._set, SetParameters.Request(
            parameters=[Parameter(name='appearance', value=value)]))
        assert answer.results[0].successful

    def _call(self, client, request):
        future = client.call_async(request)
        self.graph.spin_until(future.done)
        return future.result()

    def _listen(self) -> None:
        """Subscribe to what is only published for a subscriber, or no longer."""
        for listener in self._listeners:
            self.graph.node.destroy_subscription(listener)
        self._listeners = [] if self._listeners else [
            self.graph.node.create_subscription(kind, topic, lambda message: None, 10)
            for kind, topic in ((Detection2DArray, '/tracks/detections'),
                                (ImageMarker, '/tracks/annotations'),
                                (Image, '/tracker/overlay'))]


def _header(frame: Frame) -> Header:
    return Header(stamp=time_message(frame.stamp), frame_id=str(frame.number))
