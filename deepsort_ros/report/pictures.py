"""Pictures for the report: crops around an identity switch and a strip of frames, as data URIs."""
from __future__ import annotations

import base64
from collections.abc import Callable
from collections.abc import Sequence as Items
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deepsort_ros.mot.history import History
from deepsort_ros.mot.rendering import draw_tracks
from deepsort_ros.mot.rendering import draw_truth
from deepsort_ros.mot.sequence import Sequence

Image = NDArray[np.uint8]

# Height of a crop, width of a frame of the strip, in pixels; surroundings in box heights.
CROP_HEIGHT, STRIP_WIDTH, MARGIN = 280, 480, 0.4
CROP_ASPECT = 0.9
QUALITY = 82
# What is not known of an image.
GREY = 128


@dataclass(frozen=True)
class Crop:
    """A part of a frame to show: around a box (4,) tlwh of the truth, with these ids."""

    frame: int
    tlwh: NDArray[np.float64]
    ids: tuple[int, ...]


def pictures(sequence: Sequence, tracks: History, crops: Items[Crop], strip: Items[int],
             progress: Callable[[int, int], None]) -> tuple[list[str], dict[int, str]]:
    """
    Return the pictures of the crops and, by frame, of the strip.

    Boxes of the tracks are drawn in their colours, in a crop only its ids and, thin and white, the
    truth. Every frame is decoded at most once.

    Frames without an image that can be read are grey.

    :param progress: called with (frames done, frames in all).
    """
    by_frame: dict[int, list[int]] = {frame: [] for frame in strip}
    for index, crop in enumerate(crops):
        by_frame.setdefault(crop.frame, []).append(index)
    cut = [''] * len(crops)
    frames: dict[int, str] = {}
    wanted = set(strip)
    for frame in sequence.frames():
        if frame.number not in by_frame:
            continue
        image = frame.shown()
        if image is None:
            image = np.full((*sequence.size[::-1], 3), GREY, np.uint8)
        rows = tracks.rows(frame.number)
        shown = tracks.id[rows], tracks.state[rows], tracks.tlwh[rows]
        for index in by_frame[frame.number]:
            cut[index] = _encoded(_cut(image, crops[index], shown))
        if frame.number in wanted:
            frames[frame.number] = _encoded(_reduced(image, shown))
        progress(len(frames) + sum(bool(c) for c in cut), len(wanted) + len(crops))
    return cut, frames


Shown = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def _cut(image: Image, crop: Crop, shown: Shown) -> Image:
    left, top, width, height = crop.tlwh
    tall = height * (1 + 2 * MARGIN)
    wide = max(width * (1 + 2 * MARGIN), tall * CROP_ASPECT)
    scale = CROP_HEIGHT / tall
    # Maps the part of the image onto the crop; what lies outside the image is grey.
    x, y = left + width / 2 - wide / 2, top + height / 2 - tall / 2
    matrix = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]])
    size = round(wide * scale), CROP_HEIGHT
    part = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_AREA if scale < 1
                          else cv2.INTER_LINEAR, borderValue=(GREY,) * 3)
    move = np.array([x, y, 0, 0])
    chosen = np.isin(shown[0], crop.ids)
    ids, states, tlwh = (values[chosen] for values in shown)
    canvas = draw_tracks(part.astype(np.uint8, copy=False), ids, states, (tlwh - move) * scale)
    return draw_truth(canvas, [(crop.tlwh - move) * scale])


def _reduced(image: Image, shown: Shown) -> Image:
    scale = min(1.0, STRIP_WIDTH / image.shape[1])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    ids, states, tlwh = shown
    return draw_tracks(small.astype(np.uint8, copy=False), ids, states, tlwh * scale)


def _encoded(image: Image) -> str:
    _, content = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return 'data:image/jpeg;base64,' + base64.b64encode(content.tobytes()).decode('ascii')
