"""Boxes of tracks as lines that a viewer lays over the camera's own image."""
from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import ImageMarker

from deepsort_ros.mot.rendering import track_color
from deepsort_ros.msg import Track
from deepsort_ros.msg import TrackArray
from deepsort_ros.ros.messages.overlay import boxes

# Corners of a box in the order of its lines, each from its begin to its end.
CORNERS = np.array([(0, 0), (1, 0), (1, 0), (1, 1), (1, 1), (0, 1), (0, 1), (0, 0)], float)
LOST_ALPHA = 0.4


def write_annotations(message: TrackArray) -> ImageMarker:
    """
    Return all boxes as one marker, under the header of the tracks.

    Each box has the colour that its id has in the overlay; those of lost tracks let the image
    shine through. Without tracks the marker has no lines, which takes away those before it.
    """
    marker = ImageMarker(header=message.header, ns='tracks', type=ImageMarker.LINE_LIST,
                         scale=float(max(2, round(min(message.image_width, message.image_height)
                                                  / 270))))
    for track, (left, top, width, height) in zip(message.tracks, boxes(message)):
        marker.points += [Point(x=left + x * width, y=top + y * height) for x, y in CORNERS]
        blue, green, red = (value / 255 for value in track_color(track.id))
        alpha = LOST_ALPHA if track.state == Track.STATE_LOST else 1.0
        marker.outline_colors += [ColorRGBA(r=red, g=green, b=blue, a=alpha)] * len(CORNERS)
    return marker
