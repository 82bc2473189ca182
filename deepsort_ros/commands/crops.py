"""``deepsort crops``."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_json
from deepsort_ros.commands.common import damaged
from deepsort_ros.commands.common import print_summary
from deepsort_ros.commands.common import progress_bar
from deepsort_ros.commands.common import say
from deepsort_ros.commands.paths import new_folder
from deepsort_ros.commands.values import number
from deepsort_ros.commands.values import whole


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'crops', run, 'cut out the people of a MOTChallenge truth',
        'Writes a folder for each identity, files named as in Market-1501 with the sequence as '
        'camera: data for train and evaluate-reid.',
        'deepsort crops MOT16-02 MOT16-09 --output out/crops --every 10')
    parser.add_argument('sequences', nargs='+', type=Path, metavar='SEQUENCE',
                        help='folder with images and gt/gt.txt')
    parser.add_argument('--output', type=Path, required=True, metavar='FOLDER')
    parser.add_argument('--every', type=whole(1), default=5, metavar='N',
                        help='take every n-th frame (default: 5)')
    parser.add_argument('--min-height', type=number(), default=32.0, metavar='PX',
                        help='leave lower boxes out (default: 32)')
    parser.add_argument('--min-visibility', type=number(0, 1), default=0.5, metavar='SHARE',
                        help='leave out who is hidden more, where the truth tells (default: 0.5)')
    parser.add_argument('--class', dest='class_id', type=whole(0), default=1, metavar='N',
                        help='class of the truth to cut out, where it has classes (default: 1, '
                        'pedestrians)')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace the crops of an earlier run in the folder')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Cut and print a summary."""
    from deepsort_ros.crops import is_identity
    from deepsort_ros.crops import write_crops
    from deepsort_ros.mot.sequence import open_sequence
    for path in args.sequences:
        open_sequence(path, with_detections=False)
    new_folder('--output', args.output, args.overwrite, is_identity,
               {f'the sequence {path}': path for path in args.sequences})
    with progress_bar('cropping', 'frame', args.json) as progress:
        summary = write_crops(args.sequences, args.output, args.every, args.min_height,
                              args.min_visibility, progress, args.class_id)
    print_summary(summary, args.json, f'{summary.output}: {summary.crops} crops of '
                  f'{summary.identities} identities')
    say(summary.notes)
    return damaged(summary.damage)
