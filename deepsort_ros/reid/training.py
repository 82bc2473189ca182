"""Train the appearance network on crops, each identity a class of its own."""
from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepsort_ros.reid import checkpoint
from deepsort_ros.reid.architectures import MODELZOO
from deepsort_ros.reid.architectures import recognise
from deepsort_ros.reid.augmentation import augment
from deepsort_ros.reid.cells import create_cell
from deepsort_ros.reid.dataset import Crops
from deepsort_ros.reid.dataset import read_crops
from deepsort_ros.reid.dataset import retrieval_test
from deepsort_ros.reid.dataset import RetrievalTest
from deepsort_ros.reid.device import join_group
from deepsort_ros.reid.device import select_device
from deepsort_ros.reid.encoder import Encoder
from deepsort_ros.reid.engines.mindspore_engine import of_parameters
from deepsort_ros.reid.evaluation import encode_crops
from deepsort_ros.reid.evaluation import ReidScores
from deepsort_ros.reid.evaluation import score_features
from deepsort_ros.reid.interruption import Interruption
from deepsort_ros.reid.journal import Journal
from deepsort_ros.reid.model import bare_model
from deepsort_ros.reid.preprocess import normalise
from deepsort_ros.reid.recipe import learning_rates
from deepsort_ros.reid.recipe import Recipe
from deepsort_ros.reid.recipe import RECIPES
from deepsort_ros.reid.recipe import TrainConfig
from deepsort_ros.reid.runtime import ms
from deepsort_ros.reid.runtime import nn
from deepsort_ros.reid.runtime import ops
from deepsort_ros.reid.sampling import BalancedSampler
from deepsort_ros.reid.sampling import halved
from deepsort_ros.reid.sampling import ShuffledSampler
from deepsort_ros.reid.teachers import Teachers

TRIPLET_MARGIN = 0.3
# Similarities are compared in place and as a choice among the batch, this sharp.
SIMILARITY, CHOICE, TEMPERATURE = 30.0, 0.5, 0.07
STATE_NAME = 'training.ckpt'
MODEL_NAME = 'model.ckpt'
STEP_ENTRY = 'step_num'
# Keeps the gradients of half precision from vanishing; a power of two changes no digit.
LOSS_SCALE = 1024.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """Where a training run is: steps done of all, loss of the newest step."""

    step: int
    steps: int
    loss: float
    identity_loss: float
    triplet_loss: float
    learning_rate: float
    teacher_loss: float = 0.0


def _objective(network: Any, recipe: Recipe, identities: float, teachers: float,
               ) -> Callable[[Any, Any, Any, Any], Any]:
    """
    Return the function from a batch to its total, identity, triplet and teachers' loss.

    Not a Cell around the network: that would rename the network's parameters.

    :param identities: weight of the losses of identities; :param teachers: of the teachers'.
    """
    def losses(images: Any, labels: Any, kept: Any, similarity: Any) -> Any:
        # Dropout with the mask as an input, so that a resumed run repeats an uninterrupted one.
        feature = network.head(network.trunk(images) * kept)
        identity = ops.cross_entropy(network.logits(feature).astype(ms.float32), labels,
                                     label_smoothing=recipe.label_smoothing)
        if not recipe.triplet and not teachers:
            return identity, identity, 0.0 * identity, 0.0 * identity
        feature = feature.astype(ms.float32)
        unit = feature / ops.sqrt((feature * feature).sum(1, keepdims=True) + 1e-12)
        own = ops.matmul(unit, unit.T)
        taught = 0.0 * identity
        if teachers:
            taught = teachers * _taught(own, similarity)
        if not recipe.triplet:
            return identities * identity + taught, identity, 0.0 * identity, taught
        squared = 2.0 - 2.0 * own
        distance = ops.sqrt(ops.maximum(squared, ms.Tensor(1e-6, ms.float32)))
        same = (labels.expand_dims(0) == labels.expand_dims(1)).astype(ms.float32)
        farthest_same = (distance * same).max(axis=1)
        nearest_other = (distance + 10.0 * same).min(axis=1)
        triplet = ops.relu(farthest_same - nearest_other + TRIPLET_MARGIN).mean()
        if not teachers:
            return identity + triplet, identity, triplet, taught
        return identities * (identity + triplet) + taught, identity, triplet, taught

    return losses


def _taught(own: Any, similarity: Any) -> Any:
    """Return how far the similarities (B, B) of a batch are from those of the teachers."""
    count = own.shape[0]
    itself = ops.eye(count, count, ms.float32)
    difference = (own - similarity) * (1.0 - itself)
    # Nothing is to choose itself.
    mine = ops.log_softmax(own / TEMPERATURE - 1e4 * itself, 1)
    theirs = ops.log_softmax(similarity / TEMPERATURE - 1e4 * itself, 1)
    choice = (ops.exp(theirs) * (theirs - mine) * (1.0 - itself)).sum() / count
    return (SIMILARITY * (difference * difference).sum() / (count * (count - 1))
            + CHOICE * choice)


def _compiled_step(network: Any, losses: Callable[[Any, Any, Any, Any], Any], optimizer: Any,
                   group: int, half: bool) -> Callable[[Any, Any, Any, Any], Any]:
    """
    Return the compiled function from a batch to its losses that takes an optimizer step.

    :param losses: of :func:`_objective`.
    :param group: processes that average their gradients; :param half: half precision.
    """
    parameters = optimizer.parameters
    reduce: Any = None
    if group > 1:
        reduce = nn.DistributedGradReducer(parameters, degree=group)
    if not half:
        gradient = ms.value_and_grad(losses, None, parameters, has_aux=True)

        @ms.jit
        def step(images: Any, labels: Any, kept: Any, similarity: Any) -> Any:
            result, gradients = gradient(images, labels, kept, similarity)
            if group > 1:
                gradients = reduce(gradients)
            optimizer(gradients)
            return result

        return step
    for _, cell in network.cells_and_names():
        if isinstance(cell, (nn.Conv2d, nn.Dense)):
            cell.to_float(ms.float16)

    def scaled(images: Any, labels: Any, kept: Any, similarity: Any) -> Any:
        loss, identity, triplet, taught = losses(images, labels, kept, similarity)
        return LOSS_SCALE * loss, identity, triplet, taught

    gradient = ms.value_and_grad(scaled, None, parameters, has_aux=True)

    @ms.jit
    def half_step(images: Any, labels: Any, kept: Any, similarity: Any) -> Any:
        (loss, identity, triplet, taught), gradients = gradient(
            images, labels, kept, similarity)
        if group > 1:
            gradients = reduce(gradients)
        # A batch whose gradients leave the range of half precision is passed over.
        if ms.amp.all_finite(gradients):
            optimizer(ops.HyperMap()(_unscaled, gradients))
        return loss / LOSS_SCALE, identity, triplet, taught

    return half_step


def _unscaled(gradient: Any) -> Any:
    return gradient / LOSS_SCALE


class _Run:
    """Network, optimizer and compiled step of one training run."""

    def __init__(self, config: TrainConfig, crops: Crops, teachers: Teachers) -> None:
        self._device, _ = select_device(
            config.device, None if config.distribute else config.device_id)
        self._rank, self._group = join_group() if config.distribute else (0, 1)
        ms.set_seed(config.seed)
        labels, self._labels = np.unique(crops.identity, return_inverse=True)
        self._config = config
        self._recipe = RECIPES[config.recipe]
        self._crops = crops
        self._sampler = (
            BalancedSampler(crops.identity, config.identities, config.crops, config.seed)
            if self._recipe.triplet else
            ShuffledSampler(len(crops), config.identities * config.crops, config.seed))
        start = None
        if config.pretrained is not None:
            start = checkpoint.feature_parameters(checkpoint.resolve(config.pretrained))
        # The network of the checkpoint it starts from.
        self.network = create_cell(recognise(start) if start else MODELZOO, len(labels))
        if start:
            checkpoint.assign(self.network, start)
        self.network.set_train()
        self.rates = learning_rates(config)
        self.optimizer = self._optimizer()
        half = config.precision == 'fp16' or (
            config.precision == 'auto' and self._device == 'Ascend')
        self._teachers = teachers
        losses = _objective(self.network, self._recipe, config.identity_weight,
                            config.teacher_weight if config.teacher else 0.0)
        self._step = _compiled_step(self.network, losses, self.optimizer, self._group, half)

    @property
    def writes(self) -> bool:
        """Whether this process writes what comes of the run."""
        return self._rank == 0

    def _optimizer(self) -> Any:
        trained = [p for p in self.network.trainable_params()
                   if not p.name.startswith('batch_norm.')]
        groups = [
            {'params': [p for p in trained if p.ndim > 1],
             'weight_decay': self._config.weight_decay},
            {'params': [p for p in trained if p.ndim == 1], 'weight_decay': 0.0}]
        if self._recipe.momentum:
            return nn.Momentum(groups, self.rates, self._recipe.momentum)
        return nn.Adam(groups, self.rates)

    def step(self, number: int) -> Progress:
        """Take one step; everything random depends on its number and the seed alone."""
        config, recipe = self._config, self._recipe
        # Every process takes a batch of its own.
        batch = number * self._group + self._rank
        rows = self._sampler.batch(batch)
        generator = np.random.default_rng((config.seed, 2, batch))
        crops = augment(self._crops.images[rows], generator, recipe.padding, recipe.erasing)
        images = normalise(halved(crops) if config.half_size(number) else crops)
        shape = (len(rows), self.network.flat_size)
        kept = generator.random(shape, dtype=np.float32) >= config.dropout
        losses = self._step(
            ms.Tensor(images), ms.Tensor(self._labels[rows].astype(np.int32)),
            ms.Tensor(kept.astype(np.float32) / np.float32(1 - config.dropout)),
            ms.Tensor(self._teachers.similarity(rows)))
        loss, identity, triplet, taught = (float(value.asnumpy()) for value in losses)
        return Progress(
            number + 1, config.steps, loss, identity, triplet, self.rates[number], taught)

    def scores(self, test: RetrievalTest) -> ReidScores:
        """Test the network as it is."""
        parameters = {name: parameter.asnumpy()
                      for name, parameter in self.network.parameters_dict().items()}
        encoder = Encoder(bare_model(recognise(parameters)), 'mindspore',
                          of_parameters(parameters, self._device, (32,)), (32,))
        return score_features(encode_crops(encoder, test.crops), test)

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
    :raises ModelError: a teacher cannot be used.
    :raises DeviceError: no device can be used.
    :raises ArithmeticError: the loss is no number any more.
    """
    crops, held_out = read_crops(config.data).split(config.held_out)
    config.output.mkdir(parents=True, exist_ok=True)
    with Interruption() as signals:
        teachers = Teachers(config.teacher, crops, config.output, signals.check)
    run = _Run(config, crops, teachers)
    done = run.restore() if config.resume else 0
    _log.info('%d crops of %d identities, from step %d of %d',
              len(crops), len(np.unique(crops.identity)), done, config.steps)
    if not run.writes:
        while done < config.steps:
            run.step(done)
            done += 1
        return config.output / MODEL_NAME
    test = retrieval_test(held_out) if config.evaluate_every and len(held_out) else None
    with contextlib.closing(Journal(config.output, done)) as journal, Interruption() as signals:
        try:
            while done < config.steps:
                # Here alone the step that is saved is the step that the optimizer has taken.
                signals.check()
                state = run.step(done)
                done += 1
                if not math.isfinite(state.loss):
                    raise ArithmeticError(
                        f'the loss of step {done} is {state.loss}; a lower learning_rate helps')
                journal.add_losses(done, state.loss, state.identity_loss, state.triplet_loss,
                                   state.learning_rate, state.teacher_loss)
                if progress is not None:
                    progress(state)
                if test is not None and done % config.evaluate_every == 0:
                    journal.add_scores(done, run.scores(test))
                if done % config.save_every == 0 or done == config.steps:
                    run.save(done)
                    journal.draw()
        except KeyboardInterrupt:
            run.save(done)
            raise
    return config.output / MODEL_NAME
