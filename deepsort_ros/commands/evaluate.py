"""``deepsort evaluate``."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_pairing
from deepsort_ros.commands.common import say


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'evaluate', run, 'print the MOTChallenge table of results',
        'Give truths, then their results: sequence folders or truth files, then as many results '
        'files; or a folder of sequences and a folder of NAME.txt.',
        'deepsort evaluate TUD-Campus TUD-Campus.txt')
    parser.add_argument('paths', type=Path, nargs='+', metavar='PATH',
                        help='truths, then results')
    parser.add_argument('--compare', type=Path, nargs='+', metavar='OTHER', default=[],
                        help='other results of the same sequences (files, or one folder): show '
                        'both and their differences')
    add_pairing(parser)
    parser.add_argument('--rules', choices=('MOT15', 'MOT16', 'MOT20'),
                        help='which boxes count (default: from the truth; MOT17 has the rules '
                        'of MOT16)')
    parser.add_argument('--world', action='store_true',
                        help='judge positions in metres: give the sequence (with gt3d.txt and '
                        'poses.txt) and what track --world wrote')
    style = parser.add_mutually_exclusive_group()
    for name in ('json', 'csv', 'markdown'):
        style.add_argument(f'--{name}', dest='style', action='store_const', const=name,
                           help=f'print {name.replace("json", "JSON").replace("csv", "CSV")}')
    parser.set_defaults(style='text')


def run(args: argparse.Namespace) -> int:
    """Evaluate and print the table."""
    from deepsort_ros.mot.doubts import doubts
    from deepsort_ros.mot.evaluation import evaluate
    from deepsort_ros.mot.evaluation import find_other
    from deepsort_ros.mot.evaluation import find_pairs
    from deepsort_ros.mot.scores import format_comparison
    from deepsort_ros.mot.scores import format_scores
    if args.world:
        return _positions(args)
    pairs = find_pairs(args.paths, args.rules, args.class_id, args.first_frame,
                       args.truth_first_frame)
    others = find_other(pairs, args.compare, args.first_frame) if args.compare else []
    rows = evaluate(pairs)
    if others:
        print(format_comparison(rows, evaluate(others), args.style))
    else:
        print(format_scores(rows, args.style))
    for pair in (*pairs, *others):
        say(doubts(pair))
    return 0


def _positions(args: argparse.Namespace) -> int:
    """Print how far positions are from the truth."""
    from deepsort_ros.mot.positions import evaluate_positions
    from deepsort_ros.mot.positions import format_positions
    from deepsort_ros.settings import SettingError
    if len(args.paths) != 2 or args.compare or args.rules or (
            args.first_frame, args.truth_first_frame) != (1, 1):
        raise SettingError('--world: takes one truth and its results, no --compare, no --rules '
                           'and no --first-frame')
    truth, results = args.paths
    class_id = 1 if args.class_id is None else args.class_id
    print(format_positions(evaluate_positions(truth, results, class_id), args.style))
    return 0
