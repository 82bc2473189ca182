"""The example that follows a person, run as a user runs it."""
import math
import signal
import subprocess
import sys

import live
import pytest
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry

from deepsort_ros.msg import Track
from deepsort_ros.msg import TrackArray

EXAMPLE = live.ROOT / 'examples' / 'follow_person.py'


def tracks(*people):
    """Return tracks of (id, x, y) in odom."""
    message = TrackArray(world_frame='odom')
    for number, x, y in people:
        track = Track(id=number, class_id='person', position_source=Track.POSITION_GROUND)
        track.pose.pose.position.x, track.pose.pose.position.y = float(x), float(y)
        message.tracks.append(track)
    return message


@pytest.fixture
def robot(graph, domain):
    """Return a function that tells the example where robot and people are, and its answer."""
    process = subprocess.Popen([sys.executable, str(EXAMPLE)], env=live.environment(domain))
    velocities = graph.collect(Twist, 'cmd_vel')
    odometry = graph.publisher(Odometry, 'odom')
    people = graph.publisher(TrackArray, 'tracks')
    # A robot at (5, 0) that looks to the left.
    here = Odometry()
    here.pose.pose.position.x = 5.0
    here.pose.pose.orientation.z = math.sin(math.pi / 4)
    here.pose.pose.orientation.w = math.cos(math.pi / 4)

    def drive(*places):
        velocities.clear()

        def answered():
            odometry.publish(here)
            people.publish(tracks(*places))
            graph.spin_for(0.05)
            return len(velocities) > 3

        graph.spin_until(answered, what='cmd_vel')
        graph.spin_for(0.2)
        return velocities[-1].linear.x, velocities[-1].angular.z

    yield drive
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(live.WAIT) == 0
    finally:
        process.kill()


def test_it_drives_towards_the_nearest_person_and_keeps_to_them(robot):
    forward, turn = robot((1, 5, 4), (2, 5, 9))
    assert forward > 0.3 and abs(turn) < 0.1
    forward, turn = robot((1, 3, 4), (2, 5, 2))  # 2 is nearer now, 1 is to the left
    assert turn > 0.3
    assert robot() == (0.0, 0.0)


def test_it_stops_before_somebody(robot):
    forward, _ = robot((1, 5, 1))
    assert forward == 0.0
