"""``deepsort track``."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_json
from deepsort_ros.commands.common import add_settings
from deepsort_ros.commands.common import create_encoder
from deepsort_ros.commands.common import outcome
from deepsort_ros.commands.common import print_summary
from deepsort_ros.commands.common import progress_bar
from deepsort_ros.commands.common import resolve_settings
from deepsort_ros.settings import SettingError


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'track', run, 'track a MOTChallenge sequence or a video',
        'Writes a MOTChallenge results file. Without a frame_rate among the settings that of the '
        'sequence is used.',
        'deepsort track MOT16-09 --preset mot16 --output MOT16-09.txt')
    parser.add_argument('sequence', type=Path, help='sequence folder or video file')
    inputs = parser.add_mutually_exclusive_group()
    inputs.add_argument('--detections', type=Path, metavar='FILE',
                        help='MOTChallenge detections (default: det/det.txt of the sequence)')
    inputs.add_argument('--features', type=Path, metavar='FILE.npy',
                        help='detections with features computed before, (N, 10 + D)')
    parser.add_argument('--output', type=Path, metavar='FILE',
                        help='results (default: NAME.txt here)')
    parser.add_argument('--lost', choices=('none', 'recent', 'all'), default='recent',
                        help='predicted boxes to write: none, those missed in one image (the '
                        'default, as the published evaluation does), all')
    parser.add_argument('--interpolate', type=int, default=0, metavar='FRAMES',
                        help='afterwards, fill gaps of up to so many frames in the results (best '
                        'with --lost none)')
    parser.add_argument('--history', type=Path, metavar='FILE.csv',
                        help='also write every track of every image, tentative and lost ones '
                        'too, with the distances of the matches; for render and report')
    add_settings(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Track, write the results, print a summary."""
    from deepsort_ros.mot.interpolation import interpolate_file
    from deepsort_ros.mot.sequence import open_sequence
    from deepsort_ros.mot.tracking import StoredFeatures
    from deepsort_ros.mot.tracking import track
    stored = StoredFeatures(args.features) if args.features else None
    sequence = open_sequence(args.sequence, stored.table if stored else args.detections)
    settings = resolve_settings(args, sequence.frame_rate)
    if stored is None and settings.appearance != 'off' and not sequence.has_images:
        raise SettingError(f'{args.sequence}: no images, so appearance must be off')
    encoder = stored or create_encoder(settings)
    output = args.output or Path(f'{sequence.name}.txt')
    with progress_bar('tracking', 'frame', args.json) as progress:
        summary = track(sequence, settings, encoder, output, args.lost, progress,
                        args.history)
    if args.interpolate > 0 and summary.rows:
        summary.rows += interpolate_file(output, args.interpolate)
    summary.encoder = encoder.describe() if encoder else {}
    device = summary.encoder.get('device')
    print_summary(summary, args.json, (
        f'{output}: {summary.rows} rows, {summary.ids} ids in {summary.frames} of '
        f'{summary.length} frames, {summary.crops} features{f" on {device}" if device else ""}, '
        f'{summary.frames_per_second:.1f} frames/s'))
    return outcome(summary, output)
