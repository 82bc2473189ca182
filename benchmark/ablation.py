"""
Measure what each option of the tracker does to its results, and what the robot's preset reaches.

    python benchmark/ablation.py --model bundled --markdown

Runs the reference preset, the reference with each option alone, and the robot's defaults over the
sequences of the data folder (DEEPSORT_DATA, or ``../shared/data`` beside the checkout): those
with images by appearance, their features computed once into ``--features``; those of text alone
by motion. The robot's settings were chosen on ``chosen``; MOT16-09 is reported, not looked at.
``--peers`` adds the public trackers on the same detections and features (``peers.py``),
``--limits`` what perfect features, memory and association would reach (``limits.py``).
``--stages`` runs the robot's defaults without each of their stages instead.
``--cost`` measures the time of every row instead, on the same synthetic scene, alternating.
``--try`` adds rows of one's own: the reference with ``name=value`` changed, or with ``robot``
first, the robot's defaults.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'test' / 'tracking'), str(ROOT / 'benchmark')]

import limits  # noqa: E402,I100
import peers  # noqa: E402
from scenes import Scene  # noqa: E402  a test helper, shared

from deepsort_ros.commands.common import create_encoder  # noqa: E402
from deepsort_ros.commands.common import preset  # noqa: E402
from deepsort_ros.mot.evaluation import evaluate  # noqa: E402
from deepsort_ros.mot.evaluation import OVERALL  # noqa: E402
from deepsort_ros.mot.evaluation import Pair  # noqa: E402
from deepsort_ros.mot.features import write_features  # noqa: E402
from deepsort_ros.mot.scores import Scores  # noqa: E402
from deepsort_ros.mot.sequence import open_sequence  # noqa: E402
from deepsort_ros.mot.table import read_table  # noqa: E402
from deepsort_ros.mot.table import TableKind  # noqa: E402
from deepsort_ros.mot.tracking import StoredFeatures  # noqa: E402
from deepsort_ros.mot.tracking import track  # noqa: E402
from deepsort_ros.pipeline import tracker_config  # noqa: E402
from deepsort_ros.reid.files import BUNDLED  # noqa: E402
from deepsort_ros.reid.model import read_model  # noqa: E402
from deepsort_ros.settings import Settings  # noqa: E402
from deepsort_ros.tracking import Detections  # noqa: E402
from deepsort_ros.tracking import Tracker  # noqa: E402

OPTIONS: dict[str, dict[str, Any]] = {
    'reference': {},
    'second association': {'min_confidence': 0.5, 'low_confidence': 0.1},
    'camera motion': {'camera_motion': 'flow'},
    're-identification, 3 s': {'reid_window': 3.0},
    'score noise (NSA)': {'score_noise': True},
    'width-height state': {'size_state': True},
}
# The robot's defaults without one stage each.
STAGES: dict[str, dict[str, Any]] = {
    'robot': {},
    'without noise_rate': {'noise_rate': 0.0},
    'without nearest_features': {'nearest_features': 1},
    'with cascade': {'cascade': True},
    'without lost_ratio': {'lost_ratio': 1.0},
    'without second_look': {'second_look': 0.0},
    'without reach': {'reach': False},
    'without low scores': {'low_confidence': 0.5},
    'without covered_share': {'covered_share': 1.0},
    'without rejoin': {'rejoin': 0.0},
    'max_age 1.5 s': {'max_age': 1.5},
    'without appearance': {'appearance': 'off'},
}
# Files of detections beside a sequence's own, and how their rows are called.
OTHERS = {'det_mot17_frcnn.txt': 'FRCNN', 'det_mot17_sdp.txt': 'SDP'}
HELD_OUT = 'MOT16-09'
COLUMNS = ('MOTA', 'IDF1', 'HOTA', 'AssA', 'IDs', 'FP', 'FN')


@dataclass(frozen=True)
class Input:
    """A sequence with one set of detections, and where its features are, if anywhere."""

    name: str
    path: Path
    detections: Path
    features: Path

    @property
    def chosen(self) -> bool:
        """Whether settings may be chosen on it."""
        return not self.name.startswith(HELD_OUT)


@dataclass(frozen=True)
class Row:
    """
    Scores of one set of settings, and milliseconds per image.

    :param motion_ms: of finding the camera's motion, over the sequences with images.
    """

    name: str
    scores: dict[str, Scores]
    track_ms: float
    motion_ms: float


def inputs(data: Path, features: Path) -> Iterator[Input]:
    """Yield all sequences with all their detections."""
    for path in sorted(data.glob('mot*/*/seqinfo.ini')):
        folder = path.parent
        for file in sorted((folder / 'det').glob('*.txt')):
            name = '-'.join([folder.name, *([OTHERS[file.name]] if file.name in OTHERS else [])])
            yield Input(name, folder, file, features / f'{name}.npy')


def compute_features(chosen: list[Input], settings: Settings) -> None:
    """Compute the features that are missing, of sequences with images."""
    missing = [one for one in chosen if not one.features.is_file()
               and open_sequence(one.path, with_detections=False).has_images]
    encoder = create_encoder(settings) if missing else None
    for one in missing:
        sequence = open_sequence(one.path, one.detections)
        total = len(sequence.detections or ())
        write_features(sequence, encoder, encoder.feature_size, one.features, lambda done: print(
            f'\r{one.name}: {done}/{total} features ', end='', file=sys.stderr))  # noqa: B023


def settings_of(changes: dict[str, Any], robot: bool, frame_rate: float) -> Settings:
    """Return the settings of a row for a sequence."""
    base = preset('reference')
    if robot:
        # Stored features do not say which model made them.
        base = {'frame_rate': frame_rate,
                'max_cosine_distance': read_model(BUNDLED).max_cosine_distance}
    return Settings().replace({**base, **changes})


Timing = dict[str, float]
# Writes the results of one input to a file.
Produce = Callable[[Input, Path], Timing]


def ours(changes: dict[str, Any], robot: bool, one: Input, output: Path) -> Timing:
    """Track a sequence with these settings."""
    stored = StoredFeatures(one.features) if one.features.is_file() else None
    sequence = open_sequence(one.path, stored.table if stored else one.detections)
    settings = settings_of(changes, robot, sequence.frame_rate)
    summary = track(sequence, settings, stored, output)
    return {'frames': summary.frames, 'shown': summary.frames if sequence.has_images else 0,
            **summary.stage_seconds}


def of_peer(name: str, one: Input, output: Path) -> Timing:
    """Track a sequence with another tracker."""
    sequence = open_sequence(one.path, with_detections=False)
    images = sorted((one.path / 'img1').glob('*')) if sequence.has_images else []
    limit = read_model(BUNDLED).max_cosine_distance
    ms = peers.run(name, one.features, images, sequence.length, limit, output)
    return {'frames': sequence.length, 'shown': 0, 'track': ms * sequence.length / 1e3}


def with_perfect_features(changes: dict[str, Any], one: Input, output: Path) -> Timing:
    """Track a sequence with features that tell who everybody is."""
    features = output.with_suffix('.npy')
    limits.write_perfect_features(
        read_table(one.detections, TableKind.DETECTIONS), limits.read_truth(one.path), features)
    return ours(changes, True, replace(one, features=features), output)


def perfect(one: Input, output: Path) -> Timing:
    """Give every detection its true id."""
    sequence = open_sequence(one.path, with_detections=False)
    limits.write_perfect_results(
        read_table(one.detections, TableKind.DETECTIONS), limits.read_truth(one.path),
        Settings().min_confidence, output)
    return {'frames': sequence.length, 'shown': 0}


def run(name: str, produce: Produce, chosen: list[Input]) -> Row:
    """Track all sequences and evaluate."""
    pairs, timings = [], []
    with tempfile.TemporaryDirectory() as folder:
        for one in chosen:
            output = Path(folder) / f'{one.name}.txt'
            timings.append(produce(one, output))
            truth = read_table(one.path / 'gt' / 'gt.txt', TableKind.TRUTH)
            pairs.append(Pair(one.name, truth, read_table(output, TableKind.RESULTS),
                              open_sequence(one.path, with_detections=False).length,
                              'MOT16' if truth.has_classes else 'MOT15'))
    scores: dict[str, Scores] = {}
    for label, part in (('chosen', True), ('held out', False)):
        of_part = [pair for one, pair in zip(chosen, pairs) if one.chosen == part]
        if of_part:
            rows = evaluate(of_part)
            scores.update({row.sequence: row for row in rows if row.sequence != OVERALL})
            scores[label] = rows[-1]
    if {'chosen', 'held out'} <= scores.keys():
        scores['all'] = evaluate(pairs)[-1]

    def total(stage: str) -> float:
        return sum(timing.get(stage, 0.0) for timing in timings)

    return Row(name, scores, 1e3 * total('track') / total('frames'),
               1e3 * total('motion') / max(total('shown'), 1))


def cost(rows: list[tuple[str, dict[str, Any], bool]], objects: int, frames: int) -> None:
    """Print the tracker's median time of every row, alternating on the same images."""
    trackers = [Tracker(tracker_config(settings_of(changes, robot, 30.0)))
                for _, changes, robot in rows]
    seconds: list[list[float]] = [[] for _ in rows]
    for tlwh, score, features in Scene(objects).frames(frames):
        for tracker, taken in zip(trackers, seconds):
            detections = Detections.from_arrays(tlwh, score)
            start = time.perf_counter()
            tracker.update(detections, features)
            taken.append(time.perf_counter() - start)
    for (name, _, _), taken in zip(rows, seconds):
        print(f'{name:<34}{1e3 * np.median(taken[frames // 4:]):>8.2f} ms')


def show(rows: list[Row], parts: list[str], markdown: bool) -> None:
    """Print a table for each part."""
    heading = ('', *COLUMNS, 'track ms', 'motion ms')
    for part in parts:
        print(f'\n{part}\n')
        lines: list[tuple[str, ...]] = [heading]
        for row in rows:
            score = row.scores[part]
            values = [getattr(score, name) for name in COLUMNS]
            lines.append((row.name, *(f'{v:.1f}' if isinstance(v, float) else str(v)
                                      for v in values),
                          f'{row.track_ms:.2f}', f'{row.motion_ms:.2f}'))
        if markdown:
            lines.insert(1, ('---', *['---:'] * (len(heading) - 1)))
        for line in lines:
            print(f'| {" | ".join(line)} |' if markdown
                  else f'{line[0]:<34}' + ''.join(f'{cell:>10}' for cell in line[1:]))


def variants(tries: list[str], stages: bool = False,
             ) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield name, changes and whether they are to the robot's defaults."""
    if stages:
        yield from ((name, changes, True) for name, changes in STAGES.items())
    elif not tries:
        yield from ((name, changes, False) for name, changes in OPTIONS.items())
        yield 'robot', {}, True
    for text in tries:
        words = text.split()
        robot = words[0] == 'robot'
        pairs = (word.partition('=') for word in words[robot:])
        yield text, {name: yaml.safe_load(value) for name, _, value in pairs}, robot


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', type=Path, default=None)
    parser.add_argument('--features', type=Path, default=ROOT / 'out' / 'ablation',
                        help='folder of NAME.npy; without a model those found there are used')
    parser.add_argument('--model', help='compute missing features with this checkpoint')
    parser.add_argument('--sequences', nargs='+', metavar='NAME', help='only these')
    parser.add_argument('--without', nargs='+', metavar='NAME', default=[],
                        help='leave out what begins like this')
    parser.add_argument('--try', action='append', default=[], dest='tries', metavar='SETTINGS')
    parser.add_argument('--stages', action='store_true',
                        help="the robot's defaults, and without each of their stages")
    parser.add_argument('--peers', nargs='*', choices=list(peers.PEERS), metavar='NAME',
                        help='other trackers too, where features are stored: all, or these')
    parser.add_argument('--limits', action='store_true',
                        help='perfect features, memory and association too')
    parser.add_argument('--parts', nargs='+', default=None, metavar='PART',
                        help='tables: chosen, held out, all, or a sequence')
    parser.add_argument('--cost', type=int, metavar='OBJECTS',
                        help='time the rows on a scene of so many objects instead')
    parser.add_argument('--jobs', type=int, default=1, help='rows at a time')
    parser.add_argument('--markdown', action='store_true')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all scores')
    options = parser.parse_args()
    if options.cost:
        cost(list(variants(options.tries, options.stages)), options.cost, 300)
        return
    data = options.data or Path(os.environ.get(
        'DEEPSORT_DATA', ROOT.parent / 'shared' / 'data'))
    chosen = [one for one in inputs(data, options.features)
              if (not options.sequences or one.name in options.sequences)
              and not any(one.name.startswith(start) for start in options.without)]
    if options.model:
        compute_features(chosen, Settings().replace({'model': options.model}))
    wanted: list[tuple[str, Produce]] = [
        (name, partial(ours, changes, robot))
        for name, changes, robot in variants(options.tries, options.stages)]
    if options.peers is not None:
        wanted += [(name, partial(of_peer, name)) for name in options.peers or peers.PEERS]
    if options.limits:
        wanted += [('perfect features', partial(with_perfect_features, {})),
                   ('perfect features, endless memory',
                    partial(with_perfect_features, {'max_age': 3600.0})),
                   ('perfect association', perfect)]
    with ProcessPoolExecutor(options.jobs) as pool:
        rows = [row.result() for row in [
            pool.submit(run, name, produce, chosen) for name, produce in wanted]]
    if options.json:
        options.json.write_text(json.dumps([
            {'name': row.name, 'track_ms': row.track_ms, 'motion_ms': row.motion_ms,
             'scores': {part: vars(score) for part, score in row.scores.items()}}
            for row in rows], indent=1) + '\n')
    show(rows, options.parts or list(rows[0].scores), options.markdown)


if __name__ == '__main__':
    main()
