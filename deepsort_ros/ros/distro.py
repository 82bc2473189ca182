"""
What differs between the distributions of ROS 2, from Humble to Lyrical.

All of it is here: every other module imports from here what has another name, or is missing, in
one of them. ``test/packaging/test_distributions.py`` holds the names that all of them have.
"""
from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from typing import Any
from typing import TYPE_CHECKING

# The bag tool runs without ROS, too.
if TYPE_CHECKING or find_spec('rclpy') is not None:
    from rcl_interfaces.msg import SetParametersResult
    from rclpy.clock import ClockType  # Humble has no rclpy.clock_type
    from rclpy.node import Node
    from rclpy.parameter import Parameter

    try:
        from rclpy.event_handler import PublisherEventCallbacks
        from rclpy.event_handler import SubscriptionEventCallbacks
    except ImportError:  # Humble
        from rclpy.qos_event import PublisherEventCallbacks
        from rclpy.qos_event import SubscriptionEventCallbacks

__all__ = [
    'bag_version', 'ClockType', 'distribution', 'given_parameters', 'isolation', 'on_parameters',
    'profiles_variable', 'PublisherEventCallbacks', 'SubscriptionEventCallbacks']

# In the order of their release; what is newer counts as the last one.
DISTRIBUTIONS = ('humble', 'jazzy', 'kilted', 'lyrical')
# Out of support; their bags are still written.
_BEFORE_JAZZY = ('foxy', 'galactic', 'iron')
# The first version of rclpy after each of them.
_RCLPY_AFTER = {'humble': 4, 'jazzy': 8, 'kilted': 10}


def distribution() -> str:
    """Return the distribution that runs: what was sourced, else by the version of rclpy."""
    sourced = os.environ.get('ROS_DISTRO', '').lower()
    if sourced in DISTRIBUTIONS:
        return sourced
    try:
        major = int(metadata.version('rclpy').split('.')[0])
    except (metadata.PackageNotFoundError, ValueError):
        return DISTRIBUTIONS[-1]
    return next((name for name, after in _RCLPY_AFTER.items() if major < after),
                DISTRIBUTIONS[-1])


def bag_version() -> int:
    """Return the version of metadata.yaml that this ``ros2 bag`` reads: 9, before Jazzy 8."""
    # Up to 8 the QoS of a topic is one text, with 9 a list, which older ones cannot read; what
    # else came after 5 they ignore (rosbag2_storage/yaml.hpp at 02a70b4f).
    sourced = os.environ.get('ROS_DISTRO', '').lower()
    return 8 if distribution() == 'humble' or sourced in _BEFORE_JAZZY else 9


def profiles_variable() -> str:
    """
    Return the variable that names the profiles of Fast DDS.

    Kilted reads the old name as well, and warns of it.
    """
    old = distribution() in ('humble', 'jazzy')
    return 'FASTRTPS_DEFAULT_PROFILES_FILE' if old else 'FASTDDS_DEFAULT_PROFILES_FILE'


def isolation() -> dict[str, str]:
    """Return the variables that keep ROS on this machine."""
    if distribution() == 'humble':
        return {'ROS_LOCALHOST_ONLY': '1'}
    return {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}


def given_parameters(node: Node) -> dict[str, Parameter]:
    """Return what command line and parameter files give a node, declared or not."""
    # No distribution has a public way to ask for what is not declared.
    return dict(node._parameter_overrides)


def on_parameters(node: Node, refuse_unknown: Callable[[list[Parameter]], list[Parameter]],
                  normalise: Callable[[list[Parameter]], list[Parameter]],
                  check: Callable[[Sequence[Parameter]], SetParametersResult],
                  use: Callable[[Sequence[Parameter]], Any]) -> None:
    """
    Have changes of parameters refused that do not exist, then normalised, checked and used.

    Humble knows the check alone, so there the last three happen in it. It calls it for parameters
    that are declared as well, and refuses itself what does not exist.
    """
    def all_in_one(parameters: list[Parameter]) -> SetParametersResult:
        normal = normalise(parameters)
        result = check(normal)
        if result.successful:
            use(normal)
        return result

    if hasattr(node, 'add_post_set_parameters_callback'):
        # One callback: what several return would be joined.
        node.add_pre_set_parameters_callback(lambda given: normalise(refuse_unknown(given)))
        node.add_on_set_parameters_callback(check)
        node.add_post_set_parameters_callback(use)
    else:
        node.add_on_set_parameters_callback(all_in_one)
