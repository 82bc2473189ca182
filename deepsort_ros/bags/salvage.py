"""
What a damaged bag file still holds.

rosbags reads whole bags. These two read what is left of one: an mcap file without its end, as a
recorder that was killed leaves it, or with damaged chunks; a sqlite3 file with pages missing.
"""
from __future__ import annotations

import heapq
import mmap
import re
import sqlite3
import struct
from collections import Counter
from collections.abc import Collection
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from rosbags.rosbag2.storage_mcap import decompress

MAGIC = b'\x89MCAP0\r\n'
SCHEMA, CHANNEL, MESSAGE, CHUNK, DATA_END = 3, 4, 5, 6, 15
LAST_OPCODE = 15
# A chunk: length, start, end, size, CRC, compression, stored size.
CHUNK_HEADER = re.compile(
    rb'\x06(.{8})(.{8})(.{8})(.{8}).{4}(\0{4}|\x04\0{3}zstd|\x03\0{3}lz4)(.{8})', re.DOTALL)
# Rows of a table that may be missing in a row before its end is taken to be reached.
MISSING_ROWS = 2000


class Stored(NamedTuple):
    """A message as it is stored, received at a time in nanoseconds."""

    received: int
    topic: str
    kind: str
    data: bytes


@dataclass(frozen=True)
class _Part:
    """A chunk, or a message outside of chunks: its first time, and where it is."""

    start: int
    offset: int
    end: int
    is_chunk: bool


class McapRemains:
    """
    The readable part of an mcap file.

    :param path: of the file.
    :raises OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        """Look through the whole file."""
        self.counts: Counter[tuple[str, str]] = Counter()
        self._schemas: dict[int, str] = {}
        self.definitions: dict[str, str] = {}
        self._channels: dict[int, tuple[str, str]] = {}
        self._file = path.open('rb')
        self._parts: list[_Part] = []
        self._lost: Counter[str] = Counter()
        self._damaged: set[int] = set()
        self.times: list[int] = []
        self._bytes = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) if (
            path.stat().st_size) else b''
        self._scan()

    def close(self) -> None:
        """Close the file."""
        if isinstance(self._bytes, mmap.mmap):
            self._bytes.close()
        self._file.close()

    @property
    def damage(self) -> list[str]:
        """Return what was lost, a part of a sentence each."""
        found = [what if count == 1 else f'{count} {what}' for what, count in self._lost.items()]
        if self._damaged:
            found.append(f'{len(self._damaged)} damaged chunks')
        return found

    def messages(self, topics: Collection[tuple[str, str]]) -> Iterator[Stored]:
        """Yield the messages of (topic, type) pairs by their time."""
        wanted = {key for key, channel in self._channels.items() if channel in topics}

        def of(part: _Part) -> Iterator[tuple[int, int, Stored | None]]:
            yield part.start, part.offset, None  # without reading it yet
            found = [message for message in self._of(part) if message[0] in wanted]
            for channel, received, data in sorted(found, key=lambda message: message[1]):
                yield received, part.offset, Stored(received, *self._channels[channel], data)

        for _, _, message in heapq.merge(
                *map(of, self._parts), key=lambda item: item[:2]):
            if message is not None:
                yield message

    def _scan(self) -> None:
        size, offset = len(self._bytes), len(MAGIC)
        while offset + 9 <= size:
            opcode = self._bytes[offset]
            length = int.from_bytes(self._bytes[offset + 1:offset + 9], 'little')
            start, end = offset + 9, offset + 9 + length
            if not 0 < opcode <= LAST_OPCODE or end > size:
                found = self._next_chunk(offset + 1)
                if found == size:
                    break
                self._lost['damaged places'] += 1
                offset = found
                continue
            if opcode == DATA_END:
                return
            if opcode == CHUNK:
                self._take(_Part(self._number(start), offset, end, True))
            elif opcode == MESSAGE:
                self._take(_Part(self._number(start + 6), offset, end, False))
            else:
                self._describe(opcode, self._bytes[start:end])
            offset = end
        if size > len(MAGIC):
            self._lost['end cut off'] = 1
        if offset + 9 <= size and self._bytes[offset] == CHUNK:
            self._take(_Part(self._number(offset + 9), offset, size, True))

    def _take(self, part: _Part) -> None:
        """Count the messages of a part and remember where it is."""
        found = self._of(part)
        strangers = sum(channel not in self._channels for channel, _, _ in found)
        if strangers:
            self._lost['messages of unknown topics'] += strangers
        self.counts.update(self._channels[channel] for channel, _, _ in found
                           if channel in self._channels)
        if found:
            times = [received for _, received, _ in found]
            self.times = [min(self.times[:1] + times), max(self.times[1:] + times)]
            self._parts.append(replace(part, start=min(times)))

    def _of(self, part: _Part) -> list[tuple[int, int, bytes]]:
        """Return (channel, time, data) of the messages of a part; nothing of a damaged one."""
        if not part.is_chunk:
            return [_message(self._bytes[part.offset + 9:part.end])]
        try:
            content = self._content(part)
        except Exception:  # noqa: B902 of the decompressor, of whatever type
            self._damaged.add(part.offset)
            return []
        found, offset = [], 0
        while offset + 9 <= len(content):
            opcode = content[offset]
            end = offset + 9 + int.from_bytes(content[offset + 1:offset + 9], 'little')
            record = content[offset + 9:end]
            if end > len(content):
                break
            if opcode == MESSAGE and len(record) >= 22:
                found.append(_message(record))
            else:
                self._describe(opcode, record)
            offset = end
        return found

    def _content(self, part: _Part) -> bytes:
        """Return the records of a chunk; of one that is cut off, those before its end."""
        begin = part.offset + 9
        size, crc, length = struct.unpack_from('<QII', self._bytes, begin + 16)
        name = bytes(self._bytes[begin + 32:begin + 32 + length]).decode()
        stored, = struct.unpack_from('<Q', self._bytes, begin + 32 + length)
        content = bytes(self._bytes[begin + 40 + length:begin + 40 + length + stored])
        if len(content) < stored and not name:
            self._damaged.add(part.offset)
            return content
        return bytes(decompress(content, name, size, crc))

    def _describe(self, opcode: int, record: bytes) -> None:
        """Remember the type or the topic that a record introduces."""
        try:
            if opcode == SCHEMA:
                key, length = struct.unpack_from('<HI', record)
                name = record[6:6 + length].decode()
                begin = 10 + length + int.from_bytes(record[6 + length:10 + length], 'little')
                self._schemas[key] = name
                self.definitions[name] = record[begin + 4:].decode()
            elif opcode == CHANNEL:
                key, schema, length = struct.unpack_from('<HHI', record)
                self._channels[key] = record[8:8 + length].decode(), self._schemas[schema]
                self.counts[self._channels[key]] += 0
        except (struct.error, UnicodeDecodeError, KeyError):
            self._lost['damaged descriptions of topics'] += 1

    def _number(self, offset: int) -> int:
        return int.from_bytes(self._bytes[offset:offset + 8], 'little')

    def _next_chunk(self, offset: int) -> int:
        """Return where the next chunk begins that hangs together, else the end of the file."""
        while (found := CHUNK_HEADER.search(self._bytes, offset)) is not None:
            length, begin, end, _ = (int.from_bytes(found[n], 'little') for n in (1, 2, 3, 4))
            stored = int.from_bytes(found[6], 'little')
            fits = length == 36 + len(found[5]) + stored
            if fits and begin <= end and found.start() + length < len(self._bytes):
                return found.start()
            offset = found.start() + 1
        return len(self._bytes)


def _message(record: bytes) -> tuple[int, int, bytes]:
    channel, _, received, _ = struct.unpack_from('<HIQQ', record)
    return channel, received, bytes(record[22:])


class SqliteRemains:
    """
    The readable part of a sqlite3 file, message by message.

    :param path: of the file.
    :raises sqlite3.Error: not even its topics can be read.
    """

    def __init__(self, path: Path) -> None:
        """Read the topics and the times of all messages that have one."""
        self._open = sqlite3.connect(f'file:{quote(str(path))}?mode=ro', uri=True)
        try:
            # Else SQLite opens no file that is shorter than it says.
            self._open.execute('PRAGMA writable_schema = ON')
            self._topics = {key: (name, kind) for key, name, kind in self._open.execute(
                'SELECT id, name, type FROM topics')}
            self._missing, self._unreadable = 0, False
            self.definitions = self._defined()
            self._rows = sorted(self._found())
        except BaseException:
            self._open.close()
            raise
        self._lost: set[int] = set()
        self.times = [self._rows[0][0], self._rows[-1][0]] if self._rows else []
        self.counts: Counter[tuple[str, str]] = Counter(dict.fromkeys(self._topics.values(), 0))
        self.counts.update(self._topics[topic] for _, _, topic in self._rows)

    def close(self) -> None:
        """Close the file."""
        self._open.close()

    @property
    def damage(self) -> list[str]:
        """Return what was lost, a part of a sentence each."""
        found = ['pages cannot be read'] if self._unreadable else []
        lost = self._missing + len(self._lost)
        return [*found, f'{lost} messages lost'] if lost else found

    def messages(self, topics: Collection[tuple[str, str]]) -> Iterator[Stored]:
        """Yield the messages of (topic, type) pairs by their time."""
        for received, row, topic in self._rows:
            if self._topics[topic] in topics:
                try:
                    (data,), = self._open.execute('SELECT data FROM messages WHERE id = ?', (row,))
                except (sqlite3.Error, ValueError):
                    self._lost.add(row)
                    continue
                yield Stored(received, *self._topics[topic], data)

    def _defined(self) -> dict[str, str]:
        try:
            return dict(self._open.execute(
                'SELECT topic_type, encoded_message_definition FROM message_definitions'))
        except (sqlite3.Error, ValueError):
            return {}  # before Iron there was no such table

    def _found(self) -> Iterator[tuple[int, int, int]]:
        """Yield (time, row, topic) of every message whose row can be found."""
        row = missing = failed = 0
        while missing < MISSING_ROWS:
            row += 1
            try:
                found = self._open.execute(
                    'SELECT timestamp, topic_id FROM messages WHERE id = ?', (row,)).fetchone()
            except (sqlite3.Error, ValueError):
                found, failed, self._unreadable = None, failed + 1, True
            if found is None or found[1] not in self._topics:
                missing += 1
                continue
            # Rows that are not there were never written, or deleted.
            self._missing, missing, failed = self._missing + failed, 0, 0
            yield found[0], row, found[1]
