"""package.xml and requirements name what the code uses."""
import ast
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Modules whose rosdep key is not the module's name.
ROSDEP_KEYS = {
    'cv2': 'python3-opencv', 'jinja2': 'python3-jinja2', 'numpy': 'python3-numpy',
    'rosbags': 'python3-rosbags-pip', 'scipy': 'python3-scipy',
    'tabulate': 'python3-tabulate', 'tqdm': 'python3-tqdm', 'yaml': 'python3-yaml'}
# Every file of requirements.
FILES = sorted(path.stem for path in (ROOT / 'requirements').glob('*.txt'))
# Modules without a rosdep key: the README has them installed with pip.
PIP_ONLY = {'av', 'dask', 'distributed', 'mindspore', 'onnxruntime', 'trackeval'}
# In no registry: a wheel for each board.
BOARD_ONLY = {'mindspore_lite'}
# Read only where a teacher comes as a model of OpenVINO.
OPTIONAL = {'openvino'}
# Modules whose requirement is not the module's name, or is part of another one.
REQUIREMENTS = {
    'cv2': 'opencv-python-headless', 'yaml': 'pyyaml', 'rclpy': 'ros-jazzy-rclpy'}


def manifest():
    return ElementTree.parse(ROOT / 'package.xml').getroot()


def requirements(name):
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


def imported_modules():
    """Return the top-level modules that the package and its launch files import."""
    found = set()
    for path in (*(ROOT / 'deepsort_ros').rglob('*.py'), *(ROOT / 'launch').glob('*.py')):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module)
    modules = {name.split('.')[0] for name in found}
    return modules - set(sys.stdlib_module_names) - {'deepsort_ros'}


def test_package_xml_names_every_imported_package():
    declared = {entry.text for tag in ('depend', 'exec_depend')
                for entry in manifest().findall(tag)}
    needed = {ROSDEP_KEYS.get(name, name) for name in imported_modules()
              - PIP_ONLY - BOARD_ONLY - OPTIONAL}
    assert needed - declared == set()


def test_package_xml_names_no_package_that_nothing_uses():
    declared = {entry.text for entry in manifest().findall('exec_depend')}
    used = {ROSDEP_KEYS.get(name, name) for name in imported_modules()}
    assert declared - used == {'rosidl_default_runtime'}


def test_requirements_name_every_imported_package():
    lines = [*requirements('runtime'), *requirements('trackeval')]
    required = {re.split('[=;]', line)[0].lower() for line in lines}
    modules = {name for name in imported_modules()
               if name in ROSDEP_KEYS or name in PIP_ONLY or name in REQUIREMENTS}
    needed = {REQUIREMENTS.get(name, name) for name in modules}
    assert needed - required == set()


@pytest.mark.parametrize('name', FILES)
def test_every_requirement_is_pinned(name):
    for line in requirements(name):
        assert re.fullmatch(r'[\w.-]+==[\w.]+(; python_(full_)?version [<>]=? "[\d.]+")?', line)
