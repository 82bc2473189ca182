"""``deepsort bags``."""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_settings
from deepsort_ros.commands.common import add_world_topics
from deepsort_ros.commands.common import check_world_topics
from deepsort_ros.commands.common import create_encoder
from deepsort_ros.commands.common import resolve_settings
from deepsort_ros.commands.paths import check_folder
from deepsort_ros.commands.values import address
from deepsort_ros.commands.values import topic
from deepsort_ros.commands.values import whole


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'bags', run, 'track many bags, on this machine or on a cluster',
        'One Dask task per bag. Bags that are done are skipped by their content, so the same '
        'command resumes. A bad bag does not stop the others. Prints one line of JSON per bag; '
        'the output folder gets bags.jsonl and index.html.',
        'deepsort bags recordings/*.mcap --output tracks --workers 4')
    parser.add_argument('bags', type=Path, nargs='+', metavar='BAG', help='bags, mcap or sqlite3')
    parser.add_argument('--output', type=Path, required=True, metavar='DIR')
    where = parser.add_mutually_exclusive_group()
    where.add_argument('--workers', type=whole(1), metavar='N',
                       help='processes on this machine (default: by cores and memory)')
    where.add_argument('--scheduler', type=address, metavar='tcp://HOST:PORT',
                       help='a running Dask scheduler, whose workers see the same paths')
    for name in ('image', 'detections'):
        parser.add_argument(f'--{name}', type=topic, metavar='TOPIC',
                            help='default: the only one of its type')
    add_world_topics(parser)
    add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Track all bags; exit code 1 when one failed."""
    settings = resolve_settings(args)
    from deepsort_ros.bags import fleet
    from deepsort_ros.bags.reader import WorldSource
    check_world_topics(args, settings)
    check_folder('--output', args.output, {f'the bag {bag}': bag for bag in args.bags})
    output = args.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    bags = [bag.resolve() for bag in args.bags]
    tasks = [fleet.Task(bag, folder, settings, create_encoder, args.image, args.detections,
                        WorldSource(args.camera_info, args.depth))
             for bag, folder in zip(bags, fleet.folders(bags, output))]
    records: list[dict[str, Any]] = []
    with fleet.cluster(args.scheduler, args.workers, len(tasks)) as client, \
            (output / 'bags.jsonl').open('w', encoding='utf-8') as lines:
        print(f'deepsort: dashboard at {client.dashboard_link}', file=sys.stderr)
        for record in fleet.run(client, tasks):
            records.append(record)
            line = json.dumps(record)
            print(line, flush=True)
            lines.write(line + '\n')
            lines.flush()
    fleet.write_page(records, output / 'index.html')
    return int(any(record['status'] == 'failed' or record['error'] or record.get('damage')
                   for record in records))
