"""ONNX Runtime: ``.onnx`` files, and checkpoints as the graph built from their weights."""
from __future__ import annotations

import logging
import re
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from deepsort_ros.reid.architectures import recognise
from deepsort_ros.reid.engines import EngineError
from deepsort_ros.reid.engines import first_line
from deepsort_ros.reid.engines import Options
from deepsort_ros.reid.engines import threads
from deepsort_ros.reid.files import ModelError
from deepsort_ros.reid.folding import fold
from deepsort_ros.reid.model import CHECKPOINT
from deepsort_ros.reid.model import Model
from deepsort_ros.reid.onnx_graph import onnx_model

# Execution providers by device, the first one offered counts; and what to install.
CPU = 'CPUExecutionProvider'
PROVIDERS = {
    'Ascend': ('CANNExecutionProvider',),
    'GPU': ('CUDAExecutionProvider', 'MIGraphXExecutionProvider', 'ROCMExecutionProvider'),
    'TensorRT': ('TensorrtExecutionProvider',),
    'OpenVINO': ('OpenVINOExecutionProvider',),
    'CPU': (CPU,)}
PACKAGES = {'Ascend': 'onnxruntime-cann', 'GPU': 'onnxruntime-gpu', 'TensorRT': 'onnxruntime-gpu',
            'OpenVINO': 'onnxruntime-openvino'}
# TensorRT takes minutes to compile: only by name.
AUTO = ('Ascend', 'GPU', 'OpenVINO', 'CPU')
ERRORS_ONLY = 3
# Where in its own code it found a fault.
SOURCE_LINE = re.compile(r'\[ONNXRuntimeError\] : \d+ : \w+ : |Load model from .*? failed:\s*|'
                         r'\S+\.(?:cc|h|cpp):\d+ (?:.*?\) (?=[A-Z])|\w+ )?')
NEWER = 'export it with an older opset, or "pip install --upgrade onnxruntime"'
WEIGHTS = 'put the file with its weights beside it, under the name it had'
# The last is what versions before 1.20 say.
CURES = {'Opset': NEWER, 'opset': NEWER, 'IR version': NEWER, 'External data': WEIGHTS,
         'cannot get file size': WEIGHTS}

_log = logging.getLogger(__name__)


class OnnxEngine:
    """A session of ONNX Runtime."""

    gives_memory_back = True

    def __init__(self, session: Any, device: str, note: str, precision: str,
                 batches: tuple[int, ...], output: str = '') -> None:
        """Take a session on a device."""
        self._session = session
        self.device = device
        self.note = note
        self.precision = precision
        self.batches = batches
        images, = session.get_inputs()
        self._input = images.name
        self._type = np.float16 if images.type == 'tensor(float16)' else np.float32
        self._output = output or session.get_outputs()[0].name

    def run(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the features of a batch."""
        features, = self._session.run(
            [self._output], {self._input: images.astype(self._type, copy=False)})
        return np.asarray(features)


def load(model: Model, options: Options) -> OnnxEngine:
    """
    Return a model in ONNX Runtime.

    :raises ModelError: ONNX Runtime cannot load the model.
    :raises EngineError: it knows no such device.
    """
    if options.device != 'auto' and options.device not in PROVIDERS:
        raise EngineError(f'device: {options.device!r} is not one of auto, '
                          f'{", ".join(PROVIDERS)}, as onnxruntime has them')
    offered = onnxruntime.get_available_providers()
    reason = ''
    for device in AUTO if options.device == 'auto' else (options.device, 'CPU'):
        provider = next((name for name in PROVIDERS[device] if name in offered), None)
        if provider is None:
            reason = reason or (f'this onnxruntime has no provider for it: pip install '
                                f'{PACKAGES[device]}')
            continue
        precision, note = _precision(model, options, device)
        session, fault = _session(_source(model, precision), model, device, provider, options,
                                  precision)
        if session is None:
            reason = reason or fault
            continue
        if options.device not in ('auto', device):
            note = '; '.join(filter(None, (
                f'device {options.device} {options.device_id} is not available ({reason}); '
                f'using {device}', note)))
        if note:
            _log.warning('%s', note)
        # A fixed batch is the only one; all but the CPU prepare for every shape they see.
        batches = (model.batch,) if model.batch else (
            () if provider == CPU else options.batch_buckets)
        return OnnxEngine(session, device, note, precision, batches, model.output)
    raise ModelError(f'{model.path}: onnxruntime cannot load it: {reason}')


def _reason(error: BaseException) -> str:
    """Return what ONNX Runtime says, without its own source lines, and what helps."""
    said = first_line(error)
    plain = SOURCE_LINE.sub('', said)
    cure = next((cure for sign, cure in CURES.items() if sign in plain), '')
    return plain + (f'; {cure}' if cure else '')


def _precision(model: Model, options: Options, device: str) -> tuple[str, str]:
    """Return what the model computes in on a device, and a note when that is not as asked."""
    if options.precision != 'fp16':
        return 'fp32', ''
    if device in ('CPU', 'OpenVINO'):
        return 'fp32', f'precision fp16 is not for {device}; using fp32'
    if model.kind == CHECKPOINT or device in ('TensorRT', 'Ascend'):
        return 'fp16', ''
    return 'fp32', f'precision fp16: {model.path.name} computes as it was written'


def _source(model: Model, precision: str) -> bytes | str:
    if model.parameters is None:
        return str(model.path)
    return onnx_model(recognise(model.parameters), fold(model.parameters),
                      half=precision == 'fp16')


def _session(source: bytes | str, model: Model, device: str, provider: str, options: Options,
             precision: str) -> tuple[Any, str]:
    """Return a session, or None and what is wrong."""
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = ERRORS_ONLY
    settings.intra_op_num_threads = threads()
    # Threads spin while a batch runs; between batches that would take the cores from others.
    settings.add_session_config_entry('session.force_spinning_stop', '1')
    details: dict[str, Any] = {}
    if device in ('Ascend', 'GPU', 'TensorRT'):
        details['device_id'] = options.device_id
    if precision == 'fp16' and device == 'TensorRT':
        details['trt_fp16_enable'] = True
    if precision == 'fp16' and device == 'Ascend':
        details['precision_mode'] = 'force_fp16'
    chosen: list[Any] = [(provider, details) if details else provider]
    try:
        session = onnxruntime.InferenceSession(
            source, settings, providers=chosen if provider == CPU else [*chosen, CPU])
    except Exception as error:  # noqa: B902 of types that it does not export
        return None, _reason(error)
    if session.get_providers()[0] != provider:
        return None, f'{provider} cannot be used here; is its driver installed?'
    return session, ''
