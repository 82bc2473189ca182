"""
The one place that imports MindSpore, so that what must be set before is set before.

Import it as ``from deepsort_ros.reid.runtime import ms``. What differs between MindSpore 2.4 and
2.10 is here and in :mod:`deepsort_ros.reid.device`.
"""
from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# On CPUs with AVX-512 the oneDNN inside MindSpore wraps convolutions of plain NCHW into
# channels-last ones but leaves the weights plain, which only its reference loop takes, 100 times
# slower; limited to AVX2 it takes its gemm convolution.
ISA_VARIABLE = 'ONEDNN_MAX_CPU_ISA'

if 'mindspore' in sys.modules and ISA_VARIABLE not in os.environ:
    logging.getLogger(__name__).warning(
        'MindSpore was imported before deepsort_ros.reid: %s=AVX2 comes too late, convolutions '
        'may be very slow on CPUs with AVX-512; set it in the environment', ISA_VARIABLE)
os.environ.setdefault(ISA_VARIABLE, 'AVX2')
# From a graph in its cache MindSpore computes zeros or NaN: of networks that were given their
# weights as this one is, the cache holds none (measured with 2.7 and 2.10 on a CPU).
if os.environ.get('MS_COMPILER_CACHE_ENABLE', '0') != '0':
    logging.getLogger(__name__).warning(
        'MS_COMPILER_CACHE_ENABLE is switched off: from graphs of that cache MindSpore computes '
        'wrong features; operators are kept without it')
    os.environ['MS_COMPILER_CACHE_ENABLE'] = '0'
# Errors only: its warnings are about itself (deprecations, libraries of other devices) and many.
# GLOG_v=2 in the environment brings them back.
os.environ.setdefault('GLOG_v', '3')

import mindspore as ms  # noqa: E402
from mindspore import nn  # noqa: E402
from mindspore import ops  # noqa: E402

__all__ = ['compute_where_launched', 'device_count', 'GIVES_MEMORY_BACK', 'limit_memory', 'ms',
           'nn', 'ops', 'plugin_fault', 'set_device', 'tensor', 'use_graphs']

# MindSpore reads it with its first operator.
CONF_VARIABLE = 'MS_DEV_RUNTIME_CONF'
# Variable and threads mean what they do here in this version; in others nothing is changed.
TESTED_VERSION = '2.10.'
# A graph that is dropped is freed by this version; 2.7 keeps all of it (measured on a CPU).
GIVES_MEMORY_BACK = ms.__version__.startswith(TESTED_VERSION)


def compute_where_launched() -> None:
    """
    Let the threads that launch the kernels of a CPU compute, too.

    By default a thread launches each kernel, hands all of it to a pool with a thread for every
    core, and spins until they are done, which on two cores takes up to a third of the time from
    them. Threads of the pool that launch kernels take their share instead; the results are the
    same to the bit.

    For the whole process, and to be called before MindSpore compiles or runs anything. Where
    ``MS_DEV_RUNTIME_CONF`` or the number of dispatch threads is set already, nothing changes.
    """
    if CONF_VARIABLE in os.environ or not ms.__version__.startswith(TESTED_VERSION):
        return
    try:
        # One thread of the pool would leave the launching to those outside.
        ms.runtime.dispatch_threads_num(2)
    except RuntimeError:
        return
    os.environ[CONF_VARIABLE] = 'pipeline:False'
    try:
        with _without_its_configuration():
            run_first_operator()
    finally:
        del os.environ[CONF_VARIABLE]


def run_first_operator() -> None:
    """
    Run any operator outside a graph, as the first one of the process.

    With NumPy 2 the first one fails in MindSpore 2.10, and works when it is run again.
    """
    try:
        (ms.Tensor([0.0]) + 1.0).asnumpy()
    except SystemError:
        (ms.Tensor([0.0]) + 1.0).asnumpy()


def tensor(values: Any) -> Any:
    """Return a copy of an array on the device; ``Tensor.from_numpy`` is to be removed."""
    return ms.Tensor(values)


def plugin_fault(name: str) -> str:
    """
    Return why MindSpore could not load what it needs for a device, '' when it did.

    Says nothing about the device itself, which is opened by the first operator.

    :param name: Ascend, GPU or CPU.
    """
    if _of_device(name).is_available():
        return ''
    try:
        from mindspore._c_expression import MSContext
        reason = str(MSContext.get_instance().load_plugin_error()).strip()
    except (ImportError, AttributeError, RuntimeError):
        reason = ''
    # It names the one plugin that it tried.
    reason = first_line(reason) if name.lower() in reason else ''
    return reason or f'this MindSpore is not built for {name}'


def device_count(name: str) -> int:
    """Return how many devices of a kind there are."""
    return int(_of_device(name).device_count())


def set_device(name: str, device_id: int | None) -> None:
    """
    Have all operators run on a device; final, once one has run.

    :param device_id: None leaves it to what started the process.
    :raises RuntimeError: it is too late. :raises ValueError: no such device.
    """
    number = {} if device_id is None or name == 'CPU' else {'device_id': device_id}
    if hasattr(ms, 'set_device'):
        ms.set_device(name, **number)
    else:  # MindSpore 2.4
        ms.set_context(device_target=name, **number)


def limit_memory(gigabytes: int) -> None:
    """Let MindSpore take so much memory of the device, and no more."""
    size = f'{gigabytes}GB'
    if hasattr(ms, 'runtime') and hasattr(ms.runtime, 'set_memory'):
        ms.runtime.set_memory(init_size='1GB', increase_size='1GB', max_size=size)
    else:  # MindSpore 2.4
        ms.set_context(max_device_memory=size)


def use_graphs(level: str) -> None:
    """Compile graphs as a whole, with an optimisation level of O0 to O2."""
    ms.set_context(mode=ms.GRAPH_MODE, jit_config={'jit_level': level})


def first_line(text: object) -> str:
    """Return the first line that says something."""
    return next((line.strip() for line in str(text).splitlines() if line.strip(' -')), '')


def _of_device(name: str) -> Any:
    """Return the module that knows about a kind of device."""
    contexts = getattr(ms, 'device_context', None)
    if contexts is not None:
        return getattr(contexts, name.lower())
    return _OfHal(name)  # MindSpore 2.4


class _OfHal:
    """``mindspore.hal``, by the names that its successor has."""

    def __init__(self, name: str) -> None:
        self._name = name

    def is_available(self) -> bool:
        return bool(ms.hal.is_available(self._name))

    def device_count(self) -> int:
        return int(ms.hal.device_count(self._name))


@contextmanager
def _without_its_configuration() -> Iterator[None]:
    """Keep back the line in which MindSpore prints its configuration; the rest goes to stderr."""
    if sys.stdout is None or sys.stderr is None:  # where 1 and 2 may be any file
        yield
        return
    sys.stdout.flush()
    with tempfile.TemporaryFile() as printed:
        kept = os.dup(1)
        os.dup2(printed.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
            printed.seek(0)
            for line in printed.read().decode(errors='replace').splitlines():
                if CONF_VARIABLE not in line:
                    print(line, file=sys.stderr)
