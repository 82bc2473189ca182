"""
The command ``deepsort``.

Only the wiring: each subcommand imports what it needs when it runs, so that ``--help`` is quick
and needs neither ROS nor MindSpore. Exit code 0: done; 1: failed or interrupted; 2: what was
given is not acceptable, said in one line.
"""
from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import signal
import sys
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from deepsort_ros.settings import read_parameter_file
from deepsort_ros.settings import SettingError
from deepsort_ros.settings import Settings
from deepsort_ros.settings import TYPES

PRESETS = {'robot': 'config/tracker.yaml', 'mot16': 'config/mot16.yaml'}
# The errors that say what is wrong with the input. By name: to import them costs seconds.
INPUT_ERRORS = frozenset((
    'deepsort_ros.settings.SettingError', 'deepsort_ros.mot.table.MotFileError',
    'deepsort_ros.reid.checkpoint.CheckpointError', 'deepsort_ros.reid.dataset.DatasetError',
    'deepsort_ros.reid.device.DeviceError', 'deepsort_ros.ros.bag.BagError'))
Progress = Callable[[int, int], None]


@contextlib.contextmanager
def progress_bar(label: str, unit: str, quiet: bool) -> Iterator[Progress]:
    """Yield a callback (done, all) that shows a bar on a terminal's stderr."""
    from tqdm import tqdm
    with tqdm(desc=label, unit=unit, disable=True if quiet else None) as bar:
        def update(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)
        yield update


def _report(summary: Any, as_json: bool, text: str) -> None:
    print(json.dumps(dataclasses.asdict(summary), indent=2, default=str) if as_json else text)


def resolve_settings(args: argparse.Namespace, frame_rate: float | None = None) -> Settings:
    """
    Return the settings of ``--preset``, ``--params``, ``--set`` and the like; later ones win.

    :param frame_rate: of the input, used unless one of them sets it.
    :raises SettingError: an unknown name or a value that is not acceptable.
    """
    from deepsort_ros.resources import share_path
    changes: dict[str, Any] = {} if frame_rate is None else {'frame_rate': frame_rate}
    if args.preset:
        changes.update(read_parameter_file(share_path(PRESETS[args.preset])))
    if args.params:
        changes.update(read_parameter_file(args.params))
    for name in ('appearance', 'model', 'device'):
        if getattr(args, name) is not None:
            changes[name] = getattr(args, name)
    for assignment in args.set:
        name, equals, text = assignment.partition('=')
        if not equals:
            raise SettingError(f'--set {assignment}: not NAME=VALUE')
        # YAML takes the word off for false.
        changes[name] = text if TYPES.get(name) is str else yaml.safe_load(text)
    return Settings().replace(changes)


def _encoder(settings: Settings) -> Any:
    if settings.appearance == 'off':
        return None
    from deepsort_ros.reid.encoder import Encoder
    encoder = Encoder.create(
        model=settings.model, device=settings.device, device_id=settings.device_id,
        precision=settings.precision, batch_buckets=settings.batch_buckets,
        color_order=settings.color_order)
    encoder.warm_up(lambda text: print(f'deepsort: {text}', file=sys.stderr))
    return encoder


def _track(args: argparse.Namespace) -> int:
    from deepsort_ros.mot.sequence import open_sequence
    from deepsort_ros.mot.tracking import StoredFeatures
    from deepsort_ros.mot.tracking import track
    stored = StoredFeatures(args.features) if args.features else None
    sequence = open_sequence(args.sequence, stored.table if stored else args.detections)
    settings = resolve_settings(args, sequence.frame_rate)
    if stored is None and settings.appearance != 'off' and not sequence.has_images:
        raise SettingError(f'{args.sequence}: no images, so appearance must be off')
    encoder = stored or _encoder(settings)
    output = args.output or Path(f'{sequence.name}.txt')
    with progress_bar('tracking', 'frame', args.json) as progress:
        summary = track(sequence, settings, encoder, output, args.lost, progress)
    summary.encoder = encoder.describe() if encoder else {}
    device = summary.encoder.get('device')
    _report(summary, args.json, (
        f'{output}: {summary.rows} rows, {summary.ids} ids in {summary.frames} of '
        f'{summary.length} frames, {summary.crops} features{f" on {device}" if device else ""}, '
        f'{summary.frames_per_second:.1f} frames/s'))
    return _outcome(summary, output)


def _outcome(summary: Any, output: Path) -> int:
    if summary.interrupted:
        print(f'deepsort: interrupted after {summary.frames} frames; the results so far are in '
              f'{output}', file=sys.stderr)
    if summary.encoder_error:
        print(f'deepsort: the appearance network failed, tracked on by motion alone: '
              f'{summary.encoder_error}', file=sys.stderr)
    return 1 if summary.interrupted or summary.encoder_error else 0


def _bag(args: argparse.Namespace) -> int:
    settings = resolve_settings(args)
    from deepsort_ros.ros.bag import convert
    encoder = _encoder(settings)
    with progress_bar('tracking', 'message', args.json) as progress:
        summary = convert(args.input, args.output, settings, encoder, args.image,
                          args.detections, args.tracks, progress)
    dropped = ', '.join(f'{count} {reason}' for reason, count in summary.dropped.items())
    _report(summary, args.json, (
        f'{args.output}: {summary.frames} TrackArrays, {summary.ids} ids from {summary.images} '
        f'images and {summary.detections} detection messages in {summary.seconds:.1f} s; '
        f'dropped: {dropped or "none"}'))
    return _outcome(summary, args.output)


def _evaluate(args: argparse.Namespace) -> int:
    from deepsort_ros.mot.evaluation import evaluate
    from deepsort_ros.mot.evaluation import find_pairs
    from deepsort_ros.mot.evaluation import format_scores
    print(format_scores(evaluate(find_pairs(args.paths, args.rules)), args.style))
    return 0


def _render(args: argparse.Namespace) -> int:
    from deepsort_ros.mot.sequence import open_sequence
    from deepsort_ros.mot.table import read_table
    from deepsort_ros.mot.table import TableKind
    from deepsort_ros.mot.video import render
    sequence = open_sequence(args.sequence, with_detections=False)
    results = read_table(args.results, TableKind.RESULTS)
    truth = read_table(args.truth, TableKind.TRUTH) if args.truth else None
    output = args.output or Path(f'{sequence.name}.mp4')
    with progress_bar('rendering', 'frame', args.json) as progress:
        summary = render(sequence, results, output, truth, args.trail, args.max_width, progress)
    _report(summary, args.json, f'{output}: {summary.frames} frames at {summary.frame_rate:g} Hz')
    return 0


def _sample(args: argparse.Namespace) -> int:
    from deepsort_ros.mot.scene import SceneConfig
    from deepsort_ros.mot.scene import write_scene
    config = SceneConfig(seconds=args.seconds, people=args.people, seed=args.seed)
    with progress_bar('drawing', 'frame', args.json) as progress:
        summary = write_scene(args.output, config, progress)
    _report(summary, args.json, (
        f'{args.output}: {summary.frames} frames, {summary.trajectories} trajectories, '
        f'{summary.detections} detections'))
    return 0


def _train(args: argparse.Namespace) -> int:
    from deepsort_ros.reid.training import train
    from deepsort_ros.reid.training import TrainConfig
    given = {name: getattr(args, name) for name in (
        'steps', 'half_size_steps', 'identities', 'crops', 'held_out', 'learning_rate',
        'dropout', 'seed', 'pretrained') if getattr(args, name) is not None}
    try:
        config = TrainConfig(args.data, args.output, resume=args.resume, **given)
    except ValueError as error:
        raise SettingError(str(error)) from error
    try:
        with progress_bar('training', 'step', False) as progress:
            model = train(config, lambda state: progress(state.step, state.steps))
    except KeyboardInterrupt:
        print(f'deepsort: interrupted; --resume goes on from {args.output}', file=sys.stderr)
        return 1
    print(model)
    return 0


def _info(args: argparse.Namespace) -> int:
    from deepsort_ros.info import as_text
    from deepsort_ros.info import describe
    content = describe(args.path)
    print(json.dumps(content, indent=2) if args.json else as_text(content))
    return 0


def _demo(args: argparse.Namespace) -> int:
    from deepsort_ros.demo import DemoError
    from deepsort_ros.demo import format_summary
    from deepsort_ros.demo import run
    try:
        summary = run(args.output, args.sequence, args.rate,
                      lambda stage: progress_bar(stage, 'frame', args.json))
    except DemoError as error:
        print(f'deepsort: {error}', file=sys.stderr)
        return 1
    _report(summary, args.json, format_summary(summary))
    return 0


def _add(commands: Any, name: str, run: Callable[[argparse.Namespace], int], summary: str,
         details: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=f'{summary[0].upper()}{summary[1:]}. {details}'.strip(),
        epilog=f'example:\n  {example}', formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(run=run)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        'settings', 'later ones win: --preset, --params, the single ones, --set')
    group.add_argument('--preset', choices=tuple(PRESETS),
                       help='robot: the defaults of the node; mot16: the published evaluation')
    group.add_argument('--params', type=Path, metavar='FILE', help='ROS parameter file')
    group.add_argument('--appearance', choices=('always', 'on_demand', 'off'),
                       help='when appearance features are computed')
    group.add_argument('--model', help='checkpoint of the appearance network, or "bundled"')
    group.add_argument('--device', choices=('auto', 'Ascend', 'GPU', 'CPU'))
    group.add_argument('--set', action='append', default=[], metavar='NAME=VALUE',
                       help='any setting, for example max_age=2.0; may be repeated')


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--json', action='store_true', help='print the summary as JSON')


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog='deepsort', description='Multi-object tracking with DeepSORT, without a robot.')
    commands = parser.add_subparsers(title='commands', metavar='COMMAND', required=True)

    track = _add(commands, 'track', _track, 'track a MOTChallenge sequence or a video',
                 'Writes a MOTChallenge results file. Without a frame_rate among the settings '
                 'that of the sequence is used.',
                 'deepsort track MOT16-09 --preset mot16 --output MOT16-09.txt')
    track.add_argument('sequence', type=Path, help='sequence folder or video file')
    inputs = track.add_mutually_exclusive_group()
    inputs.add_argument('--detections', type=Path, metavar='FILE',
                        help='MOTChallenge detections (default: det/det.txt of the sequence)')
    inputs.add_argument('--features', type=Path, metavar='FILE.npy',
                        help='detections with features computed before, (N, 10 + D)')
    track.add_argument('--output', type=Path, metavar='FILE',
                       help='results (default: NAME.txt here)')
    track.add_argument('--lost', choices=('none', 'recent', 'all'), default='recent',
                       help='predicted boxes to write: none, those missed in one image (the '
                       'default, as the published evaluation does), all')
    _add_settings(track)
    _add_json(track)

    bag = _add(commands, 'bag', _bag, 'track a bag offline',
               'Reads images and detections of a rosbag2 bag and writes the tracks into a new '
               'one: what the node computes, as fast as it goes.',
               'deepsort bag walk.mcap walk_tracks --image /camera/image_raw')
    bag.add_argument('input', type=Path, help='bag, mcap or sqlite3')
    bag.add_argument('output', type=Path, help='new bag (mcap, or sqlite3 for NAME.db3)')
    for topic, default in (('image', None), ('detections', None), ('tracks', '/tracks')):
        bag.add_argument(f'--{topic}', metavar='TOPIC', default=default,
                         help=f'default: {default or "the only one of its type"}')
    _add_settings(bag)
    _add_json(bag)

    evaluate = _add(commands, 'evaluate', _evaluate, 'print the MOTChallenge table of results',
                    'Give truths, then their results: sequence folders or truth files, then as '
                    'many results files; or a folder of sequences and a folder of NAME.txt.',
                    'deepsort evaluate TUD-Campus TUD-Campus.txt')
    evaluate.add_argument('paths', type=Path, nargs='+', metavar='PATH',
                          help='truths, then results')
    evaluate.add_argument('--rules', choices=('MOT15', 'MOT16', 'MOT20'),
                          help='which boxes count (default: from the truth; MOT17 has the rules '
                          'of MOT16)')
    style = evaluate.add_mutually_exclusive_group()
    for name in ('json', 'csv', 'markdown'):
        style.add_argument(f'--{name}', dest='style', action='store_const', const=name,
                           help=f'print {name}')
    evaluate.set_defaults(style='text')

    render = _add(commands, 'render', _render, 'draw results on the images, as an MP4 file',
                  'H.264, which browsers play.',
                  'deepsort render MOT16-09 MOT16-09.txt --output MOT16-09.mp4')
    render.add_argument('sequence', type=Path, help='sequence folder or video file')
    render.add_argument('results', type=Path, help='MOTChallenge results')
    render.add_argument('--output', type=Path, metavar='FILE', help='default: NAME.mp4 here')
    render.add_argument('--truth', type=Path, metavar='FILE', help='truth to draw underneath')
    render.add_argument('--trail', type=int, default=40, metavar='FRAMES',
                        help='length of the trails, 0 for none (default: 40)')
    render.add_argument('--max-width', type=int, default=0, metavar='PIXELS',
                        help='reduce wider images')
    _add_json(render)

    sample = _add(commands, 'sample', _sample, 'write the sample scene with known truth',
                  'People-like figures on a square, as a MOTChallenge sequence.',
                  'deepsort sample out/sample')
    sample.add_argument('output', type=Path, help='folder to write')
    sample.add_argument('--seconds', type=float, default=20.0, help='length (default: 20)')
    sample.add_argument('--people', type=int, default=8, help='how many walk (default: 8)')
    sample.add_argument('--seed', type=int, default=7, help='of everything random (default: 7)')
    _add_json(sample)

    train = _add(commands, 'train', _train, 'train the appearance network',
                 'Writes model.ckpt, training.ckpt and log.csv.',
                 'deepsort train Market-1501/bounding_box_train out/training')
    train.add_argument('data', type=Path, help='folder of crops named as in Market-1501')
    train.add_argument('output', type=Path, help='folder to write')
    for name, kind, text in (
            ('steps', int, 'optimizer steps'),
            ('half-size-steps', int, 'of them, the first on crops of half the size'),
            ('identities', int, 'identities per batch'),
            ('crops', int, 'crops of each identity in a batch'),
            ('held-out', int, 'last identities to keep for the test'),
            ('learning-rate', float, 'its peak'), ('dropout', float, 'share dropped'),
            ('seed', int, 'of everything random'),
            ('pretrained', str, 'checkpoint to start from, or "bundled"')):
        train.add_argument(f'--{name}', type=kind, help=text)
    train.add_argument('--resume', action='store_true', help='go on from training.ckpt')

    demo = _add(commands, 'demo', _demo, 'play a sequence into the live node and show its tracks',
                'Starts the node as a process of its own, publishes the images and detections '
                'over DDS, records the tracks, draws a video and scores the result where the '
                'truth is known.', 'deepsort demo --output out/demo')
    demo.add_argument('--sequence', type=Path, metavar='FOLDER',
                      help='MOTChallenge sequence (default: the sample scene)')
    demo.add_argument('--output', type=Path, default=Path('out/demo'), metavar='FOLDER',
                      help='folder to write (default: out/demo)')
    demo.add_argument('--rate', type=float, metavar='HZ',
                      help='images per second (default: as fast as the node answers)')
    _add_json(demo)

    info = _add(commands, 'info', _info, 'say what a file holds',
                'A bag, a sequence folder, MOTChallenge results or detections, features, or a '
                'checkpoint.', 'deepsort info MOT16-09.txt')
    info.add_argument('path', type=Path, help='file or folder')
    _add_json(info)
    return parser


def _is_input_error(error: Exception) -> bool:
    names = {f'{kind.__module__}.{kind.__qualname__}' for kind in type(error).__mro__}
    return isinstance(error, OSError) or not names.isdisjoint(INPUT_ERRORS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    args = build_parser().parse_args(argv)
    # Whoever asks to end gets an orderly end; MindSpore also turns Ctrl-C into SIGTERM.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        print('deepsort: interrupted', file=sys.stderr)
        return 1
    except Exception as error:
        if not _is_input_error(error):
            raise
        message = ' '.join(str(error).split())
        print(f'deepsort: {message}', file=sys.stderr)
        return 2


if __name__ == '__main__':
    sys.exit(main())
