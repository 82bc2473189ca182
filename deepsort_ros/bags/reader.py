"""The images, detections and inputs of the world in a bag."""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from deepsort_ros.bags.storage import BagError
from deepsort_ros.bags.storage import Storage
from deepsort_ros.bags.storage import Topic
from deepsort_ros.ros.messages import stand_ins
from deepsort_ros.ros.messages.detectors import message_class
from deepsort_ros.ros.messages.detectors import SOLID
from deepsort_ros.ros.messages.detectors import TYPES
from deepsort_ros.ros.messages.types import CameraInfo
from deepsort_ros.ros.messages.types import CompressedImage
from deepsort_ros.ros.messages.types import deserialize_message
from deepsort_ros.ros.messages.types import Detection2DArray
from deepsort_ros.ros.messages.types import Image
from deepsort_ros.ros.messages.types import TFMessage
from deepsort_ros.settings import SettingError

IMAGE_TYPES = {'raw': 'sensor_msgs/msg/Image', 'compressed': 'sensor_msgs/msg/CompressedImage'}
DETECTIONS_TYPE = 'vision_msgs/msg/Detection2DArray'
DETECTIONS_TYPES = tuple(name.replace('/', '/msg/') for name in TYPES)
SOLID_TYPES = tuple(name.replace('/', '/msg/') for name in SOLID)
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


class BagReader:
    """
    The images and detections of a bag (mcap or sqlite3, a folder or a single file).

    :param image_topic: needed when more than one topic could be it, raw or compressed.
    :param detections_topic: needed when more than one topic could be it.
    :param transport: ``raw`` or ``compressed``, preferred where a bag has both.
    :param world: to read what positions come from as well.
    :param detections_type: one of ``TYPES``, preferred where a bag has several, or of ``SOLID``.
    :raises BagError: no bag, or no such topic, or several, or no image.
    """

    def __init__(self, path: Path, image_topic: str | None = None,
                 detections_topic: str | None = None, transport: str = 'raw',
                 world: WorldSource | None = None,
                 detections_type: str = 'vision_msgs/Detection2DArray') -> None:
        """Open the bag and find the topics."""
        self._path = path
        self._storage = Storage(path)
        self._read, self._unreadable, self._first = 0, 0, ''
        try:
            self._depth = world.depth if world is not None else None
            self.image = self._preferred('image', image_topic, tuple(IMAGE_TYPES.values()),
                                         IMAGE_TYPES[transport])
            preferred = detections_type.replace('/', '/msg/')
            # Those in space are read where they are asked for: they need a camera.
            self.detections = self._preferred(
                'detections', detections_topic,
                SOLID_TYPES if preferred in SOLID_TYPES else DETECTIONS_TYPES, preferred)
            self._deserialize = self._detections_reader()
            self._roles = {'image': self.image, 'detections': self.detections}
            if world is not None:
                self._roles.update(self._world_topics(world))
            if not self._storage.topics[self.image]:
                raise BagError(f'no message on {self.image.name}')
        except BagError as error:
            self._storage.close()
            raise BagError(f'{path}: {error}') from None

    def __enter__(self) -> BagReader:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Close the bag."""
        self._storage.close()

    def __len__(self) -> int:
        """Return how many messages the topics have."""
        return sum(self._storage.topics[topic] for topic in self._roles.values())

    @property
    def notes(self) -> list[str]:
        """Return what was assumed, a sentence each."""
        return self._storage.notes

    def messages(self) -> Iterator[tuple[int, Any]]:
        """Yield (receive time in nanoseconds, message) in the bag's order."""
        return ((received, message) for received, _, message in self.told_apart())

    def told_apart(self) -> Iterator[tuple[int, str, Any]]:
        """
        Yield (receive time in nanoseconds, what it is, message) in the bag's order.

        What cannot be read is left out; :meth:`damage` says so afterwards.
        """
        roles = {topic: role for role, topic in self._roles.items()}
        self._read, self._unreadable, self._first = 0, 0, ''
        for received, topic, kind, data in self._storage.messages(roles.keys()):
            self._read += 1
            try:
                message = (deserialize_message(data, CLASSES[kind]) if kind in CLASSES
                           else self._deserialize(data))
            except Exception as error:  # noqa: B902 rclpy raises a type of its C++ part
                self._unreadable += 1
                reason = ' '.join(str(error).split())
                self._first = self._first or f'{topic} received at {received}: {reason}'
                continue
            yield received, roles[Topic(topic, kind)], message

    def damage(self) -> str:
        """Return in one sentence what could not be read; empty when all was."""
        found = list(self._storage.damage)
        if self._read < len(self):
            found.append(f'{self._read} of {len(self)} messages are there')
        if self._unreadable:
            found.append(f'{self._unreadable} messages cannot be read, the first on {self._first}')
        if not found:
            return ''
        return (f'{self._path}: the bag is damaged: {"; ".join(found)}; what could be read was '
                'used')

    def _world_topics(self, world: WorldSource) -> dict[str, Topic]:
        """Return the topics that positions come from, by role."""
        found = {}
        beside = self.image.name.removesuffix('/compressed').rpartition('/')[0] + '/camera_info'
        info = world.camera_info or next(
            (topic.name for topic in self._storage.topics if topic.name == beside), None)
        found['camera_info'] = self._find('camera_info', info, (INFO_TYPE,))
        for role, name in (('transforms', '/tf'), ('static', '/tf_static')):
            if Topic(name, TF_TYPE) in self._storage.topics:
                found[role] = Topic(name, TF_TYPE)
        if world.depth is not None:
            found['depth'] = self._find('depth', world.depth, (IMAGE_TYPES['raw'],))
        return found

    def _detections_reader(self) -> Callable[[bytes], Any]:
        """
        Return what makes a message of the detector out of bytes.

        Where its package is not installed, by the definition that the bag holds.
        """
        kind = self.detections.kind
        try:
            installed = message_class(kind.replace('/msg/', '/'))
        except SettingError as error:
            definition = self._storage.definitions.get(kind)
            if not definition:
                raise BagError(f'{error}, and the bag does not define its messages') from error
            try:
                stand_ins.register(kind, definition)
            except ValueError as problem:
                raise BagError(str(problem)) from problem
            made = stand_ins.message_class(kind)
            return lambda data: stand_ins.deserialize_message(data, made)
        return lambda data: deserialize_message(data, installed)

    def _preferred(self, name: str, wanted: str | None, kinds: tuple[str, ...],
                   preferred: str) -> Topic:
        """Return a topic of some types, of the preferred one where there is any."""
        if wanted is None and any(topic.kind == preferred for topic in self._storage.topics):
            kinds = (preferred,)
        return self._find(name, wanted, kinds)

    def _find(self, name: str, wanted: str | None, kinds: tuple[str, ...]) -> Topic:
        found = [topic for topic in self._storage.topics if topic.kind in kinds and (
            topic.name.lstrip('/') == wanted.lstrip('/') if wanted is not None
            else self._depth is None or topic.name.lstrip('/') != self._depth.lstrip('/'))]
        if len(found) == 1:
            return found[0]
        have = ', '.join(sorted(
            f'{topic.name} ({topic.kind})' for topic in (found or self._storage.topics))) or 'none'
        if found:
            raise BagError(f'several topics could be the {name} topic, name one: {have}')
        missing = f'no topic {wanted}' if wanted else 'no topic'
        raise BagError(f'{missing} of type {" or ".join(kinds)}; the bag has: {have}')
