"""
The one place that imports MindSpore, so that what must be set before is set before.

Import it as ``from deepsort_ros.reid.runtime import ms``.
"""
from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# On CPUs with AVX-512 the oneDNN inside MindSpore wraps convolutions of plain NCHW into
# channels-last ones but leaves the weights plain, which only its reference loop takes, 100 times
# slower; limited to AVX2 it takes its gemm convolution.
ISA_VARIABLE = 'ONEDNN_MAX_CPU_ISA'

if 'mindspore' in sys.modules and ISA_VARIABLE not in os.environ:
    logging.getLogger(__name__).warning(
        'MindSpore was imported before deepsort_ros.reid: %s=AVX2 comes too late, convolutions '
        'may be very slow on CPUs with AVX-512; set it in the environment', ISA_VARIABLE)
os.environ.setdefault(ISA_VARIABLE, 'AVX2')
# Errors only: its warnings are about itself (deprecations, libraries of other devices) and many.
# GLOG_v=2 in the environment brings them back.
os.environ.setdefault('GLOG_v', '3')

import mindspore as ms  # noqa: E402
from mindspore import nn  # noqa: E402
from mindspore import ops  # noqa: E402

__all__ = ['compute_where_launched', 'ms', 'nn', 'ops']

# MindSpore reads it with its first operator.
CONF_VARIABLE = 'MS_DEV_RUNTIME_CONF'
# Variable and threads mean what they do here in this version; in others nothing is changed.
TESTED_VERSION = '2.10.'


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
        with _stdout_to_stderr():
            (ms.Tensor([0.0]) + 1.0).asnumpy()
    finally:
        del os.environ[CONF_VARIABLE]


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Send what libraries print where it spoils no output: MindSpore tells its configuration."""
    if sys.stdout is None:  # a process without one, where 1 may be any file
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
