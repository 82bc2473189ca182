"""Which file a model setting means. Needs no engine."""
from __future__ import annotations

import hashlib
from pathlib import Path

from deepsort_ros.reid import hub
from deepsort_ros.resources import share_path

BUNDLED = 'bundled'
HUB = 'hub'
BLOCK = 1 << 18
BUNDLED_PATH = 'models/deepsort_omni.ckpt'


class ModelError(ValueError):
    """A model cannot be used; the message names the file and what is wrong with it."""


class CheckpointError(ModelError):
    """A checkpoint cannot be used; the message names the file and every parameter at fault."""


def resolve(model: str) -> Path:
    """
    Return the file a model setting means.

    :param model: a path, ``bundled`` for the checkpoint installed with the package, or ``hub``
        for the published one once it has been fetched.
    :raises CheckpointError: there is no such file, or another instead of the published one.
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
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
