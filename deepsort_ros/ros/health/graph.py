"""What the ROS graph tells about an input: why nothing arrives, and who publishes too much."""
from __future__ import annotations

import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from rclpy.node import Node

from deepsort_ros.ros.messages.detectors import SOLID
from deepsort_ros.ros.messages.detectors import TYPES

COMPRESSED = '/compressed'
IMAGES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
# Topics that are named, at most.
MOST = 4
# Steady seconds after which a publisher is no longer one that has just ended.
ENDED = 30.0


def type_name(kind: type) -> str:
    """Return the name of a type of messages, as in the graph."""
    package = kind.__module__.split('.', 1)[0]
    return f'{package}/msg/{kind.__name__}'


def why_silent(node: Node, name: str, topic: str, kind: str) -> str:
    """
    Return in words why nothing arrives on a topic, and what to do, as far as the graph tells.

    :param name: ``image`` or ``detections``; :param kind: type that is subscribed to.
    """
    publishers = node.get_publishers_info_by_topic(topic)
    types = {publisher.topic_type for publisher in publishers}
    if publishers and kind not in types:
        return f'{_nodes(publishers)} publishes {" and ".join(sorted(types))}, not {kind}' + (
            _other_type(name, topic, types))
    if publishers:
        return f'{len(publishers)} publisher(s), but nothing arrives'
    found = dict(node.get_topic_names_and_types())
    if name == 'image':
        # Of image_transport: the name that is remapped has no ending.
        raw, packed = topic.removesuffix(COMPRESSED), f'{topic}{COMPRESSED}'
        if packed in found and node.count_publishers(packed):
            return f'it has no publisher, but {packed} has: set image_transport: compressed'
        if raw != topic and raw in found and node.count_publishers(raw):
            return f'it has no publisher, but {raw} has: set image_transport: raw'
    # Not what trackers publish; what is near by name comes first.
    others = sorted(
        (other for other, types_ in found.items() if kind in types_
         and any(publisher.node_name != node.get_name()
                 for publisher in node.get_publishers_info_by_topic(other))),
        key=lambda other: (-len(os.path.commonprefix((other, topic))), other))
    if not others:
        return 'it has no publisher'
    wanted = others[0].removesuffix(COMPRESSED) if name == 'image' else others[0]
    return (f'it has no publisher; {", ".join(others[:MOST])} would fit, as by '
            f'-r {name}:={wanted}')


def _other_type(name: str, topic: str, types: set[str]) -> str:
    if name == 'image' and IMAGES[0] in types:
        return '; set image_transport: raw'
    if name == 'image' and IMAGES[1] in types:
        raw = topic.removesuffix(COMPRESSED)
        remap = (f'image:={raw}' if raw != topic else f'{topic}{COMPRESSED}:={topic}')
        return f'; set image_transport: compressed, and remap -r {remap}'
    known = next((one for one in (*TYPES, *SOLID) if one.replace('/', '/msg/') in types), None)
    if name == 'detections' and known is not None:
        return f'; set detections_type: {known}'
    return '; see detections_type' if name == 'detections' else ''


def _nodes(publishers: Sequence[Any]) -> str:
    return ', '.join(sorted({f'{p.node_namespace.rstrip("/")}/{p.node_name}' for p in publishers}))


class Crowd:
    """Watches whether several nodes publish the images of one camera; not thread-safe."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._since: float | None = None

    def problem(self, now: float, topic: str, publishers: Sequence[Any]) -> str:
        """
        Return in words that images of several cameras may mix, or nothing.

        To be asked about once a second.

        :param now: steady seconds.
        """
        if len(publishers) < 2:
            self._since = None
            return ''
        self._since = now if self._since is None else self._since
        if now - self._since < ENDED:
            return ''
        return (f'{len(publishers)} publishers on {topic} ({_nodes(publishers)}): images of '
                'several cameras mix, give each a topic of its own')


def silences(node: Node, topics: Mapping[str, str], kinds: Mapping[str, type],
             silent: Sequence[str]) -> dict[str, str]:
    """Return :func:`why_silent` of the inputs that are silent."""
    return {name: why_silent(node, name, topics[name], type_name(kinds[name]))
            for name in silent if name in kinds}
