"""
How a training run goes: recipes, options, learning rates. Needs nothing but Python.

The fields of :class:`TrainConfig` are the table: the options of ``deepsort train`` and their
defaults come from them.
"""
from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """
    What belongs together in a way of training.

    :param learning_rate: its peak.
    :param momentum: of SGD; 0 takes Adam.
    :param label_smoothing: of the softmax over identities.
    :param triplet: add the batch-hard triplet loss, and draw batches of P identities x K crops
        instead of crops at random.
    :param padding: pixels a crop is shifted by at most; :param erasing: random erasing.
    """

    learning_rate: float
    momentum: float
    label_smoothing: float
    triplet: bool
    padding: int
    erasing: bool


RECIPES = {
    # Label smoothing, batch-hard triplets (arXiv 1703.07737), warm-up and random erasing, as
    # collected in arXiv 1903.07071.
    'default': Recipe(1e-3, momentum=0.0, label_smoothing=0.1, triplet=True, padding=6,
                      erasing=True),
    # What the published checkpoint was trained with: softmax and SGD.
    'published': Recipe(1e-2, momentum=0.9, label_smoothing=0.0, triplet=False, padding=4,
                        erasing=False),
}


def _option(default: Any, text: str, lowest: float | None = None,
            choices: tuple[str, ...] = (), several: bool = False) -> Any:
    return field(default=default, metadata={
        'help': text, 'lowest': lowest, 'choices': choices, 'several': several})


@dataclass(frozen=True)
class TrainConfig:
    """
    A training run; the same configuration gives the same weights on the same kind of device.

    :param data: Market-1501, a folder of crops named as there, or one with a folder for each
        identity.
    :param output: folder for ``model.ckpt``, ``training.ckpt`` (to resume), ``log.csv``,
        ``scores.csv`` and ``curves.png``.
    :param distribute: one of several processes under ``msrun``, each with batches of its own; the
        gradients are averaged, the first process writes. ``device_id`` is left to ``msrun``.
    :param resume: go on from ``training.ckpt`` in the output folder; with the same
        configuration this repeats an uninterrupted run exactly.
    :raises ValueError: a number without meaning; the message names it.
    """

    data: Path
    output: Path
    recipe: str = _option(
        'default', 'default: label smoothing and triplets, Adam, warm-up and cosine; published: '
        'softmax, SGD with momentum 0.9, a tenth of the rate from half way on',
        choices=tuple(RECIPES))
    steps: int = _option(6000, 'optimizer steps of the whole run', 1)
    half_size_steps: int = _option(
        0, 'first steps of each cycle that see crops of half the size (a quarter of the work)', 0)
    cycles: int = _option(
        1, 'equal parts of the run; the learning rate starts again with each', 1)
    identities: int = _option(16, 'identities per batch', 2)
    crops: int = _option(4, 'crops of each identity in a batch', 2)
    held_out: int = _option(150, 'last identities kept for the test, never trained on', 0)
    learning_rate: float | None = _option(
        None, 'highest learning rate (default: that of the recipe)')
    warmup_steps: int = _option(100, 'steps while the rate rises (recipe default)', 0)
    weight_decay: float = _option(5e-4, 'L2 penalty of weights, not of biases and norms', 0)
    dropout: float = _option(0.4, 'share of the flattened activations dropped', 0)
    seed: int = _option(1, 'seed of everything random', 0)
    pretrained: str | None = _option(
        None, 'checkpoint to start from: bundled, hub, or a path; all its weights are trained')
    teacher: tuple[str, ...] = _option(
        (), 'stronger networks to learn from, ONNX (.onnx) or OpenVINO (.xml): the similarities '
        'of their features of the crops, computed once and kept in the output folder',
        several=True)
    teacher_weight: float = _option(1.0, 'weight of the losses from the teachers', 0)
    identity_weight: float = _option(
        1.0, 'weight of the losses from identities; 0 learns from the teachers alone', 0)
    save_every: int = _option(100, 'steps between two states to resume from', 1)
    evaluate_every: int = _option(
        0, 'steps between two tests on the held-out identities, for scores.csv; 0: no test', 0)
    precision: str = _option(
        'auto', 'precision of convolutions; auto is fp16 on Ascend, fp32 elsewhere',
        choices=('auto', 'fp32', 'fp16'))
    device: str = _option('auto', 'where; auto takes the first of Ascend, GPU, CPU that works',
                          choices=('auto', 'Ascend', 'GPU', 'CPU'))
    device_id: int = _option(0, 'index of the device', 0)
    distribute: bool = False
    resume: bool = False

    def __post_init__(self) -> None:
        """Check the options."""
        for option in dataclasses.fields(self):
            value = getattr(self, option.name)
            lowest = option.metadata.get('lowest')
            choices = option.metadata.get('choices')
            if lowest is not None and not value >= lowest:
                raise ValueError(f'{option.name}: {value} is less than {lowest}')
            if choices and value not in choices:
                raise ValueError(f'{option.name}: {value!r} is not one of {", ".join(choices)}')
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise ValueError(f'learning_rate: {self.learning_rate} is not positive')
        if not self.identity_weight and not (self.teacher and self.teacher_weight):
            raise ValueError('identity_weight: 0 leaves nothing to learn from without a teacher')
        if not self.dropout < 1:
            raise ValueError(f'dropout: {self.dropout} is not below 1')
        if self.steps % self.cycles:
            raise ValueError(f'cycles: {self.steps} steps are not {self.cycles} equal parts')

    @property
    def cycle_steps(self) -> int:
        """Return the steps of one cycle."""
        return self.steps // self.cycles

    def half_size(self, step: int) -> bool:
        """Tell whether a step, counted from 0, sees crops of half the size."""
        return step % self.cycle_steps < self.half_size_steps


def learning_rates(config: TrainConfig) -> list[float]:
    """Return the learning rate of every step; cycles are warm restarts (arXiv 1608.03983)."""
    recipe = RECIPES[config.recipe]
    peak = recipe.learning_rate if config.learning_rate is None else config.learning_rate
    steps = config.cycle_steps
    if recipe.momentum:
        return [peak if 2 * step < steps else 0.1 * peak for step in range(steps)] * config.cycles
    rates = []
    for step in range(steps):
        if step < config.warmup_steps:
            share = (step + 1) / config.warmup_steps
        else:
            done = (step - config.warmup_steps) / max(1, steps - config.warmup_steps)
            share = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))
        rates.append(peak * share)
    return rates * config.cycles
