"""
The command ``deepsort``.

Only the wiring; what a subcommand takes and does is in its module of ``commands``. Exit code 0:
done; 1: failed or interrupted; 2: what was given is not acceptable, said in one line.
"""
from __future__ import annotations

import argparse
import errno
import logging
import os
import signal
import sys
from collections.abc import Sequence

from deepsort_ros.commands import bag
from deepsort_ros.commands import bags
from deepsort_ros.commands import crops
from deepsort_ros.commands import demo
from deepsort_ros.commands import diff
from deepsort_ros.commands import doctor
from deepsort_ros.commands import evaluate
from deepsort_ros.commands import evaluate_reid
from deepsort_ros.commands import export
from deepsort_ros.commands import fetch_model
from deepsort_ros.commands import info
from deepsort_ros.commands import render
from deepsort_ros.commands import report
from deepsort_ros.commands import reproduce
from deepsort_ros.commands import sample
from deepsort_ros.commands import track
from deepsort_ros.commands import train
from deepsort_ros.commands.values import Parser
from deepsort_ros.version import add_version

COMMANDS = (track, bag, bags, diff, evaluate, reproduce, report, render, sample, train,
            evaluate_reid, export, fetch_model, crops, demo, doctor, info)
# The errors that say what is wrong with the input. By name: to import them costs seconds.
INPUT_ERRORS = frozenset((
    'deepsort_ros.settings.SettingError', 'deepsort_ros.mot.cells.MotFileError',
    'deepsort_ros.reid.files.ModelError', 'deepsort_ros.reid.dataset.DatasetError',
    'deepsort_ros.reid.device.DeviceError', 'deepsort_ros.bags.storage.BagError'))


def build_parser() -> Parser:
    """Return the parser of the command line."""
    parser = Parser(
        prog='deepsort', description='Multi-object tracking with DeepSORT, without a robot.')
    add_version(parser)
    commands = parser.add_subparsers(title='commands', metavar='COMMAND', required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser


def _is_input_error(error: Exception) -> bool:
    names = {f'{kind.__module__}.{kind.__qualname__}' for kind in type(error).__mro__}
    return isinstance(error, OSError) or not names.isdisjoint(INPUT_ERRORS)


def _text(error: Exception) -> str:
    """Return what an error says, of an error of the system the file first."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        reason = {errno.ENOENT: 'no such file or folder', errno.EISDIR: 'is a folder, not a file',
                  errno.ENOTDIR: 'is not in a folder'}.get(error.errno or 0, error.strerror)
        return f'{os.fsdecode(error.filename)}: {reason}'
    return str(error)


class _Notes(logging.Handler):
    """Prints what the library warns of as the commands print their notes."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        print(f'deepsort: note: {record.getMessage()}', file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    args = build_parser().parse_args(argv)
    library, notes = logging.getLogger('deepsort_ros'), _Notes(logging.WARNING)
    library.addHandler(notes)
    try:
        return _run(args)
    finally:
        library.removeHandler(notes)


def _run(args: argparse.Namespace) -> int:
    # Both signals end the process in order; MindSpore also turns Ctrl-C into SIGTERM.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        print('deepsort: interrupted', file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Who read our output has had enough; nothing is left to be flushed to them at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ModuleNotFoundError as error:
        module = (error.name or 'deepsort_ros').partition('.')[0]
        if module == 'deepsort_ros':
            raise
        print(f'deepsort: this needs the Python package {module}, which is not installed here; '
              '"deepsort doctor" shows what is missing and how to get it', file=sys.stderr)
        return 2
    except Exception as error:
        if not _is_input_error(error):
            raise
        message = ' '.join(_text(error).split())
        print(f'deepsort: {message}', file=sys.stderr)
        return 2


if __name__ == '__main__':
    sys.exit(main())
