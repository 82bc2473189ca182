"""Read what a MindIR file takes and gives, without MindSpore (``mind_ir.proto``)."""
from __future__ import annotations

from pathlib import Path

from deepsort_ros.reid import wire
from deepsort_ros.reid.files import ModelError
from deepsort_ros.reid.signature import Port
from deepsort_ros.reid.signature import Signature
from deepsort_ros.reid.signature import signature

GRAPH, USER_INFO = 7, 14
INPUT, OUTPUT = 5, 6
TYPES = {1: 'float32', 2: 'uint8', 3: 'int8', 6: 'int32', 7: 'int64', 9: 'bool', 10: 'float16',
         11: 'float64', 16: 'bfloat16'}


def read_mindir(path: Path) -> Signature:
    """
    Return what a graph takes and gives.

    :raises ModelError: not a MindIR file, or not one of one image input.
    """
    inputs: list[Port] = []
    outputs: list[Port] = []
    found = False
    try:
        for number, value in wire.fields(path.read_bytes()):
            if number != GRAPH:
                continue
            found = True
            for part, content in wire.fields(wire.message(value)):
                if part in (INPUT, OUTPUT):
                    port = _port(wire.message(content))
                    (inputs if part == INPUT else outputs).append(port)
    except wire.WireError as error:
        raise ModelError(f'{path} is not a MindIR model: {error}') from error
    if not found:
        raise ModelError(f'{path} is not a MindIR model: holds no graph')
    return signature(path, inputs, outputs, {})


def _port(content: memoryview) -> Port:
    """Read a ValueInfoProto: name, and tensor with type and shape."""
    name, kind, shape = '', 'nothing', []
    for number, value in wire.fields(content):
        if number == 1:
            # Behind the name of the graph.
            name = wire.text(value).split(':', 1)[-1]
        elif number == 2:
            for part, inner in wire.fields(wire.message(value)):
                if part == 1:
                    shape += wire.integers(inner)
                elif part == 2 and isinstance(inner, int):
                    kind = TYPES.get(inner, f'type {inner}')
    return Port(name, kind, tuple(max(size, 0) for size in shape))
