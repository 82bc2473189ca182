"""A node without a purpose, in a process of its own: a wrong middleware ends the process."""
from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deepsort_ros.reid.probe import ask
from deepsort_ros.reid.probe import MARK

TIMEOUT = 60.0


@dataclass(frozen=True)
class Node:
    """
    What became of it.

    :param distribution: name, '' where rclpy cannot be imported; :param profiles: the variable
        that names the profiles of Fast DDS in it.
    :param middleware: that carries the messages, '' without one.
    :param fault: why there is no node, in words.
    """

    distribution: str = ''
    profiles: str = ''
    middleware: str = ''
    fault: str = ''


@functools.cache
def start() -> Node:
    """Start a node and return what there is to say of it; once, as it takes a second or two."""
    answer, fault, _ = ask([sys.executable, '-m', __name__], 'starting a node', TIMEOUT,
                           lambda text: None)
    return Node(fault=fault) if answer is None else Node(**answer)


def describe() -> dict[str, Any]:
    """Start a node in this process and return the fields of :class:`Node`."""
    found = {}
    try:
        import rclpy
        from rclpy.utilities import get_rmw_implementation_identifier

        from deepsort_ros.ros.distro import distribution
        from deepsort_ros.ros.distro import profiles_variable
        found = {'distribution': distribution(), 'profiles': profiles_variable()}
        rclpy.init()
        rclpy.create_node('deepsort_doctor', start_parameter_services=False, enable_rosout=False)
        found['middleware'] = get_rmw_implementation_identifier()
    except Exception as error:  # noqa: B902 a broken ROS can raise anything
        found['fault'] = f'{type(error).__name__}: {error}'
    return found


def main(arguments: Sequence[str] = ()) -> None:
    """Print what became of a node."""
    print(f'\n{MARK}{json.dumps(describe())}', flush=True)
    # What ends in order could hang.
    os._exit(0)


if __name__ == '__main__':
    main()
