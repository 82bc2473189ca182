"""The nodes of a process: one tracker, or one for each of several cameras."""
from __future__ import annotations

from concurrent.futures import as_completed
from concurrent.futures import ThreadPoolExecutor

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter

from deepsort_ros.ros import parameters
from deepsort_ros.ros.tracker_node import TrackerNode
from deepsort_ros.serving.shared_encoder import SharedEncoder
from deepsort_ros.settings import SettingError
from deepsort_ros.settings import Settings


def create_nodes(network: SharedEncoder) -> list[TrackerNode]:
    """
    Return the nodes that the parameter ``cameras`` asks for, in the order of their names.

    :param network: for all of them.
    :raises SettingError: a parameter is not acceptable; the message names camera, parameter and
        value.
    """
    namespace, cameras = _asked_for()
    if not cameras:
        return [TrackerNode(network)]
    nodes: list[TrackerNode] = []
    for camera in cameras:
        try:
            # As an argument of the node it comes before a __ns of the process.
            nodes.append(TrackerNode(
                network, cli_args=['--ros-args', '-r', f'__ns:={namespace}/{camera}'],
                parameter_overrides=[Parameter('cameras', value=list(cameras))]))
        except SettingError as error:
            for node in nodes:
                node.close()
            raise SettingError(f'camera {camera}: {error}') from error
    return nodes


def _asked_for() -> tuple[str, tuple[str, ...]]:
    """Return the namespace of the process, without a slash at its end, and the cameras."""
    # Only a node knows what files and command line come to. It serves nothing, which a security
    # policy for the cameras alone would not allow in the namespace of the process.
    node = Node('tracker', start_parameter_services=False, enable_rosout=False,
                parameter_overrides=[Parameter('start_type_description_service', value=False)])
    try:
        settings = Settings().replace(parameters.overrides(node, ['cameras']))
        return node.get_namespace().rstrip('/'), settings.cameras
    finally:
        node.destroy_node()


class Executor(SingleThreadedExecutor):
    """One that can be given up while it is made, as when ROS is shut down at that moment."""

    # Its finaliser looks for it, and prints a traceback where the constructor has not got so far.
    _sigint_gc = None


def spin(nodes: list[TrackerNode]) -> None:
    """
    Spin every node on a thread of its own until ROS is shut down.

    What blocks the callbacks of one, as a transition of its lifecycle does, holds up no other.

    :raises Exception: what a callback raised; it shuts ROS down.
    """
    with ThreadPoolExecutor(len(nodes), 'executor') as threads:
        for ended in as_completed([threads.submit(_spin, node) for node in nodes]):
            rclpy.try_shutdown()
            ended.result()


def _spin(node: TrackerNode) -> None:
    executor = Executor()
    executor.add_node(node)
    try:
        executor.spin()
    except ExternalShutdownException:
        pass
