"""
The published evaluation, from images and detections to its table.

Features are computed once per sequence, tracking and evaluation follow. What is complete is not
done again, so that a run that was killed goes on where it was.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import Protocol

import numpy as np
from tabulate import tabulate

from deepsort_ros.mot.evaluation import evaluate
from deepsort_ros.mot.evaluation import find_pairs
from deepsort_ros.mot.features import write_features
from deepsort_ros.mot.scores import cells
from deepsort_ros.mot.scores import COLUMNS
from deepsort_ros.mot.scores import format_scores
from deepsort_ros.mot.scores import Scores
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.sequence import Sequence
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import table_from_array
from deepsort_ros.mot.table import TableKind
from deepsort_ros.mot.tracking import MOT_COLUMNS
from deepsort_ros.mot.tracking import StoredFeatures
from deepsort_ros.mot.tracking import track
from deepsort_ros.pipeline import AppearanceEncoder
from deepsort_ros.settings import Settings

# The sequences of the MOT16 training set, over which the published row was measured.
MOT16_TRAIN = tuple(f'MOT16-{number:02d}' for number in (2, 4, 5, 9, 10, 11, 13))
# Of the ModelZoo network, as its name says; the last four columns were not published.
PUBLISHED = {'MOTA': '51.8', 'MOTP': '0.189', 'MT': '210', 'ML': '68', 'IDs': '859',
             'FM': '1388', 'FP': '19264', 'FN': '33114'}
FEATURE_SIZE = 128

Progress = Callable[[int, int], None]


class DescribedEncoder(AppearanceEncoder, Protocol):
    """An encoder that can say what it is."""

    def describe(self) -> dict[str, Any]:
        """Return device, model, sha256 and the like."""


@dataclass(frozen=True)
class Inputs:
    """
    What the evaluation starts from.

    :param folder: of sequence folders with truth, or one such folder itself.
    :param detections: folder of ``NAME.txt`` or ``NAME.npy``, whose first ten columns are those
        of a detections file; None takes each sequence's own ``det/det.txt``.
    :param features: folder of ``NAME.npy``, detections with features; None computes them.
    """

    folder: Path
    detections: Path | None = None
    features: Path | None = None


def find_sequences(folder: Path) -> list[Path]:
    """
    Return the sequence folders with truth, ascending by name.

    :raises MotFileError: there is none.
    """
    if (folder / 'seqinfo.ini').is_file():
        found = [folder]
    else:
        found = sorted(path.parent for path in folder.glob('*/seqinfo.ini'))
    found = [path for path in found if (path / 'gt' / 'gt.txt').is_file()]
    if not found:
        raise MotFileError(f'{folder}: holds no sequence with seqinfo.ini and gt/gt.txt')
    return found


def reproduce(inputs: Inputs, output: Path, settings: Settings,
              create_encoder: Callable[[], DescribedEncoder],
              show: Callable[[str, str], AbstractContextManager[Progress]]) -> list[Scores]:
    """
    Run the evaluation and return its table.

    Writes ``features/NAME.npy`` (unless given), ``results/NAME.txt`` and ``history/NAME.csv``.

    :param create_encoder: called only when there are features to compute.
    :param show: makes a progress callback (done, all) for a stage and its unit.
    :raises MotFileError: what was given cannot be used, or ``output`` holds the features of
        another model.
    """
    sequences = [_open(path, inputs) for path in find_sequences(inputs.folder)]
    if inputs.features is None:
        _compute_features(sequences, output / 'features', create_encoder, show)
    folder = inputs.features or output / 'features'
    for sequence in sequences:
        _track(sequence, folder / f'{sequence.name}.npy', output, settings, show)
    results = [output / 'results' / f'{sequence.name}.txt' for sequence in sequences]
    with show('evaluating', 'sequence') as progress:
        rows = evaluate(find_pairs([sequence.path for sequence in sequences] + results))
        progress(len(sequences), len(sequences))
    return rows


def format_reproduction(rows: list[Scores]) -> str:
    """Return the table, and our row beside the published one."""
    names = [row.sequence for row in rows]
    missing = [name for name in MOT16_TRAIN if name not in names]
    published = ['published', *(PUBLISHED.get(name, '') for name in COLUMNS[1:])]
    ours = [f'ours, {names[-1]}', *cells(rows[-1])[1:]]
    text = tabulate([published, ours], COLUMNS, disable_numparse=True,
                    colalign=('left', *['right'] * (len(COLUMNS) - 1)))
    note = 'Both rows are over the seven sequences of the MOT16 training set.'
    if missing:
        note = ('The published row is over the seven sequences of the MOT16 training set; here '
                f'{", ".join(missing)} are missing, so the rows cannot be compared.')
    return f'{format_scores(rows)}\n\n{text}\n\n{note}'


def _open(path: Path, inputs: Inputs) -> Sequence:
    if inputs.features is not None:
        name = open_sequence(path, with_detections=False).name
        file = inputs.features / f'{name}.npy'
        if not file.is_file():
            raise MotFileError(f'{file}: no such file of features')
        return open_sequence(path, StoredFeatures(file).table)
    if inputs.detections is None:
        return open_sequence(path)
    name = open_sequence(path, with_detections=False).name
    text, array = (inputs.detections / f'{name}{suffix}' for suffix in ('.txt', '.npy'))
    if text.is_file():
        return open_sequence(path, text)
    if not array.is_file():
        raise MotFileError(f'{inputs.detections}: neither {text.name} nor {array.name}')
    try:
        values = np.load(array, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise MotFileError(f'{array}: not a .npy array: {error}') from error
    if not np.issubdtype(values.dtype, np.number):
        raise MotFileError(f'{array}: not an array of numbers')
    columns = values[:, :MOT_COLUMNS] if values.ndim == 2 else values
    return open_sequence(path, table_from_array(array, columns, TableKind.DETECTIONS))


def _compute_features(sequences: list[Sequence], folder: Path,
                      create_encoder: Callable[[], DescribedEncoder],
                      show: Callable[[str, str], AbstractContextManager[Progress]]) -> None:
    missing = [sequence for sequence in sequences
               if not (folder / f'{sequence.name}.npy').is_file()]
    if not missing:
        return
    encoder = create_encoder()
    _check_same_model(folder, encoder.describe())
    total = sum(len(sequence.detections or ()) for sequence in missing)
    before = 0
    # One bar over all sequences: its end is the end.
    with show('features', 'crop') as progress:
        for sequence in missing:
            write_features(sequence, encoder, FEATURE_SIZE, folder / f'{sequence.name}.npy',
                           lambda done, start=before: progress(  # type: ignore[misc]
                               start + done, total))
            before += len(sequence.detections or ())


def _check_same_model(folder: Path, description: dict[str, Any]) -> None:
    """Remember which model a folder's features are of; refuse to mix two."""
    record = folder / 'model.json'
    identity = {name: description.get(name) for name in ('sha256', 'color_order', 'precision')}
    if record.is_file():
        earlier = json.loads(record.read_text(encoding='utf-8'))
        if earlier != identity:
            raise MotFileError(f'{folder}: holds features of another model ({earlier}, not '
                               f'{identity}); choose another output folder')
        return
    folder.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(identity) + '\n', encoding='utf-8')


def _track(sequence: Sequence, features: Path, output: Path, settings: Settings,
           show: Callable[[str, str], AbstractContextManager[Progress]]) -> None:
    results = output / 'results' / f'{sequence.name}.txt'
    if results.is_file() and results.stat().st_mtime >= features.stat().st_mtime:
        return
    partial = results.with_name(f'{results.name}.partial')
    with show(sequence.name, 'frame') as progress:
        stored = StoredFeatures(features)
        sequence = open_sequence(sequence.path, stored.table)
        summary = track(sequence, settings, stored, partial, progress=progress,
                        history=output / 'history' / f'{sequence.name}.csv')
    if summary.interrupted:
        raise KeyboardInterrupt
    if summary.encoder_error:
        raise MotFileError(f'{features}: {summary.encoder_error}')
    partial.replace(results)
