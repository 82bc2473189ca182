"""Choose where the network runs."""
from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from deepsort_ros.reid.runtime import compute_where_launched
from deepsort_ros.reid.runtime import ms

DEVICES = ('Ascend', 'GPU', 'CPU')

_log = logging.getLogger(__name__)


class DeviceError(RuntimeError):
    """No device can run the network; the message says what was tried."""


def select_device(device: str, device_id: int | None) -> tuple[str, str]:
    """
    Make MindSpore use a device, for the whole process and all its threads.

    A device that is asked for and not there is replaced by the CPU, with one warning logged.

    :param device: ``auto`` (the first of Ascend, GPU, CPU that works), or one of these.
    :param device_id: None leaves it to what started the process.
    :returns: the device in use, and a sentence when it is not the one asked for, else ''.
    :raises ValueError: no such kind of device.
    :raises DeviceError: not even the CPU can be used, for example because MindSpore already
        runs on another device in this process.
    """
    if device != 'auto' and device not in DEVICES:
        raise ValueError(f'device: {device!r} is not one of auto, {", ".join(DEVICES)}')
    reason = ''
    for name in DEVICES if device == 'auto' else (device, 'CPU'):
        fault = _use(name, device_id)
        if not fault:
            if device in ('auto', name):
                return name, ''
            note = f'device {device} {device_id or 0} is not available ({reason}); using {name}'
            _log.warning('%s', note)
            return name, note
        reason = reason or fault
    raise DeviceError(f'device: {device} {device_id} cannot be used: {reason}')


def _use(name: str, device_id: int | None) -> str:
    """Try a device; return what is wrong with it, '' when nothing."""
    with _quiet():
        try:
            if name == 'CPU':
                ms.set_device('CPU')
                compute_where_launched()
                return ''
            if not ms.hal.is_available(name):
                return 'this MindSpore finds no driver for it'
            if device_id is None:
                ms.set_device(name)
                return ''
            count = ms.hal.device_count(name)
            if device_id >= count:
                return f'there are {count}'
            ms.set_device(name, device_id)
        except (RuntimeError, ValueError) as error:
            # Refused once anything has run, even when it runs there already.
            if name == 'CPU' == ms.get_context('device_target'):
                return ''
            return (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ''


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
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DeviceError(
            f'distribute: start with "msrun --worker_num=N ..."; {reason}') from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back MindSpore's own pages of warnings; what matters is said once, by us."""
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
