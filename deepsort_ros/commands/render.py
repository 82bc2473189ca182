"""``deepsort render``."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_first_frame
from deepsort_ros.commands.common import add_json
from deepsort_ros.commands.common import damaged
from deepsort_ros.commands.common import print_summary
from deepsort_ros.commands.common import progress_bar
from deepsort_ros.commands.common import say
from deepsort_ros.commands.paths import check_files
from deepsort_ros.commands.values import whole
from deepsort_ros.settings import SettingError


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'render', run, 'draw results on the images, as an MP4 file',
        'H.264, which browsers play. Given a history instead of results, lost boxes are dashed '
        'and tentative ones thin; a results file does not tell, all its boxes are solid.',
        'deepsort render MOT16-09 MOT16-09.txt --output MOT16-09.mp4')
    parser.add_argument('sequence', type=Path, help='sequence folder or video file')
    parser.add_argument('results', type=Path, help='MOTChallenge results, or a history of '
                        'deepsort track --history')
    parser.add_argument('--output', type=Path, metavar='FILE', help='default: NAME.mp4 here')
    parser.add_argument('--truth', type=Path, metavar='FILE', help='truth to draw underneath')
    add_first_frame(parser, '--first-frame', 'the results')
    add_first_frame(parser, '--truth-first-frame', 'the truth')
    parser.add_argument('--trail', type=whole(0), default=40, metavar='FRAMES',
                        help='length of the trails, 0 for none (default: 40)')
    parser.add_argument('--max-width', type=whole(16), metavar='PIXELS',
                        help='reduce wider images (default: keep every size)')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Draw and write the video."""
    from deepsort_ros.mot.history import read_history
    from deepsort_ros.mot.places import doubt_places
    from deepsort_ros.mot.sequence import open_sequence
    from deepsort_ros.mot.table import read_table
    from deepsort_ros.mot.table import TableKind
    from deepsort_ros.mot.video import render
    from deepsort_ros.tracking import TrackState
    if args.truth is None and args.truth_first_frame != 1:
        raise SettingError('--truth-first-frame: has no effect without --truth')
    results = read_history(args.results, args.first_frame)
    truth = (read_table(args.truth, TableKind.TRUTH, args.truth_first_frame) if args.truth
             else None)
    sequence = open_sequence(args.sequence, with_detections=False)
    say(sequence.notes)
    # Lost tracks of a history may be predicted to anywhere.
    say(doubt_places(args.results, results.tlwh[results.state != TrackState.LOST],
                     sequence.size))
    output = args.output or Path(f'{sequence.name}.mp4')
    check_files({'the sequence': args.sequence, 'the results': args.results,
                 '--truth': args.truth}, {'the video': output})
    with progress_bar('rendering', 'frame', args.json) as progress:
        summary = render(sequence, results, output, truth, args.trail, args.max_width or 0,
                         progress)
    print_summary(summary, args.json,
                  f'{output}: {summary.frames} frames at {summary.frame_rate:g} Hz')
    say(sequence.remarks())
    return damaged(summary.damage)
