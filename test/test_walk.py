"""
A walk over every command and every option: what is wrong is refused in one line.

A new option needs no entry here, except one that takes a path or free text: a test says which.
"""
import argparse
import importlib.util
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from deepsort_ros.cli import build_parser
from deepsort_ros.cli import main
from deepsort_ros.scene.scene import SceneConfig
from deepsort_ros.scene.scene import write_scene
from deepsort_ros.settings import Settings

PARSERS = build_parser()._subparsers._group_actions[0].choices
OFF = ('--appearance', 'off')
# A call that is in order for each command; {} is filled in by the fixture.
CALLS = {
    'track': ('{scene}', *OFF, '--output', '{out}/r.txt'),
    'bag': ('{bag}', '{out}/bag', *OFF),
    'bags': ('{bag}', '--output', '{out}/bags', *OFF),
    'diff': ('{results}', '{results}'),
    'evaluate': ('{scene}', '{results}'),
    'reproduce': ('{scene}', '--output', '{out}/reproduced'),
    'report': ('{results}', '--gt', '{scene}', '--no-images', '--output', '{out}/p.html'),
    'render': ('{scene}', '{results}', '--output', '{out}/v.mp4'),
    'sample': ('{out}/sample', '--seconds', '0.2'),
    'train': ('{crops}', '{out}/trained'),
    'evaluate-reid': ('{crops}',),
    'export': ('bundled', '{out}/m.onnx'),
    'fetch-model': ('hub',),
    'crops': ('{scene}', '--output', '{out}/crops'),
    'demo': ('--output', '{out}/demo'),
    'doctor': ('--quick',),
    'info': ('{results}',)}
GROUND = (*CALLS['track'], '--set', 'world=ground')
# Where X is a path that is read, with the kinds of content that are in order there.
READS = [
    ('track', ('X', *OFF, '--output', '{out}/r.txt'), ()),
    ('track', (*CALLS['track'], '--detections', 'X'), ('empty',)),
    ('track', (*CALLS['track'], '--features', 'X'), ()),
    ('track', (*CALLS['track'], '--params', 'X'), ()),
    ('track', (*GROUND, '--poses', 'X', '--calib', '{calib}'), ()),
    ('track', (*GROUND, '--poses', '{poses}', '--calib', 'X'), ()),
    ('track', ('{scene}', '--model', 'X', '--output', '{out}/r.txt'), ()),
    ('bag', ('X', '{out}/bag', *OFF), ()),
    ('bag', (*CALLS['bag'], '--params', 'X'), ()),
    ('bag', ('{bag}', '{out}/bag', '--model', 'X'), ()),
    ('bags', (*CALLS['bags'], '--params', 'X'), ()),
    ('diff', ('X', '{results}'), ('empty',)),
    ('diff', ('{results}', 'X'), ('empty',)),
    ('evaluate', ('X', '{results}'), ()),
    ('evaluate', ('{scene}', 'X'), ('empty',)),
    ('evaluate', (*CALLS['evaluate'], '--compare', 'X'), ('empty',)),
    ('evaluate', ('--world', 'X', '{results}'), ()),
    ('evaluate', ('--world', '{drive}', 'X'), ()),
    ('reproduce', ('X', '--output', '{out}/reproduced'), ()),
    ('reproduce', (*CALLS['reproduce'], '--detections', 'X'), ()),
    ('reproduce', (*CALLS['reproduce'], '--features', 'X'), ()),
    ('reproduce', (*CALLS['reproduce'], '--model', 'X'), ()),
    ('report', ('X', *CALLS['report'][1:]), ('empty',)),
    ('report', ('{results}', '--gt', 'X', '--output', '{out}/p.html'), ()),
    ('report', (*CALLS['report'], '--history', 'X'), ()),
    ('render', ('X', '{results}', '--output', '{out}/v.mp4'), ()),
    ('render', ('{scene}', 'X', '--output', '{out}/v.mp4'), ('empty',)),
    ('render', (*CALLS['render'], '--truth', 'X'), ('empty',)),
    ('train', ('X', '{out}/trained'), ()),
    ('train', (*CALLS['train'], '--teacher', 'X'), ()),
    ('evaluate-reid', ('X',), ()),
    ('evaluate-reid', ('{crops}', '--model', 'X'), ()),
    ('export', ('X', '{out}/m.onnx'), ()),
    ('fetch-model', ('hub', '--from', 'X'), ()),
    ('crops', ('X', '--output', '{out}/crops'), ()),
    ('demo', ('--sequence', 'X', '--output', '{out}/demo'), ()),
    ('demo', ('--video', 'X', '--output', '{out}/demo'), ()),
    ('demo', ('--model', 'X', '--output', '{out}/demo'), ()),
    ('info', ('X',), ('empty',))]
# Options that name a file or folder to write, by how the walk calls them.
WRITES = [
    ('track', ('{scene}', *OFF, '--output', 'X')), ('track', (*CALLS['track'], '--history', 'X')),
    ('track', (*GROUND, '--world', 'X', '--poses', '{poses}', '--calib', '{calib}')),
    ('bag', ('{bag}', 'X', *OFF)), ('bags', ('{bag}', '--output', 'X', *OFF)),
    ('report', (*CALLS['report'][:-1], 'X')), ('render', (*CALLS['render'][:-1], 'X')),
    ('reproduce', ('{scene}', '--output', 'X')), ('sample', ('X',)), ('train', ('{crops}', 'X')),
    ('evaluate-reid', ('{crops}', '--picture', 'X')), ('export', ('bundled', 'X')),
    ('crops', ('{scene}', '--output', 'X')), ('demo', ('--output', 'X'))]
# Options with free text, which other tests try.
TEXT = {'set', 'pretrained', 'model'}


@pytest.fixture(scope='module')
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the files that calls are made with."""
    folder = tmp_path_factory.mktemp('walk')
    found = {name: folder / name for name in (
        'scene', 'results', 'crops', 'poses', 'calib', 'bag', 'drive')}
    write_scene(found['scene'], SceneConfig(seconds=0.4, people=3))
    found['results'].write_text('1,1,10,20,30,60,1,-1,-1,-1\n')
    found['poses'].write_text('1 0 0 0 0 1 0 0 0 0 1 0\n' * 6)
    found['calib'].write_text('P2: 800 0 480 0 0 800 270 0 0 0 1 0\n')
    found['crops'].mkdir()
    shutil.copytree(found['scene'], found['drive'])
    for name in ('poses', 'calib'):
        shutil.copy(found[name], found['drive'] / f'{name}.txt')
    (found['drive'] / 'gt3d.txt').write_text('1,1,1,0,0,0,1,10,0,1.7,0.5,0.5\n')
    write_bag(found['bag'])
    return found


def write_bag(path: Path) -> None:
    """Write a bag of an image and its detections; an empty folder where there is no ROS."""
    if importlib.util.find_spec('rclpy') is None:
        path.mkdir()
        return
    from rosbags.rosbag2 import Writer

    from deepsort_ros.ros.messages import stand_ins
    with Writer(path, version=9) as writer:
        for topic, kind in (('/image', 'sensor_msgs/msg/Image'),
                            ('/detections', 'vision_msgs/msg/Detection2DArray')):
            connection = writer.add_connection(topic, kind, typestore=stand_ins.typestore())
            message = stand_ins.message_class(kind)()
            writer.write(connection, 1, stand_ins.serialize_message(message))


@pytest.fixture
def call(world, tmp_path: Path, capsys, monkeypatch):
    """Return what runs a command and gives (exit code, lines on stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))

    def run(command: str, *args: str, **given: object) -> tuple[int, list[str]]:
        if command in ('bag', 'bags', 'diff', 'demo'):
            pytest.importorskip('rclpy')
        filled = [str(given['X']) if arg == 'X' else re.sub(
            r'\{(\w+)\}', lambda name: str({**world, 'out': tmp_path}[name[1]]), arg)
            for arg in args]
        try:
            code = main([command, *filled])
        except SystemExit as end:
            code = int(end.code or 0)
        return code, capsys.readouterr().err.splitlines()
    return run


def options() -> Iterator[tuple[str, argparse.Action]]:
    for command, parser in PARSERS.items():
        for action in parser._actions:
            if action.nargs != 0:
                yield command, action


def flag(action: argparse.Action) -> str:
    return action.option_strings[0] if action.option_strings else action.dest


LIMITED = [(command, action) for command, action in options()
           if action.choices or action.type not in (None, str, Path)]


@pytest.mark.parametrize(('command', 'action'), LIMITED,
                         ids=[f'{command} {flag(action)}' for command, action in LIMITED])
@pytest.mark.parametrize('value', ['zzz!', '', '-1', 'nan ', '1e999', '[1'])
def test_a_wrong_value_is_refused_in_one_line_that_names_the_option(
        call, command: str, action: argparse.Action, value: str) -> None:
    if action.option_strings:
        code, err = call(command, *CALLS[command], f'{flag(action)}={value}')
    else:
        code, err = call(command, value, *CALLS[command][1:])
    assert code == 2 and len(err) == 1
    assert err[0].startswith(f'deepsort {command}: argument ') and flag(action) in err[0]


def test_the_walk_knows_every_path_and_every_text() -> None:
    tried = {(command, where) for command, args, *_ in (*READS, *WRITES)
             for where in _places(command, args)}
    missing = [(command, flag(action)) for command, action in options()
               if action.type is Path and (command, action.dest) not in tried
               and (command, action.dest) != ('bags', 'bags')]
    assert missing == []
    free = {action.dest for _, action in options()
            if action.type in (None, str) and not action.choices}
    assert free - TEXT == set()


def _places(command: str, args: tuple[str, ...]) -> list[str]:
    """Return the names of the arguments that are X."""
    parsed = PARSERS[command].parse_args([arg if arg != 'X' else '/the/X' for arg in args])
    return [name for name, value in vars(parsed).items()
            if value == Path('/the/X') or value == '/the/X'
            or (isinstance(value, list) and Path('/the/X') in value)]


def contents(path: Path, kind: str) -> Path:
    """Make a path of a kind that is not in order."""
    if kind == 'folder':
        path.mkdir()
    elif kind == 'empty':
        path.touch()
    elif kind == 'binary':
        path.write_bytes(b'\0\xff\x89' + np.random.default_rng(1).bytes(3000))
    elif kind == 'text':
        path.write_text('hello\nthis is: no [such file\n')
    return path


def shown(args: tuple[str, ...]) -> str:
    place = args.index('X')
    return f'{args[place - 1] if place else ""} X'


@pytest.mark.parametrize('kind', ['missing', 'folder', 'empty', 'binary', 'text'])
@pytest.mark.parametrize(('command', 'args', 'fine'), READS,
                         ids=[f'{command} {shown(args)}' for command, args, _ in READS])
def test_a_path_that_does_not_hold_what_is_wanted_is_refused_in_one_line(
        call, tmp_path: Path, command: str, args, fine, kind: str) -> None:
    wrong = contents(tmp_path / 'wrong.x', kind)
    code, err = call(command, *args, X=wrong)
    own = [line for line in err if line.startswith('deepsort') and ': note: ' not in line]
    if kind in fine:
        assert code == 0 and not own
        return
    assert code in (1, 2) and len(own) == 1 and own[0].startswith('deepsort: ')
    assert 'wrong.x' in own[0] and 'Errno' not in own[0]


@pytest.mark.parametrize('kind', ['missing', 'folder', 'binary'])
@pytest.mark.parametrize(('command', 'args'), [
    ('track', ('X', '--output', '{out}/r.txt')),
    ('track', ('{scene}', '--detections', 'X', '--output', '{out}/r.txt')),
    ('track', ('{scene}', '--output', '{drive}')), ('bag', ('X', '{out}/bag')),
    ('bag', ('{bag}', '{bag}')), ('reproduce', ('X', '--output', '{out}/reproduced')),
    ('reproduce', ('{scene}', '--detections', 'X', '--output', '{out}/reproduced')),
    ('evaluate-reid', ('X',)), ('evaluate-reid', ('{crops}', '--picture', '{scene}'))])
def test_no_network_is_loaded_for_an_input_that_is_refused(
        call, tmp_path: Path, monkeypatch, command: str, args, kind: str) -> None:
    loaded = []
    monkeypatch.setattr('deepsort_ros.reid.encoder.Encoder.create',
                        lambda *args, **options: loaded.append(args))
    code, _ = call(command, *args, X=contents(tmp_path / 'wrong.x', kind))
    assert code == 2 and loaded == []


@pytest.mark.parametrize(('command', 'args'), WRITES,
                         ids=[f'{command} {shown(args)}' for command, args in WRITES])
def test_what_cannot_be_written_is_refused_in_one_line_and_nothing_is_harmed(
        call, world, tmp_path: Path, command: str, args) -> None:
    (tmp_path / 'file').write_text('mine')
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'folder' / 'mine').write_text('mine')
    wrongs = [tmp_path / 'file' / 'below.onnx']
    named = PARSERS[command].parse_args([arg if arg != 'X' else '/x' for arg in args])
    to_folder = command in ('bags', 'reproduce', 'sample', 'train', 'crops', 'demo', 'bag')
    wrongs.append(tmp_path / ('file' if to_folder else 'folder'))
    if command in ('sample', 'crops'):
        wrongs.append(tmp_path / 'folder')
    assert named is not None
    for wrong in wrongs:
        code, err = call(command, *args, X=wrong)
        own = [line for line in err if line.startswith('deepsort: ') and ': note: ' not in line]
        assert code == 2 and len(own) == 1 and str(wrong) in own[0]
    assert (tmp_path / 'file').read_text() == (tmp_path / 'folder' / 'mine').read_text() == 'mine'


SAME = [
    ('track', ('{scene}', *OFF, '--output', 'Y', '--history', 'Y')),
    ('track', ('{scene}', *OFF, '--detections', 'X', '--output', 'X')),
    ('track', ('{scene}', *OFF, '--output', '{scene}/det/det.txt')),
    ('track', ('{scene}', *OFF, '--history', '{scene}/gt/gt.txt')),
    ('track', ('{scene}', *OFF, '--features', 'X', '--history', 'X')),
    ('render', ('{scene}', 'X', '--output', 'X')),
    ('render', ('X', '{results}', '--output', 'X')),
    ('report', ('X', '--gt', '{scene}', '--output', 'X')),
    ('report', ('{results}', '--gt', 'X', '--output', 'X')),
    ('report', ('{results}', '--gt', '{scene}', '--output', '{scene}/gt/gt.txt')),
    ('bag', ('X', 'X', *OFF)), ('bags', ('{bag}', '--output', '{bag}', *OFF)),
    ('export', ('X', 'X')), ('crops', ('{scene}', '--output', '{scene}')),
    ('crops', ('{scene}', '--output', '{scene}', '--overwrite')),
    ('train', ('{crops}', '{crops}')), ('reproduce', ('{scene}', '--output', '{scene}')),
    ('demo', ('--sequence', '{scene}', '--output', '{scene}'))]


@pytest.mark.parametrize(('command', 'args'), SAME)
def test_one_file_is_never_read_and_written_nor_written_twice(
        call, world, tmp_path: Path, command: str, args) -> None:
    file = tmp_path / 'x.onnx'
    file.write_text('1,1,10,20,30,60,1,-1,-1,-1\n')
    link = tmp_path / 'link.txt'
    link.symlink_to(file)
    before = {path: path.read_bytes() for path in world['scene'].rglob('*') if path.is_file()}
    names = iter((file, link, link))
    filled = [str(next(names)) if arg == 'X' else str(tmp_path / 'new.txt') if arg == 'Y' else arg
              for arg in args]
    code, err = call(command, *filled)
    own = [line for line in err if line.startswith('deepsort: ') and ': note: ' not in line]
    assert code == 2 and len(own) == 1
    assert file.read_text() == '1,1,10,20,30,60,1,-1,-1,-1\n'
    assert not (tmp_path / 'new.txt').exists()
    assert all(path.read_bytes() == content for path, content in before.items())


@pytest.mark.parametrize('value', [
    'max_age=[1', 'max_age={', 'max_age=', 'max_age=: :', 'classes=person', 'n_init=1.5',
    'max_age=1e999', 'appearance=sometimes', '=3', 'max_aeg=1', 'batch_buckets=[3, 2]',
    'max_age="\t', 'max_age=!!python/object:os.system'])
def test_a_setting_that_is_none_is_refused_in_one_line(call, value: str) -> None:
    code, err = call('track', *CALLS['track'], '--set', value)
    assert code == 2 and len(err) == 1 and err[0].startswith('deepsort: ')


@pytest.mark.parametrize('url', ['nowhere', 'ftp://x/y', 'http://', 'http://[::1', 'http://a:b/c'])
def test_what_is_no_address_is_refused_in_one_line(call, url: str) -> None:
    code, err = call('fetch-model', 'hub', '--url', url)
    assert code == 2 and len(err) == 1 and '--url' in err[0]


@pytest.mark.parametrize('kind', ['missing', 'folder', 'empty', 'binary', 'text'])
def test_a_bad_bag_among_many_is_a_record_with_its_error(
        tmp_path: Path, kind: str) -> None:
    pytest.importorskip('rclpy')
    from deepsort_ros.bags import fleet
    wrong = contents(tmp_path / 'wrong.mcap', kind)
    record = fleet.track_one(fleet.Task(wrong, tmp_path / 'out', Settings(), pytest.fail))
    assert record['status'] == 'failed' and 'wrong.mcap' in record['error']
