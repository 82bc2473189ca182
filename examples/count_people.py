#!/usr/bin/env python3
"""
Count the people who cross a line, and measure how long they stay in a zone, on ``tracks``.

``line`` is x1, y1, x2, y2 and ``zone`` a polygon x1, y1, x2, y2, x3, y3, ..., both in pixels. A
person is where the box stands: in the middle of its lower edge. ``in`` counts crossings from the
left of the line (seen from its first point) to its right. Publishes ``counts`` as JSON.
"""
import argparse
import json
from contextlib import suppress

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_msgs.msg import String

from deepsort_ros.msg import Track
from deepsort_ros.msg import TrackArray


def right_of(line, point):
    """Return whether a point lies to the right of a line, with y pointing down."""
    (x1, y1), (x2, y2) = line
    return (x2 - x1) * (point[1] - y1) - (y2 - y1) * (point[0] - x1) > 0


def crosses(line, before, now):
    """Return 1 for a step across the segment to its right, -1 to its left, 0 for none."""
    if right_of(line, before) == right_of(line, now) or (
            right_of((before, now), line[0]) == right_of((before, now), line[1])):
        return 0
    return 1 if right_of(line, now) else -1


def inside(zone, point):
    """Return whether a point lies in a polygon."""
    found = False
    for (x1, y1), (x2, y2) in zip(zone, [*zone[1:], zone[0]]):
        if (y1 > point[1]) != (y2 > point[1]) and (
                point[0] < x1 + (x2 - x1) * (point[1] - y1) / (y2 - y1)):
            found = not found
    return found


class Counter(Node):
    """The node: one message for every image."""

    def __init__(self):
        """Read the line and the zone, and subscribe."""
        super().__init__('count_people')
        self.line, self.zone = (self.points(name) for name in ('line', 'zone'))
        self.counts, self.last, self.entered = {'in': 0, 'out': 0}, {}, {}
        self.stays = []
        self.publisher = self.create_publisher(String, 'counts', 10)
        self.create_subscription(TrackArray, 'tracks', self.on_tracks, 10)

    def points(self, name):
        """Return the points of a parameter."""
        values = self.declare_parameter(name, [0.0, 0.0, 0.0, 0.0]).value
        return list(zip(values[::2], values[1::2]))

    def on_tracks(self, message):
        """Count."""
        now = message.header.stamp.sec + message.header.stamp.nanosec * 1e-9
        for track in message.tracks:
            if track.state != Track.STATE_CONFIRMED:  # lost: the box is a guess
                continue
            # An id belongs to its session: a node that was restarted counts from 1 again.
            key = message.session, track.id
            centre, height = track.bbox.center.position, track.bbox.size_y
            place = centre.x, centre.y + height / 2
            step = crosses(self.line, self.last.get(key, place), place)
            self.counts['in'] += step > 0
            self.counts['out'] += step < 0
            self.last[key] = place
            if inside(self.zone, place):
                self.entered.setdefault(key, now)
            else:
                self.leave(key, now)
        for number in message.removed_ids:
            self.leave((message.session, number), now)
            self.last.pop((message.session, number), None)
        mean = sum(self.stays) / len(self.stays) if self.stays else 0.0
        self.publisher.publish(String(data=json.dumps({
            **self.counts, 'inside': len(self.entered), 'stays': len(self.stays),
            'mean_stay_s': round(mean, 3)})))

    def leave(self, key, now):
        """Note how long someone was in the zone who left it, or whose track ended."""
        if key in self.entered:
            self.stays.append(now - self.entered.pop(key))


if __name__ == '__main__':
    argparse.ArgumentParser(description=__doc__).parse_known_args()  # for --help
    rclpy.init()
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(Counter())
    rclpy.try_shutdown()
