"""
Measure how many images arrive: a process that publishes them, one that subscribes.

    python benchmark/images.py
    python benchmark/images.py --size 1920x1080 --rate 30 --seconds 20

The publisher has the defaults of Fast DDS. Each line is a choice of the subscriber: reliability,
depth of its history, and the profile file of its process: none, ``config/large_images.xml``, or
``udp``, which leaves shared memory out and asks for large receive buffers. `late` is the time from
publishing to the callback, p50/p99 in milliseconds.
"""
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
UDP = """<?xml version="1.0" encoding="UTF-8"?>
<dds xmlns="http://www.eprosima.com"><profiles>
<transport_descriptors><transport_descriptor>
<transport_id>udp</transport_id><type>UDPv4</type>
<receiveBufferSize>16777216</receiveBufferSize><sendBufferSize>16777216</sendBufferSize>
</transport_descriptor></transport_descriptors>
<participant profile_name="udp" is_default_profile="true"><rtps>
<userTransports><transport_id>udp</transport_id></userTransports>
<useBuiltinTransports>false</useBuiltinTransports></rtps></participant>
</profiles></dds>
"""
# Quality of service and history of the subscriber, and its profile file.
CHOICES = [('best_effort', 10, ''), ('best_effort', 1, ''), ('best_effort', 100, ''),
           ('best_effort', 10, 'large'), ('best_effort', 10, 'udp'),
           ('reliable', 10, ''), ('reliable', 1, '')]


def qos(reliability: str, depth: int) -> Any:
    """Return a profile."""
    from rclpy.qos import QoSProfile
    from rclpy.qos import QoSReliabilityPolicy
    return QoSProfile(depth=depth, reliability=QoSReliabilityPolicy[reliability.upper()])


def publish(options: argparse.Namespace) -> None:
    """Publish images at a rate, once there is a subscriber."""
    import numpy as np
    import rclpy
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header

    from deepsort_ros.ros.messages.conversions import time_message
    from deepsort_ros.ros.messages.images import write_image

    rclpy.init()
    node = rclpy.create_node('camera')
    publisher = node.create_publisher(Image, 'image', qos(options.publisher, options.depth))
    while not publisher.get_subscription_count():
        time.sleep(0.05)
    time.sleep(1.0)
    width, height = map(int, options.size.split('x'))
    pixels = np.zeros((height, width, 3), np.uint8)
    due = time.monotonic()
    for _ in range(round(options.seconds * options.rate)):
        publisher.publish(write_image(
            pixels, 'bgr8', Header(stamp=time_message(time.monotonic_ns()))))
        due += 1 / options.rate
        time.sleep(max(due - time.monotonic(), 0.0))
    time.sleep(1.0)  # what is sent again
    print('done', flush=True)


def subscribe(options: argparse.Namespace) -> None:
    """Print how late [s] every image arrives, until the publisher is gone."""
    import rclpy
    from sensor_msgs.msg import Image

    from deepsort_ros.ros.messages.conversions import nanoseconds

    rclpy.init()
    node = rclpy.create_node('tracker')
    late: list[float] = []
    node.create_subscription(
        Image, 'image', lambda message: late.append(
            (time.monotonic_ns() - nanoseconds(message.header.stamp)) / 1e9),
        qos(options.subscriber, options.depth))
    while not node.count_publishers('image'):
        rclpy.spin_once(node, timeout_sec=0.1)
    while node.count_publishers('image'):
        rclpy.spin_once(node, timeout_sec=0.1)
    print(json.dumps(late), flush=True)


def measured(publisher: str, choice: tuple[str, int, str], arguments: list[str],
             folder: Path, domain: int) -> list[float]:
    """Return how late [s] each image reached a subscriber."""
    from deepsort_ros.ros.distro import isolation
    from deepsort_ros.ros.distro import profiles_variable

    reliability, depth, profile = choice
    udp = folder / 'udp.xml'
    udp.write_text(UDP)
    path = {'large': ROOT / 'config' / 'large_images.xml', 'udp': udp}.get(profile)
    base = {name: value for name, value in os.environ.items() if name != profiles_variable()}
    base.update(isolation(), ROS_DOMAIN_ID=str(domain), PYTHONPATH=str(ROOT))
    program = [sys.executable, __file__, *arguments]
    receiver = subprocess.Popen(
        [*program, '--role', 'subscribe', '--subscriber', reliability, '--depth', str(depth)],
        env={**base, **({profiles_variable(): str(path)} if path else {})},
        stdout=subprocess.PIPE)
    sender = subprocess.Popen(
        [*program, '--role', 'publish', '--publisher', publisher.split(':')[0],
         '--depth', publisher.split(':')[1]], env=base,
        stdout=subprocess.DEVNULL)
    sender.wait()
    late: list[float] = json.loads(receiver.communicate(timeout=60)[0])
    return late


def main() -> int:
    """Measure all choices, or play a role."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--size', default='640x480', help='pixels, bgr8')
    parser.add_argument('--rate', type=float, default=25.0, help='images per second')
    parser.add_argument('--seconds', type=float, default=10.0, help='of each run')
    parser.add_argument('--publishers', nargs='+', default=[
        'reliable:10', 'reliable:1', 'best_effort:5'], help='their reliability and depth')
    parser.add_argument('--rounds', type=int, default=1, help='rounds over all choices')
    parser.add_argument('--json', action='store_true')
    for name, kind in (('role', str), ('publisher', str), ('subscriber', str), ('depth', int)):
        parser.add_argument(f'--{name}', type=kind, default=10 if kind is int else '',
                            help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role:
        (publish if options.role == 'publish' else subscribe)(options)
        return 0
    arguments = ['--size', options.size, '--rate', str(options.rate),
                 '--seconds', str(options.seconds)]
    sent = round(options.seconds * options.rate)
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for publisher in options.publishers:
                for choice in CHOICES:
                    if publisher.startswith('best') and choice[0] == 'reliable':
                        continue  # does not connect
                    late = measured(publisher, choice, arguments, Path(folder),
                                    60 + os.getpid() % 40)
                    name = f'{publisher} -> {choice[0]} {choice[1]} {choice[2]}'.strip()
                    found.setdefault(name, []).append(len(late) / sent)
                    if not options.json:
                        times = sorted(late) or [0.0]
                        print(f'{name:40} {len(late):5} of {sent}, late '
                              f'{1e3 * times[len(times) // 2]:.1f} / '
                              f'{1e3 * times[int(0.99 * len(times))]:.1f}', flush=True)
    if options.json:
        print(json.dumps(found))
    return 0


if __name__ == '__main__':
    sys.exit(main())
