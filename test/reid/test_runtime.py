"""MindSpore is imported late, and with what it needs in the environment."""
import os
import subprocess
import sys

LIGHT = """
import sys
import deepsort_ros.pipeline, deepsort_ros.reid, deepsort_ros.settings
assert 'mindspore' not in sys.modules
"""
FIRST = """
import os
import deepsort_ros.reid.runtime
assert os.environ['ONEDNN_MAX_CPU_ISA'] == 'AVX2'
"""
TOO_LATE = """
import mindspore
import deepsort_ros.reid.runtime
"""
IN_USE = """
from deepsort_ros.reid.runtime import ms
from deepsort_ros.reid.device import select_device
(ms.Tensor([1.0]) + 1).asnumpy()
assert select_device('CPU', 0) == ('CPU', '')
"""


def run(code):
    environment = {name: value for name, value in os.environ.items()
                   if name != 'ONEDNN_MAX_CPU_ISA'}
    return subprocess.run(
        [sys.executable, '-c', code], env=environment, capture_output=True, text=True, timeout=120)


def test_the_package_alone_does_not_import_mindspore():
    assert run(LIGHT).returncode == 0


def test_the_fast_convolution_is_chosen_before_mindspore_is_imported():
    done = run(FIRST)
    assert done.returncode == 0, done.stderr


def test_too_late_is_said():
    done = run(TOO_LATE)
    assert done.returncode == 0, done.stderr
    assert 'MindSpore was imported before deepsort_ros.reid' in done.stderr


def test_a_cpu_that_mindspore_already_runs_on_is_taken():
    done = run(IN_USE)
    assert done.returncode == 0, done.stderr
