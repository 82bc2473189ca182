"""Play a bag into the node, and hold its tracks to expectations; both tests use this."""
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

# Read when ROS starts: keep off the graph of other robots, and let large images through.
os.environ.setdefault('ROS_DOMAIN_ID', '77')

import rclpy

from deepsort_ros.bags.agreement import compare
from deepsort_ros.bags.agreement import read_recording
from deepsort_ros.bags.player import Player
from deepsort_ros.bags.reader import BagReader
from deepsort_ros.bags.writer import TrackWriter
from deepsort_ros.msg import Track
from deepsort_ros.ros.messages.conversions import nanoseconds


def start_node(parameters, log):
    """Start the node as a process, as on the robot."""
    options = [part for name, value in parameters.items() for part in ('-p', f'{name}:={value}')]
    program = shutil.which('tracker_node')
    command = [program] if program else [sys.executable, '-m', 'deepsort_ros.ros.main']
    with open(log, 'wb') as output:
        return subprocess.Popen([*command, '--ros-args', *options], stdout=output,
                                stderr=subprocess.STDOUT)


def stop_node(process):
    """Stop it as Ctrl-C does, and return its exit code."""
    process.send_signal(signal.SIGINT)
    try:
        return process.wait(20)
    finally:
        process.kill()


def play(bag, output=None):
    """
    Return the TrackArrays of a bag, image by image: however slow the machine, none is dropped.

    :param output: a new bag to write them to.
    """
    rclpy.init()
    player = Player()
    try:
        player.wait_for_tracker(60.0)
        with BagReader(Path(bag)) as reader:
            arrays = player.play(message for _, message in reader.messages()).tracks
    finally:
        player.close()
        rclpy.try_shutdown()
    if output is not None:
        with TrackWriter(Path(output)) as writer:
            for array in arrays:
                writer.write(array, nanoseconds(array.header.stamp))
    return arrays


def confirmed(arrays):
    """Return (array, track) of all tracks that are confirmed."""
    return [(a, t) for a in arrays for t in a.tracks if t.state == Track.STATE_CONFIRMED]


def box(track):
    """Return left, top, right, bottom in pixels."""
    centre, half = track.bbox.center.position, (track.bbox.size_x / 2, track.bbox.size_y / 2)
    return (centre.x - half[0], centre.y - half[1], centre.x + half[0], centre.y + half[1])


def ids(arrays):
    """Return the ids that were confirmed."""
    return {track.id for _, track in confirmed(arrays)}


def lost_in_view(arrays, edge):
    """Return the ids that ended although they were last seen away from the edges."""
    last = {track.id: (array, box(track)) for array, track in confirmed(arrays)}
    ended = {number for array in arrays for number in array.removed_ids}
    return sorted(number for number, (array, (left, top, right, bottom)) in last.items()
                  if number in ended and left > edge and top > edge
                  and right < array.image_width - edge and bottom < array.image_height - edge)


def boxes_outside(arrays, bounds):
    """Return (id, box) of boxes that leave the bounds."""
    left, top, right, bottom = bounds
    return [(track.id, box(track)) for _, track in confirmed(arrays) if not (
        left <= box(track)[0] and top <= box(track)[1]
        and box(track)[2] <= right and box(track)[3] <= bottom)]


def positions_outside(arrays, bounds):
    """Return (id, x, y) of positions that leave the bounds, in metres."""
    found = []
    for _, track in confirmed(arrays):
        place = track.pose.pose.position
        if track.position_source and not all(
                low <= getattr(place, axis) <= high for axis, (low, high) in bounds.items()):
            found.append((track.id, place.x, place.y))
    return found


def agreement(first, second):
    """Return how far two bags of tracks agree, as ``deepsort diff`` does."""
    return compare(read_recording(Path(first)), read_recording(Path(second)))
