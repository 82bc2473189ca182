"""
What runs a model: one module for each engine, chosen here.

Nothing is imported before it is chosen: importing an engine takes seconds.
"""
from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid.files import ModelError
from deepsort_ros.reid.model import CHECKPOINT
from deepsort_ros.reid.model import MINDIR
from deepsort_ros.reid.model import Model
from deepsort_ros.reid.model import ONNX
from deepsort_ros.reid.model import OPENVINO

# The kinds of models each runs; ``auto`` takes the first one installed.
ENGINES = {'mindspore': (CHECKPOINT, MINDIR), 'onnxruntime': (CHECKPOINT, ONNX),
           'mindspore_lite': (MINDIR,), 'openvino': (OPENVINO,)}
INSTALL = {
    'mindspore': 'pip install mindspore', 'onnxruntime': 'pip install onnxruntime',
    'mindspore_lite': 'pip install the mindspore_lite wheel for this board, from '
                      'https://www.mindspore.cn/lite',
    'openvino': 'pip install openvino'}


class EngineError(ModelError):
    """An engine cannot run a model: not of its kind, or not installed; the message says more."""


@dataclass(frozen=True)
class Options:
    """
    How a model is to run.

    :param device: ``auto``, ``Ascend``, ``GPU``, ``CPU``, or what else an engine knows.
    :param precision: ``fp32``, ``fp16`` where the device computes in it, or ``auto``: as suits the
        device.
    :param batch_buckets: ascending batch sizes, for engines that compile for each.
    :param progress: called with a line of text when loading takes long.
    """

    device: str
    device_id: int
    precision: str
    batch_buckets: tuple[int, ...]
    progress: Callable[[str], object] = lambda text: None


class Engine(Protocol):
    """
    A model on a device.

    One thread at a time may call it, any thread.
    """

    @property
    def device(self) -> str:
        """Return where it runs."""

    @property
    def note(self) -> str:
        """Return a sentence when device or precision are not what was asked for, else ''."""

    @property
    def precision(self) -> str:
        """Return what it computes in."""

    @property
    def batches(self) -> tuple[int, ...]:
        """Return the batch sizes it takes, ascending; empty: any."""

    @property
    def gives_memory_back(self) -> bool:
        """Return whether dropping it frees its memory."""

    def run(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """
        Return the features of a batch, of any length and float type.

        :param images: in the layout of the model, normalised; not used after the return.
        """


def choose(engine: str, model: Model) -> str:
    """
    Return the engine that is to run a model.

    :param engine: one of ``ENGINES``, or ``auto``: MindSpore wherever it runs the model.
    :raises EngineError: it does not run such models, or is not installed.
    """
    fitting = [name for name, kinds in ENGINES.items() if model.kind in kinds]
    if engine != 'auto' and engine not in fitting:
        raise EngineError(f'engine: {engine} does not run {model.path.name}; *{model.kind} runs '
                          f'with {" or ".join(fitting)}')
    wanted = fitting if engine == 'auto' else [engine]
    for name in wanted:
        if installed(name):
            return name
    cure = ', or '.join(f'"{INSTALL[name]}"' for name in wanted)
    raise EngineError(f'engine: {model.path.name} needs {" or ".join(wanted)}, which this Python '
                      f'has not: {cure}')


def threads() -> int:
    """Return how many threads of a CPU an engine may use: ``OMP_NUM_THREADS``, 0 for all."""
    value = os.environ.get('OMP_NUM_THREADS', '')
    return int(value) if value.isdecimal() else 0


def installed(engine: str) -> bool:
    """Return whether the package of an engine is there, without importing it."""
    try:
        return importlib.util.find_spec(engine) is not None
    except (ImportError, ValueError):
        return False


def load(engine: str, model: Model, options: Options) -> Engine:
    """
    Return a model on an engine.

    :param engine: of :func:`choose`.
    :raises EngineError: it cannot be imported, or knows no such device.
    :raises ModelError: the engine cannot load the model.
    :raises DeviceError: no device can run it.
    """
    try:
        module = importlib.import_module(f'{__name__}.{engine}_engine')
    except ImportError as error:
        raise EngineError(f'engine: {engine} cannot be imported: {error}; is it complete? '
                          f'"{INSTALL[engine]}"') from error
    loaded: Engine = module.load(model, options)
    return loaded


def first_line(error: BaseException) -> str:
    """Return the first line of what an engine says about a fault."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
