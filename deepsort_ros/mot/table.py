"""
MOTChallenge text tables: truth, detections and results.

One row per line: ``frame, id, left, top, width, height, confidence, class, visibility, ...`` with
frames from 1 and pixels from the top left corner. Column 7 of a truth file is a 0/1 flag (0: not
evaluated). MOT16, MOT17 and MOT20 truth goes on with class and visibility (9 columns), MOT15 truth
with world coordinates (10 columns). Detections and results may have a class in column 8. Files
that end with the box have a confidence of 1.
"""
from __future__ import annotations

import enum
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.mot.cells import is_number
from deepsort_ros.mot.cells import LEAST
from deepsort_ros.mot.cells import MotFileError as MotFileError
from deepsort_ros.mot.cells import read_cells
from deepsort_ros.mot.cells import SHARES
from deepsort_ros.mot.cells import what_else
from deepsort_ros.tracking import Detections

NO_CLASS = -1
COLUMNS = ('frame', 'id', 'left', 'top', 'width', 'height', 'confidence')
CLASS, VISIBILITY = 7, 8
# Columns of truth with classes: of MOT16 and later, without and with the visibility.
CLASS_COLUMNS = (8, 9)
FIRST_FRAME = {'detections': '--first-frame', 'results': '--first-frame',
               'truth': '--truth-first-frame'}


class TableKind(enum.Enum):
    """What the rows of a table are."""

    DETECTIONS = 'detections'
    RESULTS = 'results'
    TRUTH = 'truth'


@dataclass(frozen=True)
class FrameRows:
    """
    Where the rows of a file are from, as arrays over N rows in the order of their frames.

    :param frame: (N,) int64, from 1, ascending.
    :param line: (N,) int64, line in the file, from 1.
    :param path: the file.
    """

    frame: NDArray[np.int64]
    line: NDArray[np.int64]
    path: Path

    def rows(self, frame: int) -> slice:
        """Return the rows of one frame."""
        first, end = np.searchsorted(self.frame, (frame, frame + 1))
        return slice(int(first), int(end))

    def check_length(self, length: int) -> None:
        """
        Check that no row lies behind the end of the sequence.

        :raises MotFileError: names the first such line.
        """
        late = np.flatnonzero(self.frame > length)
        if len(late):
            row = late[np.argmin(self.line[late])]
            raise MotFileError(f'{self.path}:{self.line[row]}: frame {self.frame[row]} is '
                               f'behind the end of the sequence ({length} frames), and '
                               f'{len(late) - 1} rows more; is the file of another sequence, or '
                               'are images missing?')


@dataclass(frozen=True)
class MotTable(FrameRows):
    """
    The rows of a MOTChallenge file.

    :param id: (N,) int64; -1 for detections.
    :param tlwh: (N, 4) float64, pixels.
    :param confidence: (N,) float64, column 7: score or, in truth, 0/1 flag.
    :param class_id: (N,) int64, column 8; ``NO_CLASS`` where there is none, or a word.
    :param visibility: (N,) float64, column 9 of MOT16 truth: share of the object that is seen;
        else 1.
    :param label: (N,) of str, column 8 as it is written; empty where there is no class.
    :param columns: how many the file has, 0 of an empty one; a confidence that it lacks counts.
    :param scored: whether it has a confidence; otherwise that is 1.
    """

    id: NDArray[np.int64]
    tlwh: NDArray[np.float64]
    confidence: NDArray[np.float64]
    class_id: NDArray[np.int64]
    visibility: NDArray[np.float64]
    label: NDArray[np.object_]
    columns: int
    scored: bool = True

    def __len__(self) -> int:
        """Return N."""
        return len(self.frame)

    @property
    def last_frame(self) -> int:
        """Return the highest frame number, 0 in an empty table."""
        return int(self.frame[-1]) if len(self) else 0

    @property
    def has_classes(self) -> bool:
        """Whether rows have a class that is a number."""
        return bool((self.class_id != NO_CLASS).any())

    def select(self, chosen: NDArray[Any]) -> MotTable:
        """Return the rows of a mask, or of an index array in its order."""
        return MotTable(
            self.frame[chosen], self.line[chosen], self.path, self.id[chosen], self.tlwh[chosen],
            self.confidence[chosen], self.class_id[chosen], self.visibility[chosen],
            self.label[chosen], self.columns, self.scored)

    def detections(self, frame: int) -> Detections:
        """Return one frame's rows as detections."""
        rows = self.rows(frame)
        return Detections.from_arrays(self.tlwh[rows], self.confidence[rows], self.label[rows])


def read_table(path: Path, kind: TableKind, first_frame: int = 1) -> MotTable:
    """
    Read and check a file; one without rows is a table without rows.

    :param first_frame: what the file calls the first frame; frames of the table count from 1.
    :raises MotFileError: missing or uneven columns, no number, frame or id not an integer, frame
        below the first, negative width or height, an id twice in a frame, a flag that is not 0
        or 1. One line that names file and line.
    :raises OSError: the file cannot be read.
    """
    rows = read_cells(path, COLUMNS)
    scored = not _ends_with_box(rows)
    if not scored:
        rows = [(number, [*cells, '1'] if len(cells) == LEAST else cells)
                for number, cells in rows]
    values, labels = _values(path, rows, kind)
    lines = np.array([number for number, _ in rows], dtype=np.int64)
    return replace(_table(path, values, labels, lines, kind, first_frame), scored=scored)


def table_from_array(path: Path, values: NDArray[Any], kind: TableKind,
                     first_frame: int = 1) -> MotTable:
    """
    Check an (N, >= 7) array with the columns of a file; row numbers serve as line numbers.

    :param first_frame: what it calls the first frame.
    :raises MotFileError: as :func:`read_table`.
    """
    if values.ndim != 2 or values.shape[1] < len(COLUMNS):
        raise MotFileError(
            f'{path}: shape {values.shape} is not (N, columns), columns >= {len(COLUMNS)}')
    number = values.astype(np.float64)
    labels = ([f'{value:g}' for value in number[:, CLASS]] if number.shape[1] > CLASS
              else [''] * len(number))
    return _table(path, number, labels, np.arange(1, len(values) + 1), kind, first_frame)


def _ends_with_box(rows: list[tuple[int, list[str]]]) -> bool:
    """Whether rows have no confidence, and boxes of pixels."""
    return bool(rows) and len(rows[0][1]) == LEAST and any(
        is_number(cells[-1]) and float(cells[-1]) > SHARES for _, cells in rows)


def _values(path: Path, rows: list[tuple[int, list[str]]],
            kind: TableKind) -> tuple[NDArray[np.float64], list[str]]:
    """Return the (N, C) numbers, NaN where a column that is not used holds words; column 8."""
    if not rows:
        return np.empty((0, len(COLUMNS))), []
    count = len(rows[0][1])
    for number, cells in rows:
        if len(cells) < len(COLUMNS):
            raise MotFileError(f'{path}:{number}: {len(cells)} columns, at least {len(COLUMNS)} '
                               f'are needed ({", ".join(COLUMNS)}){what_else(cells)}')
        if len(cells) != count:
            raise MotFileError(
                f'{path}:{number}: {len(cells)} columns, the first row has {count}')
    needed = len(COLUMNS)
    if kind is TableKind.TRUTH and count in CLASS_COLUMNS:
        needed = count
    try:
        values = np.array([cells[:needed] for _, cells in rows], dtype=np.float64)
    except ValueError:
        number, cells, cell = next(
            (number, cells, cell) for number, cells in rows for cell in cells[:needed]
            if not is_number(cell))
        raise MotFileError(
            f'{path}:{number}: {cell!r} is not a number{what_else(cells)}') from None
    others = np.full((len(rows), count - needed), np.nan)
    for column in range(needed, count):
        try:
            others[:, column - needed] = [float(cells[column]) for _, cells in rows]
        except ValueError:
            pass  # words, in a column that only a few tools have
    labels = [cells[CLASS] for _, cells in rows] if count > CLASS else [''] * len(rows)
    return np.hstack((values, others)), labels


def _table(path: Path, values: NDArray[np.float64], labels: list[str], line: NDArray[np.int64],
           kind: TableKind, first_frame: int) -> MotTable:
    truth = kind is TableKind.TRUTH
    classes = truth and values.shape[1] in CLASS_COLUMNS

    def refuse(bad: NDArray[np.bool_], column: int, why: str) -> None:
        if bad.any():
            row = int(np.argmax(bad))
            name = (*COLUMNS, 'class')[column]
            raise MotFileError(f'{path}:{line[row]}: {name} {values[row, column]:g} {why}')

    for column in range(8 if classes else 7):
        refuse(~np.isfinite(values[:, column]), column, 'is not finite')
    # Shares of the image in the place of pixels, after a class: YOLO.
    shares = len(values) and (np.abs(values[:, 1:5]) <= 1).all()
    for column in (0, 1, CLASS) if classes else (0, 1):
        why = ('; this looks like labels of YOLO: a class, then a box in shares of the image'
               if shares else '; are these seconds? Write the number of the image'
               if column == 0 else '')
        refuse(values[:, column] != np.floor(values[:, column]), column,
               f'is not an integer{why}')
    cure = f'; if the file counts from 0, {FIRST_FRAME[kind.value]} 0 says so'
    refuse(values[:, 0] < first_frame, 0, f'is below {first_frame}' + (
        cure if first_frame == 1 and values[:, 0].min(initial=1) == 0 else ''))
    for column in (4, 5):
        refuse(values[:, column] < 0, column, 'is negative')
    if kind is not TableKind.DETECTIONS:
        refuse(values[:, 1] < 0, 1, 'is negative')
        _refuse_duplicates(path, values[:, :2], line)
    if truth:
        refuse((values[:, 6] != 0) & (values[:, 6] != 1), 6, 'is not the flag 0 or 1')
    order = np.argsort(values[:, 0], kind='stable')
    values = values[order]
    class_id = _classes(values, kind)
    label = np.array(labels, dtype=object).reshape(-1)[order]
    words = np.array([bool(text) and not is_number(text) for text in label], dtype=bool)
    label = np.where(words, label, np.where(class_id == NO_CLASS, '', class_id.astype(str)))
    seen = values[:, VISIBILITY] if classes and values.shape[1] == 9 else np.ones(len(values))
    return MotTable(values[:, 0].astype(np.int64) + 1 - first_frame, line[order].astype(np.int64),
                    path, values[:, 1].astype(np.int64), values[:, 2:6].copy(),
                    values[:, 6].copy(), class_id, seen, label.astype(object),
                    values.shape[1] if len(values) else 0)


def _classes(values: NDArray[np.float64], kind: TableKind) -> NDArray[np.int64]:
    """
    Return column 8 where it holds classes.

    In MOT15 it is the first of three world coordinates: -1, or numbers with a fraction.
    """
    none = np.full(len(values), NO_CLASS)
    if values.shape[1] <= CLASS or not len(values):
        return none
    held = values[:, CLASS:CLASS + 1]
    plausible = bool((held >= NO_CLASS).all())
    if kind is TableKind.TRUTH and values.shape[1] not in CLASS_COLUMNS:
        # As VisDrone writes it: class, truncation, occlusion.
        held = values[:, CLASS:CLASS + 3]
        plausible = bool((held >= 0).all() and held[:, 0].any())
    whole = np.isfinite(held).all() and (held == np.floor(held)).all()
    return held[:, 0].astype(np.int64) if plausible and whole else none


def _refuse_duplicates(path: Path, keys: NDArray[np.float64], line: NDArray[np.int64]) -> None:
    order = np.lexsort((line, keys[:, 1], keys[:, 0]))
    same = (keys[order][1:] == keys[order][:-1]).all(axis=1)
    if same.any():
        row = order[1:][same].min()
        first = np.flatnonzero((keys == keys[row]).all(axis=1))[0]
        raise MotFileError(f'{path}:{line[row]}: id {keys[row, 1]:g} again in frame '
                           f'{keys[row, 0]:g}, first on line {line[first]}')


def format_row(frame: int, track_id: int, tlwh: NDArray[np.float64], score: float = 1.0,
               label: str = '') -> str:
    """
    Return one line of a results file, as the reference implementation writes it.

    :param score: column 7; :param label: the class, column 8, -1 where there is none.
    """
    left, top, width, height = tlwh
    return (f'{frame:d},{track_id:d},{left:.2f},{top:.2f},{width:.2f},{height:.2f},'
            f'{score:.6g},{label or NO_CLASS},-1,-1\n')
