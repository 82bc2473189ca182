"""
MOTChallenge evaluation by TrackEval, as one table.

CLEAR MOT (Bernardin and Stiefelhagen 2008), identity (arXiv 1609.01775) and HOTA
(arXiv 2009.07736) measures. TrackEval's own MOTChallenge rules decide which boxes count: from
MOT16 on results on distractors (person on vehicle, static person, distractor, reflection; in
MOT20 also non-motorised vehicles) are left out, and only flagged pedestrians are truth; for MOT15
the flag alone decides. How this compares with other evaluators: docs/evaluation.md.
"""
from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.mot.folder import DESCRIPTION
from deepsort_ros.mot.scores import Scores
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import CLASS_COLUMNS
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import MotTable
from deepsort_ros.mot.table import NO_CLASS
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind

with contextlib.redirect_stdout(io.StringIO()):
    # TrackEval says on stdout which of its other data sets lack a dependency.
    import trackeval

OVERALL = 'OVERALL'
RULES = ('MOT15', 'MOT16', 'MOT20')
PEDESTRIAN = 1
# A class of the benchmark that is neither evaluated nor a distractor: a car.
NEUTRAL = 3
KNOWN_CLASSES = range(1, 14)


@dataclass(frozen=True)
class Pair:
    """
    A truth file and the results to be judged by it.

    :param length: frames of the sequence.
    :param rules: one of ``RULES``.
    :param class_id: of the truth that counts; None: what the rules say.
    """

    name: str
    truth: MotTable
    results: MotTable
    length: int
    rules: str
    class_id: int | None = None

    @property
    def counts(self) -> NDArray[np.bool_]:
        """
        Return (N,) bool, the rows of the truth that count.

        Those with flag 1, of the class where classes count. The benchmark flags nothing but
        pedestrians: of another class in which no row has the flag, all rows count.
        """
        flagged: NDArray[np.bool_] = self.truth.confidence != 0
        if self.rules == 'MOT15' and self.class_id is None:
            return flagged
        chosen: NDArray[np.bool_] = self.truth.class_id == (
            PEDESTRIAN if self.class_id is None else self.class_id)
        if self.class_id not in (None, PEDESTRIAN) and not (flagged & chosen).any():
            return chosen
        return np.logical_and(flagged, chosen)


class _InMemory(trackeval.datasets.MotChallenge2DBox):  # type: ignore[misc]
    """TrackEval's MOTChallenge data set over tables that are already read and checked."""

    def __init__(self, pair: Pair) -> None:
        # The base class looks for a folder layout; only its rules are wanted.
        self.pair = pair
        # The rules of MOT15 know no class; those of MOT16 are the same where none is a
        # distractor.
        by_class = pair.class_id is not None and pair.rules == 'MOT15'
        self.benchmark = 'MOT16' if by_class else pair.rules
        self.do_preproc = True
        self.class_name_to_class_id = {
            'pedestrian': PEDESTRIAN, 'person_on_vehicle': 2, 'non_mot_vehicle': 6,
            'static_person': 7, 'distractor': 8, 'reflection': 12}
        self.valid_class_numbers = list(KNOWN_CLASSES)

    def _truth_classes(self) -> NDArray[np.int64]:
        """Return the classes of the truth, the one that counts as the pedestrians."""
        pair = self.pair
        if pair.class_id is None:
            return pair.truth.class_id
        if pair.class_id == PEDESTRIAN and pair.rules != 'MOT15':
            return np.where(
                np.isin(pair.truth.class_id, KNOWN_CLASSES), pair.truth.class_id, NEUTRAL)
        return np.where(pair.truth.class_id == pair.class_id, PEDESTRIAN, NEUTRAL)

    def _load_raw_file(self, tracker: str, seq: str, is_gt: bool) -> dict[str, Any]:
        table = self.pair.truth if is_gt else self.pair.results
        # TrackEval allocates up to the highest id, and ids may be any 64-bit number.
        ids = np.unique(table.id, return_inverse=True)[1]
        classes = self._truth_classes() if is_gt else np.ones(len(table), dtype=int)
        rows = [table.rows(frame) for frame in range(1, self.pair.length + 1)]
        prefix = 'gt' if is_gt else 'tracker'
        raw: dict[str, Any] = {
            f'{prefix}_ids': [ids[r] for r in rows],
            f'{prefix}_dets': [table.tlwh[r] for r in rows],
            f'{prefix}_classes': [classes[r] for r in rows],
            'num_timesteps': self.pair.length, 'seq': seq}
        if is_gt:
            # What counts, or is a distractor whatever its flag.
            flags = self.pair.counts.astype(float)
            raw['gt_extras'] = [{'zero_marked': flags[r]} for r in rows]
        else:
            # The score decides nothing; in its place, the row tells later what was left out.
            raw['tracker_confidences'] = [np.arange(r.start, r.stop) for r in rows]
        return raw


@dataclass(frozen=True)
class Counted:
    """
    The boxes of a pair that count by its rules, one entry per frame.

    :param data: of TrackEval.
    :param truth_rows: (N,) int64, rows of the truth; :param truth_ids: (N,) int64, from 0.
    :param result_rows: (M,) int64, rows of the results; :param result_ids: (M,) int64, from 0.
    :param overlap: (N, M) float64, IoU.
    """

    data: dict[str, Any]
    truth_rows: list[NDArray[np.int64]]
    truth_ids: list[NDArray[np.int64]]
    result_rows: list[NDArray[np.int64]]
    result_ids: list[NDArray[np.int64]]
    overlap: list[NDArray[np.float64]]


def counted(pair: Pair) -> Counted:
    """
    Return the boxes that count.

    :raises MotFileError: a frame behind the end of the sequence, or a truth file that TrackEval
        refuses.
    """
    pair.truth.check_length(pair.length)
    pair.results.check_length(pair.length)
    dataset = _InMemory(pair)
    try:
        # What TrackEval says on stdout is in its exceptions too.
        with contextlib.redirect_stdout(io.StringIO()):
            raw = dataset.get_raw_seq_data('', pair.name)
            data = dataset.get_preprocessed_seq_data(raw, 'pedestrian')
    except trackeval.utils.TrackEvalException as error:
        raise MotFileError(f'{pair.truth.path}: {error}; --class N counts one class') from error
    kept = pair.counts
    rows = [pair.truth.rows(frame) for frame in range(1, pair.length + 1)]
    truth_rows = [np.arange(r.start, r.stop)[kept[r]] for r in rows]
    return Counted(data, truth_rows, data['gt_ids'], data['tracker_confidences'],
                   data['tracker_ids'], data['similarity_scores'])


def _metrics() -> tuple[Any, Any, Any]:
    quiet = {'PRINT_CONFIG': False}
    return (trackeval.metrics.CLEAR({**quiet}), trackeval.metrics.Identity({**quiet}),
            trackeval.metrics.HOTA())


def evaluate(pairs: Sequence[Pair]) -> list[Scores]:
    """
    Return one row per pair and, for more than one, the row ``OVERALL`` of them all together.

    :raises MotFileError: a frame behind the end of a sequence, or a truth file TrackEval refuses.
    """
    metrics = _metrics()
    collected: list[dict[str, Any]] = [{} for _ in metrics]
    rows = []
    for index, pair in enumerate(pairs):
        data = counted(pair).data
        for metric, results in zip(metrics, collected):
            results[str(index)] = metric.eval_sequence(data)
        one = [metric.combine_sequences({'': results[str(index)]})
               for metric, results in zip(metrics, collected)]
        rows.append(_scores(pair.name, one))
    if len(pairs) > 1:
        rows.append(_scores(OVERALL, [metric.combine_sequences(results)
                                      for metric, results in zip(metrics, collected)]))
    return rows


def _scores(name: str, results: list[dict[str, Any]]) -> Scores:
    clear, identity, hota = results
    return Scores(
        name, 100 * float(clear['MOTA']), 1 - float(clear['MOTP']),
        int(clear['MT']), int(clear['ML']), int(clear['IDSW']), int(clear['Frag']),
        int(clear['CLR_FP']), int(clear['CLR_FN']), 100 * float(identity['IDF1']),
        *(100 * float(np.mean(hota[name])) for name in ('HOTA', 'DetA', 'AssA')))


def find_pairs(paths: Sequence[Path], rules: str | None = None, class_id: int | None = None,
               first_frame: int = 1, truth_first_frame: int = 1) -> list[Pair]:
    """
    Read truth and results.

    :param paths: N truths, then their N results. A truth is a sequence folder or a truth file, a
        results file belongs to the truth in the same place. Or two folders: one that holds
        sequence folders and one that holds ``NAME.txt`` for some of them.
    :param rules: one of ``RULES``; by default from each truth (its columns, its name).
    :param class_id: of the truth that counts; of results with classes, those of it.
    :param first_frame: what the results call the first frame; :param truth_first_frame: same of
        the truth.
    :raises MotFileError: no such pairs, a malformed file, or no box of a truth counts.
    """
    if len(paths) < 2 or len(paths) % 2:
        raise MotFileError(f'{len(paths)} paths are not as many truths as results')
    for path in paths:
        if not path.exists():
            raise MotFileError(f'{path}: no such file or folder')
    half = len(paths) // 2
    truths, results = list(paths[:half]), list(paths[half:])
    if half == 1 and results[0].is_dir():
        folder = truths[0]
        truths = sorted(file.parents[1] for file in folder.glob('*/gt/gt.txt')
                        if (results[0] / f'{file.parents[1].name}.txt').is_file())
        if not truths:
            raise MotFileError(f'{folder}: no sequence with truth whose results NAME.txt are in '
                               f'{results[0]} (truths come first, then results)')
        names = {entry.name for entry in truths}
        for file in sorted(results[0].glob('*.txt')):
            if file.stem not in names:
                raise MotFileError(f'{file}: no sequence {file.stem} with truth in {folder}')
        results = [results[0] / f'{entry.name}.txt' for entry in truths]
    pairs = [_pair(_truth(truth, rules, class_id, truth_first_frame),
                   _results(result, class_id, first_frame))
             for truth, result in zip(truths, results)]
    names = {pair.name for pair in pairs}
    for pair in pairs:
        stem = pair.results.path.stem
        if stem != pair.name and stem in names:
            raise MotFileError(f'{pair.results.path}: the results of {stem} are in the place of '
                               f'those of {pair.name}')
    return pairs


def truth_folder(truth: Path) -> Path | None:
    """Return the sequence folder of a truth, a folder or a file; None for a file on its own."""
    if truth.is_dir():
        return truth
    folder = truth.absolute().parent.parent
    belongs = truth.absolute().parent.name == 'gt' or (folder / DESCRIPTION).is_file()
    return folder if belongs else None


def _results(path: Path, class_id: int | None, first_frame: int) -> MotTable:
    """Read results; of several classes those of ``class_id``, and those without one."""
    if not path.is_file():
        raise MotFileError(f'{path}: no such file')
    results = read_table(path, TableKind.RESULTS, first_frame)
    if class_id is None or not results.has_classes:
        return results
    chosen = results.select(np.isin(results.class_id, (class_id, NO_CLASS)))
    if not len(chosen):
        raise MotFileError(f'{path}: no row is of class {class_id}; it has {_classes(results)}')
    return chosen


def _truth(path: Path, rules: str | None, class_id: int | None, first_frame: int) -> Pair:
    """Read a truth; return it as a pair without results, of length 0 where it is not known."""
    folder = truth_folder(path)
    file = path / 'gt' / 'gt.txt' if path.is_dir() else path
    if not file.is_file():
        raise MotFileError(f'{file}: no such file')
    truth = read_table(file, TableKind.TRUTH, first_frame)
    if not len(truth):
        raise MotFileError(f'{file}: empty, a truth without boxes judges nothing')
    name, length = file.stem, 0
    if folder is not None:
        sequence = open_sequence(folder, with_detections=False)
        name = sequence.name
        length = sequence.length if sequence.has_length else 0
    if class_id is not None and not truth.has_classes:
        raise MotFileError(f'{file}: it has no classes (column 8) to choose {class_id} from')
    if truth.has_classes and truth.columns not in CLASS_COLUMNS and (
            rules is None and class_id is None):
        raise MotFileError(
            f'{file}: column 8 of {truth.columns} seems to be a class ({_classes(truth)}), as '
            'VisDrone writes it: --class N counts one class, --rules MOT15 all of them')
    if rules is None:
        rules = 'MOT15' if not truth.has_classes else 'MOT20' if 'MOT20' in name else 'MOT16'
    if rules != 'MOT15' and not truth.has_classes:
        raise MotFileError(f'{file}: the rules of {rules} need a class in column 8 of 9')
    pair = Pair(name, truth, truth, length, rules, class_id)
    if not pair.counts.any():
        wanted = '' if rules == 'MOT15' and class_id is None else (
            f' and class {PEDESTRIAN if class_id is None else class_id} in column 8')
        has = f'; it has {_classes(truth)}: --class N counts one' if truth.has_classes else ''
        if not truth.confidence.any():
            has = '; all flags are 0: write 1 for the boxes that count'
        raise MotFileError(
            f'{file}: no box counts, none has flag 1 in column 7{wanted}{has}')
    return pair


def _classes(table: MotTable) -> str:
    """Return which classes a table has, in words."""
    numbers, counts = np.unique(table.class_id, return_counts=True)
    return ', '.join(f'class {number} ({count} rows)' for number, count in zip(numbers, counts)
                     if number != NO_CLASS)


def _pair(truth: Pair, results: MotTable) -> Pair:
    length = truth.length or max(truth.truth.last_frame, results.last_frame)
    return dataclasses.replace(truth, results=results, length=length)


def find_other(pairs: Sequence[Pair], paths: Sequence[Path], first_frame: int = 1) -> list[Pair]:
    """
    Read other results for the truths of ``pairs``, to be compared with theirs.

    :param paths: as many files as pairs, in their order, or one folder with ``NAME.txt`` of each.
    :param first_frame: what they call the first frame.
    :raises MotFileError: another number of files, a missing or malformed one.
    """
    if len(paths) == 1 and paths[0].is_dir():
        paths = [paths[0] / f'{pair.name}.txt' for pair in pairs]
    if len(paths) != len(pairs):
        raise MotFileError(f'{len(paths)} results to compare with are not as many as the '
                           f'{len(pairs)} sequences')
    return [dataclasses.replace(pair, results=_results(path, pair.class_id, first_frame))
            for pair, path in zip(pairs, paths)]
