"""Another version of MindSpore tracks to the byte as the one of the environment does."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deepsort_ros.scene.scene import SceneConfig
from deepsort_ros.scene.scene import write_scene

ROOT = Path(__file__).resolve().parents[2]
OTHER = os.environ.get('DEEPSORT_REFERENCE_PYTHON')


@pytest.mark.skipif(not OTHER, reason='no other MindSpore: "make test-mindspore" compares with it')
def test_the_tracks_are_the_same_to_the_byte(tmp_path):
    write_scene(tmp_path / 'scene', SceneConfig(seconds=2.0, people=5, seed=3))
    tracks = []
    for python in (sys.executable, OTHER):
        output = tmp_path / f'{len(tracks)}.txt'
        subprocess.run(
            [python, '-m', 'deepsort_ros.cli', 'track', tmp_path / 'scene', '--engine',
             'mindspore', '--device', 'CPU', '--output', output], check=True, cwd=ROOT,
            env={**os.environ, 'PYTHONPATH': str(ROOT)})
        tracks.append(output.read_bytes())
    assert tracks[0] == tracks[1] != b''
