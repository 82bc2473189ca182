"""What stronger networks say about the crops of a training run, computed once and kept on disk."""
from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid.dataset import Crops
from deepsort_ros.reid.encoder import Encoder
from deepsort_ros.reid.engines import choose
from deepsort_ros.reid.engines import load
from deepsort_ros.reid.engines import Options
from deepsort_ros.reid.evaluation import encode_crops
from deepsort_ros.reid.files import ModelError
from deepsort_ros.reid.files import sha256
from deepsort_ros.reid.model import Model
from deepsort_ros.reid.model import OPENVINO
from deepsort_ros.reid.model import read_model
from deepsort_ros.reid.openvino_file import weights_beside

BATCHES = (32,)

_log = logging.getLogger(__name__)


class Teachers:
    """
    The features of crops by some networks.

    :param paths: of the networks, in any format that an engine here runs.
    :param crops: to train on.
    :param folder: the features are kept in it, named by a digest of the network, what it is fed
        and the crops: what changes is computed again.
    :param check: called between batches, to stop; what is done until then is lost.
    :raises ModelError: a network cannot be used, or gives features that are not finite.
    :raises OSError: the features cannot be kept.
    """

    def __init__(self, paths: Sequence[str], crops: Crops, folder: Path,
                 check: Callable[[], None] = lambda: None) -> None:
        """Compute what is not kept yet."""
        self.paths: list[Path] = []
        self._features: list[NDArray[np.float32]] = []
        for path in paths:
            model = read_model(path)
            kept = folder / f'teacher.{_digest(model, crops)}.npy'
            if not kept.is_file():
                _keep(kept, _features(model, crops, check))
            self.paths.append(kept)
            self._features.append(np.load(kept))

    def similarity(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return how alike crops are, the mean cosine over the networks: (B, B)."""
        total = np.zeros((len(rows), len(rows)), np.float32)
        for feature in self._features:
            total += feature[rows] @ feature[rows].T
        return total / np.float32(max(1, len(self._features)))


def _digest(model: Model, crops: Crops) -> str:
    """Return 16 hexadecimal digits that stand for a network and what it is fed."""
    files = [model.sha256]
    if model.kind == OPENVINO:
        files.append(sha256(weights_beside(model.path)))
    fed = [model.height, model.width, model.layout, model.color_order, model.mean, model.std]
    digest = hashlib.sha256(json.dumps([files, fed, crops.images.shape]).encode())
    digest.update(np.ascontiguousarray(crops.images).data)
    return digest.hexdigest()[:16]


def _features(model: Model, crops: Crops, check: Callable[[], None]) -> NDArray[np.float32]:
    engine = choose('auto', model)
    _log.info('teacher %s: features of %d crops by %s', model.path, len(crops), engine)
    encoder = Encoder(model, engine, load(engine, model, Options('auto', 0, 'fp32', BATCHES)),
                      BATCHES)
    found = encode_crops(encoder, crops, lambda done, count: check())
    if not np.isfinite(found).all():
        raise ModelError(f'{model.path}: some of its features of the crops are not finite')
    return found


def _keep(path: Path, feature: NDArray[np.float32]) -> None:
    partial = path.with_name(f'.{path.stem}.{os.getpid()}.npy')
    try:
        np.save(partial, feature)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
