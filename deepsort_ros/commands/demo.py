"""``deepsort demo``."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_json
from deepsort_ros.commands.common import add_model
from deepsort_ros.commands.common import damaged
from deepsort_ros.commands.common import print_summary
from deepsort_ros.commands.common import progress_bar
from deepsort_ros.commands.paths import check_folder
from deepsort_ros.commands.values import number
from deepsort_ros.settings import SettingError


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'demo', run, 'play a sequence into the live node and show its tracks',
        'Starts the node as a process of its own, publishes the images and detections over DDS, '
        'records the tracks, draws a video and scores the result where the truth is known.',
        'deepsort demo --output out/demo')
    played = parser.add_mutually_exclusive_group()
    played.add_argument('--sequence', type=Path, metavar='FOLDER',
                        help='MOTChallenge sequence (default: the sample scene)')
    played.add_argument('--video', type=Path, metavar='FILE',
                        help='a video instead; OpenCV looks for people in it first')
    parser.add_argument('--output', type=Path, default=Path('out/demo'), metavar='FOLDER',
                        help='folder to write (default: out/demo)')
    parser.add_argument('--rate', type=number(above=True), metavar='HZ',
                        help='images per second (default: as fast as the node answers)')
    played.add_argument('--drive', action='store_true',
                        help='a robot that drives and turns instead: tracked with and without '
                        'ego-motion, positions in metres against truth, seen from above')
    add_model(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Run the demo and print what it saw."""
    check_folder('--output', args.output, {'--sequence': args.sequence, '--video': args.video})
    if args.drive:
        given = [name for name in ('rate', 'model', 'engine', 'device')
                 if getattr(args, name) is not None]
        if given:
            raise SettingError(f'--{given[0]}: has no effect with --drive, which tracks offline '
                               'and by motion')
        return _drive(args)
    from deepsort_ros.demo import DemoError
    from deepsort_ros.demo import format_summary
    from deepsort_ros.demo import run as run_demo
    parameters = {name: getattr(args, name) for name in ('model', 'engine', 'device')
                  if getattr(args, name) is not None}
    if 'model' in parameters and Path(parameters['model']).exists():
        parameters['model'] = str(Path(parameters['model']).resolve())
    if 'model' in parameters:
        from deepsort_ros.reid.model import read_model
        read_model(parameters['model'])
    try:
        summary = run_demo(args.output, args.video or args.sequence, args.rate,
                           lambda stage: progress_bar(stage, 'frame', args.json), parameters,
                           detect=args.video is not None)
    except DemoError as error:
        print(f'deepsort: {error}', file=sys.stderr)
        return 1
    print_summary(summary, args.json, format_summary(summary))
    if summary.dropped:
        print(f'deepsort: {summary.dropped} of {summary.frames + summary.dropped} images were '
              f'dropped: the node tracks {summary.frames_per_second:g} images per second; a lower '
              '--rate, or none, drops none', file=sys.stderr)
    return damaged(summary.damage)


def _drive(args: argparse.Namespace) -> int:
    """Run the demo of a robot that moves."""
    from deepsort_ros.drive_demo import format_summary
    from deepsort_ros.drive_demo import run as run_drive
    summary = run_drive(args.output, lambda stage: progress_bar(stage, 'frame', args.json))
    print_summary(summary, args.json, format_summary(summary))
    return 0
