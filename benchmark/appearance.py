"""
What appearance is worth, and what `on_demand` saves: scores and features computed per mode.

    python benchmark/appearance.py SEQUENCE... --features out/features

The features of all detections are computed once, into ``--features``, and found there by later
runs; so the modes differ by nothing but which of them the tracker sees. ``crops`` counts those
the tracker asked for.
"""
from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from deepsort_ros.commands.common import progress_bar  # noqa: E402
from deepsort_ros.mot.evaluation import evaluate  # noqa: E402
from deepsort_ros.mot.evaluation import find_pairs  # noqa: E402
from deepsort_ros.mot.features import write_features  # noqa: E402
from deepsort_ros.mot.scores import Scores  # noqa: E402
from deepsort_ros.mot.sequence import open_sequence  # noqa: E402
from deepsort_ros.mot.tracking import StoredFeatures  # noqa: E402
from deepsort_ros.mot.tracking import track  # noqa: E402
from deepsort_ros.mot.tracking import TrackingSummary  # noqa: E402
from deepsort_ros.settings import Settings  # noqa: E402

MODES = ('always', 'on_demand', 'off')
COLUMNS = ('IDF1', 'HOTA', 'MOTA', 'IDs', 'FM')


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


def run(sequences: Sequence[Path], features: Path, settings: Settings, output: Path,
        ) -> tuple[list[Scores], list[TrackingSummary]]:
    """Track all sequences with these settings; return their scores and summaries."""
    summaries = []
    for path in sequences:
        stored = StoredFeatures(features / f'{path.name}.npy')
        sequence = open_sequence(path, stored.table)
        changed = settings.replace({'frame_rate': sequence.frame_rate})
        summaries.append(track(sequence, changed, stored, output / f'{path.name}.txt'))
    results = [output / f'{path.name}.txt' for path in sequences]
    return evaluate(find_pairs([*sequences, *results])), summaries


def rows(mode: str, scores: Sequence[Scores], runs: Sequence[TrackingSummary],
         ) -> list[list[Any]]:
    """Return the rows of a table: one per sequence and, for several, one for all together."""
    counts = [(run.crops, run.frames) for run in runs]
    if len(runs) > 1:
        counts.append((sum(run.crops for run in runs), sum(run.frames for run in runs)))
    return [[row.sequence, mode, *(getattr(row, name) for name in COLUMNS), crops, crops / frames]
            for row, (crops, frames) in zip(scores, counts)]


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('sequences', nargs='+', type=Path, help='MOTChallenge folders with truth')
    parser.add_argument('--features', type=Path, required=True, help='one folder for each model')
    parser.add_argument('--model', default='bundled')
    parser.add_argument('--set', action='append', default=[], metavar='NAME=NUMBER',
                        help='a setting of all modes')
    options = parser.parse_args()
    changes = {name: float(value) if '.' in value else int(value)
               for name, _, value in (text.partition('=') for text in options.set)}
    compute(options.sequences, options.features, options.model)
    modes = []
    for mode in MODES:
        settings = Settings().replace({**changes, 'appearance': mode})
        with tempfile.TemporaryDirectory() as output:
            modes.append(rows(mode, *run(options.sequences, options.features, settings,
                                         Path(output))))
    table = [[*row, f'{row[-2] / max(of_sequence[0][-2], 1):.0%}']
             for of_sequence in zip(*modes) for row in of_sequence]
    print(tabulate(table,
                   ('sequence', 'appearance', *COLUMNS, 'crops', 'crops/frame', 'of always'),
                   floatfmt='.1f', tablefmt='github'))


if __name__ == '__main__':
    main()
