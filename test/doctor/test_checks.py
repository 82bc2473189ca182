"""The doctor reports what is missing and how to cure it, and never stops because of it."""
import builtins
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deepsort_ros import cli
from deepsort_ros.commands import doctor
from deepsort_ros.doctor import checks
from deepsort_ros.doctor import crop
from deepsort_ros.doctor import node
from deepsort_ros.doctor.checks import Check
from deepsort_ros.doctor.node import Node
from deepsort_ros.reid.probe import MARK

STATES = ('ok', 'note', 'warning', 'error')
NAMES = ['python', 'libraries', 'ros', 'messages', 'dds', 'engines', 'cann', 'driver', 'memory',
         'model']
ROOT = Path(__file__).resolve().parents[2]
JAZZY = Node('jazzy', 'FASTRTPS_DEFAULT_PROFILES_FILE', 'rmw_fastrtps_cpp')
KILTED = Node('kilted', 'FASTDDS_DEFAULT_PROFILES_FILE', 'rmw_fastrtps_cpp')


@pytest.fixture
def hide(monkeypatch):
    """Return a function that makes packages look as if they were not installed."""
    def without(*packages):
        hidden = set(packages)
        find, real_import = importlib.util.find_spec, builtins.__import__

        def spec(name, package=None):
            if name.split('.')[0] in hidden:
                raise ModuleNotFoundError(f'No module named {name!r}')
            return find(name, package)

        def load(name, *rest, **named):
            if name.split('.')[0] in hidden:
                raise ModuleNotFoundError(f'No module named {name!r}', name=name)
            return real_import(name, *rest, **named)

        for name in list(sys.modules):
            if name.split('.')[0] in hidden or name == 'deepsort_ros.ros.distro':
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(importlib.util, 'find_spec', spec)
        monkeypatch.setattr(builtins, '__import__', load)
    return without


def run(capsys, *arguments):
    code = cli.main(['doctor', *arguments])
    return code, capsys.readouterr().out


def test_the_json_has_the_same_checks_and_keys_in_every_run(capsys):
    code, output = run(capsys, '--quick', '--json')
    report = json.loads(output)
    assert list(report) == ['format', 'ok', 'checks'] and report['format'] == doctor.FORMAT == 1
    assert [check['name'] for check in report['checks']] == NAMES
    for check in report['checks']:
        assert list(check) == ['name', 'state', 'text', 'cure'] and check['state'] in STATES
    assert report['ok'] == (code == 0)


def test_the_page_names_each_check_with_its_state_and_cure(capsys, monkeypatch):
    command = f'export PATH={"/a/long/path" * 20}'
    monkeypatch.setattr(checks, 'quick', lambda model: [Check('cann', 'error', 'gone', command)])
    code, output = run(capsys, '--quick')
    assert code == 1
    # A command can be copied.
    assert output.splitlines() == ['error    cann: gone', f'         -> {command}',
                                   'Not ready: mend what is marked error; 1 error']


@pytest.mark.parametrize(('states', 'last'), [
    (('ok',), 'Ready'), (('note', 'ok', 'note'), 'Ready; 2 notes'),
    (('warning', 'note'), 'Ready, with limits; 1 warning; 1 note')])
def test_the_last_line_is_the_verdict(capsys, monkeypatch, states, last):
    monkeypatch.setattr(checks, 'quick', lambda model: [
        Check('any', state, 'text') for state in states])
    code, output = run(capsys, '--quick')
    assert code == 0 and output.splitlines()[-1] == last


@pytest.mark.parametrize(('package', 'name', 'words'), [
    ('vision_msgs', 'messages', 'missing: vision_msgs'),
    ('mindspore', 'engines', 'not installed: mindspore'),
    ('onnxruntime', 'engines', 'not installed: onnxruntime'),
    ('scipy', 'libraries', 'scipy')])
def test_what_is_not_installed_is_named_with_a_cure(capsys, hide, package, name, words):
    hide(package)
    _, output = run(capsys, '--quick', '--json')
    check, = (c for c in json.loads(output)['checks'] if c['name'] == name)
    assert words in check['text'] and check['cure'] and check['state'] != 'ok'


@pytest.fixture
def absent(monkeypatch, tmp_path):
    """Return a function that makes packages fail to be imported by the processes of this one."""
    def without(*packages):
        for name in packages:
            (tmp_path / f'{name}.py').write_text(
                f'raise ModuleNotFoundError("No module named {name!r}", name={name!r})\n')
        monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    return without


@pytest.mark.parametrize('package', ['numpy', 'yaml', 'rclpy'])
def test_the_command_runs_without_a_package_and_names_it(absent, package):
    absent(package)
    program = [sys.executable, '-c', 'import sys; from deepsort_ros.cli import main; '
               'sys.exit(main(["doctor", "--quick", "--json"]))']
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert [check['name'] for check in report['checks']] == NAMES
    assert done.returncode == (0 if report['ok'] else 1) and 'Traceback' not in done.stderr
    found = [check for check in report['checks'] if check['state'] == 'error']
    assert any(f'No module named {package!r}' in check['text'] for check in found)
    assert all(check['cure'] for check in found)


def test_without_ros_the_cure_is_to_source_it(absent):
    absent('rclpy')
    found = node.start.__wrapped__()
    check = checks.ros(found)
    assert check.state == 'error' and 'rclpy' in check.text and '/setup.bash' in check.cure
    assert checks.dds(found).state == 'note'


def test_a_middleware_that_is_not_there_ends_a_child_alone_and_is_named(monkeypatch):
    monkeypatch.setenv('RMW_IMPLEMENTATION', 'rmw_cyclonedds_cpp')
    monkeypatch.setenv('ROS_DISTRO', 'jazzy')
    found = node.start.__wrapped__()
    if found.middleware == 'rmw_cyclonedds_cpp':
        pytest.skip('it is installed here')
    check = checks.ros(found) if not found.distribution else checks.dds(found)
    assert check.state == 'error' and 'rmw_cyclonedds_cpp' in check.text
    if not found.distribution:
        assert 'ros-jazzy-rmw-cyclonedds-cpp' in check.cure
        assert 'unset RMW_IMPLEMENTATION' in check.cure


def test_a_node_that_cannot_start_gives_the_reason(monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', 'abc')
    check = checks.dds(node.start.__wrapped__())
    assert check.state == 'error' and 'ROS_DOMAIN_ID' in check.text and 'env |' in check.cure


def test_a_node_that_starts_names_its_middleware():
    found = node.start.__wrapped__()
    assert found.middleware.startswith('rmw_') and found.distribution and not found.fault
    assert found.middleware in checks.dds(found).text


def test_another_middleware_gets_no_profile_of_fast_dds():
    check = checks.dds(Node('jazzy', 'FASTRTPS_DEFAULT_PROFILES_FILE', 'rmw_cyclonedds_cpp'))
    assert check.state == 'ok' and 'profile' not in check.text


def test_little_shared_memory_is_a_warning(monkeypatch, tmp_path):
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(checks.shutil, 'disk_usage', lambda path: usage(2**26, 0, 2**26))
    check = checks.dds(JAZZY, tmp_path)
    assert check.state == 'warning' and '64 MB free' in check.text and '--shm-size' in check.cure


@pytest.mark.parametrize('content', [None, b'', b'garbage', b'\x08\x07'])
@pytest.mark.parametrize('suffix', ['.ckpt', '.onnx', '.mindir'])
def test_a_broken_model_is_named_and_nothing_is_computed(capsys, tmp_path, suffix, content):
    path = tmp_path / f'mine{suffix}'
    if content is not None:
        path.write_bytes(content)
    code, output = run(capsys, '--json', '--model', str(path))
    last = json.loads(output)['checks'][-1]
    assert code == 1 and last['name'] == 'model' and last['state'] == 'error'
    assert str(path) in last['text'] and last['text'].count(str(path)) == 1
    assert 'path' in last['cure']


def test_a_check_that_fails_itself_is_an_error_and_stops_no_other(monkeypatch, capsys):
    def engines():
        raise OSError('disk gone')
    monkeypatch.setattr(checks, 'QUICK', (engines, checks.memory))
    found = checks.quick()
    assert [check.name for check in found] == ['engines', 'memory', 'model']
    assert found[0].state == 'error' and 'OSError: disk gone' in found[0].text


def test_what_libraries_print_is_not_in_the_json(monkeypatch, capsys):
    def libraries():
        print('OpenCV bindings requires "numpy" package.')
        return Check('libraries', 'ok', '')
    monkeypatch.setattr(checks, 'QUICK', (libraries,))
    _, output = run(capsys, '--quick', '--json')
    assert json.loads(output)['format'] == doctor.FORMAT


def test_without_any_engine_that_is_an_error(hide):
    hide('mindspore', 'onnxruntime', 'mindspore_lite')
    assert checks.engines().state == 'error'
    assert list(crop.devices()) == []


def test_without_a_profile_the_line_to_type_is_given(monkeypatch):
    for name in checks.PROFILES:
        monkeypatch.delenv(name, raising=False)
    command = checks.dds(JAZZY).cure.split(': ')[1]
    name, path = command.removeprefix('export ').split('=')
    assert name == 'FASTRTPS_DEFAULT_PROFILES_FILE' and Path(path).is_file()


def test_a_profile_under_the_name_of_another_distribution_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.setenv('FASTRTPS_DEFAULT_PROFILES_FILE', __file__)
    monkeypatch.delenv('FASTDDS_DEFAULT_PROFILES_FILE', raising=False)
    assert checks.dds(KILTED).cure == 'this distribution reads FASTDDS_DEFAULT_PROFILES_FILE'
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', str(tmp_path / 'none.xml'))
    assert checks.dds(KILTED).state == 'error'


def test_an_npu_without_cann_or_without_its_environment_is_an_error(monkeypatch, tmp_path):
    for name in ('ASCEND_TOOLKIT_HOME', 'ASCEND_HOME_PATH', 'ASCEND_OPP_PATH'):
        monkeypatch.delenv(name, raising=False)
    assert checks.cann(tmp_path / 'none', tmp_path).state == 'note'
    (tmp_path / 'davinci0').touch()
    assert 'no CANN' in checks.cann(tmp_path / 'none', tmp_path).text
    assert 'set_env.sh' in checks.cann(tmp_path, tmp_path).cure
    monkeypatch.setenv('ASCEND_OPP_PATH', '/opp')
    assert 'te, tbe' in checks.cann(tmp_path, tmp_path).text


@pytest.mark.parametrize(('versions', 'state', 'words'), [
    ({'numpy': '1.26.4', 'protobuf': '3.20.3'}, 'warning', 'beside numpy 1.26.4: too new'),
    ({'numpy': '2.0', 'protobuf': '7.36.2'}, 'warning', 'numpy 2.0 and protobuf 7.36.2'),
    ({'numpy': '1.24.9', 'protobuf': '3.20.3'}, 'ok', '/opp'),
    ({'numpy': '1.22.4', 'protobuf': 'of unknown version'}, 'ok', '/opp')])
def test_libraries_that_cann_does_not_run_with_are_named(
        monkeypatch, tmp_path, versions, state, words):
    monkeypatch.setenv('ASCEND_TOOLKIT_HOME', '/opp')
    monkeypatch.setenv('ASCEND_OPP_PATH', '/opp')
    monkeypatch.setattr(checks, '_importable', lambda module: True)
    monkeypatch.setattr(checks, '_version', versions.__getitem__)
    found = checks.cann(tmp_path, tmp_path)
    assert found.state == state and words in found.text and bool(found.cure) == (state != 'ok')


def test_a_device_that_cannot_be_opened_names_the_group(monkeypatch, tmp_path):
    (tmp_path / 'davinci0').touch()
    assert checks.driver(tmp_path).state == 'ok'
    monkeypatch.setattr(checks.os, 'access', lambda path, mode: False)
    check = checks.driver(tmp_path, groups={'video'})
    assert check.state == 'error' and 'HwHiAiUser' in check.text and 'usermod' in check.cure


def test_little_memory_is_a_warning(tmp_path):
    info = tmp_path / 'meminfo'
    info.write_text('MemTotal: 4000000 kB\nSwapTotal: 0 kB\n')
    assert checks.memory(info).state == 'warning'
    info.write_text('MemTotal: 4000000 kB\nSwapTotal: 8000000 kB\n')
    assert checks.memory(info).state == 'ok'
    assert checks.memory(Path('/nowhere')).state == 'note'


def child(**result):
    line = MARK + json.dumps(result)
    return [sys.executable, '-c', f'print({line!r})']


def test_a_crop_is_compared_between_devices_and_faults_are_told():
    good = {'feature': [1.0, 0.0], 'device': 'CPU', 'note': '', 'precision': 'fp32',
            'milliseconds': 9.5}
    children = {
        'a': child(**good), 'b': child(**{**good, 'feature': [0.0, 1.0]}),
        'c': [sys.executable, '-c', 'import os; os.abort()'],
        'd': child(**{**good, 'note': 'no such device; using CPU'}),
        'e': child(fault='ModelError: no engine')}
    kinds = {'d': 'Ascend'}
    found = crop.check([(name, kinds.get(name, 'CPU')) for name in children], lambda text: None,
                       lambda engine, kind: children[engine])
    assert [check.state for check in found] == ['ok', 'error', 'error', 'warning', 'error']
    assert '9.5 ms a crop' in found[0].text
    assert 'SIGABRT' in found[2].text and 'using CPU' in found[3].text
    assert found[4].text == 'ModelError: no engine'


def test_engines_agree_on_the_cpu():
    pairs = [(engine, kind) for engine, kind in crop.devices() if kind == 'CPU']
    if not pairs:
        pytest.skip('no engine is installed here')
    assert {check.state for check in crop.check(pairs, lambda text: None)} == {'ok'}
