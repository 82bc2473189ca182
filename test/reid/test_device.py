"""Which device is used, and what is reported when it is not the one asked for."""
import logging
import os
from types import SimpleNamespace

import pytest

from deepsort_ros.reid import device
from deepsort_ros.reid import runtime
from deepsort_ros.reid.device import DeviceError
from deepsort_ros.reid.device import select_device
from deepsort_ros.reid.probe import Probe
from deepsort_ros.settings import Settings


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Return a machine with two NPUs that work; what is set is kept in ``calls``."""
    made = SimpleNamespace(
        plugins={'Ascend': '', 'GPU': 'this MindSpore is not built for GPU', 'CPU': ''}, count=2,
        probe=Probe('', 'Ascend910B'), calls=[])

    def try_device(name, device_id, progress):
        made.calls.append(('probe', name, device_id))
        progress(f'trying the device {name}: 10 s so far')
        return made.probe

    monkeypatch.setattr(device, '_opened', None)
    monkeypatch.setattr(device, 'DEVICE_FILES', tmp_path)
    monkeypatch.setattr(device, 'plugin_fault', lambda name: made.plugins[name])
    monkeypatch.setattr(device, 'device_count', lambda name: made.count)
    monkeypatch.setattr(device.probe, 'try_device', try_device)
    monkeypatch.setattr(device, 'compute_where_launched', lambda: None)
    for name in ('set_device', 'limit_memory', 'use_graphs'):
        monkeypatch.setattr(device, name,
                            lambda *values, name=name: made.calls.append((name, *values)))
    for name in ('ASCEND_CACHE_PATH', 'MS_COMPILER_CACHE_PATH', 'TE_PARALLEL_COMPILER'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return made


def test_a_device_is_tried_before_it_is_taken(machine):
    logged = []
    assert select_device('auto', 1, logged.append) == ('Ascend', '')
    assert machine.calls == [('probe', 'Ascend', 1), ('set_device', 'Ascend', 1)]
    assert logged == ['trying the device Ascend: 10 s so far']


def test_one_that_is_in_use_here_is_not_tried_again(machine):
    select_device('auto', 0)
    del machine.calls[:]
    assert select_device('Ascend', 0) == ('Ascend', '')
    assert machine.calls == []


@pytest.mark.parametrize('asked', ['auto', 'Ascend'])
def test_one_that_fails_is_replaced_by_the_cpu_and_the_reason_is_told(machine, caplog, asked):
    machine.probe = Probe('it did not answer within 300 s')
    with caplog.at_level(logging.WARNING):
        name, note = select_device(asked, 0)
    assert name == 'CPU'
    assert note == ('device Ascend 0 is not available (it did not answer within 300 s); using CPU')
    assert caplog.messages == [note]
    assert machine.calls == [('probe', 'Ascend', 0), ('set_device', 'CPU', None)]


def test_auto_says_nothing_of_devices_that_are_not_there(machine, caplog):
    machine.plugins['Ascend'] = 'libge_runner.so: cannot open shared object file'
    assert select_device('auto', 0) == ('CPU', '')
    assert caplog.messages == []


def test_auto_tells_of_a_board_whose_mindspore_finds_no_cann(machine, tmp_path):
    machine.plugins['Ascend'] = 'libge_runner.so: cannot open shared object file'
    (tmp_path / 'davinci0').touch()
    name, note = select_device('auto', 0)
    assert name == 'CPU'
    assert 'libge_runner.so' in note and 'set_env.sh' in note


def test_a_number_that_does_not_exist_is_refused_without_a_child(machine):
    note = select_device('Ascend', 2)[1]
    assert note == 'device Ascend 2 is not available (there are 2); using CPU'
    assert machine.calls == [('set_device', 'CPU', None)]


def test_a_process_of_msrun_takes_the_device_it_was_given(machine):
    assert select_device('Ascend', None) == ('Ascend', '')
    assert machine.calls == [('set_device', 'Ascend', None)]


def test_a_small_chip_gets_little_memory_and_whole_graphs(machine):
    machine.probe = Probe('', 'Ascend310B4')
    select_device('Ascend', 0)
    assert machine.calls[1:] == [
        ('set_device', 'Ascend', 0), ('limit_memory', 2), ('use_graphs', 'O2')]


@pytest.mark.parametrize(('gigabytes', 'expected'), [(8, '1'), (16, None)])
def test_compiled_operators_are_kept_and_small_boards_compile_alone(
        machine, monkeypatch, tmp_path, gigabytes, expected):
    monkeypatch.setattr(device, '_memory', lambda: gigabytes * 2**30)
    select_device('Ascend', 0)
    for name in ('ASCEND_CACHE_PATH', 'MS_COMPILER_CACHE_PATH'):
        assert os.path.isdir(os.environ[name])
        assert os.environ[name].startswith(str(tmp_path / 'cache'))
        monkeypatch.setenv(name, '')
    assert os.environ.get('TE_PARALLEL_COMPILER') == expected
    monkeypatch.setenv('TE_PARALLEL_COMPILER', '')


def test_a_cache_that_cannot_be_made_is_no_reason_to_fail(machine, monkeypatch, tmp_path, caplog):
    (tmp_path / 'file').touch()
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    with caplog.at_level(logging.WARNING):
        assert select_device('Ascend', 0)[0] == 'Ascend'
    assert 'not kept' in caplog.text


def test_a_function_that_this_mindspore_lacks_is_a_reason(machine, monkeypatch):
    def missing(name):
        raise AttributeError("module 'mindspore' has no attribute 'hal'")

    monkeypatch.setattr(device, 'device_count', missing)
    assert "no attribute 'hal'" in select_device('Ascend', 0)[1]


def test_without_any_device_all_reasons_are_told(machine, monkeypatch):
    machine.probe = Probe('no permission')
    monkeypatch.setattr(device, 'compute_where_launched', lambda: raises('no CPU either'))
    monkeypatch.setattr(device.ms, 'get_context', lambda name: 'Ascend')
    with pytest.raises(DeviceError, match='no permission; no CPU either'):
        select_device('Ascend', 0)


def test_no_such_kind_of_device(machine):
    with pytest.raises(ValueError, match="'TPU' is not one of auto, Ascend, GPU, CPU"):
        select_device('TPU', 0)


def raises(text):
    raise RuntimeError(text)


class Recorder:
    """Stands in for a function of MindSpore and keeps its arguments."""

    def __init__(self):
        self.calls = []

    def __call__(self, *arguments, **named):
        self.calls.append((arguments, named))


@pytest.fixture
def older(monkeypatch):
    """Take away what MindSpore 2.4 lacks; returns what its set_context is given."""
    recorder = Recorder()
    for name in ('set_device', 'device_context', 'runtime'):
        monkeypatch.delattr(runtime.ms, name, raising=False)
    monkeypatch.setattr(runtime.ms, 'set_context', recorder)
    return recorder.calls


def test_mindspore_2_4_sets_the_device_and_its_memory_in_the_context(older):
    runtime.set_device('Ascend', 1)
    runtime.set_device('CPU', 1)
    runtime.limit_memory(2)
    assert older == [
        ((), {'device_target': 'Ascend', 'device_id': 1}), ((), {'device_target': 'CPU'}),
        ((), {'max_device_memory': '2GB'})]


def test_mindspore_2_4_knows_its_devices_by_hal(older):
    assert runtime.plugin_fault('CPU') == ''
    assert runtime.plugin_fault('GPU') == 'this MindSpore is not built for GPU'
    assert runtime.device_count('CPU') >= 1


def test_newer_ones_have_functions_of_their_own(monkeypatch):
    device_calls, memory_calls = Recorder(), Recorder()
    monkeypatch.setattr(runtime.ms, 'set_device', device_calls)
    monkeypatch.setattr(runtime.ms.runtime, 'set_memory', memory_calls)
    runtime.set_device('Ascend', None)
    runtime.set_device('Ascend', 3)
    runtime.limit_memory(2)
    assert device_calls.calls == [(('Ascend',), {}), (('Ascend',), {'device_id': 3})]
    assert memory_calls.calls[0][1]['max_size'] == '2GB'


def test_the_first_operator_is_run_once_more_when_numpy_2_breaks_it(monkeypatch):
    results = [SystemError('returned a result with an exception set'), SimpleNamespace(
        asnumpy=lambda: 1.0)]

    class Tensor:
        def __init__(self, values):
            pass

        def __add__(self, other):
            result = results.pop(0)
            if isinstance(result, SystemError):
                raise result
            return result

    monkeypatch.setattr(runtime.ms, 'Tensor', Tensor)
    runtime.run_first_operator()
    assert results == []


def test_an_npu_compiles_for_few_sizes_unless_others_are_asked_for():
    default = Settings().batch_buckets
    assert device.suitable_buckets('Ascend', default) == (4, 16)
    assert device.suitable_buckets('Ascend', (8,)) == (8,)
    assert device.suitable_buckets('CPU', default) == default
