"""``deepsort report``."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_json
from deepsort_ros.commands.common import add_pairing
from deepsort_ros.commands.common import damaged
from deepsort_ros.commands.common import print_summary
from deepsort_ros.commands.common import progress_bar
from deepsort_ros.commands.common import say
from deepsort_ros.commands.paths import check_files


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'report', run, 'write a page that shows what the tracker did',
        'One HTML file, complete in itself: scores, the life of every id, each identity switch '
        'with pictures before and after, distances of the matches, a strip of frames.',
        'deepsort report MOT16-09.txt --gt MOT16-09 --history MOT16-09.csv')
    parser.add_argument('results', type=Path, help='MOTChallenge results')
    parser.add_argument('--gt', type=Path, required=True, metavar='PATH',
                        help='sequence folder, or a truth file')
    parser.add_argument('--history', type=Path, metavar='FILE.csv',
                        help='of the same run, from deepsort track --history: states and '
                        'distances')
    add_pairing(parser)
    parser.add_argument('--rules', choices=('MOT15', 'MOT16', 'MOT20'),
                        help='which boxes count (default: from the truth)')
    parser.add_argument('--no-images', action='store_true',
                        help='leave out pictures, in a page for others')
    parser.add_argument('--output', type=Path, metavar='FILE', help='default: NAME.html here')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    from deepsort_ros.mot.doubts import doubts
    from deepsort_ros.mot.evaluation import find_pairs
    from deepsort_ros.mot.evaluation import truth_folder
    from deepsort_ros.mot.history import read_history
    from deepsort_ros.mot.sequence import open_sequence
    from deepsort_ros.report.report import write_report
    pair = find_pairs([args.gt, args.results], args.rules, args.class_id, args.first_frame,
                      args.truth_first_frame)[0]
    say(doubts(pair))
    history = read_history(args.history) if args.history else None
    folder = truth_folder(args.gt)
    sequence = None
    if not args.no_images and folder is not None:
        sequence = open_sequence(folder, with_detections=False)
    output = args.output or Path(f'{pair.name}.html')
    check_files({'the results': args.results, '--gt': args.gt, '--history': args.history},
                {'the page': output})
    with progress_bar('pictures', 'picture', args.json) as progress:
        summary = write_report(pair, output,
                               sequence if sequence and sequence.has_images else None,
                               history, progress)
    if sequence is not None:
        say(sequence.remarks())
    print_summary(summary, args.json, (
        f'{output}: {summary.switches} identity switches, {summary.tracks} tracks, '
        f'{summary.pictures} pictures, {summary.bytes / 1e6:.1f} MB'))
    return damaged(sequence.damage if sequence else '')
