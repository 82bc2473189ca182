"""Tracks drawn on their image, as an image message."""
from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image

from deepsort_ros.mot.rendering import draw_tracks
from deepsort_ros.mot.rendering import Trails
from deepsort_ros.msg import Track
from deepsort_ros.msg import TrackArray
from deepsort_ros.ros.messages.images import write_image


def boxes(message: TrackArray) -> NDArray[np.float64]:
    """Return the (N, 4) tlwh boxes of the tracks, pixels."""
    rows = np.array([(t.bbox.center.position.x, t.bbox.center.position.y, t.bbox.size_x,
                      t.bbox.size_y) for t in message.tracks]).reshape(-1, 4)
    rows[:, :2] -= rows[:, 2:] / 2
    return rows


class Overlay:
    """Draws boxes, ids and trails; keeps where the tracks have been."""

    def __init__(self) -> None:
        """Start without trails."""
        self.clear()

    def clear(self) -> None:
        """Forget the trails."""
        self._trails = Trails()

    def draw(self, image: NDArray[np.uint8], encoding: str, message: TrackArray) -> Image:
        """
        Return the image with its tracks, under the header of the tracks.

        :param image: (H, W, 3) uint8, left as it is; :param encoding: ``bgr8`` or ``rgb8``.
        """
        if encoding == 'rgb8':
            image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)  # type: ignore[assignment]
        ids = [track.id for track in message.tracks]
        tlwh = boxes(message)
        drawn = draw_tracks(image, ids, [track.state for track in message.tracks], tlwh,
                            [_label(track) for track in message.tracks],
                            self._trails.update(ids, tlwh))
        return write_image(drawn, 'bgr8', message.header)


def _label(track: Track) -> str:
    """Return class and id; a number without a name would be taken for the id."""
    unnamed = not track.class_id or track.class_id.isdigit()
    return str(track.id) if unnamed else f'{track.class_id} {track.id}'
