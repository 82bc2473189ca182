"""
Train the appearance network on person crops, one identity per person.

Softmax over the identities with label smoothing, and the batch-hard triplet loss
(arXiv 1703.07737) on the unit features the tracker compares, as in arXiv 1903.07071.
"""
from __future__ import annotations

import csv
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid import checkpoint
from deepsort_ros.reid.augmentation import augment
from deepsort_ros.reid.dataset import Crops
from deepsort_ros.reid.dataset import DatasetError
from deepsort_ros.reid.dataset import read_crops
from deepsort_ros.reid.device import select_device
from deepsort_ros.reid.network import AppearanceNetwork
from deepsort_ros.reid.network import FLAT_SIZE
from deepsort_ros.reid.preprocess import normalise
from deepsort_ros.reid.runtime import ms
from deepsort_ros.reid.runtime import nn
from deepsort_ros.reid.runtime import ops

LABEL_SMOOTHING = 0.1
TRIPLET_MARGIN = 0.3
STATE_NAME = 'training.ckpt'
MODEL_NAME = 'model.ckpt'
LOG_NAME = 'log.csv'
STEP_ENTRY = 'step_num'

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainConfig:
    """
    A training run; the same configuration gives the same weights.

    :param data: folder of crops laid out as Market-1501.
    :param output: folder for ``model.ckpt``, ``training.ckpt`` (to resume) and ``log.csv``.
    :param steps: optimizer steps of the whole run.
    :param half_size_steps: of them, the first that see crops of half the size: a quarter of the
        arithmetic, so more of the data in the same time.
    :param identities: per batch; :param crops: of each of them.
    :param held_out: the last identities are kept for the test and never trained on.
    :param learning_rate: its peak; linear warm-up, then cosine to a hundredth.
    :param dropout: share of the flattened activations dropped.
    :param pretrained: checkpoint (path or ``bundled``) to start from, or None.
    :param resume: go on from ``training.ckpt`` in the output folder; with the same
        configuration this repeats an uninterrupted run exactly, ``steps`` may be changed.
    :param save_every: steps between two states to resume from.
    :param device: ``auto``, ``Ascend``, ``GPU`` or ``CPU``; :param device_id: which of them.
    """

    data: Path
    output: Path
    steps: int = 6000
    half_size_steps: int = 0
    identities: int = 16
    crops: int = 4
    held_out: int = 150
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    weight_decay: float = 5e-4
    dropout: float = 0.4
    seed: int = 1
    pretrained: str | None = None
    resume: bool = False
    save_every: int = 100
    device: str = 'auto'
    device_id: int = 0

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name, lowest in (('steps', 1), ('identities', 2), ('crops', 2), ('held_out', 0),
                             ('warmup_steps', 0), ('half_size_steps', 0), ('save_every', 1)):
            if getattr(self, name) < lowest:
                raise ValueError(f'{name}: {getattr(self, name)} is less than {lowest}')
        if not self.learning_rate > 0:
            raise ValueError(f'learning_rate: {self.learning_rate} is not positive')
        if not 0 <= self.dropout < 1:
            raise ValueError(f'dropout: {self.dropout} is outside [0, 1)')


@dataclass(frozen=True)
class Progress:
    """Where a training run is: steps done of all, loss of the newest step."""

    step: int
    steps: int
    loss: float
    identity_loss: float
    triplet_loss: float
    learning_rate: float


def _objective(network: AppearanceNetwork) -> Callable[[Any, Any, Any], Any]:
    """
    Return the function from a batch to its total, identity and triplet loss.

    Not a Cell around the network: that would rename the network's parameters.
    """
    def losses(images: Any, labels: Any, kept: Any) -> Any:
        # Dropout with the mask as an input, so that a resumed run repeats an uninterrupted one.
        feature = network.head(network.trunk(images) * kept)
        identity = ops.cross_entropy(
            network.logits(feature), labels, label_smoothing=LABEL_SMOOTHING)
        unit = feature / ops.sqrt((feature * feature).sum(1, keepdims=True) + 1e-12)
        squared = 2.0 - 2.0 * ops.matmul(unit, unit.T)
        distance = ops.sqrt(ops.maximum(squared, ms.Tensor(1e-6, ms.float32)))
        same = (labels.expand_dims(0) == labels.expand_dims(1)).astype(ms.float32)
        farthest_same = (distance * same).max(axis=1)
        nearest_other = (distance + 10.0 * same).min(axis=1)
        triplet = ops.relu(farthest_same - nearest_other + TRIPLET_MARGIN).mean()
        return identity + triplet, identity, triplet

    return losses


def learning_rates(config: TrainConfig) -> list[float]:
    """Return the learning rate of every step."""
    rates = []
    for step in range(config.steps):
        if step < config.warmup_steps:
            share = (step + 1) / config.warmup_steps
        else:
            done = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
            share = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))
        rates.append(config.learning_rate * share)
    return rates


def halved(crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (N, H, W, C) crops at half the height and width, each pixel the mean of four."""
    count, height, width, channels = crops.shape
    quarters = crops.reshape(count, height // 2, 2, width // 2, 2, channels)
    return np.round(quarters.mean(axis=(2, 4))).astype(np.uint8)


class BatchSampler:
    """
    Batches of P identities x K crops, by step number alone.

    Every identity comes once per round; its crops are drawn without repetition where it has
    enough.

    :param identity: (N,) identity of every crop.
    """

    def __init__(self, identity: NDArray[np.int64], identities: int, crops: int,
                 seed: int) -> None:
        """Index the crops."""
        labels = np.unique(identity)
        if len(labels) < identities:
            raise DatasetError(
                f'identities: {identities} per batch, but the data has {len(labels)}')
        self._rows = [np.flatnonzero(identity == label) for label in labels]
        self._identities = identities
        self._crops = crops
        self._seed = seed
        self._steps_per_round = len(labels) // identities

    def batch(self, step: int) -> NDArray[np.int64]:
        """Return the rows of a step's crops, those of one identity together."""
        turn, place = divmod(step, self._steps_per_round)
        order = np.random.default_rng((self._seed, 0, turn)).permutation(len(self._rows))
        chosen = order[place * self._identities:(place + 1) * self._identities]
        generator = np.random.default_rng((self._seed, 1, step))
        return np.concatenate([
            generator.choice(rows, self._crops, replace=len(rows) < self._crops)
            for rows in (self._rows[i] for i in chosen)])


class _Run:
    """Network, optimizer and compiled step of one training run."""

    def __init__(self, config: TrainConfig, crops: Crops) -> None:
        select_device(config.device, config.device_id)
        ms.set_seed(config.seed)
        labels, self._labels = np.unique(crops.identity, return_inverse=True)
        self._config = config
        self._crops = crops
        self._sampler = BatchSampler(
            crops.identity, config.identities, config.crops, config.seed)
        self.network = AppearanceNetwork(len(labels))
        if config.pretrained is not None:
            checkpoint.assign(self.network, checkpoint.feature_parameters(
                checkpoint.resolve(config.pretrained)))
        self.network.set_train()
        self.rates = learning_rates(config)
        trained = [p for p in self.network.trainable_params()
                   if not p.name.startswith('batch_norm.')]
        decayed = [p for p in trained if p.ndim > 1]
        self.optimizer = nn.Adam(
            [{'params': decayed, 'weight_decay': config.weight_decay},
             {'params': [p for p in trained if p.ndim == 1], 'weight_decay': 0.0}],
            learning_rate=self.rates)
        gradient = ms.value_and_grad(
            _objective(self.network), None, self.optimizer.parameters, has_aux=True)
        optimizer = self.optimizer

        @ms.jit
        def step(images: Any, labels: Any, kept: Any) -> Any:
            (loss, identity, triplet), gradients = gradient(images, labels, kept)
            optimizer(gradients)
            return loss, identity, triplet

        self._step = step

    def step(self, number: int) -> Progress:
        """Take one step; everything random depends on its number and the seed alone."""
        config = self._config
        rows = self._sampler.batch(number)
        generator = np.random.default_rng((config.seed, 2, number))
        crops = augment(self._crops.images[rows], generator)
        images = normalise(halved(crops) if number < config.half_size_steps else crops)
        kept = (generator.random((len(rows), FLAT_SIZE), dtype=np.float32) >= config.dropout)
        losses = self._step(
            ms.Tensor(images), ms.Tensor(self._labels[rows].astype(np.int32)),
            ms.Tensor(kept.astype(np.float32) / np.float32(1 - config.dropout)))
        loss, identity, triplet = (float(value.asnumpy()) for value in losses)
        return Progress(
            number + 1, config.steps, loss, identity, triplet, self.rates[number])

    def state(self) -> dict[str, Any]:
        """Return all parameters a resumed run needs; its learning rates come from its steps."""
        both = {**self.optimizer.parameters_dict(), **self.network.parameters_dict()}
        return {name: own for name, own in both.items() if name != 'learning_rate'}

    def save(self, done: int) -> None:
        """Write the model and the state to resume from."""
        output = self._config.output
        checkpoint.save_feature(self.network, output / MODEL_NAME)
        step = ms.Parameter(ms.Tensor([done], ms.int32), name=STEP_ENTRY)
        checkpoint.write({**self.state(), STEP_ENTRY: step}, output / STATE_NAME)

    def restore(self) -> int:
        """Set the state of ``training.ckpt``; return the steps it has done."""
        path = self._config.output / STATE_NAME
        stored = checkpoint.read(path)
        done = stored.pop(STEP_ENTRY, None)
        state = self.state()
        faults = [name for name, own in state.items()
                  if name not in stored or stored[name].shape != own.shape]
        if done is None or faults:
            raise checkpoint.CheckpointError(
                f'{path} is not of this run: {", ".join(faults) or STEP_ENTRY} does not fit')
        for name, own in state.items():
            own.set_data(stored[name])
        return int(done.asnumpy()[0])


def train(config: TrainConfig, progress: Callable[[Progress], None] | None = None) -> Path:
    """
    Train, and return the path of the model written.

    Ctrl-C (KeyboardInterrupt) saves the state first, then goes on to the caller.

    :param progress: called after every step.
    :raises DatasetError: the data cannot be used.
    :raises CheckpointError: the checkpoint to start from or to resume cannot be used.
    :raises DeviceError: no device can be used.
    :raises ArithmeticError: the loss is no number any more.
    """
    crops, _ = read_crops(config.data).split(config.held_out)
    config.output.mkdir(parents=True, exist_ok=True)
    run = _Run(config, crops)
    done = run.restore() if config.resume else 0
    _log.info('%d crops of %d identities, from step %d of %d',
              len(crops), len(np.unique(crops.identity)), done, config.steps)
    log_path = config.output / LOG_NAME
    kept = _log_rows(log_path, done)
    with log_path.open('w', newline='') as stream:
        log = csv.writer(stream)
        log.writerow(('step', 'loss', 'identity_loss', 'triplet_loss', 'learning_rate'))
        log.writerows(kept)
        try:
            while done < config.steps:
                state = run.step(done)
                done += 1
                if not math.isfinite(state.loss):
                    raise ArithmeticError(
                        f'the loss of step {done} is {state.loss}; a lower learning_rate helps')
                log.writerow((done, f'{state.loss:.5f}', f'{state.identity_loss:.5f}',
                              f'{state.triplet_loss:.5f}', f'{state.learning_rate:.3e}'))
                if progress is not None:
                    progress(state)
                if done % config.save_every == 0:
                    stream.flush()
                    run.save(done)
        except KeyboardInterrupt:
            run.save(done)
            raise
    run.save(done)
    return config.output / MODEL_NAME


def _log_rows(path: Path, done: int) -> list[list[str]]:
    if not done or not path.is_file():
        return []
    with path.open(newline='') as stream:
        return [row for row in list(csv.reader(stream))[1:] if row and int(row[0]) <= done]
