"""Boxes as lines: where the tracks are, in the colours of the overlay."""
import numpy as np
import pytest
from std_msgs.msg import Header
from visualization_msgs.msg import ImageMarker

from deepsort_ros.mot.rendering import track_color
from deepsort_ros.msg import Track
from deepsort_ros.msg import TrackArray
from deepsort_ros.ros.messages.annotations import write_annotations


def track(number, state, x, y, width, height):
    made = Track(id=number, state=state)
    made.bbox.center.position.x, made.bbox.center.position.y = x, y
    made.bbox.size_x, made.bbox.size_y = width, height
    return made


@pytest.fixture
def marker():
    return write_annotations(TrackArray(
        header=Header(frame_id='camera'), image_width=1920, image_height=1080, tracks=[
            track(3, Track.STATE_CONFIRMED, 100.0, 60.0, 20.0, 40.0),
            track(8, Track.STATE_LOST, 10.0, 10.0, 4.0, 4.0)]))


def test_the_lines_of_a_box_go_round_it(marker):
    assert (marker.header.frame_id, marker.type) == ('camera', ImageMarker.LINE_LIST)
    lines = np.array([(p.x, p.y) for p in marker.points[:8]]).reshape(4, 2, 2)
    corners = [(90, 40), (110, 40), (110, 80), (90, 80)]
    assert [tuple(line[0]) for line in lines] == corners
    assert [tuple(line[1]) for line in lines] == corners[1:] + corners[:1]


def test_a_box_has_the_colour_of_its_id_and_a_lost_one_is_pale(marker):
    for number, alpha, colors in ((3, 1.0, marker.outline_colors[:8]),
                                  (8, 0.4, marker.outline_colors[8:])):
        assert {tuple(round(255 * part) for part in (c.b, c.g, c.r))
                for c in colors} == {track_color(number)}
        assert {c.a for c in colors} == {alpha}


def test_no_tracks_are_no_lines():
    assert len(write_annotations(TrackArray(image_width=64, image_height=48)).points) == 0
