"""Sequences of images with detections: MOTChallenge folders and video files."""
from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deepsort_ros.blank import Blank
from deepsort_ros.mot.folder import read_folder
from deepsort_ros.mot.footage import Footage
from deepsort_ros.mot.footage import open_footage
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import MotTable
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind
from deepsort_ros.samples import Samples
from deepsort_ros.tracking import Detections

Image = NDArray[np.uint8]

# How JPEG and PNG begin and end; OpenCV shows what is there of one that is cut off.
ENDS = ((b'\xff\xd8', b'\xff\xd9'), (b'\x89PNG', b'IEND'))
TAIL = 4096
# Steps from detections to detections that tell the rhythm of a detector, and the share of them
# from one frame to the next that are an accident.
ENOUGH, BY_CHANCE = 5, 0.1
# Images decoded ahead of their use.
AHEAD = 3
# In colour, 16-bit samples as such.
AS_STORED = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
# Sizes of images that are named, at most.
MOST_SIZES = 4


@dataclass(frozen=True)
class SequenceFrame:
    """
    One frame.

    :param number: from 1.
    :param load: returns the image (H, W, 3) uint8 bgr8, or None where the sequence has none;
        call it before the next frame is taken.
    :param detections: empty where the sequence has none.
    :param time: seconds after the first frame, None where one frame is one step of the rate.
    :param skipped: its detector did not look at it, so it says nothing about who is there.
    """

    number: int
    load: Callable[[], Image | None]
    detections: Detections
    time: float | None = None
    skipped: bool = False

    def shown(self) -> Image | None:
        """Return the image; None where there is none that can be read, which is counted."""
        try:
            return self.load()
        except MotFileError:
            return None


@dataclass(frozen=True)
class Sequence:
    """
    A MOTChallenge folder or a video.

    :param name: of the sequence; :param path: the folder or file.
    :param frame_rate: Hz.
    :param length: frames; of a folder that does not say it, those with a row in its tables.
    :param size: (width, height) in pixels, (0, 0) when unknown.
    :param images: path of each frame, from 1; empty without images or for a video.
    :param detections: None when there are none.
    :param truth: path of the truth file, None when there is none.
    :param has_length: whether anything but the tables says how long it is.
    :param notes: what was assumed, for the user to know.
    :param footage: of a video, None of a folder.
    :param times: seconds of each frame of a folder after the first one; empty without.
    :param skipped: frames that the detector skipped.
    :param cut_off: images of a folder whose end is missing, as far as they were loaded.
    :param unreadable: those that are missing or no images.
    :param sizes: (width, height) of the images that were loaded -> the first such frame.
    :param samples: what is known of their 16-bit samples; :param blank: whether they show
        anything.
    """

    name: str
    path: Path
    frame_rate: float
    length: int
    size: tuple[int, int]
    images: Mapping[int, Path]
    detections: MotTable | None
    truth: Path | None
    has_length: bool = True
    notes: tuple[str, ...] = field(default=())
    footage: Footage | None = None
    times: tuple[float, ...] = ()
    skipped: frozenset[int] = frozenset()
    cut_off: set[Path] = field(default_factory=set, compare=False)
    unreadable: set[Path] = field(default_factory=set, compare=False)
    sizes: dict[tuple[int, int], int] = field(default_factory=dict, compare=False)
    samples: Samples = field(default_factory=Samples, compare=False)
    blank: Blank = field(default_factory=Blank, compare=False)

    @property
    def has_images(self) -> bool:
        """Whether its frames can be loaded."""
        return bool(self.images) or self.footage is not None

    @property
    def varies(self) -> bool:
        """Whether its frames have times of their own."""
        return bool(self.times) or (self.footage is not None and self.footage.varies)

    @property
    def damage(self) -> str:
        """Return in one sentence what could not be read, once it was; else an empty text."""
        found = []
        if self.unreadable:
            found.append(f'{min(self.unreadable)}{_others(self.unreadable)}: missing or not an '
                         'image, nothing is known of how objects look there')
        if self.cut_off:
            found.append(f'{min(self.cut_off)}{_others(self.cut_off)}: the end of the image is '
                         'missing, what is there was used')
        if found:
            return '; '.join(found)
        return self.footage.damage() if self.footage is not None else ''

    def remarks(self) -> list[str]:
        """Return what is strange about its images, a sentence each, once they were loaded."""
        found = []
        seen = self.sizes if self.footage is None else self.footage.decoded.sizes
        if self.images and not seen:
            # Tracked by motion alone: a look at a few tells most.
            for number in sorted({1, (1 + self.length) // 2, self.length}):
                with contextlib.suppress(MotFileError):
                    self._image(number)
        if len(seen) > 1:
            sizes = ', '.join(f'{width} x {height} in frame {number}' for (width, height), number
                              in sorted(seen.items(), key=lambda one: one[1])[:MOST_SIZES])
            found.append(f'{self.path}: images of {len(seen)} sizes ({sizes}): boxes must '
                         'be pixels of their own image, and ids change where the size does')
        samples = self.samples if self.footage is None else self.footage.samples
        return found + [f'{self.path}: {words}' for words in (samples.words(), self.blank.words())
                        if words]

    def frames(self) -> Iterator[SequenceFrame]:
        """
        Yield the frames in order; images are decoded only when loaded.

        :raises MotFileError: an image cannot be read; raised by ``load``.
        """
        if self.footage is not None:
            for number, (load, time) in enumerate(self.footage.frames(), 1):
                yield self._frame(number, load, time)
            return
        for number in range(1, self.length + 1):
            yield self._frame(number, partial(self._image, number),
                              self.times[number - 1] if self.times else None)

    def _frame(self, number: int, load: Callable[[], Image | None],
               time: float | None) -> SequenceFrame:
        def watched() -> Image | None:
            image = load()
            if image is not None:
                self.blank.take(image, number / self.frame_rate if time is None else time)
            return image

        return SequenceFrame(
            number, watched, self._detected(number), time, number in self.skipped)

    def loaded(self) -> Iterator[tuple[SequenceFrame, Image | None]]:
        """
        Yield the frames with their images, which a thread decodes ahead.

        The image is None where there is none that can be read.
        """
        frames = self.frames()

        def load() -> tuple[SequenceFrame, Image | None] | None:
            frame = next(frames, None)
            return None if frame is None else (frame, frame.shown())

        # One thread: a video is decoded in order.
        with ThreadPoolExecutor(1) as pool:
            waiting = deque(pool.submit(load) for _ in range(AHEAD))
            while (pair := waiting.popleft().result()) is not None:
                waiting.append(pool.submit(load))
                yield pair

    def _detected(self, number: int) -> Detections:
        if self.detections is None:
            return Detections.empty()
        return self.detections.detections(number)

    def _image(self, number: int) -> Image | None:
        if not self.images:
            return None
        path = self.images[number]
        image = cv2.imread(str(path), AS_STORED) if path.is_file() else None
        if image is None:
            self.unreadable.add(path)
            raise MotFileError(f'{path}: frame {number} is missing or not an image')
        if _is_cut_off(path):
            self.cut_off.add(path)
        self.sizes.setdefault((image.shape[1], image.shape[0]), number)
        return self.samples.eight_bit(image)


def _others(paths: set[Path]) -> str:
    more = len(paths) - 1
    return f' and {more} other{"s" * (more > 1)}' if more else ''


def _is_cut_off(path: Path) -> bool:
    """Whether an image does not end as images of its format do."""
    with path.open('rb') as file:
        begin = file.read(TAIL)
        file.seek(-min(TAIL, path.stat().st_size), os.SEEK_END)
        tail = file.read()
    return any(begin.startswith(first) and last not in tail for first, last in ENDS)


def open_sequence(path: Path, detections: MotTable | Path | None = None,
                  with_detections: bool = True, first_frame: int = 1) -> Sequence:
    """
    Open a sequence folder or a video file.

    :param detections: a table, a file, or None for the folder's own ``det/det.txt``.
    :param with_detections: False opens it for its images and truth alone.
    :param first_frame: what the file of detections calls the first frame.
    :raises MotFileError: not a sequence, no detections, or a malformed file.
    """
    if not path.exists():
        raise MotFileError(f'{path}: no such file or folder')
    sequence = _open_folder(path) if path.is_dir() else _open_video(path)
    if not with_detections:
        return sequence
    if detections is None:
        if path.is_file():
            raise MotFileError(f'{path}: a video needs a detections file')
        detections = path / 'det' / 'det.txt'
    if isinstance(detections, Path):
        if detections.is_dir():
            several = len([*detections.glob('*.txt'), *detections.glob('*.json')])
            raise MotFileError(f'{detections}: a folder; give the file that holds the detections '
                               'of all frames' + (f', the {several} files in it may each be of '
                                                  'one image' if several > 1 else ''))
        if not detections.is_file():
            raise MotFileError(f'{detections}: no such detections file')
        detections = read_table(detections, TableKind.DETECTIONS, first_frame)
    if not sequence.has_length:
        sequence = replace(sequence, length=max(sequence.length, detections.last_frame))
    detections.check_length(sequence.length)
    return replace(sequence, detections=detections,
                   skipped=skipped_frames(np.unique(detections.frame), sequence.length))


def skipped_frames(frames: NDArray[np.int64], length: int) -> frozenset[int]:
    """
    Return the frames that a detector skipped which takes every second one, or every third.

    Such a detector never has detections of two frames in a row. A frame in which it found nothing
    stands where its next answer was due.

    :param frames: (N,) those with detections, ascending; :param length: of the sequence.
    """
    steps = np.diff(frames)
    if len(steps) < ENOUGH or (steps == 1).mean() > BY_CHANCE:
        return frozenset()
    usual = max(2, int(np.median(steps)))
    skipped = {frame for first, step in zip(frames, steps) for frame in range(first + 1,
               first + step) if step <= usual or (frame - first) % usual}
    end = range(int(frames[-1]) + 1, length + 1)
    return frozenset(skipped | {frame for frame in end if (frame - frames[-1]) % usual})


def _open_folder(path: Path) -> Sequence:
    folder = read_folder(path)
    truth = path / 'gt' / 'gt.txt'
    length, has_length = folder.length, bool(folder.length)
    if not has_length and truth.is_file():
        length = read_table(truth, TableKind.TRUTH).last_frame
    return Sequence(
        folder.name, path, folder.frame_rate, length, folder.size, folder.images, None,
        truth if truth.is_file() else None, has_length, folder.notes, times=folder.times)


def _open_video(path: Path) -> Sequence:
    footage = open_footage(path)
    return Sequence(path.stem, path, footage.rate, footage.length, footage.size, {}, None, None,
                    notes=footage.notes, footage=footage)
