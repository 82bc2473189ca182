"""Read what a model in OpenVINO's IR (``.xml`` and ``.bin``) takes and gives, without OpenVINO."""
from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from deepsort_ros.reid.files import ModelError
from deepsort_ros.reid.signature import Port
from deepsort_ros.reid.signature import Signature
from deepsort_ros.reid.signature import signature

TYPES = {'FP32': 'float32', 'f32': 'float32', 'FP16': 'float16', 'f16': 'float16',
         'I64': 'int64', 'I32': 'int32', 'U8': 'uint8'}


def weights_beside(path: Path) -> Path:
    """Return the path of the weights of an IR."""
    return path.with_suffix('.bin')


def read_openvino(path: Path) -> Signature:
    """
    Return what a graph takes and gives; the batch is open, whatever size the file gives it.

    :raises ModelError: not an IR, one without weights beside it, or not one of one image input.
    """
    try:
        tree = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        raise ModelError(f'{path} is not a model of OpenVINO: {error}') from error
    layers = {layer.get('id', ''): layer for layer in tree.iter('layer')}
    if tree.tag != 'net' or not layers:
        raise ModelError(f'{path} is not a model of OpenVINO: holds no net of layers')
    if not weights_beside(path).is_file():
        raise ModelError(f'{path}: its weights, {weights_beside(path).name}, are not beside it')
    inputs = [_port(layer, 'output') for layer in layers.values()
              if layer.get('type') == 'Parameter']
    outputs = [_port(layer, 'input') for layer in layers.values()
               if layer.get('type') == 'Result']
    return signature(path, inputs, outputs, {})


def _port(layer: ElementTree.Element, side: str) -> Port:
    port = layer.find(f'{side}/port')
    sizes = [] if port is None else [dim.text or '' for dim in port.findall('dim')]
    kind = 'nothing' if port is None else port.get('precision', 'FP32')
    shape = tuple(int(size) if size.isdecimal() else 0 for size in sizes)
    return Port(layer.get('name', ''), TYPES.get(kind, kind), (0, *shape[1:]))
