"""
Read and write checkpoints of the appearance network, by parameter name.

MindSpore's ``.ckpt`` is a protocol buffer of named tensors: reading one never runs code.
"""
from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid import hub
from deepsort_ros.reid.network import AppearanceNetwork
from deepsort_ros.reid.runtime import ms
from deepsort_ros.resources import share_path

BUNDLED = 'bundled'
HUB = 'hub'
BUNDLED_PATH = 'models/deepsort_market1501.ckpt'

# What training leaves in a checkpoint and the feature does not need.
OPTIMIZER_PREFIXES = (
    'momentum', 'moments', 'moment1', 'moment2', 'accum', 'stat', 'moving_avg', 'learning_rate',
    'global_step', 'epoch_num', 'step_num', 'beta1_power', 'beta2_power', 'scale_sense',
    'loss_scale', 'current_iterator', 'last_overflow', 'weight_decay', 'optimizer')
# The classifier belongs to the training identities; batch_norm is in the published files, unused.
OPTIONAL_PREFIXES = ('classifier.', 'batch_norm.')

Parameters = dict[str, NDArray[np.float32]]


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message names the file and every parameter at fault."""


def resolve(model: str) -> Path:
    """
    Return the file a model setting means.

    :param model: a path, ``bundled`` for the checkpoint installed with the package, or ``hub``
        for the published one once it has been fetched.
    :raises CheckpointError: there is no such file, or another in place of the published one.
    """
    if model == BUNDLED:
        try:
            return share_path(BUNDLED_PATH)
        except FileNotFoundError as error:
            raise CheckpointError(f'model: {error}') from error
    if model == HUB:
        path = hub.hub_path()
        if not path.is_file():
            raise CheckpointError(f'model: the published checkpoint is not at {path}; run '
                                  '"deepsort fetch-model hub" first')
        if sha256(path) != hub.HUB.sha256:
            raise CheckpointError(f'model: {path} is not the published checkpoint, its SHA-256 is '
                                  'another; run "deepsort fetch-model hub" again')
        return path
    path = Path(model).expanduser()
    if not path.is_file():
        raise CheckpointError(f'model: {path} is not a file')
    return path


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


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


def feature_parameters(path: Path) -> Parameters:
    """
    Return what the feature needs from a checkpoint; optimizer state and classifier are ignored.

    :raises CheckpointError: not a checkpoint, or parameters are missing, unexpected, of another
        shape or not finite; all of them are listed.
    """
    stored = {name: np.asarray(parameter.asnumpy()) for name, parameter in read(path).items()}
    wanted = {name: tuple(parameter.shape)
              for name, parameter in AppearanceNetwork().parameters_dict().items()}
    missing = [name for name in wanted
               if name not in stored and not name.startswith(OPTIONAL_PREFIXES)]
    unexpected = [name for name in stored if name not in wanted
                  and not name.startswith(OPTIMIZER_PREFIXES + OPTIONAL_PREFIXES)]
    used = [name for name in wanted if name in stored]
    misshaped = [f'{name} {stored[name].shape} instead of {wanted[name]}' for name in used
                 if stored[name].shape != wanted[name]]
    not_finite = [name for name in used if not np.isfinite(stored[name]).all()]
    faults = [f'{what}: {", ".join(names)}' for what, names in (
        ('missing', missing), ('unexpected', unexpected), ('misshaped', misshaped),
        ('not finite', not_finite)) if names]
    if faults:
        raise CheckpointError(f'{path} does not fit the network; {"; ".join(faults)}')
    return {name: stored[name].astype(np.float32) for name in used}


def assign(network: Any, parameters: Mapping[str, NDArray[Any]]) -> None:
    """Set the parameters of a network that are given; names and shapes must fit."""
    own = network.parameters_dict()
    for name, value in parameters.items():
        own[name].set_data(ms.Tensor(value))


def save_feature(network: Any, path: Path) -> None:
    """Write what the feature needs of a network, no classifier and no optimizer state."""
    write({name: parameter for name, parameter in network.parameters_dict().items()
           if not name.startswith('classifier.')}, path)


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
