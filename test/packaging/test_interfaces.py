"""The messages are those of everyone else: on the wire and on the disk."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deepsort_ros.msg import Track
from deepsort_ros.tracking import TrackState
from deepsort_ros.world.location import Source

# Of vision_msgs 4 and tf2_msgs as they are released with ROS 2 Jazzy.
HASHES = {
    'vision_msgs/msg/Detection2DArray':
        'RIHS01_214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968',
    'vision_msgs/msg/Detection3DArray':
        'RIHS01_793f5eab9595ac1c0da07873cc859db42eae51f0ee76056db8562515d830e018',
    'tf2_msgs/msg/TFMessage':
        'RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087',
}


def installed_share(package):
    prefixes = [*os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep), sys.prefix]
    for share in (Path(prefix) / 'share' / package for prefix in prefixes if prefix):
        if share.is_dir():
            return share
    return pytest.fail(f'{package} is not installed')


@pytest.mark.parametrize('name, expected', HASHES.items())
def test_a_message_has_the_type_hash_of_the_release(name, expected):
    package, _, message = name.split('/')
    path = installed_share(package) / 'msg' / f'{message}.json'
    hashes = {entry['type_name']: entry['hash_string']
              for entry in json.loads(path.read_text())['type_hashes']}
    assert hashes[name] == expected


def test_track_states_of_message_and_tracker_are_the_same():
    in_message = {name.removeprefix('STATE_'): getattr(Track, name)
                  for name in ('STATE_TENTATIVE', 'STATE_CONFIRMED', 'STATE_LOST')}
    assert in_message == {state.name: int(state) for state in TrackState}


def test_position_sources_of_message_and_world_are_the_same():
    assert {source.name: getattr(Track, f'POSITION_{source.name}') for source in Source} == {
        source.name: int(source) for source in Source}


def test_a_subscriber_imports_the_messages_and_nothing_else():
    program = ('import sys; from deepsort_ros.msg import TrackArray; TrackArray(); '
               'print([n for n in sys.modules if n.split(".")[0] in ("mindspore", "cv2", "scipy") '
               'or n.startswith("deepsort_ros.") and not n.startswith("deepsort_ros.msg")])')
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True,
                          timeout=60, check=True)
    assert done.stdout.strip() == '[]'


def test_every_message_field_is_described():
    for path in (Path(__file__).parents[2] / 'msg').glob('*.msg'):
        described = False
        for line in path.read_text().splitlines():
            assert described or not line or line.startswith('#'), f'{path.name}: {line}'
            described = bool(line)
