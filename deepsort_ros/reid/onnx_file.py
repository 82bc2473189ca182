"""Read and write what an ONNX file says about itself, without the package onnx."""
from __future__ import annotations

import os
from pathlib import Path

from deepsort_ros.reid import wire
from deepsort_ros.reid.files import ModelError
from deepsort_ros.reid.onnx_graph import GRAPH
from deepsort_ros.reid.onnx_graph import metadata_entry
from deepsort_ros.reid.onnx_graph import MODEL
from deepsort_ros.reid.signature import Port
from deepsort_ros.reid.signature import Signature
from deepsort_ros.reid.signature import signature

# TensorProto.DataType.
TYPES = {1: 'float32', 2: 'uint8', 3: 'int8', 6: 'int32', 7: 'int64', 9: 'bool', 10: 'float16',
         11: 'float64', 16: 'bfloat16'}


def read_onnx(path: Path) -> Signature:
    """
    Return what a model takes, gives and says about itself.

    :raises ModelError: not an ONNX file, or not one of one image input.
    """
    inputs: list[Port] = []
    outputs: list[Port] = []
    metadata: dict[str, str] = {}
    weights: set[str] = set()
    found = False
    try:
        for number, value in wire.fields(path.read_bytes()):
            if number == MODEL['metadata_props']:
                entry = {key: wire.text(part) for key, part in wire.fields(wire.message(value))}
                metadata[entry.get(1, '')] = entry.get(2, '')
            elif number == MODEL['graph']:
                found = True
                for part, content in wire.fields(wire.message(value)):
                    if part == GRAPH['input']:
                        inputs.append(_port(wire.message(content)))
                    elif part == GRAPH['output']:
                        outputs.append(_port(wire.message(content)))
                    elif part == GRAPH['initializer']:
                        weights.add(_name(wire.message(content)))
    except wire.WireError as error:
        raise ModelError(f'{path} is not an ONNX model: {error}') from error
    if not found:
        raise ModelError(f'{path} is not an ONNX model: holds no graph')
    # Older files list the weights among the inputs.
    inputs = [port for port in inputs if port.name not in weights]
    return signature(path, inputs, outputs, metadata)


def write_metadata(path: Path, key: str, value: str) -> None:
    """
    Set an entry of a model's metadata; the rest stays as it is, byte for byte.

    :raises ModelError: not an ONNX file.
    :raises OSError: it cannot be written.
    """
    content = path.read_bytes()
    kept: list[bytes] = []
    try:
        for number, field in wire.fields(content):
            if number == MODEL['metadata_props'] and any(
                    part == 1 and wire.text(text) == key
                    for part, text in wire.fields(wire.message(field))):
                continue
            if isinstance(field, int):
                kept.append(wire.varint(number, field))
            else:
                kept.append(wire.chunk(number, bytes(field)))
    except wire.WireError as error:
        raise ModelError(f'{path} is not an ONNX model: {error}') from error
    partial = path.with_name(f'.{path.stem}.{os.getpid()}{path.suffix}')
    try:
        partial.write_bytes(b''.join(kept) + metadata_entry(key, value))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _name(tensor: memoryview) -> str:
    return next((wire.text(value) for number, value in wire.fields(tensor) if number == 8), '')


def _port(content: memoryview) -> Port:
    """Read a ValueInfoProto: name, and type with its shape."""
    name, kind, shape = '', 'nothing', []
    for number, value in wire.fields(content):
        if number == 1:
            name = wire.text(value)
        elif number == 2:
            for form, tensor in wire.fields(wire.message(value)):
                if form != 1:
                    return Port(name, 'no tensor', ())
                for part, inner in wire.fields(wire.message(tensor)):
                    if part == 1 and isinstance(inner, int):
                        kind = TYPES.get(inner, f'type {inner}')
                    elif part == 2:
                        shape = [_size(wire.message(dimension))
                                 for _, dimension in wire.fields(wire.message(inner))]
    return Port(name, kind, tuple(shape))


def _size(dimension: memoryview) -> int:
    """Return a size, 0 where it is open."""
    sizes = [value for number, value in wire.fields(dimension)
             if number == 1 and isinstance(value, int)]
    return sizes[0] if sizes and sizes[0] < 1 << 31 else 0
