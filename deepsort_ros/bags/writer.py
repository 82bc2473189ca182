"""Bags of tracks."""
from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.rosbag2 import WriterError
from rosbags.serde.errors import SerdeError

from deepsort_ros.bags.storage import BagError
from deepsort_ros.ros.distro import bag_version
from deepsort_ros.ros.messages.stand_ins import typestore
from deepsort_ros.ros.messages.types import serialize_message

TRACKS_TYPE = 'deepsort_ros/msg/TrackArray'


class TrackWriter:
    """
    A bag of TrackArrays, readable by ros2 bag: it holds the message definitions.

    :param path: a folder that does not exist yet; one ending in ``.db3`` or ``.sqlite3`` is
        written as sqlite3, all others as mcap.
    :param version: of its metadata, 8 or 9; None: as this distribution of ROS reads it.
    :raises BagError: the folder exists or cannot be made.
    """

    def __init__(self, path: Path, topic: str = '/tracks', version: int | None = None) -> None:
        """Create the bag."""
        sqlite = path.suffix in ('.db3', '.sqlite3')
        try:
            self._writer = Writer(
                path, version=8 if (version or bag_version()) == 8 else 9,
                storage_plugin=StoragePlugin.SQLITE3 if sqlite else StoragePlugin.MCAP)
            self._writer.open()
        except (WriterError, OSError) as error:
            raise BagError(f'{path}: {error}') from error
        self._types = typestore()
        self._connection = self._writer.add_connection(
            '/' + topic.lstrip('/'), TRACKS_TYPE, typestore=self._types)

    def __enter__(self) -> TrackWriter:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Complete the bag, also when something went wrong: what is written is readable."""
        self._writer.close()

    def write(self, message: Any, received: int) -> None:
        """Append a TrackArray under a receive time in nanoseconds."""
        fields = self._fields(serialize_message(message))
        self._writer.write(
            self._connection, received, self._types.serialize_cdr(fields, TRACKS_TYPE))

    def _fields(self, data: bytes) -> object:
        """
        Return the rosbags message of what rclpy serialised.

        Written by rosbags, equal messages are equal bytes: Fast CDR leaves whatever was in
        memory in its padding.
        """
        try:
            return self._types.deserialize_cdr(data, TRACKS_TYPE)
        except SerdeError:
            # Fast CDR also pads an empty list at the end; rosbags takes at most 3 bytes more
            # than it needs, so the last 4 are padding, or this fails again.
            return self._types.deserialize_cdr(data[:-4], TRACKS_TYPE)
