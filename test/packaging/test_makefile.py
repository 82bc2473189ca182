"""The environment that make gives to what it runs."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CANN = '/usr/local/Ascend/latest/python/site-packages'
KERNELS = '/usr/local/Ascend/latest/opp/built-in/op_impl/ai_core/tbe'

pytestmark = pytest.mark.skipif(shutil.which('make') is None, reason='no make')


def python_path(tmp_path, **environment):
    """Return the PYTHONPATH of a recipe."""
    show = tmp_path / 'show.mk'
    show.write_text('show:\n\t@echo "[$$PYTHONPATH]"\n')
    kept = {name: value for name, value in os.environ.items() if name != 'ASCEND_OPP_PATH'}
    return subprocess.run(
        ['make', '--silent', '-f', 'Makefile', '-f', str(show), 'show'], cwd=ROOT, text=True,
        env={**kept, **environment}, capture_output=True, check=True).stdout.strip()


def test_a_ros_that_was_sourced_takes_no_part(tmp_path):
    assert python_path(tmp_path, PYTHONPATH='/opt/ros/humble/lib/python3.10') == '[]'


def test_the_compilers_of_cann_are_kept(tmp_path):
    assert python_path(
        tmp_path, ASCEND_OPP_PATH='/usr/local/Ascend/latest/opp',
        PYTHONPATH=f'{CANN}:/opt/ros/humble/lib/python3.10:{KERNELS}') == f'[{CANN}:{KERNELS}]'
