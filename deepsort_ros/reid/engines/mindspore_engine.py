"""MindSpore: ``.mindir`` files, and checkpoints as the graph built from their weights."""
from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid.architectures import recognise
from deepsort_ros.reid.device import DEVICES
from deepsort_ros.reid.device import select_device
from deepsort_ros.reid.device import suitable_buckets
from deepsort_ros.reid.engines import EngineError
from deepsort_ros.reid.engines import first_line
from deepsort_ros.reid.engines import Options
from deepsort_ros.reid.files import ModelError
from deepsort_ros.reid.folding import fold
from deepsort_ros.reid.mindspore_graph import load_graph
from deepsort_ros.reid.model import CHECKPOINT
from deepsort_ros.reid.model import Model
from deepsort_ros.reid.runtime import GIVES_MEMORY_BACK
from deepsort_ros.reid.runtime import ms
from deepsort_ros.reid.runtime import nn
from deepsort_ros.reid.runtime import tensor
from deepsort_ros.reid.weights import Parameters

_log = logging.getLogger(__name__)


class MindSporeEngine:
    """A compiled graph of MindSpore."""

    gives_memory_back = GIVES_MEMORY_BACK

    def __init__(self, infer: Any, device: str, note: str, precision: str,
                 batches: tuple[int, ...]) -> None:
        """Take a callable on tensors."""
        self._infer = infer
        self.device = device
        self.note = note
        self.precision = precision
        self.batches = batches

    def run(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the features of a batch."""
        kind = np.float16 if self.precision == 'fp16' else np.float32
        return np.asarray(self._infer(tensor(images.astype(kind, copy=False))).asnumpy())


def load(model: Model, options: Options) -> MindSporeEngine:
    """
    Return a model in MindSpore.

    :raises ModelError: MindSpore cannot load the model.
    :raises EngineError: it knows no such device.
    :raises DeviceError: no device can run it.
    """
    if options.device != 'auto' and options.device not in DEVICES:
        raise EngineError(f'device: {options.device!r} is not one of auto, {", ".join(DEVICES)}, '
                          'as mindspore has them')
    device, note = select_device(options.device, options.device_id, options.progress)
    precision = options.precision
    if precision == 'auto':
        precision = 'fp16' if device == 'Ascend' and model.kind == CHECKPOINT else 'fp32'
    refused = ''
    if precision == 'fp16' and device == 'CPU':
        refused = 'precision fp16 is not for the CPU; using fp32'
    elif precision == 'fp16' and model.kind != CHECKPOINT:
        refused = f'precision fp16: {model.path.name} computes as it was written'
    if refused:
        _log.warning('%s', refused)
        precision, note = 'fp32', '; '.join(filter(None, (note, refused)))
    batches = (model.batch,) if model.batch else suitable_buckets(device, options.batch_buckets)
    if model.parameters is not None:
        infer = load_graph(
            recognise(model.parameters), fold(model.parameters), precision == 'fp16')
    else:
        infer = _graph(model, batches[0])
    return MindSporeEngine(infer, device, note, precision, batches)


def of_parameters(parameters: Parameters, device: str,
                  batch_buckets: tuple[int, ...]) -> MindSporeEngine:
    """
    Return a network with these parameters, as trained, where MindSpore runs already.

    :param device: its name.
    """
    infer = load_graph(recognise(parameters), fold(parameters))
    return MindSporeEngine(infer, device, '', 'fp32', batch_buckets)


def _graph(model: Model, batch: int) -> Any:
    size = ((3, model.height, model.width) if model.layout == 'NCHW'
            else (model.height, model.width, 3))
    try:
        graph = nn.GraphCell(ms.load(str(model.path)))
        # Compiled only now, and a fault of the file shows only then.
        graph(ms.Tensor(np.zeros((batch, *size), np.float32)))
    except Exception as error:
        # MindSpore raises a different type for nearly every kind of damage.
        raise ModelError(f'{model.path}: mindspore cannot load it: {first_line(error)}') from error
    return graph
