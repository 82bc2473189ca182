"""Tracks in space as markers, for viewers: boxes or cylinders, names, velocities and trails."""
from __future__ import annotations

from collections import deque

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA
from std_msgs.msg import Header
from visualization_msgs.msg import Marker
from visualization_msgs.msg import MarkerArray

from deepsort_ros.mot.rendering import track_color
from deepsort_ros.msg import Track
from deepsort_ros.msg import TrackArray

# Positions in a trail, and the least way between two of them in m.
TRAIL = 60
TRAIL_STEP = 0.1
# Longer and wider than this a thing is drawn as a box, m.
ROUND = 0.8
# Seconds ahead that a velocity arrow shows, and the speed below which there is none, m/s.
AHEAD = 1.0
STILL = 0.2
# Marker ids are int32, and track ids are not.
IDS = 2 ** 31


class Markers:
    """Draws the tracks of one image after the other; keeps their trails."""

    def __init__(self) -> None:
        """Start without a trail."""
        self._trails: dict[int, deque[tuple[float, float, float]]] = {}

    def clear(self) -> None:
        """Forget the trails."""
        self._trails.clear()

    def draw(self, message: TrackArray, sizes: NDArray[np.float64]) -> MarkerArray:
        """
        Return the markers of the tracks that have a position.

        :param sizes: (M, 3) length, width, height of the tracks of the message in m.
        """
        header = Header(stamp=message.header.stamp, frame_id=message.world_frame)
        markers = [Marker(header=header, action=Marker.DELETEALL)]
        seen = set()
        for row, track in enumerate(message.tracks):
            if not track.position_source:
                continue
            seen.add(track.id)
            color = _color(track)
            markers.append(_body(track, header, sizes[row], color))
            markers.append(_name(track, header, sizes[row], color))
            arrow = _arrow(track, header, color)
            if arrow is not None:
                markers.append(arrow)
            trail = self._trail(track, header, color)
            if len(trail.points) > 1:
                markers.append(trail)
        for gone in self._trails.keys() - seen:
            del self._trails[gone]
        return MarkerArray(markers=markers)

    def _trail(self, track: Track, header: Header, color: ColorRGBA) -> Marker:
        place = track.pose.pose.position
        trail = self._trails.setdefault(track.id, deque(maxlen=TRAIL))
        here = (place.x, place.y, place.z)
        if not trail or np.hypot(here[0] - trail[-1][0], here[1] - trail[-1][1]) >= TRAIL_STEP:
            trail.append(here)
        marker = _marker('trail', track, header, Marker.LINE_STRIP, color)
        marker.scale.x = 0.05
        marker.points = [Point(x=x, y=y, z=z + 0.02) for x, y, z in (*trail, here)]
        return marker


def _color(track: Track) -> ColorRGBA:
    """Return the colour its id has in the overlay; a predicted track is pale."""
    blue, green, red = (value / 255 for value in track_color(track.id))
    alpha = 0.35 if track.state == Track.STATE_LOST else 0.75
    return ColorRGBA(r=red, g=green, b=blue, a=alpha)


def _marker(kind: str, track: Track, header: Header, shape: int, color: ColorRGBA) -> Marker:
    marker = Marker(header=header, ns=kind, id=track.id % IDS, type=shape, action=Marker.ADD,
                    color=color, lifetime=Duration(sec=2))
    marker.pose.orientation.w = 1.0
    return marker


def _body(track: Track, header: Header, size: NDArray[np.float64], color: ColorRGBA) -> Marker:
    length, width, height = size.tolist()
    boxy = max(length, width) > ROUND
    marker = _marker('body', track, header, Marker.CUBE if boxy else Marker.CYLINDER, color)
    place = track.pose.pose.position
    marker.pose.position = Point(x=place.x, y=place.y, z=place.z + height / 2)
    marker.pose.orientation = track.pose.pose.orientation
    marker.scale.x, marker.scale.y, marker.scale.z = length, width, height
    return marker


def _name(track: Track, header: Header, size: NDArray[np.float64], color: ColorRGBA) -> Marker:
    marker = _marker('name', track, header, Marker.TEXT_VIEW_FACING, color)
    place = track.pose.pose.position
    marker.pose.position = Point(x=place.x, y=place.y, z=place.z + float(size[2]) + 0.25)
    marker.scale.z = 0.3
    marker.text = f'{track.class_id} {track.id}'.strip()
    marker.color = ColorRGBA(r=color.r, g=color.g, b=color.b, a=1.0)
    return marker


def _arrow(track: Track, header: Header, color: ColorRGBA) -> Marker | None:
    move = track.twist.twist.linear
    if np.hypot(move.x, move.y) < STILL:
        return None
    marker = _marker('velocity', track, header, Marker.ARROW, color)
    place = track.pose.pose.position
    marker.points = [Point(x=place.x, y=place.y, z=place.z + 0.1),
                     Point(x=place.x + AHEAD * move.x, y=place.y + AHEAD * move.y,
                           z=place.z + 0.1)]
    marker.scale.x, marker.scale.y, marker.scale.z = 0.06, 0.14, 0.2
    return marker
