"""``deepsort train``."""
from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_json
from deepsort_ros.commands.common import progress_bar
from deepsort_ros.commands.paths import check_folder
from deepsort_ros.commands.values import number
from deepsort_ros.commands.values import whole
from deepsort_ros.reid.recipe import TrainConfig
from deepsort_ros.settings import SettingError

OPTIONS = tuple(option for option in dataclasses.fields(TrainConfig) if option.metadata)


def add(commands: Any) -> None:
    """Add the command, with an option for every field of the configuration."""
    parser = add_command(
        commands, 'train', run, 'train or fine-tune the appearance network',
        'Writes model.ckpt, the state to resume from (training.ckpt), log.csv, scores.csv and '
        'curves.png.', 'deepsort train Market-1501 out/training --evaluate-every 500')
    parser.add_argument(
        'data', type=Path, help='Market-1501, a folder of crops named as there, or one with a '
        'folder per identity')
    parser.add_argument('output', type=Path, help='folder to write')
    for option in OPTIONS:
        if option.metadata['several']:
            parser.add_argument(f'--{option.name}', nargs='+', type=Path, default=(),
                                metavar='FILE', help=option.metadata['help'])
            continue
        kind = next(k for k in (int, float, str) if k.__name__ == str(option.type).split(' ')[0])
        default = '' if option.default is None else f' (default: {option.default})'
        parser.add_argument(
            f'--{option.name.replace("_", "-")}', type=_type(option, kind), default=option.default,
            choices=option.metadata['choices'] or None, metavar=kind.__name__.upper()
            if not option.metadata['choices'] else None, help=option.metadata['help'] + default)
    parser.add_argument('--distribute', action='store_true',
                        help='share the work among processes: msrun --worker_num=N '
                        '--local_worker_num=N --join=True $(which deepsort) train ... '
                        '--distribute')
    parser.add_argument('--resume', action='store_true', help='go on from training.ckpt')
    add_json(parser)


def _type(option: Any, kind: type) -> Callable[[str], Any]:
    lowest = option.metadata['lowest']
    if kind is int:
        return whole(lowest)
    if kind is float:
        # A learning rate has no lowest value, and is above 0.
        return number(lowest or 0.0, above=lowest is None)
    return str


def run(args: argparse.Namespace) -> int:
    """Train and print where the model is."""
    from deepsort_ros.reid.dataset import DatasetError
    from deepsort_ros.reid.dataset import SUFFIXES
    from deepsort_ros.reid.model import read_model
    given = {option.name: getattr(args, option.name) for option in OPTIONS}
    given['teacher'] = tuple(map(str, given['teacher']))
    check_folder('the output', args.output, {'the data': args.data})
    try:
        config = TrainConfig(args.data, args.output, distribute=args.distribute,
                             resume=args.resume, **given)
    except ValueError as error:
        raise SettingError(str(error)) from error
    for teacher in config.teacher:
        read_model(teacher)
    if not args.data.is_dir() or not any(
            path.suffix.lower() in SUFFIXES for path in args.data.rglob('*')):
        raise DatasetError(f'{args.data}: not a folder of crops')
    from deepsort_ros.reid.training import train
    try:
        with progress_bar('training', 'step', args.json) as progress:
            model = train(config, lambda state: progress(state.step, state.steps))
    except KeyboardInterrupt:
        from deepsort_ros.reid.training import STATE_NAME
        cure = ('--resume goes on from there' if (args.output / STATE_NAME).is_file() else
                'no step is done yet; features of teachers that were ready are kept')
        print(f'deepsort: interrupted, {args.output}: {cure}', file=sys.stderr)
        return 1
    print(json.dumps({'model': str(model), 'steps': config.steps}) if args.json else model)
    return 0
