"""``deepsort fetch-model``."""
from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_json
from deepsort_ros.commands.common import progress_bar
from deepsort_ros.commands.values import url


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'fetch-model', run, 'get the published MindSpore checkpoint',
        'Keeps it in ~/.cache/deepsort_ros once its SHA-256 is right; then model: hub works. An '
        'interrupted download goes on with the same command.',
        'deepsort fetch-model hub')
    parser.add_argument('name', choices=('hub',), help='hub: the DeepSORT of the MindSpore Hub')
    origin = parser.add_mutually_exclusive_group()
    origin.add_argument('--from', dest='source', type=Path, metavar='FILE',
                        help='take this copy, on a machine without internet')
    origin.add_argument('--url', type=url, help='of a mirror')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Fetch and print where the file is."""
    from deepsort_ros.reid.hub import cache_folder
    from deepsort_ros.reid.hub import fetch
    from deepsort_ros.reid.hub import FetchError
    from deepsort_ros.reid.hub import HUB
    asset = dataclasses.replace(HUB, url=args.url) if args.url else HUB
    try:
        with progress_bar('fetching', 'B', args.json) as progress:
            path = fetch(asset, cache_folder(), args.source, progress)
    except FetchError as error:
        print(f'deepsort: {error}', file=sys.stderr)
        return 1
    print(json.dumps({'path': str(path), 'sha256': asset.sha256}) if args.json else path)
    return 0
