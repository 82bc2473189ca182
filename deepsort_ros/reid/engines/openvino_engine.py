"""Features by OpenVINO: models in its IR (``.xml`` and ``.bin``)."""
from __future__ import annotations

from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from deepsort_ros.reid.engines import EngineError
from deepsort_ros.reid.engines import first_line
from deepsort_ros.reid.engines import Options
from deepsort_ros.reid.files import ModelError
from deepsort_ros.reid.model import Model

DEVICES = ('CPU', 'GPU')


class OpenVinoEngine:
    """A compiled model of OpenVINO."""

    gives_memory_back = True
    precision = 'fp32'
    batches: tuple[int, ...] = ()

    def __init__(self, compiled: Any, device: str, note: str) -> None:
        """Take a model on a device."""
        self._compiled = compiled
        self.device = device
        self.note = note

    def run(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the features of a batch."""
        # What it returns is overwritten by the next call.
        return np.array(self._compiled([images])[0])


def load(model: Model, options: Options) -> OpenVinoEngine:
    """
    Return a model in OpenVINO.

    :raises ModelError: OpenVINO cannot load the model.
    :raises EngineError: it knows no such device.
    """
    if options.device not in ('auto', *DEVICES):
        raise EngineError(f'device: {options.device!r} is not one of auto, {", ".join(DEVICES)}, '
                          'as openvino has them')
    device = 'CPU' if options.device == 'auto' else options.device
    note = 'precision fp16 is not for openvino; using fp32' if options.precision == 'fp16' else ''
    shape = ([-1, 3, model.height, model.width] if model.layout == 'NCHW'
             else [-1, model.height, model.width, 3])
    core = openvino.Core()
    try:
        graph = core.read_model(str(model.path))
        graph.reshape(shape)
        compiled = core.compile_model(
            graph, device, {'INFERENCE_PRECISION_HINT': 'f32'})
    except RuntimeError as error:
        raise ModelError(f'{model.path}: openvino cannot load it: {first_line(error)}') from error
    return OpenVinoEngine(compiled, device, note)
