"""
What the subcommands share: help, settings, progress bars, summaries.

Nothing here imports numpy, MindSpore or ROS before a command runs, so that ``--help`` is quick.
"""
from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
import textwrap
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepsort_ros.commands.values import topic
from deepsort_ros.commands.values import whole
from deepsort_ros.parameter_files import read_parameter_file
from deepsort_ros.settings import SettingError
from deepsort_ros.settings import Settings
from deepsort_ros.settings import SPECS
from deepsort_ros.settings import TYPES

PRESETS = {'robot': 'config/tracker.yaml', 'reference': 'config/reference.yaml',
           'mot16': 'config/mot16.yaml'}
# Share of the detections left out that is worth a word.
MOST = 0.9
# Characters in a line of a description: the epilog keeps its lines, and so does this.
WIDTH = 79
Progress = Callable[[int, int], None]


def add_command(commands: Any, name: str, run: Callable[[argparse.Namespace], int], summary: str,
                details: str, example: str) -> argparse.ArgumentParser:
    """Add a subcommand, its help ending with an example, and return its parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=textwrap.fill(
            f'{summary[0].upper()}{summary[1:]}. {details}'.strip(), WIDTH),
        epilog=f'example:\n  {example}', formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose settings, for :func:`resolve_settings`."""
    group = parser.add_argument_group(
        'settings', 'in this order, later ones win: --preset, --params, single options, --set')
    group.add_argument('--preset', choices=tuple(PRESETS),
                       help='robot: the defaults of the node; reference: the paper; mot16: the '
                       'published evaluation')
    group.add_argument('--params', type=Path, metavar='FILE', help='ROS parameter file')
    group.add_argument('--appearance', choices=('always', 'on_demand', 'off'),
                       help='when appearance features are computed')
    add_model(group)
    group.add_argument('--set', action='append', default=[], metavar='NAME=VALUE',
                       help='any setting, for example max_age=2.0; may be repeated')


def add_model(parser: Any) -> None:
    """Add the options that choose model, engine and device; None where they are not given."""
    parser.add_argument(
        '--model', help='appearance model: "bundled", "hub", or the path of a .ckpt, .mindir, '
        '.onnx or .xml (OpenVINO)')
    parser.add_argument('--engine', choices=SPECS['engine'].choices,
                        help='what runs the model (default: auto)')
    parser.add_argument('--device', choices=SPECS['device'].choices,
                        help='where (default: auto)')


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument('--json', action='store_true', help='print the summary as JSON')


def add_first_frame(parser: argparse.ArgumentParser, option: str, what: str) -> None:
    """Add an option that says what a file calls the first frame."""
    parser.add_argument(option, type=whole(0), default=1, metavar='N',
                        help=f'number of the first frame in {what} (default: 1)')


def add_pairing(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how truth and results are read."""
    parser.add_argument('--class', dest='class_id', type=whole(0), metavar='N',
                        help='class of the truth (column 8) that counts, instead of pedestrians; '
                        'of results with classes, those of it')
    add_first_frame(parser, '--first-frame', 'the results')
    add_first_frame(parser, '--truth-first-frame', 'the truth')


def check_world_topics(args: argparse.Namespace, settings: Settings) -> None:
    """
    Refuse topics of :func:`add_world_topics` that nothing would read.

    :raises SettingError: the settings ask for no positions and no poses.
    """
    if settings.world == 'off' and settings.camera_motion != 'tf':
        for name in ('camera_info', 'depth'):
            if getattr(args, name) is not None:
                raise SettingError(f'--{name.replace("_", "-")}: has no effect, nothing asks for '
                                   'positions; add --set world=ground or --set camera_motion=tf')
    if args.depth is not None and settings.world != 'depth':
        raise SettingError('--depth: has no effect without --set world=depth')


def say(notes: Iterable[str]) -> None:
    """Print what the user must know about the input, a line each, on stderr."""
    for note in notes:
        print(f'deepsort: note: {note}', file=sys.stderr)


def resolve_settings(args: argparse.Namespace, frame_rate: float | None = None) -> Settings:
    """
    Return the settings of ``--preset``, ``--params``, ``--set`` and the like; later ones win.

    :param frame_rate: of the input, used unless one of them sets it.
    :raises SettingError: an unknown name or a value that is not acceptable.
    """
    # Here, so that "deepsort doctor" can say that it is missing.
    import yaml
    changes: dict[str, Any] = {} if frame_rate is None else {'frame_rate': frame_rate}
    if args.preset:
        changes.update(preset(args.preset))
    if args.params:
        changes.update(read_parameter_file(args.params))
    for name in ('appearance', 'model', 'engine', 'device'):
        if getattr(args, name) is not None:
            changes[name] = getattr(args, name)
    for assignment in args.set:
        name, equals, text = assignment.partition('=')
        if not equals:
            raise SettingError(f'--set {assignment}: not NAME=VALUE')
        # YAML takes the word off for false.
        try:
            changes[name] = text if TYPES.get(name) is str else yaml.safe_load(text)
        except yaml.YAMLError:
            raise SettingError(f'--set {assignment}: {text!r} is not a value in YAML') from None
    return Settings().replace(changes)


def preset(name: str) -> dict[str, Any]:
    """Return the settings of one of ``PRESETS``."""
    from deepsort_ros.resources import share_path
    return read_parameter_file(share_path(PRESETS[name]))


def add_world_topics(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the topics of a bag that positions come from."""
    parser.add_argument('--camera-info', type=topic, metavar='TOPIC',
                        help='with world or camera_motion tf: calibration of the camera; '
                        'default: the one beside the image, else the only one')
    parser.add_argument('--depth', type=topic, metavar='TOPIC',
                        help='with world depth: depth images')


def create_encoder(settings: Settings) -> Any:
    """Return the appearance encoder the settings ask for, warmed up; None when it is off."""
    if settings.appearance == 'off':
        return None
    from deepsort_ros.reid.interruption import Interruption
    # An exception raised while MindSpore is imported or compiles aborts the process.
    with Interruption() as signals:
        from deepsort_ros.reid.encoder import Encoder
        signals.check()
        encoder = Encoder.create(
            model=settings.model, engine=settings.engine, device=settings.device,
            device_id=settings.device_id, precision=settings.precision,
            batch_buckets=settings.batch_buckets, color_order=settings.color_order,
            normalisation=settings.normalisation)
        signals.check()
        encoder.warm_up(lambda text: print(f'deepsort: {text}', file=sys.stderr))
    return encoder


@contextlib.contextmanager
def progress_bar(label: str, unit: str, quiet: bool) -> Iterator[Progress]:
    """Yield a callback (done, all) that shows a bar on a terminal's stderr."""
    from tqdm import tqdm
    with tqdm(desc=label, unit=unit, disable=True if quiet else None) as bar:
        def update(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)
        yield update


def print_summary(summary: Any, as_json: bool, text: str) -> None:
    """Print a summary, a dataclass, as JSON or as this text."""
    print(json.dumps(dataclasses.asdict(summary), indent=2, default=str) if as_json else text)


def left_out(ignored: Mapping[str, int], total: int, ids: int, settings: Settings) -> list[str]:
    """
    Return why there are no tracks, or why hardly any detection was used, a sentence each.

    :param ignored: detections left out, by reason; :param total: all detections.
    :param ids: tracks that were written.
    """
    if total and sum(ignored.values()) >= MOST * total:
        values = {'confidence': ('min_confidence', settings.min_confidence),
                  'height': ('min_box_height', settings.min_box_height),
                  'class': ('classes', ', '.join(settings.classes))}
        reasons = ', '.join(f'{count} by {reason}' + (
            f' ({values[reason][0]}: {values[reason][1]})' if reason in values else '')
            for reason, count in ignored.items())
        return [f'{sum(ignored.values())} of {total} detections were left out: {reasons}']
    if total and not ids:
        return [f'no track was confirmed, which takes {settings.n_init} detections in a row that '
                'match']
    return []


def damaged(damage: str) -> int:
    """Return the exit code of what was read in part: 1, and say on stderr what was not; or 0."""
    if damage:
        print(f'deepsort: {damage}', file=sys.stderr)
    return int(bool(damage))


def outcome(summary: Any, output: Path) -> int:
    """Return the exit code of a tracking run; say on stderr why it is not 0."""
    if summary.interrupted:
        print(f'deepsort: interrupted after {summary.frames} frames; the results so far are in '
              f'{output}', file=sys.stderr)
    if summary.encoder_error:
        print(f'deepsort: the appearance network failed, tracked on by motion alone: '
              f'{summary.encoder_error}', file=sys.stderr)
    partly = damaged(summary.damage)
    return 1 if summary.interrupted or summary.encoder_error else partly
