"""A device is tried by a child, whatever becomes of the child."""
import sys
import time

import pytest

from deepsort_ros.children import descendants
from deepsort_ros.reid import probe
from deepsort_ros.reid.probe import try_device


def child(*lines):
    return [sys.executable, '-c', '\n'.join(lines)]


def test_the_cpu_works():
    assert try_device('CPU', 0).fault == ''


def test_a_result_is_read_among_what_else_is_printed():
    result = try_device('Ascend', 0, command=child(
        'print("[INFO] set", end="")',
        f"""print('\\n{probe.MARK}{{"chip": "Ascend310B4", "fault": ""}}')""",
        'print("bye")'))
    assert (result.fault, result.chip) == ('', 'Ascend310B4')


def test_a_child_that_hangs_is_given_up_and_ended(monkeypatch):
    monkeypatch.setattr(probe, 'PATIENCE', 0.1)
    logged = []
    result = try_device('Ascend', 0, progress=logged.append, timeout=0.5,
                        command=child('import time', 'time.sleep(1000)'))
    assert result.fault == 'it did not answer within 0.5 s'
    assert logged[0].startswith('trying the device Ascend: ')
    assert descendants_named('time.sleep(1000)') == []


def test_a_child_of_the_child_does_not_hold_up_the_answer():
    started = time.monotonic()
    result = try_device('Ascend', 0, timeout=60, command=child(
        'import subprocess, sys',
        'subprocess.Popen([sys.executable, "-c", "import time; time.sleep(999)"])',
        f"""print('{probe.MARK}{{"fault": ""}}')"""))
    assert result.fault == ''
    assert time.monotonic() - started < 50
    assert descendants_named('time.sleep(999)') == []


def test_what_progress_raises_ends_the_child(monkeypatch):
    monkeypatch.setattr(probe, 'PATIENCE', 0.05)

    def stop(text):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        try_device('Ascend', 0, progress=stop,
                   command=child('import time', 'time.sleep(998)'))
    assert descendants_named('time.sleep(998)') == []


def test_a_child_that_dies_names_the_signal():
    result = try_device('Ascend', 0, command=child('import os', 'os.abort()'))
    assert result.fault == 'it died of SIGABRT'


@pytest.mark.parametrize(('text', 'code', 'expected', 'cure'), [
    ('[ERROR] drvDeviceOpen failed, ret=507033\\nbye', 1,
     'it ended with 1: [ERROR] drvDeviceOpen failed, ret=507033', 'HwHiAiUser'),
    ("ModuleNotFoundError: No module named 'te'", 3,
     "it ended with 3: ModuleNotFoundError: No module named 'te'", 'set_env.sh'),
    ('nothing known', 2, 'it ended with 2: nothing known', None)])
def test_the_reason_on_stderr_is_told_with_what_helps(text, code, expected, cure):
    result = try_device('Ascend', 0, command=child(
        'import sys', f'sys.stderr.write("{text}")', f'sys.exit({code})'))
    fault, _, helps = result.fault.partition('; ')
    assert fault == expected
    assert cure in helps if cure else not helps


def test_a_device_that_mindspore_has_not_gives_the_reason_of_mindspore():
    fault = try_device('Ascend', 0).fault
    if not fault:
        pytest.skip('this machine has an Ascend device')
    assert 'Error' in fault


def descendants_named(text):
    """Return the processes below this one with a text in their command line."""
    import os
    from pathlib import Path
    found = []
    for process in descendants(os.getpid()):
        try:
            if text in Path(f'/proc/{process}/cmdline').read_text():
                found.append(process)
        except OSError:
            continue
    return found
