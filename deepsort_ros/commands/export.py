"""``deepsort export``."""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_json
from deepsort_ros.commands.paths import check_files
from deepsort_ros.commands.values import whole


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'export', run, 'write the appearance network for other programs',
        'Input images: N x 3 x 128 x 64 float32, RGB / 255, minus the ImageNet mean, divided by '
        'its deviation. Output features: N x 128 float32, of unit length.',
        'deepsort export bundled model.onnx')
    parser.add_argument('model', help='bundled, hub, or the path of a checkpoint')
    parser.add_argument('output', type=Path, metavar='FILE',
                        help='the suffix is the format: .mindir, .onnx, .air (on Ascend)')
    parser.add_argument('--batch', type=whole(0), default=0, metavar='N',
                        help='images per call (default: 0, any number)')
    parser.add_argument('--device', default='auto', choices=('auto', 'Ascend', 'GPU', 'CPU'))
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Export and print what was written."""
    from deepsort_ros.reid.export import export
    from deepsort_ros.reid.export import ExportError
    check_files({'the model': Path(args.model)}, {'the output': args.output})
    try:
        export(args.model, args.output, args.batch, args.device)
    except ExportError as error:
        print(f'deepsort: {error}', file=sys.stderr)
        return 2
    summary = {'output': str(args.output), 'bytes': args.output.stat().st_size,
               'batch': args.batch or None}
    print(json.dumps(summary) if args.json else f'{args.output}: {summary["bytes"]} bytes')
    return 0
