"""
The published evaluation, from images and detections to its table.

Features, hours on a CPU, are computed once: a run that was killed goes on where it was. Tracking
and evaluation, a minute, are repeated each time.
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

from deepsort_ros.mot.cells import read_array
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
from deepsort_ros.mot.tracking import MODEL_RECORD
from deepsort_ros.mot.tracking import MOT_COLUMNS
from deepsort_ros.mot.tracking import StoredFeatures
from deepsort_ros.mot.tracking import track
from deepsort_ros.pipeline import AppearanceEncoder
from deepsort_ros.settings import Settings

# MOTA, MOTP, MT, ML, IDs, FM, FP, FN as the MindSpore ModelZoo published them (README of
# official/cv/Deepsort, Ascend), for each sequence of the MOT16 training set.
PUBLISHED_SEQUENCES = {
    'MOT16-02': ('29.0', '0.207', '11', '11', '159', '226', '4151', '8346'),
    'MOT16-04': ('58.6', '0.167', '42', '14', '62', '242', '6269', '13374'),
    'MOT16-05': ('51.7', '0.213', '31', '27', '68', '109', '630', '2595'),
    'MOT16-09': ('64.3', '0.162', '12', '1', '39', '58', '309', '1537'),
    'MOT16-10': ('49.2', '0.228', '25', '1', '201', '307', '3089', '2915'),
    'MOT16-11': ('65.9', '0.152', '29', '9', '54', '99', '907', '2162'),
    'MOT16-13': ('45.0', '0.237', '61', '7', '269', '335', '3709', '2251')}
# The same over all seven, from the name of the checkpoint: of another run.
PUBLISHED = ('51.8', '0.189', '210', '68', '859', '1388', '19264', '33114')
PUBLISHED_NOTE = (
    'Counted as it was published: results on distractors are false alarms, while the rules of '
    'MOT16 above leave them out. The published rows were measured with the detections of the '
    'DeepSORT paper, not the public ones.')

Progress = Callable[[int, int], None]


class DescribedEncoder(AppearanceEncoder, Protocol):
    """An encoder that can say what it is."""

    feature_size: int

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


@dataclass(frozen=True)
class Reproduction:
    """
    What came out, a row per sequence and, for more than one, one over all.

    :param rows: by the rules of the benchmark.
    :param as_published: counted as the published evaluation did, by the truth's flag alone.
    """

    rows: list[Scores]
    as_published: list[Scores]


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
              show: Callable[[str, str], AbstractContextManager[Progress]]) -> Reproduction:
    """
    Run the evaluation.

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
        paths = [sequence.path for sequence in sequences] + results
        rows = evaluate(find_pairs(paths))
        as_published = evaluate(find_pairs(paths, 'MOT15'))
        progress(len(sequences), len(sequences))
    return Reproduction(rows, as_published)


def format_reproduction(found: Reproduction) -> str:
    """Return the table, and our rows beside the published ones."""
    ours = {row.sequence: cells(row)[1:9] for row in found.as_published}
    table = []
    for name, published in PUBLISHED_SEQUENCES.items():
        if name in ours:
            table += [[f'{name} published', *published], [f'{name} ours', *ours[name]]]
    missing = [name for name in PUBLISHED_SEQUENCES if name not in ours]
    last = found.as_published[-1].sequence
    table += [['all seven published', *PUBLISHED],
              [f'{last if missing else "all seven"} ours', *ours[last]]]
    text = tabulate(table, COLUMNS[:9], disable_numparse=True,
                    colalign=('left', *['right'] * 8))
    note = PUBLISHED_NOTE
    if missing:
        note += (f' {", ".join(missing)} are missing here: the row over all seven is no measure '
                 'for ours.')
    return f'{format_scores(found.rows)}\n\n{text}\n\n{note}'


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
    values = read_array(array)
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
            write_features(
                sequence, encoder, encoder.feature_size, folder / f'{sequence.name}.npy',
                lambda done, start=before: progress(start + done, total))  # type: ignore[misc]
            before += len(sequence.detections or ())


def _check_same_model(folder: Path, description: dict[str, Any]) -> None:
    """Remember which model a folder's features are of; refuse to mix two."""
    record = folder / MODEL_RECORD
    identity = {name: description.get(name) for name in ('sha256', 'color_order', 'precision')}
    if record.is_file():
        earlier = json.loads(record.read_text(encoding='utf-8'))
        earlier.pop('max_cosine_distance', None)
        if earlier != identity:
            raise MotFileError(f'{folder}: holds features of another model ({earlier}, not '
                               f'{identity}); choose another output folder')
        return
    folder.mkdir(parents=True, exist_ok=True)
    limit = description.get('max_cosine_distance', 0.0)
    record.write_text(json.dumps({**identity, 'max_cosine_distance': limit}) + '\n',
                      encoding='utf-8')


def _track(sequence: Sequence, features: Path, output: Path, settings: Settings,
           show: Callable[[str, str], AbstractContextManager[Progress]]) -> None:
    results = output / 'results' / f'{sequence.name}.txt'
    with show(sequence.name, 'frame') as progress:
        stored = StoredFeatures(features)
        if sequence.detections is not None and not np.array_equal(
                stored.table.tlwh, sequence.detections.tlwh):
            raise MotFileError(f'{features}: features of other detections than '
                               f'{sequence.detections.path}; choose another output folder')
        sequence = open_sequence(sequence.path, stored.table)
        summary = track(sequence, settings, stored, results, progress=progress,
                        history=output / 'history' / f'{sequence.name}.csv')
    if summary.interrupted:
        raise KeyboardInterrupt
    if summary.encoder_error:
        raise MotFileError(f'{features}: {summary.encoder_error}')
