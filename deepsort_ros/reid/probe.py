"""
Try a device in a process of its own.

A device is opened by the first operator, and the choice is final in a process. Here a child opens
it, so that one that is busy, forbidden or broken costs nothing but the time.
"""
from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from typing import IO

# Seconds. On a board the first operator is compiled, which takes up to a minute.
TIMEOUT = 300.0
# Seconds between two words about a child that takes long.
PATIENCE = 10.0
# Before the result in the output of the child: MindSpore writes there as well.
MARK = 'deepsort_ros.reid.probe: '
# Lines that say what is wrong, in the output of CANN, MindSpore and Python.
TELLING = re.compile(r'\bE[A-Z]?\d{4,5}\b|Error\b|error:|\[ERROR\]|No module named|cannot open')
# What is known about faults: a pattern, and what helps.
CURES = (
    (r'No module named .?(te|tbe|acl|hccl)\b|set_env|libascend|libhccl|libge_|libacl|libruntime',
     'source set_env.sh of CANN in this shell, after the setup of ROS'),
    (r'[Pp]ermission|HwHiAiUser|/dev/davinci|50703\d|drv.*fail|open device',
     'add the user to the group HwHiAiUser and log in again, or see "npu-smi info"'),
    (r'busy|occupied|in use|507899|out of memory|EL0004',
     'another process has the device: "npu-smi info" names it'),
    (r'numpy', 'install a NumPy that this MindSpore and this CANN know (docs/ascend.md)'),
    (r'protobuf|Descriptors cannot be created', 'pip install "protobuf<3.21"'),
)


@dataclass(frozen=True)
class Probe:
    """
    What came of it.

    :param fault: why the device cannot be used, and what helps where that is known; '' when it
        can.
    :param chip: what it calls itself, such as ``Ascend310B4``; '' when it does not say.
    :param seconds: that it took.
    """

    fault: str
    chip: str = ''
    seconds: float = 0.0


def try_device(name: str, device_id: int | None, *,
               progress: Callable[[str], object] = lambda text: None,
               timeout: float = TIMEOUT, command: Sequence[str] | None = None) -> Probe:
    """
    Have a child open a device and compute on it.

    :param name: Ascend, GPU or CPU.
    :param progress: called with a line of text now and then while it takes long; what it raises
        ends the child and reaches the caller.
    :param timeout: seconds until the child is given up.
    :param command: of the child, instead of this module.
    """
    answer, fault, taken = ask(
        command or [sys.executable, '-m', __name__, name,
                    '' if device_id is None else str(device_id)],
        f'trying the device {name}', timeout, progress)
    if answer is None:
        return Probe(fault, seconds=taken)
    fault = with_cure(answer['fault']) if answer.get('fault') else ''
    return Probe(fault, str(answer.get('chip', '')), taken)


def ask(command: Sequence[str], what: str, timeout: float,
        progress: Callable[[str], object]) -> tuple[dict[str, Any] | None, str, float]:
    """
    Run a child that prints ``MARK`` and a JSON object, and end all that it has started.

    :param what: it does, in words, for ``progress``.
    :returns: the object, or None and why there is none; seconds taken.
    """
    started = time.monotonic()
    # Not pipes: what the child has started itself would keep them open.
    with TemporaryFile() as output, TemporaryFile() as errors:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                                 env=_environment(), start_new_session=True)
        try:
            ended = _wait(child, timeout,
                          lambda seconds: progress(f'{what}: {seconds:.0f} s so far'))
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        taken = time.monotonic() - started
        answer = _result(_text(output))
        if answer is not None:
            return answer, '', taken
        fault = (_reason(child.returncode, _text(errors)) if ended
                 else f'it did not answer within {timeout:g} s')
    return None, with_cure(fault), taken


def with_cure(fault: str) -> str:
    """Return a fault with what helps, where that is known."""
    cure = next((cure for pattern, cure in CURES if re.search(pattern, fault)), '')
    return f'{fault}; {cure}' if cure else fault


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get('PYTHONPATH'))))
    return {**os.environ, 'PYTHONPATH': path}


def _wait(child: subprocess.Popen[bytes], timeout: float,
          tell: Callable[[float], object]) -> bool:
    """Wait for a child, telling how long; False when it did not end in time."""
    started = time.monotonic()
    while True:
        left = timeout - (time.monotonic() - started)
        try:
            child.wait(max(0.0, min(PATIENCE, left)))
            return True
        except subprocess.TimeoutExpired:
            if left <= PATIENCE:
                return False
            tell(time.monotonic() - started)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors='replace')


def _result(output: str) -> dict[str, Any] | None:
    for line in reversed(output.splitlines()):
        if line.startswith(MARK):
            result: dict[str, Any] = json.loads(line.removeprefix(MARK))
            return result
    return None


def _reason(code: int, errors: str) -> str:
    """Return why a child without a result ended."""
    lines = [line.strip() for line in errors.splitlines() if line.strip(' -')]
    line = next((line for line in reversed(lines) if TELLING.search(line)),
                lines[-1] if lines else '')
    try:
        how = f'it died of {signal.Signals(-code).name}' if code < 0 else f'it ended with {code}'
    except ValueError:
        how = f'it ended with {code}'
    return f'{how}: {line[:300]}' if line else how


def compute(name: str, device_id: int | None) -> str:
    """
    Open a device in this process, compute on it and return its name.

    :raises Exception: whatever it has to say.
    """
    import numpy as np

    from deepsort_ros.reid.runtime import ms
    from deepsort_ros.reid.runtime import nn
    from deepsort_ros.reid.runtime import run_first_operator
    from deepsort_ros.reid.runtime import set_device
    set_device(name, device_id)
    run_first_operator()
    # What the network consists of, in the precision it has there.
    kind = ms.float16 if name == 'Ascend' else ms.float32
    layer = nn.Conv2d(3, 16, 3, pad_mode='pad', padding=1, has_bias=False, weight_init='ones')
    layer.weight.set_dtype(kind)
    output = layer(ms.Tensor(np.ones((1, 3, 8, 8)), kind)).asnumpy()
    if output[0, 0, 4, 4] != 27.0:
        raise ArithmeticError(f'a convolution gave {output[0, 0, 4, 4]} instead of 27')
    try:
        return str(ms.hal.get_device_name(device_id or 0, name)) if name != 'CPU' else ''
    except Exception:  # noqa: B902 a name is not worth a failure
        return ''


def main(arguments: Sequence[str]) -> int:
    """Try the device ``NAME ID`` in this process and print what came of it."""
    name, number = arguments
    try:
        answer = {'chip': compute(name, int(number) if number else None), 'fault': ''}
    except Exception as error:  # noqa: B902 whatever a device throws is its reason
        lines = [line.strip() for line in str(error).splitlines() if line.strip(' -')]
        line = next((line for line in lines if TELLING.search(line)), (lines or [''])[0])
        answer = {'chip': '', 'fault': f'{type(error).__name__}: {line[:300]}'}
    print(f'\n{MARK}{json.dumps(answer)}', flush=True)
    # Past the unloading of the device, which may hang.
    os._exit(0)


if __name__ == '__main__':
    main(sys.argv[1:])
