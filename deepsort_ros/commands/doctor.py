"""``deepsort doctor``."""
from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
import textwrap
from collections import Counter
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_json

# Of the output of --json; raised when a key changes its meaning or goes.
FORMAT = 1
# What the worst state means.
VERDICTS = {'error': 'Not ready: mend what is marked error', 'warning': 'Ready, with limits',
            'note': 'Ready', 'ok': 'Ready'}


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'doctor', run, 'say what is there and what is missing, with the cure',
        'Looks at ROS, messages, DDS, engines, CANN, the driver and the model, and computes one '
        'crop on every device. Exit code 1: something is an error.', 'deepsort doctor --json')
    parser.add_argument('--quick', action='store_true', help='compute nothing')
    parser.add_argument('--model', default='bundled', metavar='FILE',
                        help='look at this model and compute with it (default: bundled)')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Check and print."""
    from deepsort_ros.doctor.checks import quick
    # Libraries that are broken print what they have to say anywhere.
    with contextlib.redirect_stdout(sys.stderr):
        checks = quick(args.model)
        if not args.quick and checks[-1].state != 'error':
            from deepsort_ros.doctor import crop
            checks += crop.check(list(crop.devices(args.model)),
                                 lambda text: print(f'deepsort: {text}', file=sys.stderr),
                                 model=args.model)
    failed = any(check.state == 'error' for check in checks)
    if args.json:
        print(json.dumps({'format': FORMAT, 'ok': not failed,
                          'checks': [dataclasses.asdict(check) for check in checks]}, indent=2))
    else:
        for check in checks:
            print(textwrap.fill(f'{check.state:8} {check.name}: {check.text}', 99,
                                subsequent_indent=' ' * 9, break_on_hyphens=False,
                                break_long_words=False))
            if check.cure:
                # On one line: it is there to be copied.
                print(f'         -> {check.cure}')
        count = Counter(check.state for check in checks)
        print('; '.join([VERDICTS[next((s for s in VERDICTS if count[s]), 'ok')], *(
            f'{count[state]} {state}{"s" if count[state] > 1 else ""}'
            for state in ('error', 'warning', 'note') if count[state])]))
    return int(failed)
