#!/usr/bin/env python3
"""
Follow the nearest person: turns ``tracks`` (with ``world`` on) and ``odom`` into ``cmd_vel``.

It keeps to one person as long as that track lives, stays 1.2 m away, and stops when no one is
there. It looks out for nothing else: keep the emergency stop within reach.
"""
import math
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
    """Return how far a place lies ahead and to the left of a pose of the same frame."""
    x, y = place.x - pose.position.x, place.y - pose.position.y
    yaw = 2.0 * math.atan2(pose.orientation.z, pose.orientation.w)
    return x * math.cos(yaw) + y * math.sin(yaw), y * math.cos(yaw) - x * math.sin(yaw)


def command(ahead, left):
    """Return forward speed and turn rate towards a point before the robot."""
    angle = math.atan2(left, ahead)
    speed = 0.8 * (math.hypot(ahead, left) - DISTANCE) * max(math.cos(angle), 0.0)
    return min(max(speed, 0.0), FASTEST), min(max(1.5 * angle, -FASTEST_TURN), FASTEST_TURN)


class Follower(Node):
    """The node: one velocity for every image."""

    def __init__(self):
        """Subscribe."""
        super().__init__('follow_person')
        self.pose, self.followed = None, None
        self.velocity = self.create_publisher(Twist, 'cmd_vel', 10)
        self.create_subscription(Odometry, 'odom', self.on_odometry, 10)
        self.create_subscription(TrackArray, 'tracks', self.on_tracks, 10)

    def on_odometry(self, message):
        """Remember where the robot is."""
        self.pose = message.pose.pose

    def on_tracks(self, message):
        """Drive."""
        twist = Twist()
        points = {track.id: seen_from(self.pose, track.pose.pose.position)
                  for track in message.tracks
                  if self.pose and track.position_source and track.class_id in PEOPLE}
        if self.followed not in points:
            self.followed = min(points, key=lambda one: math.hypot(*points[one]), default=None)
        if self.followed is not None:
            twist.linear.x, twist.angular.z = command(*points[self.followed])
        self.velocity.publish(twist)


if __name__ == '__main__':
    rclpy.init()
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(Follower())
    rclpy.try_shutdown()
