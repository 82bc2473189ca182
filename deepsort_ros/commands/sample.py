"""``deepsort sample``."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_json
from deepsort_ros.commands.common import print_summary
from deepsort_ros.commands.common import progress_bar
from deepsort_ros.commands.paths import new_folder
from deepsort_ros.commands.values import number
from deepsort_ros.commands.values import whole


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'sample', run, 'write the sample scene with known truth',
        'People-like figures on a square, as a MOTChallenge sequence.',
        'deepsort sample out/sample')
    parser.add_argument('output', type=Path, help='folder to write')
    parser.add_argument('--seconds', type=number(1 / 15, 86400), default=20.0, metavar='S',
                        help='length (default: 20)')
    parser.add_argument('--people', type=whole(1, 1000), default=8, metavar='N',
                        help='how many walk (default: 8)')
    parser.add_argument('--seed', type=whole(0), default=7, metavar='N',
                        help='seed of everything random (default: 7)')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace the scene of an earlier run in the folder')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Draw and write the scene."""
    from deepsort_ros.scene.scene import is_scene
    from deepsort_ros.scene.scene import SceneConfig
    from deepsort_ros.scene.scene import write_scene
    new_folder('the folder', args.output, args.overwrite, is_scene, {})
    config = SceneConfig(seconds=args.seconds, people=args.people, seed=args.seed)
    with progress_bar('drawing', 'frame', args.json) as progress:
        summary = write_scene(args.output, config, progress)
    print_summary(summary, args.json, (
        f'{args.output}: {summary.frames} frames, {summary.trajectories} trajectories, '
        f'{summary.detections} detections'))
    return 0
