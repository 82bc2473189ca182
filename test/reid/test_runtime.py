"""MindSpore is imported late, and with what it needs in the environment."""
import os
import subprocess
import sys
from importlib import metadata

import pytest

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
CACHED = """
import numpy as np
from deepsort_ros.reid.encoder import Encoder
encoder = Encoder.create('bundled', 'CPU', batch_buckets=(1,))
image = np.full((128, 64, 3), 90, np.uint8)
print(encoder.encode(image, np.array([[0.0, 0, 64, 128]])).round(5).tolist())
"""
LAUNCH = """
import os
from pathlib import Path
from deepsort_ros.reid.encoder import Encoder
for _ in range(2):
    Encoder.create('bundled', 'CPU', batch_buckets=(1,)).warm_up()
print(os.environ.get('MS_DEV_RUNTIME_CONF'))
names = [task.joinpath('comm').read_text() for task in Path('/proc/self/task').iterdir()]
print(sum(name.startswith('ActorThread') for name in names), 'launch')
"""


def run(code, **changes):
    environment = {name: value for name, value in os.environ.items()
                   if name not in ('ONEDNN_MAX_CPU_ISA', 'MS_DEV_RUNTIME_CONF')}
    environment.update(changes)
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


def test_the_cache_of_graphs_is_switched_off_for_what_comes_from_it_is_wrong(tmp_path):
    plain = run(CACHED)
    for _ in range(2):
        asked = run(CACHED, MS_COMPILER_CACHE_ENABLE='1', MS_COMPILER_CACHE_PATH=str(tmp_path))
        assert asked.stdout == plain.stdout != ''
        assert 'MS_COMPILER_CACHE_ENABLE is switched off' in asked.stderr
    assert not any(tmp_path.rglob('*.mindir'))


@pytest.mark.skipif(not metadata.version('mindspore').startswith('2.10.'),
                    reason='the threads of other versions are left as they are')
def test_threads_of_the_pool_launch_kernels_without_a_word_about_it():
    done = run(LAUNCH)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ['None', '2 launch']
    assert 'pipeline' not in done.stderr


def test_a_configuration_of_the_user_stays_as_it_is():
    done = run(LAUNCH, MS_DEV_RUNTIME_CONF='pipeline:True')
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2] == 'pipeline:True'
    assert 'pipeline' not in done.stderr
