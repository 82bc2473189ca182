"""
Read videos with FFmpeg (PyAV): upright images, their real stamps, and an honest end.

A video is read twice. Opening it counts its packets and reads their stamps, without decoding, so
that length and rate are known also of recordings whose header does not say them. Then the images
are decoded, and what could not be is counted.
"""
from __future__ import annotations

import statistics
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from deepsort_ros.mot.cells import is_text
from deepsort_ros.mot.cells import MotFileError
from deepsort_ros.mot.upright import Image
from deepsort_ros.mot.upright import matrix_of
from deepsort_ros.mot.upright import upright
from deepsort_ros.samples import Samples

# Hz, where a video does not say it.
ASSUMED_RATE = 30.0
# Share of a step by which stamps may leave the grid of a constant rate: cameras jitter, and
# Matroska rounds to milliseconds.
JITTER = 0.15
# Seconds by which a file may end before the duration in its header: sound and images differ.
END_MARGIN = 0.5
# Least time between images whose stamps do not ascend, seconds.
LEAST_STEP = 0.001
ATTACHED_PICTURE = 1 << 10
# Of a container: what FFmpeg says of rate and stamps is made up.
NO_STAMPS = 1 << 7
# Containers of sound, whose pictures are covers; older PyAV does not say so of the stream.
SOUND_FORMATS = ('mp3', 'flac', 'aiff', 'wav', 'ape')
# Demuxers that take a text file or a picture for a video.
TEXT_CODECS = ('ansi', 'bintext', 'xbin', 'idf')
# Codecs with packets that show nothing, which is no damage.
HIDING_CODECS = ('vp8', 'mpeg4')
Load = Callable[[], Image]


@dataclass
class Decoded:
    """
    What came of reading a video.

    :param frames: decoded; :param failed: packets that the decoder refused.
    :param damaged: frames decoded with errors; :param stopped: why reading ended early.
    :param done: whether the end was reached.
    :param sizes: (width, height) as stored -> the first frame that has it.
    """

    frames: int = 0
    failed: int = 0
    damaged: int = 0
    stopped: str = ''
    done: bool = False
    sizes: dict[tuple[int, int], int] = field(default_factory=dict)

    def clear(self) -> None:
        """Begin again."""
        self.frames = self.failed = self.damaged = 0
        self.stopped, self.done = '', False
        self.sizes.clear()


@dataclass(frozen=True)
class Footage:
    """
    A video file that can be read.

    :param rate: Hz, of the usual step between images where it varies.
    :param length: frames that its packets promise.
    :param size: (width, height) of the first image as it is shown, pixels.
    :param varies: whether the time between images varies, so that stamps count.
    :param codec: of the images; :param turned: whether they are stored in another orientation.
    :param notes: what was assumed, a sentence each.
    :param lost: what is missing before anything is decoded, a part of a sentence each.
    :param decoded: what came of the last reading; :param samples: what is known of 16-bit ones.
    """

    path: Path
    rate: float
    length: int
    size: tuple[int, int]
    varies: bool
    codec: str
    turned: bool
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    decoded: Decoded = field(default_factory=Decoded)
    samples: Samples = field(default_factory=Samples)

    def frames(self) -> Iterator[tuple[Load, float | None]]:
        """
        Yield what loads an image (H, W, 3) uint8 bgr8, and its time.

        Images are upright. The time is in seconds after the first image, None where the rate is
        constant. What cannot be decoded is left out and counted in ``decoded``.

        :raises MotFileError: the file cannot be opened any more.
        """
        result = self.decoded
        result.clear()
        first = last = None
        for frame in _decode(self.path, result):
            result.frames += 1
            result.sizes.setdefault((frame.width, frame.height), result.frames)
            time = None
            if self.varies:
                stamp = frame.time
                first = stamp if first is None else first
                time = 0.0 if stamp is None else float(stamp - (first or 0.0))
                if last is not None and time < last + LEAST_STEP:
                    time = last + (1 / self.rate if stamp is None else LEAST_STEP)
                last = time
            yield partial(upright, frame, self.samples), time
        result.done = True

    def damage(self) -> str:
        """Return in one sentence what was not decoded of it; empty when all was."""
        found, result = list(self.lost), self.decoded
        if result.failed:
            found.append(f'{_images(result.failed)} cannot be decoded')
        if result.damaged:
            found.append(f'damage in {_images(result.damaged)}')
        if result.stopped and not self.lost:
            found.append(f'reading stopped: {result.stopped}')
        missing = self.length - result.frames - result.failed
        if (result.done and missing > 0 and not result.failed
                and (found or self.codec not in HIDING_CODECS)):
            found.append(f'{_images(missing)} missing')
        if not found:
            return ''
        return (f'{self.path}: the video is not complete: {"; ".join(found)}; '
                f'{_images(result.frames)} decoded and used')


def _images(count: int) -> str:
    return f'{count} image{"" if count == 1 else "s"}'


def open_footage(path: Path) -> Footage:
    """
    Open a video, count its frames and look at the first.

    :raises MotFileError: FFmpeg cannot read it, or it has no moving images.
    """
    with _opened(path) as container:
        stream = _stream(path, container)
        notes = []
        count = len(container.streams.video)
        if count > 1:
            notes.append(f'{path}: {count} video streams, the first that is no picture is used')
        packets = _scan(container, stream)
        rates = [float(rate) for rate in (
            stream.average_rate, getattr(stream, 'guessed_rate', None)) if rate]
        if int(container.format.flags) & NO_STAMPS:
            notes.append(f'{path}: a raw stream, which has no rate; '
                         f'{next(iter(rates), ASSUMED_RATE):g} Hz is assumed')
        codec = str(stream.codec_context.name)
    rate, varies, note = _rate(packets, rates)
    if note:
        notes.append(f'{path}: {note}')
    result = Decoded()
    first = next(_decode(path, result), None)
    if first is None:
        raise MotFileError(f'{path}: a video without an image that can be decoded')
    height, width = upright(first, Samples()).shape[:2]
    return Footage(path, rate, packets.shown, (width, height), varies, codec,
                   matrix_of(first) is not None, tuple(notes), tuple(packets.lost))


@dataclass
class _Packets:
    """
    The packets of a video.

    :param shown: those that show an image; :param stamps: of these, seconds, as far as they have
        any; :param steps_back: decoding stamps that do not ascend; :param tick: seconds.
    """

    shown: int = 0
    stamps: list[float] = field(default_factory=list)
    steps_back: int = 0
    tick: float = 0.0
    lost: list[str] = field(default_factory=list)


def _opened(path: Path) -> Any:
    """Return the container; its name is taken as a file's, whatever colons are in it."""
    try:
        return av.open(f'file:{path}', metadata_errors='replace')
    except FFmpegError as error:
        if not path.stat().st_size:
            raise MotFileError(f'{path}: not a video, but an empty file') from error
        if is_text(path):
            raise MotFileError(f'{path}: not a video, but text') from error
        raise MotFileError(
            f'{path}: not a video that FFmpeg can read: {_reason(error)}') from error


def _reason(error: Exception) -> str:
    return getattr(error, 'strerror', None) or str(error)


def _stream(path: Path, container: Any) -> Any:
    """Return the stream of moving images."""
    videos = list(container.streams.video)
    kinds = {stream.type for stream in container.streams} - {'video'}
    if container.format.name == 'tty' or (not videos and kinds == {'subtitle'}) or any(
            stream.codec_context is not None and stream.codec_context.name in TEXT_CODECS
            for stream in videos):
        raise MotFileError(f'{path}: not a video, but text')
    if container.format.name.startswith('image2') or container.format.name.endswith('_pipe'):
        raise MotFileError(f'{path}: not a video, but one picture; give the folder of pictures')
    moving = [stream for stream in videos
              if not int(getattr(stream, 'disposition', 0)) & ATTACHED_PICTURE]
    if not moving or container.format.name in SOUND_FORMATS:
        what = ', '.join(sorted(kinds)) or 'nothing'
        raise MotFileError(f'{path}: not a video, it holds {what}'
                           f'{" and a still picture" if videos else ""}')
    return moving[0]


def _scan(container: Any, stream: Any) -> _Packets:
    """Return what the packets say, without decoding one."""
    found = _Packets(tick=float(stream.time_base or 0))
    corrupt, end, last, total = 0, 0.0, None, 0
    try:
        for packet in container.demux():
            if not packet.size:
                continue
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is not None and packet.time_base:
                end = max(end, float((stamp + (packet.duration or 0)) * packet.time_base))
            if packet.stream.index != stream.index:
                continue
            total += 1
            corrupt += packet.is_corrupt
            found.steps_back += (last is not None and packet.dts is not None
                                 and packet.dts < last)
            last = packet.dts if packet.dts is not None else last
            if packet.is_discard or _is_hidden(stream, packet):
                continue
            found.shown += 1
            if packet.pts is not None:
                found.stamps.append(float(packet.pts * packet.time_base))
    except FFmpegError as error:
        found.lost.append(f'reading stopped after {total} packets: {_reason(error)}')
    found.stamps.sort()
    # What an edit list leaves out is not in the index.
    promised = len(getattr(stream, 'index_entries', ())) if 'mp4' in container.format.name else 0
    if container.format.name == 'avi' and found.tick * (stream.frames - (last or 0)) > END_MARGIN:
        # Images that the camera left out count there, and have no packet.
        promised = stream.frames
    if total < promised:
        found.lost.append(f'the file promises {promised} images and holds {total}')
    if corrupt:
        found.lost.append(f'{corrupt} of {total} packets damaged')
    said = (container.duration or 0) / 1e6
    begin = (container.start_time or 0) / 1e6
    if 'matroska' in container.format.name and said - (end - begin) > END_MARGIN:
        found.lost.append(f'the file ends after {end - begin:.1f} of {said:.1f} s')
    return found


def _is_hidden(stream: Any, packet: Any) -> bool:
    """Whether a packet is decoded and not shown; VP8 says it in its first byte."""
    return stream.codec_context.name == 'vp8' and not bytes(packet)[0] & 0x10


def _rate(packets: _Packets, rates: list[float]) -> tuple[float, bool, str]:
    """Return the rate in Hz, whether it varies, and what was assumed."""
    stamps = packets.stamps
    said = next((rate for rate in rates if 0 < rate < 10000), None)
    assumed = said or ASSUMED_RATE
    steps = [later - earlier for earlier, later in pairwise(stamps)]
    span = sum(steps)
    if packets.steps_back or (steps and span <= 0):
        return assumed, False, f'its stamps do not ascend, {assumed:g} Hz is assumed'
    if not steps or len(stamps) < packets.shown:
        return assumed, False, '' if said else f'no rate, {assumed:g} Hz is assumed'
    for rate in (*rates, len(steps) / span):
        margin = max(JITTER / rate, 1.5 * packets.tick) if rate else 0.0
        if all(abs(stamp - stamps[0] - number / rate) <= margin
               for number, stamp in enumerate(stamps)):
            return rate, False, ''
    usual = statistics.median(step for step in steps if step > 0)
    return 1 / usual, True, (
        f'the time between images varies, {1000 * min(steps):.0f} to {1000 * max(steps):.0f} ms; '
        'the stamps of the file are used')


def _decode(path: Path, result: Decoded) -> Iterator[Any]:
    """Yield the frames of a video and count what fails."""
    with _opened(path) as container:
        stream = _stream(path, container)
        # Not several images at a time: a damaged one would take others with it.
        stream.thread_type = 'SLICE'
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError as error:
                result.stopped = _reason(error)
                packet = None
            try:
                frames = stream.codec_context.decode(packet) if packet is None else packet.decode()
            except EOFError:
                return
            except FFmpegError:
                result.failed += 1
                frames = []
            for frame in frames:
                result.damaged += frame.is_corrupt
                yield frame
            if packet is None:
                return
