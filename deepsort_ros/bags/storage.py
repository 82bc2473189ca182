"""The messages stored in a bag, whole or damaged, whatever recorded it."""
from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Collection
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any
from typing import cast
from typing import NamedTuple
from urllib.parse import quote

import yaml
from rosbags.interfaces import MessageDefinitionFormat
from rosbags.rosbag2.reader import DirectoryReader
from rosbags.rosbag2.storage_mcap import DECOMPRESSORS
from rosbags.rosbag2.storage_mcap import McapReader
from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader

from deepsort_ros.bags.salvage import MAGIC
from deepsort_ros.bags.salvage import McapRemains
from deepsort_ros.bags.salvage import SqliteRemains
from deepsort_ros.bags.salvage import Stored

METADATA = 'metadata.yaml'
SQLITE_MAGIC = b'SQLite format 3\0'
ROS1_MAGIC = b'#ROSBAG V'
SUFFIXES = ('.mcap', '.db3', '.sqlite3')


class BagError(ValueError):
    """A bag cannot be read or written, or its topics are not clear; the message names it."""


class Topic(NamedTuple):
    """A topic of a bag and its type, for example ``sensor_msgs/msg/Image``."""

    name: str
    kind: str


class Storage:
    """
    A bag: a folder, or one of its files alone.

    What rosbags reads is read by rosbags; where it gives up, what is left is read without it.

    :param path: of the folder, or of an mcap or sqlite3 file.
    :raises BagError: there is no bag, or nothing of it can be read.
    """

    def __init__(self, path: Path) -> None:
        """Open the bag."""
        self.notes: list[str] = []
        self._damage: list[str] = []
        self._folder: DirectoryReader | None = None
        self._files: list[_File] = []
        try:
            if path.is_dir():
                self._open_folder(path)
            else:
                self._files = [_File(path)]
        except OSError as error:
            raise BagError(f'{path}: {error.strerror or error}') from error
        self.topics: Counter[Topic] = Counter()
        for file in self._files:
            self.topics.update(file.counts)
        promised = _promised(path)
        self.topics.update(dict.fromkeys(promised, 0))
        for topic, count in promised.items():
            self.topics[topic] = max(count, self.topics[topic])

    def __enter__(self) -> Storage:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Close the bag."""
        self.close()

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    @property
    def damage(self) -> list[str]:
        """Return what is lost as far as it is known, a part of a sentence each."""
        return [*self._damage, *(f'{file.path.name}: {what}' for file in self._files
                                 for what in file.damage)]

    @property
    def definitions(self) -> dict[str, str]:
        """Return the definitions of message types that the bag holds."""
        return {kind: text for file in self._files for kind, text in file.definitions.items()}

    @property
    def seconds(self) -> float:
        """Return the time between the first and the last message, in seconds."""
        times = [time for file in self._files for time in file.times]
        return (max(times) - min(times)) / 1e9 if times else 0.0

    def messages(self, topics: Collection[Topic]) -> Iterator[Stored]:
        """Yield the messages of some topics, file by file, in the order of their time."""
        for file in self._files:
            yield from file.messages(topics)

    def _open_folder(self, path: Path) -> None:
        if not (path / METADATA).is_file():
            self._without_metadata(path, f'{path}: no {METADATA}, as if its recorder was killed; '
                                   'the files in it are read')
            return
        folder = DirectoryReader(path)
        try:
            folder.open()
        except Exception as error:  # noqa: B902 of the storage, of whatever type
            reason = ' '.join(str(error).split())
            self._without_metadata(path, '')
            if not self.damage:
                self._damage.append(reason)
            return
        self._folder = folder
        compressed = folder.metadata.compression_mode == 'message'
        self._files = [_File(Path(str(storage.path)), storage, compressed)
                       for storage in cast('list[Any]', folder.storages)]

    def _without_metadata(self, path: Path, note: str) -> None:
        found = sorted((entry for entry in path.iterdir() if entry.suffix in SUFFIXES),
                       key=lambda entry: [int(part) if part.isdigit() else part
                                          for part in re.split(r'(\d+)', entry.name)])
        if not found:
            raise BagError(f'{path}: not a bag, it has no file that ends in '
                           f'{" or ".join(SUFFIXES)}')
        failed = []
        for entry in found:
            try:
                self._files.append(_File(entry))
            except BagError as error:
                failed.append(str(error))
        if not self._files:
            raise BagError(failed[0])
        self._damage += failed
        if note:
            self.notes.append(note)


class _File:
    """One file of a bag."""

    def __init__(self, path: Path, reader: Any = None, compressed: bool = False) -> None:
        self.path = path
        self._reader, self._compressed = reader, compressed
        self._owned = reader is None
        self._remains: McapRemains | SqliteRemains | None = None
        if reader is None:
            self._open(_kind(path))
        if isinstance(self._reader, McapReader) and not self._reader.chunks:
            # Without an index rosbags refuses messages that are not in the order of their time.
            self._read_remains('')

    def _open(self, kind: type[McapReader | Sqlite3Reader]) -> None:
        logged = self.path.with_name(f'{self.path.name}-wal')
        if kind is Sqlite3Reader and logged.exists() and logged.stat().st_size:
            # rosbags reads no messages that wait in the write-ahead log.
            self._read_remains('')
            return
        # rosbags puts the name of a database into an address.
        reader = kind(Path(quote(str(self.path))) if kind is Sqlite3Reader else self.path)
        try:
            reader.open()
        except Exception as error:  # noqa: B902 of the storage, of whatever type
            self._read_remains(' '.join(str(error).split()))
            return
        self._reader = reader

    def _read_remains(self, reason: str) -> None:
        kind = McapRemains if _kind(self.path) is McapReader else SqliteRemains
        try:
            self._remains = kind(self.path)
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise BagError(f'{self.path}: {reason or error}') from error
        if not self._remains.counts:
            self._remains.close()
            raise BagError(f'{self.path}: {reason or "no topics"}')

    @property
    def counts(self) -> dict[Topic, int]:
        if self._remains is not None:
            return {Topic(*key): count for key, count in self._remains.counts.items()}
        found: Counter[Topic] = Counter()
        for connection in self._reader.connections:
            found[Topic(connection.topic, connection.msgtype)] += connection.msgcount
        return found

    @property
    def definitions(self) -> dict[str, str]:
        if self._remains is not None:
            return self._remains.definitions
        return {connection.msgtype: connection.msgdef.data
                for connection in self._reader.connections
                if connection.msgdef.format == MessageDefinitionFormat.MSG}

    @property
    def damage(self) -> list[str]:
        return self._remains.damage if self._remains is not None else []

    @property
    def times(self) -> list[int]:
        if self._remains is not None:
            return self._remains.times
        said = self._reader.metadata
        return [said.start_time, said.end_time - 1] if said.message_count else []

    def close(self) -> None:
        if self._remains is not None:
            self._remains.close()
        if self._reader is not None and self._owned:
            self._reader.close()

    def messages(self, topics: Collection[Topic]) -> Iterator[Stored]:
        """Yield messages; where rosbags gives up, those behind come from what remains."""
        last, given = -1, list[Stored]()
        if self._remains is None:
            wanted = [c for c in self._reader.connections if (c.topic, c.msgtype) in topics]
            try:
                for connection, received, data in (
                        self._reader.messages(wanted) if wanted else ()):
                    message = Stored(received, connection.topic, connection.msgtype,
                                     self._content(data))
                    given = [*given, message] if received == last else [message]
                    last = received
                    yield message
                return
            except Exception as error:  # noqa: B902 of the storage, of whatever type
                self._read_remains(' '.join(str(error).split()))
        assert self._remains is not None
        for message in self._remains.messages(topics):
            message = message._replace(data=self._content(message.data))
            if message.received > last or (message.received == last and message not in given):
                yield message

    def _content(self, data: bytes) -> bytes:
        return bytes(DECOMPRESSORS['zstd'](data, 0) if self._compressed else data)


def _kind(path: Path) -> type[McapReader | Sqlite3Reader]:
    """Return what reads a file, by its first bytes."""
    with path.open('rb') as file:
        begin = file.read(16)
    if not begin:
        raise BagError(f'{path}: an empty file')
    if begin.startswith(MAGIC):
        return McapReader
    if begin == SQLITE_MAGIC:
        return Sqlite3Reader
    if begin.startswith(ROS1_MAGIC):
        raise BagError(f'{path}: a bag of ROS 1; "rosbags-convert" makes one of ROS 2 of it')
    raise BagError(f'{path}: not a bag, neither mcap nor sqlite3')


def _promised(path: Path) -> dict[Topic, int]:
    """Return how many messages the metadata of a folder announce, nothing where they do not."""
    try:
        content = yaml.safe_load((path / METADATA).read_text(encoding='utf-8'))
        return {Topic(entry['topic_metadata']['name'], entry['topic_metadata']['type']):
                int(entry['message_count'])
                for entry in content['rosbag2_bagfile_information']['topics_with_message_count']}
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return {}
