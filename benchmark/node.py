"""
Measure the live node: publisher process -> node process -> this process, which subscribes.

    python benchmark/node.py --encoder 0 5 30 60 --seconds 20
    python benchmark/node.py --encoder real --appearance on_demand

``--encoder MS`` puts in place of the network a device that takes so many milliseconds per image,
without the CPU; ``real`` is the bundled network on the CPU. Latency is from the stamp, taken just
before the image is published, to the arrival of its tracks here; the first second is left out.
"""
from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
TICK = os.sysconf('SC_CLK_TCK')
WARM_UP = 1.0
STAGES = ('read', 'filter', 'encode', 'track', 'write', 'pair_to_tracks')


def run_node(milliseconds: str) -> int:
    """Run the node, with a device of fixed cost unless it is to be the real network."""
    from deepsort_ros.ros import main as program

    if milliseconds != 'real':
        run, seconds = program.run, float(milliseconds) / 1000

        class FixedCost:
            """Takes its time, then tells boxes apart by their order."""

            def describe(self) -> dict[str, Any]:
                return {'device': f'{milliseconds} ms', 'device_note': ''}

            def warm_up(self, progress: Any) -> None:
                """Do nothing."""

            def encode(self, image: Any, tlwh: Any, encoding: str) -> Any:
                import numpy as np  # not before main takes care of signals: it starts threads
                time.sleep(seconds)
                return np.eye(len(tlwh), 128, dtype=np.float32)

        def run_with_device(stop: Any, arguments: Any) -> int:
            from deepsort_ros.reid import encoder
            encoder.Encoder.create = lambda **_: FixedCost()  # type: ignore
            return run(stop, arguments)

        program.run = run_with_device
    return program.main()


def run_publisher(options: argparse.Namespace) -> int:
    """Publish images with walking people at a fixed rate, then end."""
    import numpy as np
    import rclpy
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header
    from vision_msgs.msg import Detection2DArray

    from deepsort_ros.ros.conversions import time_message
    from deepsort_ros.ros.conversions import write_detections
    from deepsort_ros.ros.images import write_image
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
    message = write_image(pixels, 'bgr8', Header())
    begin = time.monotonic()
    for frame in range(round((options.seconds + WARM_UP) * options.rate)):
        time.sleep(max(0.0, begin + frame / options.rate - time.monotonic()))
        places = start + speed * frame / options.rate
        boxes = np.concatenate([places, np.tile([60.0, 180.0], (len(places), 1))], 1)
        header = Header(stamp=time_message(time.time_ns()), frame_id='camera')
        message.header = header
        images.publish(message)
        detections.publish(write_detections(Detections.from_arrays(boxes), header))
    time.sleep(1.0)
    rclpy.shutdown()
    return 0


def cpu_seconds(process: int) -> float:
    """Return the CPU time a process has used so far."""
    fields = Path(f'/proc/{process}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def measure(encoder: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run the three processes once and return what was measured."""
    import numpy as np
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.qos import QoSProfile

    from deepsort_ros.msg import TrackArray
    from deepsort_ros.ros.conversions import nanoseconds

    received: list[tuple[int, int]] = []
    values: dict[str, str] = {}

    def on_tracks(message: TrackArray) -> None:
        received.append((nanoseconds(message.header.stamp), time.time_ns()))

    def on_diagnostics(message: DiagnosticArray) -> None:
        values.update((v.key, v.value) for s in message.status for v in s.values)

    def start(*role: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, __file__, *role])

    subscriber = rclpy.create_node('subscriber')
    subscriber.create_subscription(TrackArray, '/tracks', on_tracks, QoSProfile(depth=100))
    subscriber.create_subscription(DiagnosticArray, '/diagnostics', on_diagnostics, 10)
    used: dict[str, float] = {}
    node = start('--run-node', encoder, '--ros-args', '-p', f'appearance:={options.appearance}',
                 '-p', 'device:=CPU')
    publisher = start('--run-publisher', '--seconds', str(options.seconds), '--rate',
                      str(options.rate), '--detections', str(options.detections),
                      '--size', *map(str, options.size))
    try:
        before: dict[str, float] = {}
        while publisher.poll() is None:
            rclpy.spin_once(subscriber, timeout_sec=0.1)
            used = {'publisher': cpu_seconds(publisher.pid), 'node': cpu_seconds(node.pid),
                    'subscriber': cpu_seconds(os.getpid())}
            if received and not before:
                before = used
    finally:
        node.send_signal(signal.SIGINT)
        node.wait(20)
        publisher.kill()
        publisher.wait()
        subscriber.destroy_node()
    first = received[0][0] + round(WARM_UP * 1e9)
    latency = [(arrived - stamp) / 1e6 for stamp, arrived in received if stamp >= first]
    seconds = (received[-1][0] - received[0][0]) / 1e9
    p50, p99 = np.percentile(latency, (50, 99))
    return {
        'encoder': encoder, 'appearance': options.appearance,
        'sent': round((options.seconds + WARM_UP) * options.rate), 'tracked': len(received),
        'latency_p50_ms': round(p50, 2), 'latency_p99_ms': round(p99, 2),
        'dropped': {k: int(v) for k, v in values.items() if k.startswith('dropped_') and v != '0'},
        'unpaired': {k: int(v) for k, v in values.items() if '_without_' in k and v != '0'},
        'cpu_percent': {name: round(100 * (used[name] - before[name]) / seconds)
                        for name in used},
        'stage_p50_ms': {s: float(values[f'{s}_p50_ms']) for s in STAGES
                         if f'{s}_p50_ms' in values}}


def main() -> int:
    """Measure every encoder in turn and print one line of JSON for each."""
    if sys.argv[1:2] == ['--run-node']:
        encoder = sys.argv.pop(2)
        sys.argv.pop(1)
        return run_node(encoder)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--encoder', nargs='+', default=['0'], metavar='MS|real')
    parser.add_argument('--appearance', default='always', choices=('always', 'on_demand', 'off'))
    parser.add_argument('--seconds', type=float, default=20.0, help='of images per run')
    parser.add_argument('--rate', type=float, default=30.0, help='images per second')
    parser.add_argument('--detections', type=int, default=20, help='per image')
    parser.add_argument('--size', type=int, nargs=2, default=(1920, 1080),
                        metavar=('WIDTH', 'HEIGHT'))
    parser.add_argument('--run-publisher', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run_publisher:
        return run_publisher(options)
    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    os.environ.setdefault('FASTRTPS_DEFAULT_PROFILES_FILE',
                          str(ROOT / 'config' / 'large_images.xml'))
    import rclpy
    rclpy.init()
    for encoder in options.encoder:
        print(json.dumps(measure(encoder, options)), flush=True)
    rclpy.shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
