"""``deepsort track``."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_first_frame
from deepsort_ros.commands.common import add_json
from deepsort_ros.commands.common import add_settings
from deepsort_ros.commands.common import create_encoder
from deepsort_ros.commands.common import left_out
from deepsort_ros.commands.common import outcome
from deepsort_ros.commands.common import print_summary
from deepsort_ros.commands.common import progress_bar
from deepsort_ros.commands.common import resolve_settings
from deepsort_ros.commands.common import say
from deepsort_ros.commands.paths import check_files
from deepsort_ros.commands.values import whole
from deepsort_ros.settings import SettingError
from deepsort_ros.settings import Settings

if TYPE_CHECKING:
    from deepsort_ros.mot.poses import Poses
    from deepsort_ros.mot.sequence import Sequence
    from deepsort_ros.mot.tracking import StoredFeatures

# Presets of published figures, with detections whose scores have no scale.
PUBLISHED = ('reference', 'mot16')


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'track', run, 'track a folder of images or a video',
        'Writes a MOTChallenge results file. Without a frame_rate among the settings that of the '
        'sequence is used.',
        'deepsort track MOT16-09 --preset mot16 --output MOT16-09.txt')
    parser.add_argument('sequence', type=Path, help='sequence folder or video file')
    inputs = parser.add_mutually_exclusive_group()
    inputs.add_argument('--detections', type=Path, metavar='FILE',
                        help='MOTChallenge detections (default: det/det.txt of the sequence)')
    inputs.add_argument('--features', type=Path, metavar='FILE.npy',
                        help='detections with features computed before, (N, 10 + D)')
    add_first_frame(parser, '--first-frame', 'the detections')
    parser.add_argument('--output', type=Path, metavar='FILE',
                        help='results (default: NAME.txt here)')
    parser.add_argument('--scores', action='store_true',
                        help='write score and class of the last detection of each track into '
                        'columns 7 and 8 (without: 1 and -1, as the reference does)')
    parser.add_argument('--lost', choices=('none', 'recent', 'all'), default='recent',
                        help='predicted boxes to write: none, those missed in one image (the '
                        'default, as the published evaluation does), all')
    parser.add_argument('--interpolate', type=whole(0), default=0, metavar='FRAMES',
                        help='afterwards, fill gaps of up to so many frames in the results (best '
                        'with --lost none)')
    parser.add_argument('--history', type=Path, metavar='FILE.csv',
                        help='also write every track of every image, tentative and lost ones '
                        'too, with the distances of the matches; for render and report')
    parser.add_argument('--poses', type=Path, metavar='FILE',
                        help='where the camera was (default: poses.txt of the sequence, where '
                        'there is one; see docs/world.md)')
    parser.add_argument('--calib', type=Path, metavar='FILE',
                        help='calibration of the camera (default: calib.txt of the sequence)')
    parser.add_argument('--world', type=Path, metavar='FILE',
                        help='also write the positions of the tracks in metres; needs poses, and '
                        '--set world=ground')
    add_settings(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Track, write the results, print a summary."""
    from deepsort_ros.mot.interpolation import interpolate_file
    from deepsort_ros.mot.places import check_images
    from deepsort_ros.mot.places import doubt_detections
    from deepsort_ros.mot.sequence import open_sequence
    from deepsort_ros.mot.tracking import track
    from deepsort_ros.pipeline.parts import DEFAULT_DISTANCE
    from deepsort_ros.pipeline.selection import Scale
    stored = _stored(args)
    sequence = open_sequence(args.sequence, stored.table if stored else args.detections,
                             first_frame=args.first_frame)
    say(sequence.notes)
    assert sequence.detections is not None
    say(doubt_detections(sequence))
    settings = resolve_settings(args, sequence.frame_rate)
    if stored is None and settings.appearance != 'off' and not sequence.has_images:
        raise SettingError(f'{args.sequence}: no images, so appearance must be off')
    if stored is None and settings.appearance != 'off':
        check_images(sequence)
    if stored and not (settings.max_cosine_distance or stored.max_cosine_distance):
        say([f'{args.features}: nothing says which model made the features, so '
             f'max_cosine_distance is {DEFAULT_DISTANCE:g}; give the model with --model, or '
             '--set max_cosine_distance=VALUE'])
    if args.preset not in PUBLISHED:
        scale = Scale()
        scale.take(sequence.detections.confidence)
        say(filter(None, [scale.words(settings)]))
    poses = _poses(args, sequence, settings)
    output = args.output or Path(f'{sequence.name}.txt')
    check_files(
        {'the sequence': args.sequence, '--detections': args.detections,
         '--features': args.features, '--poses': args.poses, '--calib': args.calib,
         '--params': args.params},
        {'the results': output, '--history': args.history, '--world': args.world})
    encoder = stored or create_encoder(settings)
    with progress_bar('tracking', 'frame', args.json) as progress:
        summary = track(sequence, settings, encoder, output, args.lost, progress,
                        args.history, poses, args.world, args.scores)
    if args.interpolate > 0 and summary.rows:
        summary.rows += interpolate_file(output, args.interpolate)
    summary.encoder = encoder.describe() if encoder else {}
    device = summary.encoder.get('device')
    print_summary(summary, args.json, (
        f'{output}: {summary.rows} rows, {summary.ids} ids in {summary.frames} of '
        f'{summary.length} frames, {summary.crops} features{f" on {device}" if device else ""}, '
        f'{summary.frames_per_second:.1f} frames/s'))
    say(sequence.remarks())
    say(left_out(summary.ignored, len(sequence.detections), summary.ids, settings))
    return outcome(summary, output)


def _stored(args: argparse.Namespace) -> StoredFeatures | None:
    """Return the features of ``--features``; their limit is that of ``--model`` where given."""
    if not args.features:
        return None
    from deepsort_ros.mot.tracking import StoredFeatures
    for name in ('engine', 'device'):
        if getattr(args, name) is not None:
            raise SettingError(f'--{name}: has no effect with --features, no network is used')
    limit = None
    if args.model:
        from deepsort_ros.reid.model import read_model
        limit = read_model(args.model).max_cosine_distance
    return StoredFeatures(args.features, limit, args.first_frame)


def _poses(args: argparse.Namespace, sequence: Sequence, settings: Settings) -> Poses | None:
    """Return the poses of the camera, None when nothing asks for them."""
    from deepsort_ros.mot.poses import find_poses
    from deepsort_ros.pipeline import world_config
    wanted = world_config(settings) is not None
    if args.world and settings.world == 'off':
        raise SettingError(f'--world {args.world}: no positions, as the setting world is off; '
                           f'add --set world=ground')
    if not wanted:
        if args.poses or args.calib:
            raise SettingError('--poses, --calib: nothing asks for poses; add --set '
                               'camera_motion=tf or --set world=ground')
        return None
    poses = find_poses(sequence.path, sequence.size, args.poses, args.calib)
    if poses is None:
        raise SettingError(f'{sequence.path}: no poses.txt and calib.txt, which camera_motion tf '
                           f'and world need; name them with --poses and --calib')
    if len(poses.poses) < sequence.length:
        raise SettingError(f'{args.poses or sequence.path / "poses.txt"}: {len(poses.poses)} '
                           f'poses, but the sequence has {sequence.length} frames')
    return poses
