"""The messages are those of everyone else: on the wire and on the disk."""
import json
import os
import sys
from pathlib import Path

import pytest

from deepsort_ros.msg import Track
from deepsort_ros.tracking import TrackState

# Of vision_msgs 4 as it is released with ROS 2 Jazzy.
DETECTION2D_ARRAY = 'RIHS01_214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968'


def installed_share(package):
    prefixes = [*os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep), sys.prefix]
    for share in (Path(prefix) / 'share' / package for prefix in prefixes if prefix):
        if share.is_dir():
            return share
    return pytest.fail(f'{package} is not installed')


def test_vision_msgs_has_the_type_hash_of_the_release():
    path = installed_share('vision_msgs') / 'msg' / 'Detection2DArray.json'
    hashes = {entry['type_name']: entry['hash_string']
              for entry in json.loads(path.read_text())['type_hashes']}
    assert hashes['vision_msgs/msg/Detection2DArray'] == DETECTION2D_ARRAY


def test_track_states_of_message_and_tracker_are_the_same():
    in_message = {name.removeprefix('STATE_'): getattr(Track, name)
                  for name in ('STATE_TENTATIVE', 'STATE_CONFIRMED', 'STATE_LOST')}
    assert in_message == {state.name: int(state) for state in TrackState}


def test_every_message_field_is_described():
    for path in (Path(__file__).parents[2] / 'msg').glob('*.msg'):
        described = False
        for line in path.read_text().splitlines():
            assert described or not line or line.startswith('#'), f'{path.name}: {line}'
            described = bool(line)
