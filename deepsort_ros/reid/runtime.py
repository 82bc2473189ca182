"""
The one place that imports MindSpore, so that what must be set before is set before.

Import it as ``from deepsort_ros.reid.runtime import ms``.
"""
from __future__ import annotations

import logging
import os
import sys

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

__all__ = ['ms', 'nn', 'ops']
