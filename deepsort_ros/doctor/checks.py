"""
The checks, one function each; none of them raises, and none needs what it looks for.

States are ``ok``, ``note`` (worth knowing), ``warning`` (something will not work as well as it
could) and ``error`` (the node will not run, or not as the settings ask).
"""
from __future__ import annotations

import grp
import importlib
import importlib.util
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from deepsort_ros.doctor.node import Node
from deepsort_ros.doctor.node import start
from deepsort_ros.resources import share_path

GROUP = 'HwHiAiUser'
# Of vision_msgs 4, as all distributions from Humble on release it.
DETECTIONS_HASH = 'RIHS01_214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968'
# The newest that CANN up to 8.3 runs with: major and minor version.
BESIDE_CANN = {'numpy': (1, 24), 'protobuf': (3, 20)}
# What an engine is installed for.
WORTH = {'mindspore': 'for NPUs and *.mindir', 'onnxruntime': 'for *.onnx; faster on a CPU'}
# Where a fault follows from another one.
FIRST = 'mend the errors above first'
PROFILES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
MESSAGES = ('builtin_interfaces', 'diagnostic_msgs', 'geometry_msgs', 'sensor_msgs', 'std_msgs',
            'std_srvs', 'visualization_msgs')
LIBRARIES = {'numpy': 'numpy', 'scipy': 'scipy', 'cv2': 'opencv', 'yaml': 'PyYAML'}
# Bytes: what config/large_images.xml takes for each process.
ENOUGH_SHARED = 128 * 2**20
# Bytes: MindSpore, its compiler and an image of the camera.
ENOUGH_MEMORY = 6 * 2**30


@dataclass(frozen=True)
class Check:
    """
    What one check found.

    :param name: the same in every run; :param state: ok, note, warning or error.
    :param text: what was found; :param cure: what helps, '' where nothing has to.
    """

    name: str
    state: str
    text: str
    cure: str = ''


def python() -> Check:
    """Return the Python that runs, and the machine."""
    text = f'Python {platform.python_version()} ({sys.executable}) on {platform.machine()}'
    if os.environ.get('CONDA_PREFIX'):
        return Check('python', 'warning', f'{text}, in conda',
                     'ROS knows the Python of the system only: conda deactivate')
    return Check('python', 'ok', text)


def libraries() -> Check:
    """Return the versions of the libraries that are always needed."""
    found, missing = [], []
    for module, name in LIBRARIES.items():
        try:
            version = getattr(importlib.import_module(module), '__version__', '')
            found.append(f'{name} {version}')
        except Exception as error:  # noqa: B902 a broken library can raise anything
            missing.append(f'{name} ({error})')
    if missing:
        return Check('libraries', 'error', f'cannot be imported: {", ".join(missing)}',
                     'in a workspace: rosdep install --from-paths src --ignore-src -y; in a '
                     'checkout: make env')
    return Check('libraries', 'ok', ', '.join(found))


def ros(found: Node | None = None) -> Check:
    """Return the distribution and the version of rclpy, and whether a node starts."""
    found = found or start()
    sourced = os.environ.get('ROS_DISTRO', '')
    if not found.distribution:
        wrong = os.environ.get('RMW_IMPLEMENTATION', '')
        distro = sourced or 'DISTRO'
        if wrong and wrong in found.fault:
            cure = (f'sudo apt install ros-{distro}-{wrong.replace("_", "-")}, or, for the '
                    f'default: unset RMW_IMPLEMENTATION')
        else:
            cure = _unless_missing(found.fault, f'source /opt/ros/{distro}/setup.bash; offline '
                                   f'commands of deepsort run without it')
        return Check('ros', 'error', f'rclpy cannot be used: {found.fault}', cure)
    try:
        version = metadata.version('rclpy')
    except metadata.PackageNotFoundError:
        version = 'of unknown version'
    how = 'sourced' if sourced else 'by the version of rclpy'
    return Check('ros', 'ok', f'{found.distribution} ({how}), rclpy {version}')


def messages(found: Node | None = None) -> Check:
    """Return whether all packages of messages are there, and are those of everyone else."""
    missing = [name for name in (*MESSAGES, 'vision_msgs') if not _importable(f'{name}.msg')
               and not _importable(f'{name}.srv')]
    if missing:
        distro = (os.environ.get('ROS_DISTRO') or (found or start()).distribution or 'DISTRO')
        packages = ' '.join(f'ros-{distro}-{name.replace("_", "-")}' for name in missing)
        own = ('; or "make env", which builds the one of interfaces/vision_msgs'
               if 'vision_msgs' in missing else '')
        return Check('messages', 'error', f'missing: {", ".join(missing)}',
                     f'sudo apt install {packages}{own}')
    if not _importable('deepsort_ros.msg'):
        return Check('messages', 'error', 'the messages of deepsort_ros are not built',
                     'colcon build --packages-select deepsort_ros, then source '
                     'install/setup.bash; in a checkout without ROS: make env')
    own, theirs = _hash('deepsort_ros', 'TrackArray'), _hash('vision_msgs', 'Detection2DArray')
    if theirs and theirs != DETECTIONS_HASH:
        return Check('messages', 'error', f'vision_msgs/Detection2DArray has the hash {theirs}, '
                     f'not {DETECTIONS_HASH}: nodes of other machines will not be heard',
                     'use the vision_msgs that the distribution releases')
    hashes = f'; TrackArray has the hash {own}' if own else '; without hashes, as Humble has none'
    return Check('messages', 'ok', f'all found{hashes}')


def dds(found: Node | None = None, shm: Path = Path('/dev/shm')) -> Check:
    """Return whether a node starts, its middleware, its profile and its shared memory."""
    found = found or start()
    if not found.distribution:
        return Check('dds', 'note', 'not tried: there is no ROS')
    if found.fault:
        return Check('dds', 'error', f'no node can be started: {found.fault}',
                     _unless_missing(found.fault, 'look at the variables that choose the '
                                     'middleware: env | grep -E "^(ROS|RMW|FAST|CYCLONE)"'))
    facts = [found.middleware]
    free = shutil.disk_usage(shm).free if shm.is_dir() else None
    if free is not None:
        facts.append(f'/dev/shm has {free / 2**20:.0f} MB free')
    if 'fastrtps' not in found.middleware:
        return Check('dds', 'ok', ', '.join(facts))
    read = found.profiles
    given = os.environ.get(read, '')
    other = next((name for name in PROFILES if name != read and os.environ.get(name)), '')
    if given and not Path(given).is_file():
        return Check('dds', 'error', f'{read}={given}: no such file', f'correct or unset {read}')
    if free is not None and free < ENOUGH_SHARED:
        return Check('dds', 'warning', f'{", ".join(facts)}: images will be lost',
                     'in a container: docker run --shm-size=1g; else remove what other programs '
                     'left in /dev/shm')
    if given:
        return Check('dds', 'ok', ', '.join([*facts, f'{read}={given}']))
    if other:
        return Check('dds', 'warning', ', '.join([*facts, f'{other} is set']),
                     f'this distribution reads {read}')
    return Check('dds', 'note', ', '.join([*facts, 'no profile: images above 512 KB may be lost']),
                 f'here and for the camera: export {read}={_profile()}')


def engines() -> Check:
    """Return the engines that are installed."""
    from deepsort_ros.reid.engines import ENGINES
    from deepsort_ros.reid.engines import INSTALL
    from deepsort_ros.reid.engines import installed
    found = [f'{name} {_version(name)}' for name in ENGINES if installed(name)]
    missing = [name for name in ENGINES if not installed(name)]
    if not found:
        return Check('engines', 'error', 'no engine for the appearance network',
                     f'"{INSTALL["mindspore"]}", "{INSTALL["onnxruntime"]}", or appearance: off')
    absent = f'; not installed: {", ".join(missing)}' if missing else ''
    cures = [f'{INSTALL[name]} ({WORTH[name]})' for name in WORTH if name in missing]
    return Check('engines', 'note' if cures else 'ok', f'{", ".join(found)}{absent}',
                 '; '.join(cures))


def cann(files: Path = Path('/usr/local/Ascend'), devices: Path = Path('/dev')) -> Check:
    """Return whether CANN is installed and its environment is set."""
    home = os.environ.get('ASCEND_TOOLKIT_HOME') or os.environ.get('ASCEND_HOME_PATH') or ''
    if not files.is_dir() and not home:
        if any(devices.glob('davinci[0-9]*')):
            return Check('cann', 'error', 'there is an NPU, but no CANN in /usr/local/Ascend',
                         'install CANN (docs/ascend.md)')
        return Check('cann', 'note', 'not installed, and no NPU to use it')
    if not os.environ.get('ASCEND_OPP_PATH'):
        return Check('cann', 'error', 'installed, but its environment is not set',
                     f'source {files}/ascend-toolkit/set_env.sh after the setup of ROS')
    if not _importable('te') and not _importable('tbe'):
        return Check('cann', 'error', 'its compilers (Python packages te, tbe) are not found',
                     'PYTHONPATH was overwritten: source set_env.sh once more')
    newer = [f'{name} {_version(name)}' for name, last in BESIDE_CANN.items()
             if _number(_version(name)) > last]
    if newer:
        return Check('cann', 'warning', f'{home or "environment set"}, beside '
                     f'{" and ".join(newer)}: too new for CANN up to 8.3',
                     'pip3 install "numpy<1.25" "protobuf<3.21", unless CANN is newer')
    return Check('cann', 'ok', f'{home or "environment set"}')


def driver(devices: Path = Path('/dev'), groups: set[str] | None = None) -> Check:
    """Return the NPUs of the kernel, and whether this user may use them."""
    found = sorted(path.name for path in devices.glob('davinci[0-9]*'))
    if not found:
        return Check('driver', 'note', 'no NPU (/dev/davinci*)')
    denied = [name for name in found if not os.access(devices / name, os.R_OK | os.W_OK)]
    if denied:
        groups = _groups() if groups is None else groups
        why = '' if GROUP in groups else f', and this user is not in the group {GROUP}'
        return Check('driver', 'error', f'{", ".join(denied)} cannot be opened{why}',
                     f'sudo usermod -aG {GROUP} $USER, then log in again')
    return Check('driver', 'ok', ', '.join(found))


def memory(info: Path = Path('/proc/meminfo')) -> Check:
    """Return memory and swap: the first compile of a board needs both."""
    try:
        lines = dict(line.split(':', 1) for line in info.read_text().splitlines() if ':' in line)
        total, swap = (int(lines[name].split()[0]) * 1024 for name in ('MemTotal', 'SwapTotal'))
    except (OSError, KeyError, ValueError, IndexError):
        return Check('memory', 'note', 'unknown')
    text = f'{total / 2**30:.1f} GB, swap {swap / 2**30:.1f} GB'
    if total + swap < ENOUGH_MEMORY:
        return Check('memory', 'warning', text, 'add swap: the compiler may be killed')
    return Check('memory', 'ok', text)


def model(name: str = 'bundled') -> Check:
    """
    Return whether a model is there and whole.

    :param name: ``bundled`` or a path, as of the setting ``model``.
    """
    try:
        from deepsort_ros.reid.model import read_model
        found = read_model(name)
    except ModuleNotFoundError:
        raise
    except Exception as error:  # noqa: B902 whatever a file provokes
        text = str(error)
        return Check('model', 'error', text if name in text else f'{name}: {text}', (
            'install deepsort_ros again' if name == 'bundled' else
            'give the path of a .ckpt, .mindir, .onnx or .xml of a network, or "bundled"'))
    size = f'{found.feature_size}-d' if found.feature_size else 'features of unknown length'
    return Check('model', 'ok', f'{name}, {size}, sha256 {found.sha256[:12]}')


QUICK: tuple[Callable[[], Check], ...] = (
    python, libraries, ros, messages, dds, engines, cann, driver, memory)


def quick(model_name: str = 'bundled') -> list[Check]:
    """Return what all checks find that compute nothing, the model last; none stops another."""
    return [*(_guarded(check) for check in QUICK), _guarded(lambda: model(model_name), 'model')]


def _guarded(check: Callable[[], Check], name: str = '') -> Check:
    try:
        return check()
    except Exception as error:  # noqa: B902 what is broken can raise anything
        return Check(name or check.__name__, 'error',
                     f'cannot be looked at: {type(error).__name__}: {error}',
                     FIRST)


def _unless_missing(fault: str, cure: str) -> str:
    """Return a cure, unless what is missing is no part of ROS and so named by another check."""
    name = re.search("No module named '([a-z0-9_]+)", fault)
    return FIRST if name and name[1] in LIBRARIES else cure


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _version(package: str) -> str:
    for name in (package, package.replace('_', '-'), f'{package}-gpu', f'{package}-cann'):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return 'of unknown version'


def _profile() -> str:
    try:
        return str(share_path('config/large_images.xml'))
    except FileNotFoundError:
        return 'config/large_images.xml'


def _number(version: str) -> tuple[int, ...]:
    """Return major and minor version, nothing where it is unknown."""
    parts = version.split('.')[:2]
    return tuple(map(int, parts)) if all(part.isdigit() for part in parts) else ()


def _hash(package: str, message: str) -> str:
    """Return the hash of a message that is installed, '' where there is none."""
    prefixes = [*os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep), sys.prefix]
    for prefix in filter(None, prefixes):
        path = Path(prefix) / 'share' / package / 'msg' / f'{message}.json'
        try:
            entries: list[Mapping[str, str]] = json.loads(path.read_text())['type_hashes']
        except (OSError, ValueError, KeyError):
            continue
        for entry in entries:
            if entry.get('type_name') == f'{package}/msg/{message}':
                return entry.get('hash_string', '')
    return ''


def _groups() -> set[str]:
    names = set()
    for number in os.getgroups():
        try:
            names.add(grp.getgrgid(number).gr_name)
        except KeyError:
            continue
    return names
