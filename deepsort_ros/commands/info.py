"""``deepsort info``."""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_json


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'info', run, 'say what a file holds',
        'A bag, a sequence folder, a video, MOTChallenge results or detections, features, or an '
        'appearance model, also "bundled" and "hub".', 'deepsort info MOT16-09.txt')
    parser.add_argument('path', type=Path, help='file or folder')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Describe and print."""
    from deepsort_ros.info import as_text
    from deepsort_ros.info import describe
    content = describe(args.path)
    print(json.dumps(content, indent=2) if args.json else as_text(content))
    return 0
