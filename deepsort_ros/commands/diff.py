"""``deepsort diff``."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_json
from deepsort_ros.commands.common import print_summary
from deepsort_ros.commands.values import number
from deepsort_ros.commands.values import topic


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'diff', run, 'compare two sets of tracks of the same images',
        'Two bags of TrackArrays, or two text files (results or histories). Ids may have other '
        'names. Prints the share of boxes that agree and the first difference.',
        'deepsort diff yesterday_tracks today_tracks --fail-below 99')
    parser.add_argument('first', type=Path, help='bag, results or history')
    parser.add_argument('second', type=Path, help='the same kind of file')
    place = parser.add_mutually_exclusive_group()
    place.add_argument('--tolerance', type=number(), default=1.0, metavar='PIXELS',
                       help='by which boxes may differ (default: 1)')
    place.add_argument('--overlap', type=number(0, 1), metavar='IOU',
                       help='instead: boxes are in one place from this overlap (IoU) on')
    parser.add_argument('--topic', type=topic,
                        help='of the tracks in the bags (default: the only one)')
    parser.add_argument('--fail-below', type=number(0, 100), metavar='PERCENT',
                        help='exit code 1 when less than this agrees')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Compare and print."""
    from deepsort_ros.bags.agreement import compare
    from deepsort_ros.bags.agreement import read_recording
    first, second = (read_recording(path, args.topic) for path in (args.first, args.second))
    agreement = compare(first, second, args.tolerance, args.overlap)
    text = (f'{agreement.percent:.2f} % agree: {agreement.agreed} of '
            f'{max(agreement.boxes_first, agreement.boxes_second)} boxes in {agreement.images} '
            f'common images')
    if agreement.difference:
        text += f'\nfirst difference: {agreement.difference}'
    print_summary(agreement, args.json, text)
    damaged = [recording.damage for recording in (first, second) if recording.damage]
    for text in damaged:
        print(f'deepsort: {text}', file=sys.stderr)
    differs = args.fail_below is not None and agreement.percent < args.fail_below
    return int(bool(damaged) or differs)
