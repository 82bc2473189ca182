"""
Read and write checkpoints of the appearance network, by parameter name.

MindSpore's ``.ckpt`` is a protocol buffer of named tensors: reading one never runs code.
"""
from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from deepsort_ros.reid.files import CheckpointError
from deepsort_ros.reid.files import resolve
from deepsort_ros.reid.files import sha256
from deepsort_ros.reid.runtime import ms
from deepsort_ros.reid.weights import feature_parameters
from deepsort_ros.reid.weights import Parameters

__all__ = ['assign', 'CheckpointError', 'feature_parameters', 'Parameters', 'read', 'resolve',
           'save_feature', 'sha256', 'write']


def read(path: Path) -> dict[str, Any]:
    """
    Return all parameters of a checkpoint by name, as MindSpore parameters.

    :raises CheckpointError: not a file, or not a MindSpore checkpoint.
    """
    if not path.is_file():
        raise CheckpointError(f'{path} is not a file')
    # MindSpore tells the format by the suffix alone.
    if path.suffix != '.ckpt':
        raise CheckpointError(f'{path}: a MindSpore checkpoint is named *.ckpt')
    try:
        return dict(ms.load_checkpoint(str(path)))
    except Exception as error:
        # MindSpore raises a different type for nearly every kind of damage.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f'{path} is not a MindSpore checkpoint: {reason}') from error


def assign(network: Any, parameters: Mapping[str, NDArray[Any]]) -> None:
    """Set the parameters of a network that are given; names and shapes must fit."""
    own = network.parameters_dict()
    for name, value in parameters.items():
        own[name].set_data(ms.Tensor(value, own[name].dtype))


def save_feature(network: Any, path: Path) -> None:
    """Write what the feature needs of a network, no classifier and no optimizer state."""
    write({name: parameter for name, parameter in network.parameters_dict().items()
           if not name.startswith(('classifier.', 'neck.'))}, path)


def write(parameters: Mapping[str, Any], path: Path) -> None:
    """
    Write named tensors as a checkpoint; a reader never sees half a file.

    :param path: its name ends in ``.ckpt``.
    """
    partial = path.with_name(f'.{path.stem}.{os.getpid()}.ckpt')
    ms.save_checkpoint([{'name': name, 'data': ms.Tensor(value.asnumpy())}
                        for name, value in parameters.items()], str(partial))
    # MindSpore writes read-only files.
    partial.chmod(0o644)
    os.replace(partial, path)
