"""``deepsort bag``."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_json
from deepsort_ros.commands.common import add_settings
from deepsort_ros.commands.common import add_world_topics
from deepsort_ros.commands.common import check_world_topics
from deepsort_ros.commands.common import create_encoder
from deepsort_ros.commands.common import left_out
from deepsort_ros.commands.common import outcome
from deepsort_ros.commands.common import print_summary
from deepsort_ros.commands.common import progress_bar
from deepsort_ros.commands.common import resolve_settings
from deepsort_ros.commands.common import say
from deepsort_ros.commands.paths import check_folder
from deepsort_ros.commands.values import topic
from deepsort_ros.settings import SettingError


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'bag', run, 'track a bag offline',
        'Reads images and detections of a rosbag2 bag and writes the tracks into a new one: what '
        'the node computes, as fast as it goes.',
        'deepsort bag walk.mcap walk_tracks --image /camera/image_raw')
    parser.add_argument('input', type=Path, help='bag, mcap or sqlite3')
    parser.add_argument('output', type=Path, help='new bag (mcap, or sqlite3 for NAME.db3)')
    for name, default in (('image', None), ('detections', None), ('tracks', '/tracks')):
        parser.add_argument(f'--{name}', type=topic, metavar='TOPIC', default=default,
                            help=f'default: {default or "the only one of its type"}')
    add_world_topics(parser)
    parser.add_argument('--bag-version', type=int, choices=(8, 9), metavar='N',
                        help='version of the new bag: 8 for Humble, 9 for later distributions; '
                        'default: what ROS here reads')
    add_settings(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Track, write the bag, print a summary."""
    settings = resolve_settings(args)
    from deepsort_ros.bags.bag import check
    from deepsort_ros.bags.bag import convert
    from deepsort_ros.bags.reader import WorldSource
    if args.output.exists():
        raise SettingError(f'{args.output}: is there already; choose another name')
    check_folder('the new bag', args.output, {})
    check_world_topics(args, settings)
    world = WorldSource(args.camera_info, args.depth)
    check(args.input, settings, args.image, args.detections, world)
    encoder = create_encoder(settings)
    with progress_bar('tracking', 'message', args.json) as progress:
        summary = convert(args.input, args.output, settings, encoder, args.image,
                          args.detections, args.tracks, progress, args.bag_version, world)
    dropped = ', '.join(f'{count} {reason}' for reason, count in summary.dropped.items())
    print_summary(summary, args.json, (
        f'{args.output}: {summary.frames} TrackArrays, {summary.ids} ids from {summary.images} '
        f'images and {summary.detections} detection messages in {summary.seconds:.1f} s; '
        f'dropped: {dropped or "none"}'))
    say(summary.notes)
    say(left_out(summary.ignored, summary.boxes, summary.ids, settings))
    for name, count in summary.without.items():
        print(f'deepsort: {count} images without {name}: {summary.world_problems[name]}',
              file=sys.stderr)
    if summary.nothing:
        print(f'deepsort: {args.input}: {summary.nothing}', file=sys.stderr)
    return int(bool(summary.nothing)) or outcome(summary, args.output)
