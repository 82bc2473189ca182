"""
Read the weights of a checkpoint, without MindSpore.

MindSpore's ``.ckpt`` is a protocol buffer of named tensors (``checkpoint.proto``): reading one
never runs code.
"""
from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid import wire
from deepsort_ros.reid.architectures import Architecture
from deepsort_ros.reid.architectures import recognise
from deepsort_ros.reid.files import CheckpointError

# What training leaves in a checkpoint and the feature does not need.
OPTIMIZER_PREFIXES = (
    'momentum', 'moments', 'moment1', 'moment2', 'accum', 'stat', 'moving_avg', 'learning_rate',
    'global_step', 'epoch_num', 'step_num', 'beta1_power', 'beta2_power', 'scale_sense',
    'loss_scale', 'current_iterator', 'last_overflow', 'weight_decay', 'optimizer')
# Classifier and neck belong to the training identities; batch_norm is in the published files,
# unused.
OPTIONAL_PREFIXES = ('classifier.', 'batch_norm.', 'neck.')

# checkpoint.proto: Checkpoint.value, Value.tag and .tensor, TensorProto.dims and so on.
VALUE = 1
TAG, TENSOR = 1, 2
DIMS, TYPE, CONTENT = 1, 2, 3
# Appended where the checkpoint was saved with a checksum.
CHECKSUM, CHECKSUM_SIZE = b'crc_num', 17
TYPES = {'Float16': '<f2', 'Float32': '<f4', 'Float64': '<f8', 'Int8': '<i1', 'Int16': '<i2',
         'Int32': '<i4', 'Int64': '<i8', 'UInt8': '<u1', 'UInt16': '<u2', 'UInt32': '<u4',
         'UInt64': '<u8', 'Bool': '?'}

# Names of parameters in an error, at most.
SHOWN = 5

Parameters = dict[str, NDArray[np.float32]]


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """
    Return all tensors of a checkpoint by name, in the order of the file, read-only.

    Tensors of types that numpy does not know are left out: no feature needs them.

    :raises CheckpointError: not a file, or not a MindSpore checkpoint.
    """
    if not path.is_file():
        raise CheckpointError(f'{path} is not a file')
    if path.suffix.lower() != '.ckpt':
        raise CheckpointError(f'{path}: a MindSpore checkpoint is named *.ckpt')
    content = path.read_bytes()
    if content[-CHECKSUM_SIZE:].startswith(CHECKSUM):
        content = content[:-CHECKSUM_SIZE]
    tensors: dict[str, NDArray[Any]] = {}
    try:
        # A large tensor lies in several values of one name, in a row.
        parts: dict[str, tuple[list[int], str, list[memoryview]]] = {}
        for number, value in wire.fields(content):
            if number != VALUE:
                raise wire.WireError(f'holds a field {number}')
            name, shape, kind, data = _value(wire.message(value))
            parts.setdefault(name, (shape, kind, []))[2].append(data)
        for name, (shape, kind, pieces) in parts.items():
            if kind in TYPES:
                # A single piece stays where it was read.
                data = pieces[0] if len(pieces) == 1 else memoryview(b''.join(pieces))
                tensors[name] = _tensor(name, shape, TYPES[kind], data)
    except wire.WireError as error:
        raise CheckpointError(f'{path} is not a MindSpore checkpoint: {error}') from error
    if not tensors:
        raise CheckpointError(f'{path} is not a MindSpore checkpoint: holds no tensors')
    return tensors


def _value(content: memoryview) -> tuple[str, list[int], str, memoryview]:
    name, shape, kind, data = '', [], '', memoryview(b'')
    for number, value in wire.fields(content):
        if number == TAG:
            name = wire.text(value)
        elif number == TENSOR:
            for inner, part in wire.fields(wire.message(value)):
                if inner == DIMS:
                    shape += wire.integers(part)
                elif inner == TYPE:
                    kind = wire.text(part)
                elif inner == CONTENT:
                    data = wire.message(part)
    if not name:
        raise wire.WireError('a value has no name')
    return name, shape, kind, data


def _tensor(name: str, shape: list[int], kind: str, data: memoryview) -> NDArray[Any]:
    # A single number has the shape (0).
    shape = [] if shape == [0] and len(data) else shape
    size = math.prod(shape) * np.dtype(kind).itemsize
    if min(shape, default=0) < 0 or size != len(data):
        raise wire.WireError(f'{name} of shape {tuple(shape)} has {len(data)} bytes')
    # Aligned, which no place in a file is: MindSpore before 2.8 takes no other.
    tensor = np.require(np.frombuffer(data, kind), requirements=['ALIGNED']).reshape(shape)
    tensor.flags.writeable = False
    return tensor


def feature_parameters(path: Path) -> Parameters:
    """
    Return what the feature needs from a checkpoint, read-only.

    Optimizer state and classifier are ignored.

    :raises CheckpointError: not a checkpoint, or parameters are missing, unexpected, of another
        shape or not finite; all of them are listed.
    """
    stored = read_tensors(path)
    return fitting(path, stored, recognise(stored))


def fitting(path: Path, stored: Mapping[str, NDArray[Any]],
            architecture: Architecture) -> Parameters:
    """
    Return the tensors that an architecture needs, float32.

    :raises CheckpointError: as of :func:`feature_parameters`.
    """
    wanted = architecture.shapes
    missing = [name for name in wanted
               if name not in stored and not name.startswith(OPTIONAL_PREFIXES)]
    unexpected = [name for name in stored if name not in wanted
                  and not name.startswith(OPTIMIZER_PREFIXES + OPTIONAL_PREFIXES)]
    used = [name for name in wanted if name in stored]
    misshaped = [f'{name} {stored[name].shape} instead of {wanted[name]}' for name in used
                 if stored[name].shape != wanted[name]]
    not_finite = [name for name in used if not np.isfinite(stored[name]).all()]
    faults = [f'{what}: {_some(names)}' for what, names in (
        ('missing', missing), ('unexpected', unexpected), ('misshaped', misshaped),
        ('not finite', not_finite)) if names]
    if faults:
        raise CheckpointError(f'{path} does not fit the network; {"; ".join(faults)}')
    return {name: stored[name].astype(np.float32, copy=False) for name in used}


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ', '.join(names[:SHOWN]) + (f' and {more} more' if more > 0 else '')
