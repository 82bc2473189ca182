"""
Draw tracks on images.

Own drawing on OpenCV: the usual drawing library of the field, supervision, draws no dashed boxes
and pulls in the OpenCV build with a GUI, which cannot live beside the headless one.
"""
from __future__ import annotations

import colorsys
from collections import deque
from collections.abc import Mapping
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from deepsort_ros.tracking import TrackState

Image = NDArray[np.uint8]
Color = tuple[int, int, int]

# The golden ratio keeps hues apart; where it nearly comes round, 8, 13 or 21 ids on, the tone
# differs.
HUE_STEP, TONE_STEP = 0.6180339887498949, 0.41421356237309515
FONT = cv2.FONT_HERSHEY_SIMPLEX
TRUTH_COLOR: Color = (255, 255, 255)
# A shift of 3 bits draws at an eighth of a pixel: boxes glide instead of jumping.
SHIFT = 3
COORDINATE_LIMIT = 1 << 15


def track_color(track_id: int) -> Color:
    """Return the (blue, green, red) of an id: stable, and far from that of the ids around it."""
    hue = (track_id * HUE_STEP) % 1.0
    tone = (track_id * TONE_STEP) % 1.0
    # From strong and dark by strong and bright to pale and bright.
    red, green, blue = colorsys.hsv_to_rgb(
        hue, min(1.0, 1.4 - 0.9 * tone), min(1.0, 0.6 + 0.8 * tone))
    return round(255 * blue), round(255 * green), round(255 * red)


class Trails:
    """
    Where the tracks have stood lately.

    :param length: images a trail goes back; a track unseen for that long is forgotten.
    """

    def __init__(self, length: int = 40) -> None:
        """Start without trails."""
        self._length = length
        self._count = 0
        self._points: dict[int, deque[tuple[int, float, float]]] = {}

    def update(self, ids: ArrayLike, tlwh: ArrayLike) -> Mapping[int, NDArray[np.float64]]:
        """
        Add one image's boxes and return the trails of these tracks.

        :param ids: (N,) int; :param tlwh: (N, 4) pixels.
        :returns: id -> (P, 2) points (x, y), the middles of the lower edges, oldest first.
        """
        self._count += 1
        present = [int(track_id) for track_id in np.asarray(ids).ravel()]
        for track_id, box in zip(present, np.asarray(tlwh, dtype=np.float64).reshape(-1, 4)):
            points = self._points.setdefault(track_id, deque())
            points.append((self._count, box[0] + box[2] / 2, box[1] + box[3]))
        oldest = self._count - self._length
        for track_id in list(self._points):
            points = self._points[track_id]
            while points and points[0][0] <= oldest:
                points.popleft()
            if not points:
                del self._points[track_id]
        return {track_id: np.array([point[1:] for point in self._points[track_id]])
                for track_id in present if track_id in self._points}


def draw_tracks(image: Image, ids: ArrayLike, states: ArrayLike, tlwh: ArrayLike,
                labels: Sequence[str] | None = None,
                trails: Mapping[int, NDArray[np.float64]] | None = None) -> Image:
    """
    Return a copy of the image with the tracks drawn on it.

    Confirmed tracks have a solid box, lost ones a dashed box, tentative ones a thin box.

    :param image: (H, W, 3) uint8 bgr8, left as it is.
    :param ids: (N,) int; :param states: (N,) values of ``TrackState``.
    :param tlwh: (N, 4) pixels, may leave the image; a box that is not finite is left out.
    :param labels: N texts, by default the ids.
    :param trails: from :meth:`Trails.update`.
    """
    canvas = np.ascontiguousarray(image).copy()
    thickness = max(2, round(min(image.shape[:2]) / 270))
    id_list = [int(track_id) for track_id in np.asarray(ids).ravel()]
    boxes = np.asarray(tlwh, dtype=np.float64).reshape(-1, 4)
    state_list = [int(state) for state in np.asarray(states).ravel()]
    texts = [str(track_id) for track_id in id_list] if labels is None else list(labels)
    if not len(id_list) == len(boxes) == len(state_list) == len(texts):
        raise ValueError(f'{len(id_list)} ids, {len(state_list)} states, {len(boxes)} boxes and '
                         f'{len(texts)} labels do not belong together')
    drawable = [row for row in np.argsort(boxes[:, 1] + boxes[:, 3], kind='stable')
                if np.isfinite(boxes[row]).all()]
    if trails:
        _draw_trails(canvas, {i: trails[i] for i in id_list if i in trails}, thickness)
    for row in drawable:
        color = track_color(id_list[row])
        lost = state_list[row] == TrackState.LOST
        thin = state_list[row] == TrackState.TENTATIVE
        _draw_box(canvas, boxes[row], color, 1 if thin else thickness, dashed=lost)
    for row in drawable:
        _draw_label(canvas, boxes[row], texts[row], track_color(id_list[row]))
    return canvas


def draw_truth(image: Image, tlwh: ArrayLike) -> Image:
    """Return a copy of the image with thin white boxes, (N, 4) pixels."""
    canvas = np.ascontiguousarray(image).copy()
    for box in np.asarray(tlwh, dtype=np.float64).reshape(-1, 4):
        if np.isfinite(box).all():
            _draw_box(canvas, box, TRUTH_COLOR, 1, dashed=False)
    return canvas


def _fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return (..., 2) points in fixed point; far outside they are clipped, not wrapped."""
    limited = np.clip(points, -COORDINATE_LIMIT, COORDINATE_LIMIT)
    return np.asarray(np.round(limited * (1 << SHIFT)), dtype=np.int32)


def _draw_box(canvas: Image, box: NDArray[np.float64], color: Color, thickness: int,
              dashed: bool) -> None:
    left, top, width, height = np.clip(box, -COORDINATE_LIMIT, COORDINATE_LIMIT)
    corners = np.array([(left, top), (left + width, top), (left + width, top + height),
                        (left, top + height)])
    if not dashed:
        cv2.polylines(canvas, [_fixed(corners)], True, color, thickness, cv2.LINE_AA, SHIFT)
        return
    dash = 5.0 * thickness + 3
    lines: list[NDArray[np.int32]] = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0)):
        length = max(float(np.hypot(*(end - start))), 1e-9)
        first = np.arange(0.0, length, 2 * dash)
        share = np.stack((first, np.minimum(first + dash, length)), axis=1) / length
        lines += list(_fixed(start + share[..., None] * (end - start)))
    cv2.polylines(canvas, lines, False, color, thickness, cv2.LINE_AA, SHIFT)


def _draw_label(canvas: Image, box: NDArray[np.float64], text: str, color: Color) -> None:
    if not text:
        return
    height, width = canvas.shape[:2]
    scale = max(0.4, min(height, width) / 1100)
    (text_width, text_height), below = cv2.getTextSize(text, FONT, scale, 1)
    tall = text_height + below + 2
    # A label stays readable where its box leaves the image.
    x = int(np.clip(box[0], 0, max(0, width - text_width - 4)))
    y = int(np.clip(box[1] - tall, 0, max(0, height - tall)))
    cv2.rectangle(canvas, (x, y), (x + text_width + 4, y + tall), color, cv2.FILLED)
    bright = 0.114 * color[0] + 0.587 * color[1] + 0.299 * color[2] > 140
    ink = (0, 0, 0) if bright else (255, 255, 255)
    cv2.putText(canvas, text, (x + 2, y + text_height + 1), FONT, scale, ink, 1, cv2.LINE_AA)


def _draw_trails(canvas: Image, trails: Mapping[int, NDArray[np.float64]],
                 thickness: int) -> None:
    overlay = canvas.copy()
    for track_id, points in trails.items():
        good = points[np.isfinite(points).all(axis=1)]
        if len(good) > 1:
            cv2.polylines(overlay, [_fixed(good)], False, track_color(track_id), thickness + 1,
                          cv2.LINE_AA, SHIFT)
    cv2.addWeighted(overlay, 0.65, canvas, 0.35, 0, dst=canvas)
