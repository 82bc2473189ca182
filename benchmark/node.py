"""
Measure the live node: publisher process -> node process -> this process, which subscribes.

    python benchmark/node.py
    python benchmark/node.py --settings bare 0 on_demand --seconds 10 --json

One run per setting, the same images and detections in each:

    bare        no node: a minimal rclpy subscriber of both topics, what any node pays
    0 5 30 60   the node, its network replaced by a wait of so many milliseconds per image
    always, on_demand
                the node with the bundled network on the CPU, `appearance` as named
    always_onnx, on_demand_onnx
                the same in ONNX Runtime

Every frame's way is timed in four parts that add up, in milliseconds as p50/p99:

    before      stamp, taken just before the image is published, until a pair is in the node's
                hands: DDS, and rclpy taking and deserialising image and detections
    own         until its tracks are published, without the next: what this package costs, and
                the wait for the frame before
    encode      crops cut out, the network or the wait in its place, one thread to another
    after       until the tracks are in the hands of this process

`total` is all of it. `stages` are p50 of stages of `own`. `sent` are images; `lost` of them DDS
did not bring to the node, those `received` are tracked or dropped for a reason named. `hz` is the
rate reached, `cpu_percent` is of one core. The first two seconds, in which all people are new at
once, are left out of times and CPU, not of the counts; `later` is how many images sent after them
had no tracks that arrived here. Before the first image, images without people are sent until their
tracks arrive, then some at the rate: they are not counted.
"""
from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
ONNX = '_onnx'
SETTINGS = ('bare', '0', '5', '30', '60', 'always', 'always_onnx', 'on_demand', 'on_demand_onnx')
WARM_UP = 2.0
RATE_KNOWN = 20
TOPICS = {'overlay': '/tracker/overlay', 'mirror': '/tracks/detections'}
STAGES = ('read', 'filter', 'track', 'write')
TICK = os.sysconf('SC_CLK_TCK')


# Roles of the other processes

def run_node(setting: str, output: str) -> int:
    """Run the node and keep the stages of every frame; a number is a stand-in of that cost."""
    from deepsort_ros.ros import main as program

    run, samples = program.run, []

    class Wait:
        """Takes its time without the CPU, then tells boxes apart by their order."""

        input_size, feature_size = (128, 64), 128

        def describe(self) -> dict[str, Any]:
            return {'device': f'{setting} ms', 'device_note': ''}

        def warm_up(self, progress: Any) -> None:
            """Do nothing."""

        def encode(self, image: Any, tlwh: Any, encoding: str) -> Any:
            import numpy as np  # not before main takes care of signals: it starts threads
            if setting != '0':
                time.sleep(float(setting) / 1000)
            return np.eye(len(tlwh), 128, dtype=np.float32)

    def recorded(stop: Any, arguments: Any) -> int:
        from deepsort_ros.reid import encoder
        from deepsort_ros.ros.health.diagnostics import Monitor

        sample = Monitor.sample

        def keep(self: Monitor, stages: dict[str, float]) -> None:
            if 'latency' in stages:
                samples.append((time.time_ns(), dict(stages)))
            sample(self, stages)

        Monitor.sample = keep  # type: ignore
        if setting.isdigit():
            encoder.Encoder.create = lambda **_: Wait()  # type: ignore
        try:
            return run(stop, arguments)
        finally:
            Path(output).write_text(json.dumps(samples))

    program.run = recorded
    return program.main()


def run_listener(output: str, topics: list[str]) -> int:
    """Subscribe to topics as the node does, and write when a stamp had arrived on all."""
    import rclpy
    from rclpy.executors import ExternalShutdownException
    from rclpy.qos import QoSProfile
    from rclpy.qos import QoSReliabilityPolicy
    from sensor_msgs.msg import Image
    from vision_msgs.msg import Detection2DArray

    from deepsort_ros.ros.messages.conversions import nanoseconds

    arrived: dict[int, list[int]] = {}

    def on_message(message: Any) -> None:
        arrived.setdefault(nanoseconds(message.header.stamp), []).append(time.time_ns())

    rclpy.init()
    node = rclpy.create_node('listener')
    for topic in topics:
        node.create_subscription(
            Image if topic in ('/image', TOPICS['overlay']) else Detection2DArray, topic,
            on_message, QoSProfile(depth=10, reliability=QoSReliabilityPolicy.RELIABLE))
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    samples = [(times[-1], {'latency': (times[-1] - stamp) / 1e9})
               for stamp, times in arrived.items() if len(times) == len(topics)]
    Path(output).write_text(json.dumps(samples))
    return 0


def run_publisher(options: argparse.Namespace) -> int:
    """Publish images with walking people at a fixed rate, print what was sent, end."""
    import numpy as np
    import rclpy
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header
    from vision_msgs.msg import Detection2DArray

    from deepsort_ros.ros.messages.conversions import time_message
    from deepsort_ros.ros.messages.conversions import write_detections
    from deepsort_ros.ros.messages.images import write_image
    from deepsort_ros.tracking import Detections

    rng = np.random.default_rng(1)
    width, height = options.size
    pixels = rng.integers(0, 255, (height, width, 3), np.uint8)
    start = rng.uniform((0, 0), (width - 80, height - 200), (options.detections, 2))
    speed = rng.uniform(-60, 60, (options.detections, 2))
    rclpy.init()
    node = rclpy.create_node('publisher')
    images = node.create_publisher(Image, '/image', 10)
    detections = node.create_publisher(Detection2DArray, '/detections', 10)
    while not (images.get_subscription_count() and detections.get_subscription_count()):
        time.sleep(0.05)
    time.sleep(0.5)
    message = write_image(pixels, 'bgr8', Header(frame_id='camera'))
    # DDS may bring the first tracks to the subscriber only seconds after the node is there.
    probe, probes = write_image(pixels[:16, :16], 'bgr8', Header()), 0
    while not options.go.exists():
        probe.header.stamp = time_message(time.time_ns())
        images.publish(probe)
        detections.publish(Detection2DArray(header=probe.header))
        probes += 1
        time.sleep(0.1)
    # A camera has its rate before people come, and the node gives features the time it leaves.
    for _ in range(RATE_KNOWN):
        probe.header.stamp = time_message(time.time_ns())
        images.publish(probe)
        detections.publish(Detection2DArray(header=probe.header))
        probes += 1
        time.sleep(1 / options.rate)
    sent, cpu, watched = [], {}, (*options.watch, os.getpid())
    count = round((options.seconds + WARM_UP) * options.rate)
    begin = time.monotonic()
    for frame in range(count):
        places = start + speed * frame / options.rate
        boxes = np.concatenate([places, np.tile([60.0, 180.0], (len(places), 1))], 1)
        people = write_detections(Detections.from_arrays(boxes), message.header)
        time.sleep(max(0.0, begin + frame / options.rate - time.monotonic()))
        if frame == round(WARM_UP * options.rate):
            warm, cpu = time.monotonic(), {pid: -cpu_seconds(pid) for pid in watched}
        sent.append(time.time_ns())
        message.header.stamp = people.header.stamp = time_message(sent[-1])
        images.publish(message)
        detections.publish(people)
    seconds = time.monotonic() - warm
    options.output.write_text(json.dumps({
        'sent': sent, 'probes': probes, 'rate': (count - round(WARM_UP * options.rate)) / seconds,
        'cpu': [100 * (used + cpu_seconds(pid)) / seconds for pid, used in cpu.items()]}))
    time.sleep(1.0)  # let the last ones arrive
    rclpy.shutdown()
    return 0


def cpu_seconds(process: int) -> float:
    """Return the CPU time a process has used so far."""
    fields = Path(f'/proc/{process}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


# This process

class Subscriber:
    """Takes tracks and diagnostics."""

    def __init__(self, go: Path) -> None:
        """Subscribe, and make a file once tracks arrive."""
        import rclpy
        from diagnostic_msgs.msg import DiagnosticArray
        from rclpy.qos import QoSProfile

        from deepsort_ros.msg import TrackArray

        self.go = go
        self.tracks: list[tuple[int, int]] = []
        self.values: dict[str, str] = {}
        self.reports = 0
        self._node = rclpy.create_node('subscriber')
        self._node.create_subscription(TrackArray, '/tracks', self._on_tracks,
                                       QoSProfile(depth=100))
        self._node.create_subscription(DiagnosticArray, '/diagnostics', self._on_report, 10)

    def _on_tracks(self, message: Any) -> None:
        from deepsort_ros.ros.messages.conversions import nanoseconds

        if not message.header.frame_id:
            self.go.touch()
            return
        self.tracks.append((nanoseconds(message.header.stamp), time.time_ns()))

    def _on_report(self, message: Any) -> None:
        self.reports += 1
        self.values.update((v.key, v.value) for s in message.status for v in s.values)

    def spin_while(self, condition: Any, timeout: float) -> None:
        """Take messages as long as a condition holds, at most so many seconds."""
        import rclpy

        end = time.monotonic() + timeout
        while condition() and time.monotonic() < end:
            rclpy.spin_once(self._node, timeout_sec=0.1)

    def close(self) -> None:
        """Unsubscribe."""
        self._node.destroy_node()


def measure(setting: str, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the processes once and return what was measured."""
    def start(role: str, *arguments: object, **how: Any) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, __file__, role, *map(str, arguments)], text=True,
                                **how)

    output, sent = folder / f'{setting}.json', folder / f'{setting}.sent.json'
    go = folder / f'{setting}.go'
    subscriber = Subscriber(go)
    if setting == 'bare':
        go.touch()  # nothing comes back
        tested = start('--run-listener', output, '/image', '/detections')
    else:
        appearance = 'always' if setting.isdigit() else setting.removesuffix(ONNX)
        engine = 'onnxruntime' if setting.endswith(ONNX) else 'auto'
        tested = start('--run-node', setting, output, '--ros-args', '-p',
                       f'appearance:={appearance}', '-p', 'device:=CPU', '-p', f'engine:={engine}',
                       *(word for text in options.set for word in ('-p', text)))
    watchers = [] if setting == 'bare' else [
        start('--run-listener', folder / name, TOPICS[name]) for name in options.subscribe]
    publisher = start(
        '--run-publisher', sent, '--seconds', options.seconds, '--rate', options.rate,
        '--detections', options.detections, '--size', *options.size,
        '--go', go, '--watch', tested.pid, os.getpid())
    try:
        subscriber.spin_while(lambda: publisher.poll() is None and tested.poll() is None,
                              120 + 3 * options.seconds)
        last = subscriber.reports
        if setting != 'bare':
            subscriber.spin_while(lambda: subscriber.reports < last + 2, 10)
    finally:
        publisher.kill()
        for process in (tested, *watchers):
            process.send_signal(signal.SIGINT)
        for process in (publisher, tested, *watchers):
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
        subscriber.close()
    if not sent.is_file() or not output.is_file():
        raise SystemExit(f'{setting}: the publisher or the node ended too soon')
    return {'setting': setting, **summary(
        json.loads(sent.read_text()), json.loads(output.read_text()), subscriber)}


def summary(published: dict[str, Any], samples: list[Any],
            subscriber: Subscriber) -> dict[str, Any]:
    """Return times, counts and load of one run."""
    import numpy as np

    sent = published['sent']
    warm = sent[0] + round(WARM_UP * 1e9)
    arrival = dict(subscriber.tracks)
    stamps = np.array(sent)
    parts: dict[str, list[float]] = {}
    for now, stages in samples:
        # The node's times come without stamp: it is the one closest to where they point to.
        stamp = sent[int(np.argmin(np.abs(stamps - (now - 1e9 * stages['latency']))))]
        if stamp < warm:
            continue
        inside = stages.get('pair_to_tracks', 0.0)
        found = {**stages, 'before': stages['latency'] - inside}
        if inside:
            found['own'] = inside - stages.get('encode', 0.0)
        if stamp in arrival:
            found['total'] = (arrival[stamp] - stamp) / 1e9
            found['after'] = found['total'] - stages['latency']
        for part, seconds in found.items():
            parts.setdefault(part, []).append(1e3 * seconds)
    values = {name: int(v) for name, v in subscriber.values.items() if v.isdigit()}
    probes = published['probes']
    received = values.get('image_count', len(samples)) - probes
    later = (sum(stamp >= warm and stamp not in arrival for stamp in sent)
             if arrival else None)
    return {
        **{part: [round(float(p), 2) for p in np.percentile(parts[part], (50, 99))]
           if part in parts else None for part in ('total', 'before', 'own', 'encode', 'after')},
        'stages': {s: round(float(np.median(parts[s])), 2) for s in STAGES if s in parts},
        'hz': round(published['rate'], 1), 'sent': len(sent), 'received': received,
        'lost': len(sent) - received,
        'tracked': values['frames'] - probes if 'frames' in values else None,
        'later': later,
        'dropped': {name.removeprefix('dropped_').removeprefix('pairing_'): n
                    for name, n in values.items()
                    if n and name.startswith(('dropped_', 'pairing_image_without'))},
        'cpu_percent': dict(zip(('node', 'subscriber', 'publisher'),
                                map(round, published['cpu'])))}


def cells(row: dict[str, Any]) -> dict[str, str]:
    """Return a row as the table shows it."""
    def text(value: Any) -> str:
        if isinstance(value, list):
            return ' / '.join(f'{v:.1f}' for v in value)
        if isinstance(value, dict):
            return ', '.join(f'{name} {v}' for name, v in value.items())
        return '' if value is None else str(value)

    return {name: text(value) for name, value in row.items()}


def main() -> int:
    """Measure every setting in turn and print the table, or JSON lines as they are measured."""
    if sys.argv[1:2] == ['--run-node']:
        setting, output = sys.argv[2:4]
        del sys.argv[1:4]
        return run_node(setting, output)
    if sys.argv[1:2] == ['--run-listener']:
        return run_listener(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--settings', nargs='+', default=SETTINGS, choices=SETTINGS)
    parser.add_argument('--seconds', type=float, default=20.0, help='measured per setting')
    parser.add_argument('--rate', type=float, default=30.0, help='images per second')
    parser.add_argument('--detections', type=int, default=20, help='per image')
    parser.add_argument('--size', type=int, nargs=2, default=(1920, 1080),
                        metavar=('WIDTH', 'HEIGHT'))
    parser.add_argument('--subscribe', nargs='+', default=[], choices=TOPICS,
                        help='to these too, each from a process of its own')
    parser.add_argument('--set', action='append', default=[], metavar='NAME:=VALUE',
                        help='a parameter of the node')
    parser.add_argument('--json', action='store_true', help='one line per setting')
    parser.add_argument('--run-publisher', dest='output', type=Path, help=argparse.SUPPRESS)
    parser.add_argument('--go', type=Path, help=argparse.SUPPRESS)
    parser.add_argument('--watch', type=int, nargs='*', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.output:
        return run_publisher(options)
    import rclpy
    from tabulate import tabulate

    from deepsort_ros.demo import isolate
    isolate()
    rclpy.init()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for setting in options.settings:
            rows.append(measure(setting, options, Path(folder)))
            print(json.dumps(rows[-1]) if options.json else f'{setting} done', flush=True,
                  file=sys.stdout if options.json else sys.stderr)
    rclpy.shutdown()
    if not options.json:
        print(tabulate(map(cells, rows), headers='keys', tablefmt='github'))
    return 0


if __name__ == '__main__':
    sys.exit(main())
