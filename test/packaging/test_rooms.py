"""Each room imports only what the table below allows: data flows one way."""
import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / 'deepsort_ros'

# From the bottom up: a room may import itself and the rooms named.
CORE = ('tracking',)
PIPELINE = (*CORE, 'world', 'settings', 'motion', 'kept_crops', 'canvas', 'samples',
            'blank', 'pipeline')
FILES = (*PIPELINE, 'mot')
NODE = (*FILES, 'reid', 'serving', 'msg', 'resources', 'version', 'children', 'ros')
ALL = (*NODE, 'parameter_files', 'bags', 'report', 'scene', 'commands', 'crops', 'demo',
       'drive_demo', 'doctor', 'info', 'cli')
ROOMS: dict[str, tuple[str, ...]] = {
    'tracking': (),
    'world': (),
    'scene': (),
    'settings': (),
    'parameter_files': ('settings',),
    'resources': (),
    'version': ('resources',),
    'motion': (),
    'kept_crops': (),
    'canvas': (),
    'samples': (),
    'blank': (),
    'children': (),
    'pipeline': PIPELINE,
    'reid': ('resources', 'settings'),
    'serving': (*PIPELINE, 'reid'),
    'mot': PIPELINE,
    'report': FILES,
    'ros': NODE,
    'bags': (*NODE, 'report'),
    'crops': (*FILES, 'reid'),
    'info': (*FILES, 'reid', 'bags'),
    'doctor': NODE,
    'demo': ALL,
    'drive_demo': ALL,
    'commands': ALL,
    'cli': ALL,
}

# What the core may know beside the standard library.
LIBRARIES = {'tracking': {'numpy', 'scipy'}, 'world': {'numpy', 'scipy', 'cv2'}}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix('.py')


def imports(path: Path) -> Iterator[str]:
    """Yield the full name of every module that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == 'deepsort_ros':
                yield from (f'deepsort_ros.{alias.name}' for alias in node.names)
            else:
                yield node.module


def modules(room: str) -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob('*.py')) if room_of(path) == room]


def test_every_room_has_a_row():
    rooms = {room_of(path) for path in PACKAGE.rglob('*.py')} - {'__init__'}
    assert rooms - set(ROOMS) == set()


@pytest.mark.parametrize('room', ROOMS)
def test_a_room_imports_only_rooms_below_it(room):
    allowed = {room, *ROOMS[room]}
    wrong = [f'{path.relative_to(ROOT)} imports {name}'
             for path in modules(room) for name in imports(path)
             if name.startswith('deepsort_ros.') and name.split('.')[1] not in allowed]
    assert wrong == []


@pytest.mark.parametrize('room', LIBRARIES)
def test_the_core_knows_few_libraries(room):
    allowed = LIBRARIES[room] | {'deepsort_ros', '__future__'}
    wrong = [f'{path.relative_to(ROOT)} imports {name}'
             for path in modules(room) for name in imports(path)
             if name.split('.')[0] not in allowed | sys.stdlib_module_names]
    assert wrong == []


def test_an_import_upwards_is_found(tmp_path):
    path = tmp_path / 'module.py'
    path.write_text('def late():\n    from deepsort_ros import ros\n    import deepsort_ros.mot\n')
    assert list(imports(path)) == ['deepsort_ros.ros', 'deepsort_ros.mot']
