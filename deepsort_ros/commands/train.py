"""``deepsort train``."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import progress_bar
from deepsort_ros.settings import SettingError


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'train', run, 'train the appearance network',
        'Writes model.ckpt, training.ckpt and log.csv.',
        'deepsort train Market-1501/bounding_box_train out/training')
    parser.add_argument('data', type=Path, help='folder of crops named as in Market-1501')
    parser.add_argument('output', type=Path, help='folder to write')
    for name, kind, text in (
            ('steps', int, 'optimizer steps'),
            ('half-size-steps', int, 'of them, the first on crops of half the size'),
            ('identities', int, 'identities per batch'),
            ('crops', int, 'crops of each identity in a batch'),
            ('held-out', int, 'last identities to keep for the test'),
            ('learning-rate', float, 'its peak'), ('dropout', float, 'share dropped'),
            ('seed', int, 'of everything random'),
            ('pretrained', str, 'checkpoint to start from, or "bundled"')):
        parser.add_argument(f'--{name}', type=kind, help=text)
    parser.add_argument('--resume', action='store_true', help='go on from training.ckpt')


def run(args: argparse.Namespace) -> int:
    """Train and print where the model is."""
    from deepsort_ros.reid.training import train
    from deepsort_ros.reid.training import TrainConfig
    given = {name: getattr(args, name) for name in (
        'steps', 'half_size_steps', 'identities', 'crops', 'held_out', 'learning_rate',
        'dropout', 'seed', 'pretrained') if getattr(args, name) is not None}
    try:
        config = TrainConfig(args.data, args.output, resume=args.resume, **given)
    except ValueError as error:
        raise SettingError(str(error)) from error
    try:
        with progress_bar('training', 'step', False) as progress:
            model = train(config, lambda state: progress(state.step, state.steps))
    except KeyboardInterrupt:
        print(f'deepsort: interrupted; --resume goes on from {args.output}', file=sys.stderr)
        return 1
    print(model)
    return 0
