"""MindSpore Lite: ``.mindir`` files, on boards where nothing else runs (Ascend 310)."""
from __future__ import annotations

import logging
from typing import Any

import mindspore_lite
import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid.engines import EngineError
from deepsort_ros.reid.engines import first_line
from deepsort_ros.reid.engines import Options
from deepsort_ros.reid.files import ModelError
from deepsort_ros.reid.model import Model

TARGETS = {'Ascend': 'ascend', 'GPU': 'gpu', 'CPU': 'cpu'}

_log = logging.getLogger(__name__)


class LiteEngine:
    """A model of MindSpore Lite."""

    gives_memory_back = True

    def __init__(self, model: Any, device: str, note: str, precision: str,
                 batches: tuple[int, ...]) -> None:
        """Take a model that is built."""
        self._model = model
        self._shape: list[int] = []
        self.device = device
        self.note = note
        self.precision = precision
        self.batches = batches

    def run(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the features of a batch."""
        inputs = self._model.get_inputs()
        shape = list(images.shape)
        if shape != self._shape and list(inputs[0].shape) != shape:
            self._model.resize(inputs, [shape])
            inputs = self._model.get_inputs()
        self._shape = shape
        inputs[0].set_data_from_numpy(images)
        outputs = self._model.predict(inputs)
        # The memory is of the model, and is used again.
        return np.array(outputs[0].get_data_to_numpy())


def load(model: Model, options: Options) -> LiteEngine:
    """
    Return a model in MindSpore Lite.

    :raises ModelError: MindSpore Lite cannot load the model on any device.
    :raises EngineError: it knows no such device.
    """
    if options.device != 'auto' and options.device not in TARGETS:
        raise EngineError(f'device: {options.device!r} is not one of auto, {", ".join(TARGETS)}, '
                          'as mindspore_lite has them')
    reason = ''
    for device in TARGETS if options.device == 'auto' else (options.device, 'CPU'):
        context = mindspore_lite.Context()
        context.target = [TARGETS[device]]
        precision = 'fp32'
        if device == 'Ascend':
            context.ascend.device_id = options.device_id
            half = options.precision != 'fp32'
            precision = 'fp16' if half else 'fp32'
            context.ascend.precision_mode = 'enforce_fp16' if half else 'preferred_fp32'
        elif device == 'GPU':
            context.gpu.device_id = options.device_id
        built = mindspore_lite.Model()
        try:
            built.build_from_file(str(model.path), mindspore_lite.ModelType.MINDIR, context)
        except RuntimeError as error:
            reason = reason or first_line(error)
            continue
        note = ''
        if options.device not in ('auto', device):
            note = (f'device {options.device} {options.device_id} is not available ({reason}); '
                    f'using {device}')
        if options.precision == 'fp16' and precision != 'fp16':
            note = '; '.join(filter(None, (
                note, f'precision fp16 is not for {device}; using fp32')))
        if note:
            _log.warning('%s', note)
        batches = (model.batch,) if model.batch else options.batch_buckets
        return LiteEngine(built, device, note, precision, batches)
    raise ModelError(f'{model.path}: mindspore_lite cannot load it: {reason}')
