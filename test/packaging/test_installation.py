"""What the installation holds, and where."""
import os
import re
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ElementTree
from importlib import metadata
from pathlib import Path

import live
import pytest

from deepsort_ros.ros.distro import isolation
from deepsort_ros.ros.distro import profiles_variable

ROOT = Path(__file__).resolve().parents[2]
PREFIX = Path(sys.prefix)
SHARE = PREFIX / 'share' / 'deepsort_ros'

pytestmark = pytest.mark.skipif(
    not SHARE.is_dir(), reason='installed by colcon, not into the environment of this Python')


def distribution():
    """Return what pip knows of the installed package (the checkout may hold an older record)."""
    found, = metadata.distributions(name='deepsort_ros', path=[sysconfig.get_path('platlib')])
    return found


def test_installed_version_is_that_of_package_xml():
    manifest = ElementTree.parse(ROOT / 'package.xml').getroot()
    assert distribution().version == manifest.findtext('version')


@pytest.mark.parametrize('folder', ['config', 'launch', 'models'])
def test_share_holds_the_files_of_the_checkout(folder):
    expected = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob('*')
                if path.is_file() and '__pycache__' not in path.parts}
    installed = {path.relative_to(SHARE).as_posix() for path in (SHARE / folder).rglob('*')
                 if path.is_file() and '__pycache__' not in path.parts}
    assert installed == expected, 'run "make env"'


def test_every_module_of_the_checkout_is_installed():
    package = ROOT / 'deepsort_ros'
    expected = {path.relative_to(ROOT).as_posix() for path in package.rglob('*.py')}
    installed = {path.as_posix() for path in distribution().files}
    assert expected - installed == set(), 'run "make env"'


@pytest.mark.parametrize('name', ['deepsort', 'tracker_node'])
def test_executables_are_where_ros_looks_and_on_the_path(name):
    for folder in (PREFIX / 'lib' / 'deepsort_ros', PREFIX / 'bin'):
        assert os.access(folder / name, os.X_OK)


def test_ament_index_knows_the_package():
    index = PREFIX / 'share' / 'ament_index' / 'resource_index'
    assert (index / 'packages' / 'deepsort_ros').is_file()
    assert (index / 'rosidl_interfaces' / 'deepsort_ros').is_file()


@pytest.mark.skipif(not Path('/dev/shm').is_dir(), reason='no /dev/shm to look into')
def test_large_images_profile_gives_a_process_its_shared_memory():
    def segments(process):
        # Of this process alone: others run nodes, too. Fast DDS 2 and 3.
        names = re.findall(r'/dev/shm/fast(?:rtps|dds)_\S+',
                           Path(f'/proc/{process.pid}/maps').read_text())
        return [Path(name).stat().st_size for name in names]

    program = 'import rclpy; rclpy.init(); n = rclpy.create_node("holder"); print(); input()'
    with live.own_domain() as domain, subprocess.Popen(
            [sys.executable, '-u', '-c', program], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **isolation(), 'ROS_DOMAIN_ID': str(domain),
                 profiles_variable(): str(ROOT / 'config' / 'large_images.xml')}) as process:
        started = process.stdout.readline()
        sizes = segments(process)
        _, errors = process.communicate('\n', timeout=live.WAIT)
    assert (started, errors, process.returncode) == ('\n', '', 0)
    assert max(sizes) >= 128 * 2 ** 20
