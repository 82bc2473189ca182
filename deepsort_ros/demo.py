"""
The demo: a sequence played over DDS into the live node, its tracks recorded and shown.

The node runs as a process of its own, as on a robot. All that lies between the images and the
video is the product itself.
"""
from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from tabulate import tabulate

from deepsort_ros.bags.player import Player
from deepsort_ros.bags.player import PlayerError
from deepsort_ros.bags.player import sequence_messages
from deepsort_ros.bags.writer import TrackWriter
from deepsort_ros.mot.evaluation import evaluate
from deepsort_ros.mot.evaluation import find_pairs
from deepsort_ros.mot.people import detect_people
from deepsort_ros.mot.rendering import draw_tracks
from deepsort_ros.mot.rendering import Trails
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.sequence import Sequence
from deepsort_ros.mot.table import format_row
from deepsort_ros.mot.video import VideoWriter
from deepsort_ros.msg import TrackArray
from deepsort_ros.resources import share_path
from deepsort_ros.ros.distro import isolation
from deepsort_ros.ros.distro import profiles_variable
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.overlay import boxes
from deepsort_ros.scene.scene import write_scene

NAMESPACE = 'demo'
# Seconds a node may take from its start to its first track, on a slow and busy machine.
START_TIMEOUT = 120.0
FRAME_TIMEOUT = 120.0
DIAGNOSTICS_TIMEOUT = 5.0
STOP_TIMEOUT = 15.0
Progress = Callable[[int, int], None]


class DemoError(RuntimeError):
    """The node did not start or ended early; the message names its log."""


@dataclass
class DemoSummary:
    """
    What the demo saw.

    :param frames: tracked; :param ids: different ids published as confirmed.
    :param frames_per_second: of the whole way, images in to tracks out.
    :param latency_p50_ms: from publishing a frame to its tracks; :param latency_p95_ms: same.
    :param dropped: images without tracks, as the node was slower than the rate.
    :param damage: what of the sequence could not be read, empty when all was.
    :param scores: MOTA, IDF1 and so on against the truth, empty without truth.
    """

    sequence: str
    frames: int
    ids: int
    frames_per_second: float
    latency_p50_ms: float
    latency_p95_ms: float
    device: str
    model: str
    video: str
    bag: str
    results: str
    dropped: int = 0
    damage: str = ''
    scores: dict[str, float | int] = field(default_factory=dict)


@dataclass
class _Recording:
    """What came back: tracks by frame number from 1, latencies and the whole time [s]."""

    tracks: dict[int, TrackArray]
    latencies: list[float]
    seconds: float
    appearance: dict[str, str]
    dropped: int


def run(output: Path, sequence_path: Path | None = None, rate: float | None = None,
        show: Callable[[str], contextlib.AbstractContextManager[Progress]] | None = None,
        parameters: Mapping[str, Any] | None = None, detect: bool = False) -> DemoSummary:
    """
    Run the demo and return what it saw.

    :param output: folder for ``tracks.mp4``, ``tracks`` (bag), ``results.txt``, ``node.log``;
        those of an earlier run are replaced.
    :param sequence_path: a MOTChallenge folder, or a video; by default the sample scene is
        rendered.
    :param rate: images per second; None plays each frame when the tracks of the last have come.
    :param show: makes a progress callback (done, all) for a stage of this name.
    :param parameters: of the node, instead of the defaults.
    :param detect: find people with :class:`deepsort_ros.mot.people.PeopleDetector` first, into
        ``detections.txt``.
    :raises DemoError: the node did not do its part.
    :raises deepsort_ros.mot.table.MotFileError: not a sequence.
    """
    show = show or _silent
    output.mkdir(parents=True, exist_ok=True)
    if sequence_path is None:
        sequence_path = output / 'scene'
        with show('rendering the scene') as update:
            write_scene(sequence_path, progress=update)
    detections = output / 'detections.txt' if detect else None
    if detections is not None:
        with show('looking for people') as update:
            if not detect_people(sequence_path, detections, update):
                raise DemoError(f'{sequence_path}: the detector finds no people; they must stand '
                                'upright and be about 100 pixels high or more')
    sequence = open_sequence(sequence_path, detections)
    recording = _record(sequence, output, rate, show, parameters or {})
    results = output / 'results.txt'
    ids = _write_results(results, recording)
    with show('drawing the video') as update:
        _write_video(output / 'tracks.mp4', sequence, recording, update)
    p50, p95 = np.percentile(np.array(recording.latencies or [np.nan]) * 1000, (50, 95))
    return DemoSummary(
        sequence=sequence.name, frames=len(recording.tracks), ids=ids,
        frames_per_second=round(len(recording.tracks) / recording.seconds, 2),
        latency_p50_ms=round(float(p50), 1), latency_p95_ms=round(float(p95), 1),
        device=recording.appearance.get('device', 'none'),
        model=recording.appearance.get('model', 'none'),
        video=str(output / 'tracks.mp4'), bag=str(output / 'tracks'), results=str(results),
        dropped=recording.dropped, damage=sequence.damage, scores=_scores(sequence, results))


def format_summary(summary: DemoSummary) -> str:
    """Return the summary as a table for people."""
    rows: list[tuple[str, object]] = [
        ('sequence', summary.sequence), ('frames', summary.frames), ('ids', summary.ids),
        ('fps', summary.frames_per_second), ('latency p50', f'{summary.latency_p50_ms} ms'),
        ('latency p95', f'{summary.latency_p95_ms} ms'), ('images dropped', summary.dropped),
        ('device', summary.device), ('model', summary.model)]
    rows += [(name, f'{value:.1f}' if isinstance(value, float) else value)
             for name, value in summary.scores.items()]
    rows += [('video', summary.video), ('bag', summary.bag), ('results', summary.results)]
    return str(tabulate(rows, tablefmt='simple', disable_numparse=True))


@contextlib.contextmanager
def _silent(stage: str) -> Iterator[Progress]:
    yield lambda done, total: None


def isolate() -> None:
    """Keep this process off the network and out of the graph of a robot that is running."""
    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
    os.environ.setdefault(profiles_variable(), str(share_path('config/large_images.xml')))
    for name, value in isolation().items():
        os.environ.setdefault(name, value)


def _node_command(parameters: Path) -> list[str]:
    """Return the command of the node: through the launch file where ros2 launch exists."""
    if shutil.which('ros2') and importlib.util.find_spec('launch_ros'):
        return ['ros2', 'launch', 'deepsort_ros', 'tracker.launch.py',
                f'namespace:={NAMESPACE}', f'params_file:={parameters}']
    return [sys.executable, '-m', 'deepsort_ros.ros.main', '--ros-args', '-r',
            f'__ns:=/{NAMESPACE}', '--params-file', str(parameters)]


def _write_parameters(path: Path, changes: Mapping[str, Any]) -> None:
    """Write the launch file's parameters with some of them changed."""
    document = yaml.safe_load(share_path('config/tracker.yaml').read_text(encoding='utf-8'))
    for content in document.values():
        content['ros__parameters'].update(changes, load_wait=3600.0)
    path.write_text(yaml.safe_dump(document), encoding='utf-8')


@contextlib.contextmanager
def _node(output: Path, changes: Mapping[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    parameters = output / 'parameters.yaml'
    _write_parameters(parameters, changes)
    with (output / 'node.log').open('wb') as log:
        process = subprocess.Popen(
            _node_command(parameters), stdout=log, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _record(sequence: Sequence, output: Path, rate: float | None,
            show: Callable[[str], contextlib.AbstractContextManager[Progress]],
            parameters: Mapping[str, Any]) -> _Recording:
    """Play the sequence into a node of its own."""
    isolate()
    bag = output / 'tracks'
    shutil.rmtree(bag, ignore_errors=True)
    first = time.time_ns()
    tracks: dict[int, TrackArray] = {}
    rclpy.init()
    player = Player(namespace=NAMESPACE)
    try:
        with _node(output, {'frame_rate': float(sequence.frame_rate), **parameters}) as process:
            with show('starting the node') as update:
                _wait(player, process)
                update(1, 1)
            with show('tracking') as update, TrackWriter(bag) as writer:
                numbers: dict[int, int] = {}

                def messages() -> Iterator[Any]:
                    for count, message in enumerate(sequence_messages(
                            sequence.frames(), sequence.frame_rate, start=first)):
                        # An image, then its detections.
                        numbers[nanoseconds(message.header.stamp)] = 1 + count // 2
                        yield message

                def received(message: TrackArray) -> None:
                    stamp = nanoseconds(message.header.stamp)
                    number = numbers[stamp]
                    writer.write(message, stamp)
                    tracks[number] = message
                    update(number, sequence.length)

                start = time.monotonic()
                played = player.play(messages(), rate=rate, timeout=FRAME_TIMEOUT,
                                     on_tracks=received)
                seconds = time.monotonic() - start
            appearance = _appearance()
    except PlayerError as error:
        raise DemoError(f'{error}; the node says why in {output / "node.log"}') from error
    finally:
        player.close()
        rclpy.try_shutdown()
    return _Recording(tracks, played.latencies, seconds, appearance, played.pairs - len(tracks))


def _wait(player: Player, process: subprocess.Popen[bytes]) -> None:
    """Wait for the node, but not for one that has ended."""
    end = time.monotonic() + START_TIMEOUT
    while True:
        try:
            player.wait_for_tracker(timeout=1.0)
            return
        except PlayerError:
            if process.poll() is not None:
                raise PlayerError(f'the node ended with code {process.returncode}') from None
            if time.monotonic() > end:
                raise


def _appearance() -> dict[str, str]:
    """Return what the node's diagnostics say of its network, nothing when it keeps silent."""
    found: dict[str, str] = {}

    def read(message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == f'{NAMESPACE}/tracker: appearance':
                found.update({pair.key: pair.value for pair in status.values})

    node = rclpy.create_node('reader')
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        node.create_subscription(DiagnosticArray, '/diagnostics', read, 10)
        end = time.monotonic() + DIAGNOSTICS_TIMEOUT
        while not found and time.monotonic() < end:
            executor.spin_once(timeout_sec=0.1)
    finally:
        executor.shutdown()
        node.destroy_node()
    return found


def _write_results(path: Path, recording: _Recording) -> int:
    """Write the tracks seen in each image as a MOTChallenge file; return the number of ids."""
    ids = set()
    with path.open('w', encoding='utf-8') as file:
        for number, message in sorted(recording.tracks.items()):
            for track, tlwh in zip(message.tracks, boxes(message)):
                if track.time_since_update <= 1:  # as the reference and deepsort track
                    file.write(format_row(number, track.id, tlwh))
                    ids.add(track.id)
    return len(ids)


def _write_video(path: Path, sequence: Sequence, recording: _Recording,
                 update: Progress) -> None:
    trails = Trails()
    varies = sequence.footage is not None and sequence.footage.varies
    with VideoWriter(path, sequence.frame_rate, varies=varies) as writer:
        for frame in sequence.frames():
            image, message = frame.load(), recording.tracks.get(frame.number)
            assert image is not None, 'the player has just shown it'
            if message is not None:
                ids, tlwh = [track.id for track in message.tracks], boxes(message)
                image = draw_tracks(image, ids, [track.state for track in message.tracks],
                                    tlwh, trails=trails.update(ids, tlwh))
            writer.write(image, frame.time)
            update(frame.number, sequence.length)


def _scores(sequence: Sequence, results: Path) -> dict[str, float | int]:
    if sequence.truth is None or not results.stat().st_size:
        return {}
    scores = vars(evaluate(find_pairs([sequence.path, results]))[0])
    return {name: scores[name] for name in ('MOTA', 'IDF1', 'HOTA', 'IDs', 'FP', 'FN')}
