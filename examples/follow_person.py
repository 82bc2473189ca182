#!/usr/bin/env python3
"""
Follow the nearest person: turns ``tracks`` (with ``world`` on) and ``odom`` into ``cmd_vel``.

It keeps to one person, stays 1.2 m away, and stops when no one is there. It looks out for nothing
else: keep the emergency stop within reach.
"""
import argparse
import cmath
from contextlib import suppress

import rclpy
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from deepsort_ros.msg import TrackArray

DISTANCE, FASTEST, FASTEST_TURN = 1.2, 0.6, 1.0  # m, m/s, rad/s
PEOPLE = ('', 'person', 'pedestrian')


def seen_from(pose, place):
    """Return how far a place lies ahead (real) and to the left (imaginary) of a pose."""
    away = complex(place.x - pose.position.x, place.y - pose.position.y)
    return away * complex(pose.orientation.w, -pose.orientation.z) ** 2


class Follower(Node):
    """The node: one velocity for every image."""

    def __init__(self):
        """Subscribe."""
        super().__init__('follow_person')
        self.odometry = self.followed = None
        self.velocity = self.create_publisher(Twist, 'cmd_vel', 10)
        self.create_subscription(Odometry, 'odom', lambda m: setattr(self, 'odometry', m), 10)
        self.create_subscription(TrackArray, 'tracks', self.on_tracks, 10)

    def on_tracks(self, message):
        """Drive."""
        twist = Twist()
        people = {track.id: seen_from(self.odometry.pose.pose, track.pose.pose.position)
                  for track in message.tracks
                  if self.odometry and track.position_source and track.class_id in PEOPLE}
        if self.followed not in people:
            self.followed = min(people, key=lambda one: abs(people[one]), default=None)
        if self.followed is not None:
            away, angle = cmath.polar(people[self.followed])
            speed = 0.8 * (away - DISTANCE) * cmath.cos(angle).real
            twist.linear.x = min(max(speed, 0.0), FASTEST)
            twist.angular.z = min(max(1.5 * angle, -FASTEST_TURN), FASTEST_TURN)
        self.velocity.publish(twist)


if __name__ == '__main__':
    argparse.ArgumentParser(description=__doc__).parse_known_args()  # for --help
    rclpy.init()
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(Follower())
    rclpy.try_shutdown()
