"""Write videos that every browser plays (H.264 in MP4), and render results into one."""
from __future__ import annotations

import fractions
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from deepsort_ros.mot.history import History
from deepsort_ros.mot.rendering import draw_tracks
from deepsort_ros.mot.rendering import draw_truth
from deepsort_ros.mot.rendering import Trails
from deepsort_ros.mot.sequence import Sequence
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import MotTable

# Seconds of a time stamp, as MPEG counts them.
TICK = fractions.Fraction(1, 90000)


@dataclass(frozen=True)
class RenderSummary:
    """
    What was written: file, frames, frame rate in Hz.

    :param damage: what of the sequence could not be read, empty when all was.
    """

    output: str
    frames: int
    frame_rate: float
    damage: str = ''


class VideoWriter:
    """
    An MP4 file, H.264, 4:2:0, its index at the front; a context manager.

    The file gets its name only when it is complete.

    :param path: of the file; :param frame_rate: Hz.
    :param varies: each image has a time of its own.
    :param max_width: wider images are reduced, 0 keeps every size.
    """

    def __init__(self, path: Path, frame_rate: float, max_width: int = 0,
                 varies: bool = False) -> None:
        """Create the file and its folder; the first image decides its size."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._partial = path.with_name(f'.{path.name}.partial.mp4')
        self._rate = fractions.Fraction(frame_rate).limit_denominator(1001)
        self._max_width = max_width
        self._size: tuple[int, int] | None = None
        self._container = av.open(
            f'file:{self._partial}', 'w', format='mp4', options={'movflags': '+faststart'})
        self._stream = self._container.add_stream(
            'libx264', rate=self._rate, options={'preset': 'veryfast', 'crf': '21'})
        self._stream.pix_fmt = 'yuv420p'
        self._stream.thread_type = 'AUTO'
        if varies:
            self._stream.codec_context.time_base = TICK

    def write(self, image: NDArray[np.uint8], time: float | None = None) -> None:
        """
        Add an image (H, W, 3) uint8 bgr8; one of another size is scaled to the first's.

        :param time: seconds after the first image; only where the rate varies.
        """
        if self._size is None:
            height, width = image.shape[:2]
            scale = min(1.0, self._max_width / width) if self._max_width else 1.0
            # 4:2:0 halves both axes: sizes must be even.
            self._size = (max(2, round(width * scale) // 2 * 2),
                          max(2, round(height * scale) // 2 * 2))
            self._stream.width, self._stream.height = self._size
        if (image.shape[1], image.shape[0]) != self._size:
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA).astype(
                np.uint8, copy=False)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format='bgr24')
        if time is not None:
            frame.pts, frame.time_base = round(time / TICK), TICK
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def __enter__(self) -> VideoWriter:
        """Return self."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Complete the file, or remove it after an error or when nothing was written."""
        complete = kind is None and self._size is not None
        if complete:
            for packet in self._stream.encode(None):
                self._container.mux(packet)
        self._container.close()
        if complete:
            os.replace(self._partial, self._path)
        else:
            self._partial.unlink(missing_ok=True)


def label(track_id: int, score: float) -> str:
    """Return what is written at a box: the id, and the score where it is known."""
    if not np.isfinite(score):
        return str(track_id)
    return f'{track_id} {score:.2f}' if abs(score) < 10 else f'{track_id} {score:.0f}'


def render(sequence: Sequence, results: History, output: Path, truth: MotTable | None = None,
           trail: int = 40, max_width: int = 0,
           progress: Callable[[int, int], None] | None = None) -> RenderSummary:
    """
    Draw results on the images of a sequence and write an MP4 file.

    Lost boxes are dashed, tentative ones thin, where the history knows them.

    :param truth: drawn underneath, thin and white.
    :param trail: length of the trails in images, 0 draws none.
    :param max_width: wider images are reduced, 0 keeps every size.
    :param progress: called with (frames done, frames in all).
    Frames without an image that can be read are black.

    :raises MotFileError: the sequence has no images, or is shorter than the results.
    """
    results.check_length(sequence.length)
    if not sequence.has_images or not all(sequence.size):
        raise MotFileError(f'{sequence.path}: the sequence has no images to draw on')
    width, height = sequence.size
    trails = Trails(trail)
    count = 0
    with VideoWriter(output, sequence.frame_rate, max_width, sequence.varies) as writer:
        for frame, image in sequence.loaded():
            if image is None:
                image = np.zeros((height, width, 3), np.uint8)
            if truth is not None:
                rows = truth.rows(frame.number)
                image = draw_truth(image, truth.tlwh[rows][truth.confidence[rows] != 0])
            rows = results.rows(frame.number)
            ids, tlwh = results.id[rows], results.tlwh[rows]
            points = trails.update(ids, tlwh) if trail else None
            labels = [label(int(i), float(score)) for i, score in zip(ids, results.score[rows])]
            writer.write(draw_tracks(image, ids, results.state[rows], tlwh, labels, points),
                         frame.time)
            count += 1
            if progress is not None:
                progress(count, sequence.length)
    return RenderSummary(str(output), count, sequence.frame_rate, sequence.damage)
