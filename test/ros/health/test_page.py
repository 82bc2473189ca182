"""The page of symptoms has a row for every warning that the node can give."""
from pathlib import Path

import pytest

from deepsort_ros.ros.health.diagnostics import DROPPED
from deepsort_ros.ros.health.diagnostics import IGNORED
from deepsort_ros.ros.health.diagnostics import LASTING
from deepsort_ros.ros.health.diagnostics import OUTSIDE
from deepsort_ros.ros.health.world import INPUTS
from deepsort_ros.ros.health.world import WITHOUT

ROWS = [line for line in (Path(__file__).resolve().parents[3] / 'docs' / 'troubleshooting.md')
        .read_text().splitlines() if line.startswith('| ')]
SIGNS = [*LASTING, *(f'dropped_{reason}' for reason in DROPPED),
         *(text.removeprefix('ignored: ').split(',')[0].split(':')[0]
           for text in IGNORED.values()),
         OUTSIDE.split(' and ')[0], *(f'without_{name}' for name in INPUTS), *WITHOUT.values(),
         'scores above 1', 'bits', 'max_detections', 'images cannot be read', 'of several for one',
         'another reliability than we ask for', 'qos_overrides that fit nothing', 'stamp of zero',
         'use_sim_time is true', 'is refused in state', 'the frame at work has not ended',
         'they share one network', 'out of memory', 'is incomplete', 'made room for newer ones',
         'are stamped', 'are ignored"', 'parameters that do not exist are ignored',
         'the pose of the camera jumped', 'camera_info is of an image', 'no camera_info has come',
         'tracking by motion and overlap until the network is there', 'stamps jump back']


@pytest.mark.parametrize('sign', SIGNS)
def test_a_warning_has_a_row(sign) -> None:
    words = sign.lower()
    assert any(words in row.lower() for row in ROWS)
