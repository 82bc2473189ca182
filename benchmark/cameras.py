"""
Measure several cameras: one process for all of them against a process for each.

    python benchmark/cameras.py --encoder 0 30 --seconds 15 --rounds 3
    python benchmark/cameras.py --encoder real --rate 4 --detections 4

One process publishes the images and detections of all cameras, all at the same moments; this one
subscribes to all tracks. `--encoder MS` replaces the network by one device that takes so many
milliseconds per batch, whatever its size, without the CPU; processes wait for each other at it.
`real` is the bundled network on the CPU. The two ways take turns, `--rounds` times; figures are
medians of the rounds: latency from stamp to arrival of the tracks here, tracked of sent images,
CPU and memory of all trackers together. Memory is the resident set, and its proportional part,
which counts a page that processes share once. The first two seconds are left out of latency and
CPU.
"""
from __future__ import annotations

import argparse
import fcntl
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from node import cpu_seconds

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
WARM_UP = 2.0
WAYS = ('one', 'each')


# Roles of the other processes

def run_trackers(milliseconds: str, lock: str) -> int:
    """Run the node, with a device of fixed cost unless it is to be the real network."""
    from deepsort_ros.ros import main as program

    run = program.run

    class Device:
        """Takes its time, alone, then tells boxes apart by their order."""

        input_size, feature_size = (128, 64), 128

        def describe(self) -> dict[str, Any]:
            return {'device': f'{milliseconds} ms', 'device_note': ''}

        def warm_up(self, progress: Any) -> None:
            """Do nothing."""

        def encode(self, image: Any, tlwh: Any, encoding: str) -> Any:
            import numpy as np  # not before main takes care of signals: it starts threads
            with open(lock) as device:
                fcntl.flock(device, fcntl.LOCK_EX)
                time.sleep(float(milliseconds) / 1000)
            return np.eye(len(tlwh), 128, dtype=np.float32)

    def run_with_device(stop: Any, arguments: Any) -> int:
        from deepsort_ros.reid import encoder
        if milliseconds != 'real':
            encoder.Encoder.create = lambda **_: Device()  # type: ignore
        return run(stop, arguments)

    program.run = run_with_device
    return program.main()


def run_publisher(options: argparse.Namespace) -> int:
    """Publish what all cameras see at a fixed rate, then end."""
    import numpy as np
    import rclpy
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header
    from vision_msgs.msg import Detection2DArray

    from deepsort_ros.ros.messages.conversions import time_message
    from deepsort_ros.ros.messages.conversions import write_detections
    from deepsort_ros.ros.messages.images import write_image
    from deepsort_ros.tracking import Detections

    random = np.random.default_rng(1)
    width, height = options.size
    start = random.uniform((0, 0), (width - 60, height - 120),
                           (options.cameras, options.detections, 2))
    speed = random.uniform(-30, 30, start.shape)
    message = write_image(random.integers(0, 255, (height, width, 3), np.uint8), 'bgr8',
                          Header(frame_id='camera'))
    rclpy.init()
    node = rclpy.create_node('publisher')
    outputs = [(node.create_publisher(Image, f'/{name}/image', 10),
                node.create_publisher(Detection2DArray, f'/{name}/detections', 10))
               for name in names(options.cameras)]
    while not all(each.get_subscription_count() for pair in outputs for each in pair):
        time.sleep(0.05)
    time.sleep(1.0)
    begin = time.monotonic()
    for frame in range(round((options.seconds + WARM_UP) * options.rate)):
        time.sleep(max(0.0, begin + frame / options.rate - time.monotonic()))
        for (images, detections), places in zip(outputs, start + speed * frame / options.rate):
            boxes = np.concatenate([places, np.tile([40.0, 100.0], (len(places), 1))], 1)
            message.header.stamp = time_message(time.time_ns())
            images.publish(message)
            detections.publish(
                write_detections(Detections.from_arrays(boxes), message.header))
    time.sleep(2.0)  # let the last ones arrive
    rclpy.shutdown()
    return 0


# This process

def names(cameras: int) -> list[str]:
    """Return the names of so many cameras."""
    return [f'camera{number}' for number in range(cameras)]


def memory(process: int) -> tuple[float, float]:
    """Return the resident set of a process and its proportional part, in MB."""
    lines = Path(f'/proc/{process}/smaps_rollup').read_text().splitlines()
    sizes = {line.split(':')[0]: int(line.split()[1]) / 1024 for line in lines[1:]}
    return sizes['Rss'], sizes['Pss']


def measure(way: str, encoder: str, options: argparse.Namespace, lock: str) -> dict[str, Any]:
    """Run all processes once and return what was measured."""
    import numpy as np
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.qos import QoSProfile

    from deepsort_ros.msg import TrackArray
    from deepsort_ros.ros.messages.conversions import nanoseconds

    arrivals: list[tuple[int, int]] = []
    dropped: dict[tuple[str, str], int] = {}

    def on_tracks(message: TrackArray) -> None:
        arrivals.append((nanoseconds(message.header.stamp), time.time_ns()))

    def on_diagnostics(message: DiagnosticArray) -> None:
        dropped.update(((status.name, value.key), int(value.value)) for status in message.status
                       for value in status.values if value.key.startswith('dropped_')
                       and status.name.startswith('camera'))

    def start(*arguments: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, __file__, *map(str, arguments)])

    cameras = names(options.cameras)
    subscriber = rclpy.create_node('subscriber')
    for name in cameras:
        subscriber.create_subscription(TrackArray, f'/{name}/tracks', on_tracks,
                                       QoSProfile(depth=100))
    subscriber.create_subscription(DiagnosticArray, '/diagnostics', on_diagnostics, 10)
    role = ('--run-trackers', encoder, lock, '--ros-args', '--log-level', 'warn', '-p',
            'device:=CPU', '-p', f'appearance:={options.appearance}')
    trackers = ([start(*role, '-p', f'cameras:=[{", ".join(cameras)}]')] if way == 'one' else
                [start(*role, '-r', f'__ns:=/{name}') for name in cameras])
    while not all(subscriber.count_publishers(f'/{name}/tracks') for name in cameras):
        rclpy.spin_once(subscriber, timeout_sec=0.1)
    publisher = start('--run-publisher', '--cameras', options.cameras, '--seconds',
                      options.seconds, '--rate', options.rate, '--detections',
                      options.detections, '--size', *options.size)
    load: list[tuple[float, float]] = []
    try:
        while publisher.poll() is None:
            known = len(arrivals)
            rclpy.spin_once(subscriber, timeout_sec=0.1)
            if len(arrivals) > known and time.time_ns() - arrivals[0][0] > WARM_UP * 1e9:
                load.append((time.monotonic(), sum(cpu_seconds(t.pid) for t in trackers)))
        size = tuple(map(sum, zip(*(memory(t.pid) for t in trackers))))
    finally:
        for tracker in trackers:
            tracker.send_signal(signal.SIGINT)
        for tracker in trackers:
            tracker.wait(20)
        publisher.kill()
        publisher.wait()
        subscriber.destroy_node()
    first = min(stamp for stamp, _ in arrivals) + round(WARM_UP * 1e9)
    latency = [(arrived - stamp) / 1e6 for stamp, arrived in arrivals if stamp >= first]
    p50, p99 = np.percentile(latency, (50, 99))
    seconds, used = np.subtract(load[-1], load[0])
    return {'p50_ms': p50, 'p99_ms': p99,
            'sent': options.cameras * round((options.seconds + WARM_UP) * options.rate),
            'tracked': len(arrivals), 'dropped': sum(dropped.values()),
            'cpu_percent': 100 * used / seconds, 'rss_mb': size[0], 'pss_mb': size[1]}


def main() -> int:
    """Measure both ways in turn and print a table, or lines of JSON."""
    if sys.argv[1:2] == ['--run-trackers']:
        encoder, lock = sys.argv[2:4]
        del sys.argv[1:4]
        return run_trackers(encoder, lock)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--cameras', type=int, default=2)
    parser.add_argument('--encoder', nargs='+', default=['0', '30'], metavar='MS|real')
    parser.add_argument('--appearance', default='always', choices=('always', 'on_demand', 'off'))
    parser.add_argument('--seconds', type=float, default=15.0, help='of images per run')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--rate', type=float, default=15.0, help='images per second and camera')
    parser.add_argument('--detections', type=int, default=10, help='per image')
    parser.add_argument('--size', type=int, nargs=2, default=(640, 480),
                        metavar=('WIDTH', 'HEIGHT'))
    parser.add_argument('--json', action='store_true', help='every run, as a line')
    parser.add_argument('--run-publisher', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run_publisher:
        return run_publisher(options)
    import rclpy
    from tabulate import tabulate

    from deepsort_ros.demo import isolate
    isolate()
    rclpy.init()
    rows = []
    with tempfile.NamedTemporaryFile() as lock:
        for encoder in options.encoder:
            runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
            for number in range(options.rounds * len(WAYS)):
                way = WAYS[number % len(WAYS)]
                runs[way].append(measure(way, encoder, options, lock.name))
                if options.json:
                    print(json.dumps({'encoder': encoder, 'processes': way, **runs[way][-1]}),
                          flush=True)
            rows += [{'encoder': encoder, 'processes': way, **{
                key: round(statistics.median(run[key] for run in runs[way]), 1)
                for key in runs[way][0]}} for way in WAYS]
    rclpy.shutdown()
    if not options.json:
        print(tabulate(rows, headers='keys', tablefmt='github'))
    return 0


if __name__ == '__main__':
    sys.exit(main())
