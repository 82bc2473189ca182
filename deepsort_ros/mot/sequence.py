"""Sequences of images with detections: MOTChallenge folders and video files."""
from __future__ import annotations

import configparser
from collections import deque
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import MotTable
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind
from deepsort_ros.tracking import Detections

Image = NDArray[np.uint8]

# Images decoded ahead of their use.
AHEAD = 3


@dataclass(frozen=True)
class SequenceFrame:
    """
    One frame.

    :param number: from 1.
    :param load: returns the image (H, W, 3) uint8 bgr8, or None where the sequence has none;
        call it before the next frame is taken.
    :param detections: empty where the sequence has none.
    """

    number: int
    load: Callable[[], Image | None]
    detections: Detections


@dataclass(frozen=True)
class Sequence:
    """
    A MOTChallenge folder or a video.

    :param name: of the sequence; :param path: the folder or file.
    :param frame_rate: Hz.
    :param length: frames.
    :param size: (width, height) in pixels, (0, 0) when unknown.
    :param images: path pattern with the frame number, None without images or for a video.
    :param detections: None when there are none.
    :param truth: path of the truth file, None when there is none.
    """

    name: str
    path: Path
    frame_rate: float
    length: int
    size: tuple[int, int]
    images: str | None
    detections: MotTable | None
    truth: Path | None

    @property
    def has_images(self) -> bool:
        """Whether its frames can be loaded."""
        return self.images is not None or self.path.is_file()

    def frames(self) -> Iterator[SequenceFrame]:
        """
        Yield the frames in order; images are decoded only when loaded.

        :raises MotFileError: an image cannot be read; raised by ``load``.
        """
        if self.path.is_file():
            yield from self._video_frames()
            return
        for number in range(1, self.length + 1):
            yield SequenceFrame(number, partial(self._image, number), self._detected(number))

    def loaded(self) -> Iterator[tuple[SequenceFrame, Image | None]]:
        """
        Yield the frames with their images, which a thread decodes ahead.

        :raises MotFileError: an image cannot be read.
        """
        frames = self.frames()

        def load() -> tuple[SequenceFrame, Image | None] | None:
            frame = next(frames, None)
            return None if frame is None else (frame, frame.load())

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
        if self.images is None:
            return None
        path = self.images % number
        image = cv2.imread(path, cv2.IMREAD_COLOR)
        if image is None:
            raise MotFileError(f'{path}: frame {number} is missing or not an image')
        return image.astype(np.uint8, copy=False)

    def _video_frames(self) -> Iterator[SequenceFrame]:
        capture = cv2.VideoCapture(str(self.path))
        try:
            number = 0
            while capture.grab():
                number += 1
                yield SequenceFrame(
                    number, partial(self._retrieved, capture, number), self._detected(number))
        finally:
            capture.release()

    def _retrieved(self, capture: cv2.VideoCapture, number: int) -> Image:
        good, image = capture.retrieve()
        if not good:
            raise MotFileError(f'{self.path}: frame {number} cannot be decoded')
        return image.astype(np.uint8, copy=False)


def open_sequence(path: Path, detections: MotTable | Path | None = None,
                  with_detections: bool = True) -> Sequence:
    """
    Open a MOTChallenge folder or a video file.

    :param detections: a table, a file, or None for the folder's own ``det/det.txt``.
    :param with_detections: False opens it for its images and truth alone.
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
        if not detections.is_file():
            raise MotFileError(f'{detections}: no such detections file')
        detections = read_table(detections, TableKind.DETECTIONS)
    detections.check_length(sequence.length)
    return Sequence(**{**vars(sequence), 'detections': detections})


def _open_folder(path: Path) -> Sequence:
    ini = path / 'seqinfo.ini'
    if not ini.is_file():
        raise MotFileError(f'{path}: not a MOTChallenge sequence, it has no seqinfo.ini')
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(ini.read_text(encoding='utf-8'))
        section = parser['Sequence']
        frame_rate = section.getfloat('frameRate', fallback=float('nan'))
        length = section.getint('seqLength', fallback=0)
        size = (section.getint('imWidth', fallback=0), section.getint('imHeight', fallback=0))
    except (configparser.Error, KeyError, ValueError) as error:
        reason = str(error).replace('\n', ' ')
        raise MotFileError(f'{ini}: not a sequence description: {reason}') from error
    if length < 1:
        raise MotFileError(f'{ini}: seqLength {length} is below 1')
    if not 0 < frame_rate < float('inf'):
        raise MotFileError(f'{ini}: frameRate {frame_rate:g} is not a rate')
    folder = path / section.get('imDir', 'img1')
    extension = section.get('imExt', '.jpg')
    truth = path / 'gt' / 'gt.txt'
    # A percent sign in the folder's own name is no placeholder.
    pattern = f'{folder}/'.replace('%', '%%') + f'%06d{extension}'
    return Sequence(
        section.get('name', path.resolve().name), path, frame_rate, length, size,
        pattern if folder.is_dir() else None, None, truth if truth.is_file() else None)


def _open_video(path: Path) -> Sequence:
    capture = cv2.VideoCapture(str(path))
    try:
        if not capture.isOpened():
            raise MotFileError(f'{path}: not a video that OpenCV can read')
        frame_rate = capture.get(cv2.CAP_PROP_FPS)
        length = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
                int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    finally:
        capture.release()
    if length < 1 or not 0 < frame_rate < 10000:
        raise MotFileError(
            f'{path}: the video says {length} frames at {frame_rate:g} Hz')
    return Sequence(path.stem, path, frame_rate, length, size, None, None, None)
