"""The doctor reports what is missing and how to cure it, and never stops because of it."""
import builtins
import importlib.util
import json
import sys
from pathlib import Path

import pytest

from deepsort_ros import cli
from deepsort_ros.commands import doctor
from deepsort_ros.doctor import checks
from deepsort_ros.doctor import crop
from deepsort_ros.doctor.checks import Check
from deepsort_ros.reid.probe import MARK

STATES = ('ok', 'note', 'warning', 'error')


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
    assert [check['name'] for check in report['checks']] == [
        'python', 'libraries', 'ros', 'messages', 'dds', 'engines', 'cann', 'driver', 'memory',
        'model']
    for check in report['checks']:
        assert list(check) == ['name', 'state', 'text', 'cure'] and check['state'] in STATES
    assert report['ok'] == (code == 0)


def test_the_page_names_each_check_with_its_state_and_cure(capsys, monkeypatch):
    monkeypatch.setattr(checks, 'QUICK', (lambda: Check('cann', 'error', 'gone', 'install it'),))
    code, output = run(capsys, '--quick')
    assert code == 1
    assert output.splitlines() == ['error    cann: gone', '         -> install it',
                                   'Not ready: mend what is marked error; 1 error']


@pytest.mark.parametrize(('states', 'last'), [
    (('ok',), 'Ready'), (('note', 'ok', 'note'), 'Ready; 2 notes'),
    (('warning', 'note'), 'Ready, with limits; 1 warning; 1 note')])
def test_the_last_line_is_the_verdict(capsys, monkeypatch, states, last):
    monkeypatch.setattr(checks, 'QUICK', [
        lambda state=state: Check('any', state, 'text') for state in states])
    code, output = run(capsys, '--quick')
    assert code == 0 and output.splitlines()[-1] == last


@pytest.mark.parametrize(('package', 'name', 'words'), [
    ('vision_msgs', 'messages', 'missing: vision_msgs'),
    ('rclpy', 'ros', 'rclpy cannot be imported'),
    ('mindspore', 'engines', 'not installed: mindspore'),
    ('onnxruntime', 'engines', 'not installed: onnxruntime'),
    ('scipy', 'libraries', 'scipy')])
def test_what_is_not_installed_is_named_with_a_cure(capsys, hide, package, name, words):
    hide(package)
    _, output = run(capsys, '--quick', '--json')
    check, = (c for c in json.loads(output)['checks'] if c['name'] == name)
    assert words in check['text'] and check['cure'] and check['state'] != 'ok'


def test_without_any_engine_that_is_an_error(hide):
    hide('mindspore', 'onnxruntime', 'mindspore_lite')
    assert checks.engines().state == 'error'
    assert list(crop.devices()) == []


def test_without_a_profile_the_line_to_type_is_given(monkeypatch):
    monkeypatch.setenv('ROS_DISTRO', 'jazzy')
    for name in checks.PROFILES:
        monkeypatch.delenv(name, raising=False)
    command = checks.dds().cure.split(': ')[1]
    name, path = command.removeprefix('export ').split('=')
    assert name == 'FASTRTPS_DEFAULT_PROFILES_FILE' and Path(path).is_file()


def test_a_profile_under_the_name_of_another_distribution_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.setenv('ROS_DISTRO', 'kilted')
    monkeypatch.setenv('FASTRTPS_DEFAULT_PROFILES_FILE', __file__)
    monkeypatch.delenv('FASTDDS_DEFAULT_PROFILES_FILE', raising=False)
    assert checks.dds().cure == 'this distribution reads FASTDDS_DEFAULT_PROFILES_FILE'
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', str(tmp_path / 'none.xml'))
    assert checks.dds().state == 'error'


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
