"""
Run the node as a process that ends cleanly, whenever it is stopped.

Only the standard library is imported before signals are taken care of: the rest takes seconds.
"""
from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

from deepsort_ros.children import end_children
from deepsort_ros.version import add_version

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# A compressed image of some kilobytes can claim a thousand million pixels; these are 200 MB.
MAX_PIXELS = 2**26
# ros2 launch sends SIGTERM five seconds after SIGINT.
GRACE = 3.0


class Stop:
    """
    SIGINT and SIGTERM, taken by a thread of their own.

    Blocked everywhere else, so that no signal interrupts an import, a graph compile or the
    leaving itself, and a second one changes nothing.
    """

    def __init__(self) -> None:
        """Take over both signals; call it before any other thread starts."""
        self.requested = threading.Event()
        self._on_request: Callable[[], object] | None = None
        self._lock = threading.Lock()
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        threading.Thread(target=self._wait, name='signals', daemon=True).start()

    def call(self, action: Callable[[], object]) -> None:
        """Call something when a signal comes, or now when one came already."""
        with self._lock:
            self._on_request = action
            if not self.requested.is_set():
                return
        action()

    def _wait(self) -> None:
        signal.sigwait(SIGNALS)
        with self._lock:
            self.requested.set()
            action = self._on_request
        if action is None:
            leave(0)  # still importing: there is nothing to close
        else:
            action()
        time.sleep(GRACE)
        leave(0)  # the main thread hangs in foreign code


def parser() -> argparse.ArgumentParser:
    """Return the parser of what is not for ROS."""
    parser = argparse.ArgumentParser(
        'tracker_node', '%(prog)s [--help] [--version] [--ros-args ...]', description=(
            'Track the detections of an image stream, as a ROS 2 node. Topics and parameters come '
            'after --ros-args: "-r image:=/camera/image_raw" names a topic, "-p max_age:=2.0" '
            'sets a parameter, "--params-file FILE" many. "ros2 param describe /tracker max_age" '
            'and docs/parameters.md explain them.'), allow_abbrev=False)
    add_version(parser)
    return parser


def without_ros(arguments: list[str]) -> list[str]:
    """Return the arguments that are not between ``--ros-args`` and ``--``."""
    own, ros = [], False
    for argument in arguments:
        if ros or argument == '--ros-args':
            ros = argument != '--'
        else:
            own.append(argument)
    return own


def leave(code: int) -> None:
    """End the process and those below it at once, past threads inside a device driver."""
    end_children()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def run(stop: Stop, arguments: list[str] | None) -> int:
    """Run the node, or those of all cameras, until a signal; return the exit code."""
    start = time.monotonic()
    # Once it has seen a block of this size freed, glibc keeps the memory of images for the next
    # ones; else the kernel takes it back and zeroes it again, which costs more than the copying.
    bytes(31 << 20)
    # Read by OpenCV as it is imported.
    os.environ.setdefault('OPENCV_IO_MAX_IMAGE_PIXELS', str(MAX_PIXELS))
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from deepsort_ros.ros.cameras import create_nodes
    from deepsort_ros.ros.cameras import spin
    from deepsort_ros.ros.health.log import LibraryLog
    from deepsort_ros.ros.tracker_node import TrackerNode
    from deepsort_ros.serving.shared_encoder import SharedEncoder
    from deepsort_ros.settings import SettingError

    try:
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:  # noqa: B902 of types rclpy does not export
        print(f'tracker_node: ROS arguments: {error}', file=sys.stderr)
        return 2
    stop.call(rclpy.try_shutdown)
    network = SharedEncoder()
    try:
        nodes = create_nodes(network)
    except SettingError as error:
        rclpy.logging.get_logger('tracker').fatal(str(error))
        rclpy.try_shutdown()
        return 1
    library = LibraryLog(nodes[0].get_logger())

    def active(node: TrackerNode) -> None:
        node.get_logger().info(
            f'active: {node.describe()}, {time.monotonic() - start:.1f} s after start')

    try:
        for node in nodes:
            if node.settings.autostart:
                node.autostart(partial(active, node))
            else:
                node.get_logger().info('waiting to be configured')
        if not any(node.failed for node in nodes):
            spin(nodes)
    finally:
        network.stop()
        library.close()
        for node in nodes:
            node.close()
        rclpy.try_shutdown()
    return int(any(node.failed for node in nodes))


def main(arguments: list[str] | None = None) -> int:
    """
    Run the tracker node; the console script ``tracker_node``.

    :param arguments: of ROS, the command line's by default.
    :returns: 0 after a signal, at whatever moment; 1 when a parameter is not acceptable, 2
        when an argument is not.
    """
    parser().parse_args(without_ros(sys.argv[1:] if arguments is None else arguments))
    stop = Stop()
    try:
        code = run(stop, arguments)
    except BaseException:
        # Shutting down under a node that is being built makes any call of rclpy fail.
        if not stop.requested.is_set():
            raise
    if stop.requested.is_set():
        # Only now does DDS take its leave of the others and remove its shared memory. What is
        # left is MindSpore, which takes seconds to unload, and aborts when Python ends while
        # it compiles.
        gc.collect()
        leave(0)
    return code


if __name__ == '__main__':
    sys.exit(main())
