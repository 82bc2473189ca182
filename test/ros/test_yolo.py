"""The messages of yolo_ros, over DDS: a stand-in for yolo_msgs is built where it is missing."""
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import live
import pytest

from deepsort_ros.msg import TrackArray

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope='module')
def yolo_msgs(tmp_path_factory):
    """Return the environment in which there is a package yolo_msgs."""
    if importlib.util.find_spec('yolo_msgs'):
        return {}
    folder = tmp_path_factory.mktemp('yolo')
    source = folder / 'test' / 'ros' / 'yolo_msgs'
    shutil.copytree(HERE / 'yolo_stand_in', source)
    shutil.copytree(live.ROOT / 'cmake', folder / 'cmake')
    scripts = str(Path(sys.executable).parent)
    subprocess.run(
        [sys.executable, '-m', 'pip', '--disable-pip-version-check', 'install', '-qq', '--no-deps',
         '--no-index', '--no-build-isolation', '--ignore-installed', '--prefix',
         str(folder / 'prefix'), str(source)], check=True, timeout=600,
        env={**os.environ, 'PATH': f'{scripts}:{os.environ["PATH"]}'})
    package, = (folder / 'prefix' / 'lib').glob('python*/site-packages')
    old = os.environ.get('LD_LIBRARY_PATH', '')
    return {'PYTHONPATH': f'{live.ROOT}:{package}',
            'LD_LIBRARY_PATH': f'{folder / "prefix" / "lib"}:{old}'.rstrip(':')}


def test_detections_of_yolo_ros_are_tracked(yolo_msgs, tmp_path, domain, graph):
    node = live.NodeProcess(
        tmp_path, domain, changes=yolo_msgs, appearance='off', n_init=1,
        detections_type='yolo_msgs/DetectionArray')
    peers = []
    try:
        node.wait_for('active:')
        tracks = graph.collect(TrackArray, '/tracks')
        peers += [subprocess.Popen([sys.executable, str(HERE / 'peer.py'), role],
                                   env=live.environment(domain, **yolo_msgs))
                  for role in ('yolo', 'camera')]
        graph.spin_until(lambda: len(tracks) >= 5)
        assert [(t.class_id, t.score, t.bbox.size_x) for t in tracks[-1].tracks] == [
            ('person', 0.9, 12.0)] * 2
        assert {t.id for array in tracks for t in array.tracks} == {1, 2}
    finally:
        for peer in peers:
            peer.kill()
            peer.wait()
    assert node.stop() == 0


def test_without_the_package_the_node_ends_with_one_line(start_node):
    if importlib.util.find_spec('yolo_msgs'):
        pytest.skip('yolo_msgs is installed')
    node = start_node(detections_type='yolo_msgs/DetectionArray')
    assert node.process.wait(live.WAIT) == 1
    line, = node.log().splitlines()
    assert 'needs the ROS package yolo_msgs, which is not installed' in line
