"""
Choose where the network runs.

An Ascend or GPU device is first tried by a child process, with its real reason when it fails:
what MindSpore says about a device before its first operator is only that its plugin could be
loaded, and the choice is final then.
"""
from __future__ import annotations

import logging
import os
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepsort_ros.reid import probe
from deepsort_ros.reid.runtime import compute_where_launched
from deepsort_ros.reid.runtime import device_count
from deepsort_ros.reid.runtime import first_line
from deepsort_ros.reid.runtime import limit_memory
from deepsort_ros.reid.runtime import ms
from deepsort_ros.reid.runtime import plugin_fault
from deepsort_ros.reid.runtime import set_device
from deepsort_ros.reid.runtime import use_graphs
from deepsort_ros.settings import default

DEVICES = ('Ascend', 'GPU', 'CPU')
# The chips of small boards, whose memory is that of the whole board.
SMALL_CHIP = 'Ascend310B'
SMALL_CHIP_MEMORY = 2
# Boards with less compile with one process.
ENOUGH_MEMORY = 10 * 2**30

DEVICE_FILES = Path('/dev')

# Every size is compiled for, which takes minutes there, and padding costs an NPU little.
NPU_BUCKETS = (4, 16)

Progress = Callable[[str], object]

_log = logging.getLogger(__name__)
# What this process has opened: name and number.
_opened: tuple[str, int | None] | None = None


class DeviceError(RuntimeError):
    """No device can run the network; the message says what was tried."""


def select_device(device: str, device_id: int | None,
                  progress: Progress = lambda text: None) -> tuple[str, str]:
    """
    Make MindSpore use a device, for the whole process and all its threads.

    A device that is asked for and does not work is replaced by the CPU, with one warning logged.

    :param device: ``auto`` (the first of Ascend, GPU, CPU that works), or one of these.
    :param device_id: None leaves it to what started the process.
    :param progress: called with a line of text while a device takes long to answer.
    :returns: the device in use, and a sentence when it is not the one asked for, or ``auto``
        found a device that does not work; else ''.
    :raises ValueError: no such kind of device.
    :raises DeviceError: not even the CPU can be used, for example because MindSpore already
        runs on another device in this process.
    """
    if device != 'auto' and device not in DEVICES:
        raise ValueError(f'device: {device!r} is not one of auto, {", ".join(DEVICES)}')
    faults: dict[str, str] = {}
    for name in DEVICES if device == 'auto' else (device, 'CPU'):
        present, fault = _use(name, device_id, progress)
        if not fault:
            if device == name or not faults:
                return name, ''
            what = '; '.join(f'device {other} {device_id or 0} is not available ({reason})'
                             for other, reason in faults.items())
            note = f'{what}; using {name}'
            _log.warning('%s', note)
            return name, note
        # That a MindSpore for the CPU knows no Ascend is no news where any device will do.
        if present or device != 'auto':
            faults[name] = fault
    reason = '; '.join(faults.values())
    raise DeviceError(f'device: {device} {device_id} cannot be used: {reason}')


def suitable_buckets(name: str, asked: tuple[int, ...]) -> tuple[int, ...]:
    """
    Return the batch sizes to compile for on a device.

    :param asked: by the settings; their default means few sizes on an NPU.
    """
    return NPU_BUCKETS if name == 'Ascend' and asked == default('batch_buckets') else asked


def _use(name: str, device_id: int | None, progress: Progress) -> tuple[bool, str]:
    """Try a device; return whether it is there at all, and what is wrong with it, or ''."""
    global _opened
    if (name, device_id) == _opened:
        return True, ''
    with _quiet():
        try:
            if name == 'CPU':
                set_device('CPU', None)
                compute_where_launched()
            else:
                missing = plugin_fault(name)
                if missing:
                    return _is_on_board(name), probe.with_cure(missing)
                fault = _open(name, device_id, progress)
                if fault:
                    return True, fault
        except (AttributeError, RuntimeError, ValueError) as error:
            # Refused once anything has run, even when it runs there already.
            if name == 'CPU' == ms.get_context('device_target'):
                return True, ''
            return True, first_line(error) or type(error).__name__
    _opened = name, device_id
    return True, ''


def _open(name: str, device_id: int | None, progress: Progress) -> str:
    count = device_count(name)
    if device_id is not None and device_id >= count:
        return f'there are {count}'
    if name == 'Ascend':
        _prepare_caches()
    # The processes of msrun open all devices at once, each its own.
    chip = ''
    if device_id is not None:
        tried = probe.try_device(name, device_id, progress=progress)
        if tried.fault:
            return tried.fault
        chip = tried.chip
    set_device(name, device_id)
    if chip.startswith(SMALL_CHIP):
        limit_memory(SMALL_CHIP_MEMORY)
        use_graphs('O2')
    return ''


def _is_on_board(name: str) -> bool:
    """Return whether the kernel has such a device, whatever MindSpore says."""
    return name == 'Ascend' and any(DEVICE_FILES.glob('davinci[0-9]*'))


def _prepare_caches() -> None:
    """Have compiled operators kept: the first compile takes minutes."""
    folder = Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache').expanduser() / 'deepsort_ros'
    for variable, name in (('ASCEND_CACHE_PATH', 'operators'),
                           ('MS_COMPILER_CACHE_PATH', 'graphs')):
        path = Path(os.environ.get(variable) or folder / name)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            _log.warning('compiled operators are not kept: %s: %s', path, error)
            continue
        os.environ[variable] = str(path)
    if _memory() < ENOUGH_MEMORY:
        os.environ.setdefault('TE_PARALLEL_COMPILER', '1')


def _memory() -> int:
    """Return the bytes of memory of this machine."""
    return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')


def join_group() -> tuple[int, int]:
    """
    Join the processes that ``msrun`` has started; return the own number and how many there are.

    To be called once, after :func:`select_device`.

    :raises DeviceError: this process was not started by ``msrun``, or the others are not there.
    """
    from mindspore import communication
    try:
        communication.init()
        return int(communication.get_rank()), int(communication.get_group_size())
    except (RuntimeError, ValueError, TypeError) as error:
        reason = first_line(error) or type(error).__name__
        raise DeviceError(
            f'distribute: start with "msrun --worker_num=N ..."; {reason}') from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back MindSpore's own pages of warnings; what matters is logged once, by us."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict
               if name.split('.')[0] == 'ME' or name.startswith('mindspore')]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)
