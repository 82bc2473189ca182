"""
What appearance is worth, and what `on_demand` saves: scores and features computed per mode.

    python benchmark/appearance.py SEQUENCE... --features out/features

The features of all detections are computed once, into ``--features``, and found there by later
runs; so the modes differ by nothing but which of them the tracker sees. ``crops`` counts those
the tracker asked for, ``agrees`` is the share of the boxes that have the id they have with
`always`, whatever its name, as ``deepsort diff --overlap 0.7`` prints it: it needs no truth, and
chance has less part in it than in scores.

    python benchmark/appearance.py SEQUENCE... --features out/synthetic --synthetic Market-1501

gives sequences without images the appearance of other people (synthetic_appearance.py), in
several variants; `on_demand`'s rule and interval were chosen so.
"""
from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from deepsort_ros.bags.agreement import compare  # noqa: E402
from deepsort_ros.bags.agreement import read_recording  # noqa: E402
from deepsort_ros.commands.common import progress_bar  # noqa: E402
from deepsort_ros.mot.evaluation import evaluate  # noqa: E402
from deepsort_ros.mot.evaluation import find_pairs  # noqa: E402
from deepsort_ros.mot.features import write_features  # noqa: E402
from deepsort_ros.mot.scores import Scores  # noqa: E402
from deepsort_ros.mot.sequence import open_sequence  # noqa: E402
from deepsort_ros.mot.table import read_table  # noqa: E402
from deepsort_ros.mot.table import TableKind  # noqa: E402
from deepsort_ros.mot.tracking import StoredFeatures  # noqa: E402
from deepsort_ros.mot.tracking import track  # noqa: E402
from deepsort_ros.mot.tracking import TrackingSummary  # noqa: E402
from deepsort_ros.settings import Settings  # noqa: E402

COLUMNS = ('IDF1', 'HOTA', 'MOTA', 'IDs', 'FM')
# Boxes of two results are the same from this overlap (IoU) on.
SAME = 0.7


def compute(sequences: Sequence[Path], folder: Path, model: str) -> None:
    """Compute the features that are not there yet."""
    missing = [path for path in sequences if not (folder / f'{path.name}.npy').is_file()]
    if not missing:
        return
    from deepsort_ros.reid.encoder import Encoder
    encoder = Encoder.create(model)
    for path in missing:
        sequence = open_sequence(path)
        assert sequence.detections is not None
        total = len(sequence.detections)
        with progress_bar(path.name, 'crop', False) as progress:
            write_features(sequence, encoder, 128, folder / f'{path.name}.npy',
                           lambda done: progress(done, total))  # noqa: B023 used at once


def run(sequences: Sequence[Path], folders: Sequence[Path], settings: Settings, output: Path,
        ) -> tuple[list[Scores], list[TrackingSummary]]:
    """Track all sequences by the features of all folders; return their scores and summaries."""
    pairs, summaries = [], []
    for folder in folders:
        results = []
        for path in sequences:
            stored = StoredFeatures(folder / f'{path.name}.npy')
            sequence = open_sequence(path, stored.table)
            changed = settings.replace({'frame_rate': sequence.frame_rate})
            results.append(output / folder.name / f'{path.name}.txt')
            summaries.append(track(sequence, changed, stored, results[-1]))
        pairs += [replace(pair, name=f'{pair.name} {folder.name}') if len(folders) > 1 else pair
                  for pair in find_pairs([*sequences, *results])]
    return evaluate(pairs), summaries


def shared(first: Path, second: Path) -> tuple[int, int]:
    """Return how many boxes of two results agree, as ``deepsort diff`` says, and of how many."""
    found = compare(read_recording(first), read_recording(second), overlap=SAME)
    return found.agreed, max(found.boxes_first, found.boxes_second)


def rows(mode: str, scores: Sequence[Scores], runs: Sequence[TrackingSummary],
         of_always: Sequence[TrackingSummary]) -> list[list[Any]]:
    """Return the rows of a table: one per sequence and, for several, one for all together."""
    counts = [(run.crops, run.frames, always.crops, *shared(Path(run.output), Path(always.output)))
              for run, always in zip(runs, of_always)]
    if len(runs) > 1:
        counts.append(tuple(map(sum, zip(*counts))))
    return [[row.sequence, mode, *(getattr(row, name) for name in COLUMNS), crops, crops / frames,
             f'{crops / max(most, 1):.0%}', f'{same / max(total, 1):.1%}']
            for row, (crops, frames, most, same, total) in zip(scores, counts)]


def invent(sequences: Sequence[Path], folder: Path, model: str, crops: Path,
           seeds: int) -> list[Path]:
    """Give the people of sequences features of crops; return the folders of the variants."""
    from synthetic_appearance import features
    from synthetic_appearance import VARIANTS
    from synthetic_appearance import wardrobe
    clothes = None
    folders = []
    for name, variant in VARIANTS.items():
        for seed in range(seeds):
            folders.append(folder / f'{name} {seed}')
            folders[-1].mkdir(parents=True, exist_ok=True)
            for path in sequences:
                file = folders[-1] / f'{path.name}.npy'
                if file.is_file():
                    continue
                if clothes is None:
                    clothes = wardrobe(crops, model)
                truth = read_table(path / 'gt' / 'gt.txt', TableKind.TRUTH)
                np.save(file, features(open_sequence(path), truth, clothes, variant, seed))
    return folders


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('sequences', nargs='+', type=Path, help='MOTChallenge folders with truth')
    parser.add_argument('--features', type=Path, required=True, help='one folder for each model')
    parser.add_argument('--model', default='bundled')
    parser.add_argument('--synthetic', type=Path, metavar='MARKET1501',
                        help='appearance from the held-out crops in this folder')
    parser.add_argument('--seeds', type=int, default=2, help='of each variant (default: 2)')
    parser.add_argument('--intervals', type=int, nargs='+', metavar='N',
                        default=[Settings().appearance_interval],
                        help='of on_demand (default: that of the settings)')
    parser.add_argument('--set', action='append', default=[], metavar='NAME=NUMBER',
                        help='a setting of all modes')
    options = parser.parse_args()
    changes = {name: float(value) if '.' in value else int(value)
               for name, _, value in (text.partition('=') for text in options.set)}
    folders = [options.features]
    if options.synthetic:
        folders = invent(options.sequences, options.features, options.model, options.synthetic,
                         options.seeds)
    else:
        compute(options.sequences, options.features, options.model)
    modes: dict[str, dict[str, Any]] = {'always': {'appearance': 'always'}}
    for interval in options.intervals:
        modes[f'on_demand, {interval}'] = {
            'appearance': 'on_demand', 'appearance_interval': interval}
    modes['off'] = {'appearance': 'off'}
    of_modes: list[list[list[Any]]] = []
    of_always: list[TrackingSummary] = []
    with tempfile.TemporaryDirectory() as output:
        for mode, settings in modes.items():
            scores, summaries = run(options.sequences, folders,
                                    Settings().replace({**changes, **settings}),
                                    Path(output) / mode)
            of_always = of_always or summaries
            of_modes.append(rows(mode, scores, summaries, of_always))
    print(tabulate([row for of_sequence in zip(*of_modes) for row in of_sequence],
                   ('sequence', 'appearance', *COLUMNS, 'crops', 'crops/frame', 'of always',
                    'agrees'), floatfmt='.1f', tablefmt='github'))


if __name__ == '__main__':
    main()
