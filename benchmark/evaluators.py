"""
Compare our scores with those of motmetrics, column by column, on many pairs.

    python benchmark/evaluators.py ../shared/data

Each sequence is tracked by motion, with the published settings and with hasty ones, those with
features of the original network with these too, and with all choices of ``--lost``. Prints which
columns differ for each pair, then how often each column is equal to the printed digit: motmetrics
as it is, and with the two rules in which it differs taken out (docs/evaluation.md).
"""
from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'test' / 'mot')]

from second_opinion import COLUMNS  # noqa: E402  a test helper, shared
from second_opinion import opinions  # noqa: E402

from deepsort_ros.commands.common import preset  # noqa: E402
from deepsort_ros.mot.evaluation import evaluate  # noqa: E402
from deepsort_ros.mot.evaluation import find_pairs  # noqa: E402
from deepsort_ros.mot.evaluation import Pair  # noqa: E402
from deepsort_ros.mot.scores import cells  # noqa: E402
from deepsort_ros.mot.sequence import open_sequence  # noqa: E402
from deepsort_ros.mot.tracking import LOST  # noqa: E402
from deepsort_ros.mot.tracking import StoredFeatures  # noqa: E402
from deepsort_ros.mot.tracking import track  # noqa: E402
from deepsort_ros.settings import Settings  # noqa: E402

# To the settings of the published evaluation.
CHANGES = {'published': {}, 'hasty': {'n_init': 1, 'max_age': 0.2}}


def pairs(data: Path, results: Path) -> Iterator[tuple[str, Pair]]:
    """Track every sequence in every way and yield a name and the pair."""
    for folder in sorted(path.parent for path in data.glob('mot*/*/seqinfo.ini')):
        inputs: list[tuple[str, Path | StoredFeatures]] = [
            (path.stem, path) for path in sorted((folder / 'det').glob('*.txt'))]
        golden = data / 'golden' / 'mars128' / f'{folder.name}.npy'
        if golden.is_file():
            inputs.append(('golden', StoredFeatures(golden)))
        for source, detections in inputs:
            stored = detections if isinstance(detections, StoredFeatures) else None
            sequence = open_sequence(folder, stored.table if stored else detections)
            for name, changes in CHANGES.items():
                settings = Settings().replace({
                    **preset('mot16'), **changes, 'appearance': 'always' if stored else 'off'})
                for lost in LOST:
                    track(sequence, settings, stored, results, lost)
                    yield f'{folder.name} {source} {name} {lost}', find_pairs(
                        [folder, results])[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[1])
    parser.add_argument('data', type=Path, help='folder with mot*/SEQUENCE')
    args = parser.parse_args()
    equal = [[0, 0] for _ in (*COLUMNS, 'all')]
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, pair in pairs(args.data, Path(folder) / 'results.txt'):
            ours = cells(evaluate([pair])[0])[1:10]
            count += 1
            words = []
            for which, theirs in enumerate(opinions(pair)):
                same = [a == b for a, b in zip(ours, theirs)]
                for row, good in zip(equal, (*same, all(same))):
                    row[which] += good
                words.append(', '.join(f'{column} {a} / {b}' for column, a, b, good in zip(
                    COLUMNS, ours, theirs, same) if not good) or 'equal')
            print(f'{name}: {words[0]}; rules taken out: {words[1]}', flush=True)
    for column, (as_it_is, same_rules) in zip((*COLUMNS, 'all nine'), equal):
        print(f'| {column} | {as_it_is} of {count} | {same_rules} of {count} |')


if __name__ == '__main__':
    main()
