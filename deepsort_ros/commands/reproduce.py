"""``deepsort reproduce``."""
from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_json
from deepsort_ros.commands.common import add_model
from deepsort_ros.commands.common import create_encoder
from deepsort_ros.commands.common import preset
from deepsort_ros.commands.common import progress_bar
from deepsort_ros.commands.paths import check_folder
from deepsort_ros.settings import SettingError
from deepsort_ros.settings import Settings

HUB = 'hub'


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'reproduce', run, 'run the published MOT16 evaluation',
        'Computes features, tracks with the preset mot16, and prints the table with our row '
        'beside the published one. What is done stays in the output folder: the same command '
        'goes on after an interruption.',
        'deepsort reproduce MOT16/train --model hub --output out/reproduce')
    parser.add_argument('folder', type=Path, metavar='MOT16_DIR',
                        help='folder of sequence folders with truth; one sequence is enough')
    inputs = parser.add_mutually_exclusive_group()
    inputs.add_argument('--detections', type=Path, metavar='DIR',
                        help='NAME.txt or NAME.npy (10 columns) per sequence (default: '
                        'det/det.txt of each)')
    inputs.add_argument('--features', type=Path, metavar='DIR',
                        help='NAME.npy per sequence, N x 138: detections with features computed '
                        'before, for instance by the original code; no network is used')
    add_model(parser)
    parser.add_argument('--output', type=Path, default=Path('out/reproduce'), metavar='FOLDER',
                        help='features, results and histories (default: out/reproduce)')
    add_json(parser)


def settings_for(model: str | None, device: str | None, engine: str | None = None) -> Settings:
    """
    Return the published settings for a model, by default the bundled one.

    Only the published network is fed BGR, as it was then; others are fed what they were trained
    on.
    """
    changes = preset('mot16')
    given = (('model', model), ('device', device), ('engine', engine))
    changes.update({name: value for name, value in given if value is not None})
    if model != HUB:
        changes['color_order'] = 'auto'
    return Settings().replace(changes)


def run(args: argparse.Namespace) -> int:
    """Run the evaluation and print the tables."""
    from deepsort_ros.mot.reproduction import format_reproduction
    from deepsort_ros.mot.reproduction import Inputs
    from deepsort_ros.mot.reproduction import reproduce
    check_folder('--output', args.output, {
        'the folder of sequences': args.folder, '--detections': args.detections,
        '--features': args.features})
    given = [name for name in ('model', 'engine', 'device') if getattr(args, name) is not None]
    if args.features and given:
        raise SettingError(f'--{given[0]}: has no effect with --features, no network is used')
    settings = settings_for(args.model, args.device, args.engine)
    try:
        found = reproduce(Inputs(args.folder, args.detections, args.features), args.output,
                          settings, lambda: create_encoder(settings),
                          lambda label, unit: progress_bar(label, unit, args.json))
    except KeyboardInterrupt:
        print(f'deepsort: interrupted; the same command goes on from {args.output}',
              file=sys.stderr)
        return 1
    print(json.dumps(dataclasses.asdict(found), indent=2) if args.json
          else format_reproduction(found))
    return 0
