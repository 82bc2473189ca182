"""Bags: read images and detections, write tracks, and turn one into the other offline."""
from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader
from rosbags.rosbag2 import ReaderError
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.rosbag2 import WriterError
from rosbags.serde.errors import SerdeError

from deepsort_ros.bags.summary import BagSummary
from deepsort_ros.pipeline import AppearanceEncoder
from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.ros.distro import bag_version
from deepsort_ros.ros.frames import track_pair
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.stand_ins import typestore
from deepsort_ros.ros.messages.types import CameraInfo
from deepsort_ros.ros.messages.types import CompressedImage
from deepsort_ros.ros.messages.types import deserialize_message
from deepsort_ros.ros.messages.types import Detection2DArray
from deepsort_ros.ros.messages.types import Image
from deepsort_ros.ros.messages.types import serialize_message
from deepsort_ros.ros.messages.types import TFMessage
from deepsort_ros.ros.pairing import new_pairer
from deepsort_ros.ros.pairing import Pairer
from deepsort_ros.ros.pairing import Unanswered
from deepsort_ros.ros.stamps import Stamps
from deepsort_ros.ros.world_inputs import Sight
from deepsort_ros.ros.world_inputs import WorldInputs
from deepsort_ros.settings import Settings

IMAGE_TYPES = {'raw': 'sensor_msgs/msg/Image', 'compressed': 'sensor_msgs/msg/CompressedImage'}
DETECTIONS_TYPE = 'vision_msgs/msg/Detection2DArray'
TRACKS_TYPE = 'deepsort_ros/msg/TrackArray'
INFO_TYPE, TF_TYPE = 'sensor_msgs/msg/CameraInfo', 'tf2_msgs/msg/TFMessage'
CLASSES = {IMAGE_TYPES['raw']: Image, IMAGE_TYPES['compressed']: CompressedImage,
           DETECTIONS_TYPE: Detection2DArray, INFO_TYPE: CameraInfo, TF_TYPE: TFMessage}


@dataclass(frozen=True)
class WorldSource:
    """
    Where in a bag positions come from; transforms are those of ``/tf`` and ``/tf_static``.

    :param camera_info: topic; by default the one beside the image, else the only one.
    :param depth: topic, needed for depth images.
    """

    camera_info: str | None = None
    depth: str | None = None


class BagError(ValueError):
    """A bag cannot be read or written, or a topic is ambiguous; the message says which."""


class BagReader:
    """
    The images and detections of a bag (mcap or sqlite3, a folder or a single file).

    :param image_topic: needed when more than one topic could be it, raw or compressed.
    :param detections_topic: needed when more than one topic could be it.
    :param transport: ``raw`` or ``compressed``, preferred where a bag has both.
    :param world: to read what positions come from as well.
    :raises BagError: no bag, or no such topic, or several.
    """

    def __init__(self, path: Path, image_topic: str | None = None,
                 detections_topic: str | None = None, transport: str = 'raw',
                 world: WorldSource | None = None) -> None:
        """Open the bag and find the topics."""
        try:
            self._reader = Reader(path)
            self._reader.open()
        except (ReaderError, OSError) as error:
            raise BagError(f'{path}: {error}') from error
        try:
            self._depth = world.depth if world is not None else None
            self.image = self._image_topic(image_topic, transport)
            self.detections = self._find('detections', detections_topic, (DETECTIONS_TYPE,))
            self._roles = {'image': self.image, 'detections': self.detections}
            if world is not None:
                self._roles.update(self._world_topics(world))
        except BagError as error:
            self._reader.close()
            raise BagError(f'{path}: {error}') from None

    def __enter__(self) -> BagReader:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Close the bag."""
        self._reader.close()

    def __len__(self) -> int:
        """Return how many messages the topics have."""
        return sum(connection.msgcount for connection in self._roles.values())

    def messages(self) -> Iterator[tuple[int, Any]]:
        """
        Yield (receive time in nanoseconds, message) in the bag's order.

        :raises BagError: a message cannot be read.
        """
        return ((received, message) for received, _, message in self.told_apart())

    def told_apart(self) -> Iterator[tuple[int, str, Any]]:
        """
        Yield (receive time in nanoseconds, what it is, message) in the bag's order.

        :raises BagError: a message cannot be read, or fewer are there than the bag says.
        """
        roles = {connection.id: role for role, connection in self._roles.items()}
        count = 0
        for connection, received, data in self._stored():
            count += 1
            try:
                message = deserialize_message(bytes(data), CLASSES[connection.msgtype])
            except Exception as error:  # noqa: B902 rclpy raises a type of its C++ part
                raise BagError(f'{connection.topic}: message received at {received} cannot be '
                               f'read: {error}') from error
            yield received, roles[connection.id], message
        if count < len(self):
            raise BagError(f'the bag is not complete: {count} of {len(self)} messages could be '
                           'read, and are used')

    def _stored(self) -> Iterator[tuple[Connection, int, bytes]]:
        """Yield what is stored; a damaged part ends it with the reason."""
        wanted = [variant for connection in self._roles.values()
                  for variant in self._variants(connection)]
        try:
            yield from self._reader.messages(connections=wanted)
        except Exception as error:  # noqa: B902 of the storage, of whatever type
            raise BagError(f'the bag is damaged from here on ({type(error).__name__}: {error}); '
                           'what is before is used') from error

    def _variants(self, connection: Connection) -> list[Connection]:
        """
        Return a topic as the files of a folder call it.

        rosbags takes only messages whose QoS is that of metadata.yaml, and recorders write
        another one into the files.
        """
        found = [connection._replace(ext=stored.ext, digest=stored.digest)
                 for storage in getattr(self._reader.storage, 'storages', ())
                 for stored in storage.connections
                 if (stored.topic, stored.msgtype) == (connection.topic, connection.msgtype)]
        return found or [connection]

    def _world_topics(self, world: WorldSource) -> dict[str, Connection]:
        """Return the connections that positions come from, by role."""
        found = {}
        beside = self.image.topic.removesuffix('/compressed').rpartition('/')[0] + '/camera_info'
        info = world.camera_info or next(
            (c.topic for c in self._reader.connections if c.topic == beside), None)
        found['camera_info'] = self._find('camera_info', info, (INFO_TYPE,))
        for role, topic in (('transforms', '/tf'), ('static', '/tf_static')):
            for connection in self._reader.connections:
                if connection.topic == topic and connection.msgtype == TF_TYPE:
                    found[role] = connection
        if world.depth is not None:
            found['depth'] = self._find('depth', world.depth, (IMAGE_TYPES['raw'],))
        return found

    def _image_topic(self, wanted: str | None, transport: str) -> Connection:
        kinds = tuple(IMAGE_TYPES.values())
        preferred = IMAGE_TYPES[transport]
        if wanted is None and any(c.msgtype == preferred for c in self._reader.connections):
            kinds = (preferred,)
        return self._find('image', wanted, kinds)

    def _find(self, name: str, wanted: str | None, kinds: tuple[str, ...]) -> Connection:
        found = [c for c in self._reader.connections if c.msgtype in kinds and (
            c.topic.lstrip('/') == wanted.lstrip('/') if wanted is not None
            else self._depth is None or c.topic.lstrip('/') != self._depth.lstrip('/'))]
        if len({c.topic for c in found}) == 1:
            return found[0]
        have = ', '.join(sorted(
            f'{c.topic} ({c.msgtype})' for c in (found or self._reader.connections))) or 'none'
        if found:
            raise BagError(f'several topics could be the {name} topic, name one: {have}')
        missing = f'no topic {wanted}' if wanted else 'no topic'
        raise BagError(f'{missing} of type {" or ".join(kinds)}; the bag has: {have}')


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


def convert(source: Path, target: Path, settings: Settings,
            encoder: AppearanceEncoder | None = None, image_topic: str | None = None,
            detections_topic: str | None = None, tracks_topic: str = '/tracks',
            progress: Callable[[int, int], None] | None = None,
            version: int | None = None, world: WorldSource = WorldSource()) -> BagSummary:
    """
    Track a bag offline, through the node's own pairing, conversions and pipeline.

    Every pair is tracked, none is dropped for speed, so the same bag gives the same messages.
    A TrackArray is received when its image was.

    :param encoder: None tracks by motion and overlap alone.
    :param progress: called with messages read and messages in all.
    :param version: of the metadata of the new bag, as for :class:`TrackWriter`.
    :param world: topics of the world, where the settings ask for it.
    :raises BagError: a bag cannot be read or written, or a topic is ambiguous.
    """
    start = time.perf_counter()
    summary, ignored, late = BagSummary(), Counter[str](), 0
    ids: set[int] = set()
    pairer: Pairer[tuple[int, Any], Any] = new_pairer(settings)
    pipeline, stamps = Pipeline(settings, encoder), Stamps()
    wanted = pipeline.world is not None
    if settings.world == 'depth' and world.depth is None:
        raise BagError(f'{source}: world is depth: name the topic of the depth images')
    with BagReader(source, image_topic, detections_topic, settings.image_transport,
                   world if wanted else None) as bag, \
            TrackWriter(target, tracks_topic, version) as writer:
        inputs: WorldInputs[tuple[int, Any, Any]] = WorldInputs(settings, bag.image.topic)
        lacking = Counter[str]()

        def offer(received: int, image: Any, detections: Detection2DArray | None,
                  now: float) -> None:
            inputs.offer(image.header.frame_id, nanoseconds(image.header.stamp),
                         (received, image, detections), now)
            release(now)

        def release(now: float) -> None:
            for pair, sight in inputs.released(now):
                track(*pair, sight)

        def track(received: int, image: Any, detections: Detection2DArray | None,
                  sight: Sight | None) -> None:
            nonlocal late
            tracked = track_pair(pipeline, image, detections, sight)
            lacking.update(tracked.world_problems.keys())
            summary.world_problems.update(tracked.world_problems)
            summary.image_errors += tracked.image_error is not None
            if tracked.message is None:
                late += 1
                return
            writer.write(tracked.message, received)
            summary.frames += 1
            summary.crops += tracked.result.crops
            ids.update(track.id for track in tracked.message.tracks)
            ignored.update(tracked.result.ignored)

        def assume_empty(now: float) -> None:
            unanswered(pairer.overdue(now), now)

        def unanswered(images: list[Unanswered[tuple[int, Any]]], now: float) -> None:
            for (received, image), skipped in images:
                offer(received, image,
                      None if skipped else Detection2DArray(header=image.header), now)

        try:
            for count, (received, role, message) in enumerate(bag.told_apart(), 1):
                if progress is not None:
                    progress(count, len(bag))
                now = received / NANOSECONDS
                assume_empty(now)
                if inputs.take(role, message):
                    release(now)
                    continue
                stamp, _ = stamps.of(message, received)
                if role == 'detections':
                    summary.detections += 1
                    pair = pairer.add_detections(stamp, message, now)
                else:
                    summary.images += 1
                    pair = pairer.add_image(stamp, (received, message), now)
                unanswered(pairer.passed(), now)
                if pair is not None:
                    offer(*pair[0], pair[1], now)
            assume_empty(math.inf)
            release(math.inf)
        except KeyboardInterrupt:
            summary.interrupted = True
    counts = pairer.counts
    dropped = {
        'image_without_detections': counts.image_without_detections,
        'detections_without_image': counts.detections_without_image,
        'detections_late': counts.detections_late,
        'duplicates': counts.duplicates, 'cleared': counts.cleared,
        'waiting': pairer.waiting(), 'old_stamp': late}
    summary.dropped = {reason: n for reason, n in dropped.items() if n}
    summary.without = dict(lacking)
    if pipeline.world is not None:
        summary.world = pipeline.world.counts.totals()
    summary.ids, summary.sessions = len(ids), pipeline.session + 1
    summary.ignored, summary.encoder_error = dict(ignored), pipeline.encoder_error
    summary.seconds = time.perf_counter() - start
    return summary
