"""
MOTChallenge text tables: truth, detections and results.

One row per line, comma separated: ``frame, id, left, top, width, height, confidence, ...`` with
frames from 1 and pixels from the top left corner. Column 7 of a truth file is a 0/1 flag (0: not
evaluated). MOT16, MOT17 and MOT20 truth goes on with class and visibility (9 columns), MOT15 truth
with world coordinates (10 columns).
"""
from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import Detections

NO_CLASS = -1
COLUMNS = ('frame', 'id', 'left', 'top', 'width', 'height', 'confidence')


class MotFileError(ValueError):
    """A file is not what it should be; the message names file and line."""


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
                               f'behind the end of the sequence ({length} frames)')


@dataclass(frozen=True)
class MotTable(FrameRows):
    """
    The rows of a MOTChallenge file.

    :param id: (N,) int64; -1 for detections.
    :param tlwh: (N, 4) float64, pixels.
    :param confidence: (N,) float64, column 7: score or, in truth, 0/1 flag.
    :param class_id: (N,) int64, column 8 of MOT16 truth, else ``NO_CLASS``.
    :param visibility: (N,) float64, column 9 of MOT16 truth: share of the object that is seen;
        else 1.
    """

    id: NDArray[np.int64]
    tlwh: NDArray[np.float64]
    confidence: NDArray[np.float64]
    class_id: NDArray[np.int64]
    visibility: NDArray[np.float64]

    def __len__(self) -> int:
        """Return N."""
        return len(self.frame)

    @property
    def last_frame(self) -> int:
        """Return the highest frame number, 0 in an empty table."""
        return int(self.frame[-1]) if len(self) else 0

    @property
    def has_classes(self) -> bool:
        """Whether this is truth with classes (MOT16 and later)."""
        return bool(len(self) and self.class_id[0] != NO_CLASS)

    def detections(self, frame: int) -> Detections:
        """Return one frame's rows as detections without a class."""
        rows = self.rows(frame)
        return Detections.from_arrays(self.tlwh[rows], self.confidence[rows])


def read_table(path: Path, kind: TableKind) -> MotTable:
    """
    Read and check a file.

    :raises MotFileError: missing or uneven columns, no number, frame or id not an integer, frame
        below 1, negative width or height, an id twice in a frame, a flag that is not 0 or 1,
        no rows at all. One line that names file and line.
    :raises OSError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise MotFileError(f'{path}: not a text file') from error
    numbered = [(number, line) for number, line in enumerate(text.splitlines(), 1)
                if line.strip()]
    if not numbered:
        raise MotFileError(f'{path}: empty, no rows')
    values = _numbers(path, numbered)
    return _table(path, values, np.array([number for number, _ in numbered]), kind)


def table_from_array(path: Path, values: NDArray[Any], kind: TableKind) -> MotTable:
    """
    Check an (N, >= 7) array with the columns of a file; row numbers serve as line numbers.

    :raises MotFileError: as :func:`read_table`.
    """
    if values.ndim != 2 or values.shape[1] < len(COLUMNS):
        raise MotFileError(
            f'{path}: shape {values.shape} is not (N, columns), columns >= {len(COLUMNS)}')
    return _table(path, values.astype(np.float64), np.arange(1, len(values) + 1), kind)


def _numbers(path: Path, numbered: list[tuple[int, str]]) -> NDArray[np.float64]:
    cells = [line.split(',') for _, line in numbered]
    count = len(cells[0])
    for (number, _), row in zip(numbered, cells):
        if len(row) < len(COLUMNS):
            raise MotFileError(f'{path}:{number}: {len(row)} columns, at least {len(COLUMNS)} '
                               f'are needed ({", ".join(COLUMNS)})')
        if len(row) != count:
            raise MotFileError(f'{path}:{number}: {len(row)} columns, the first row has {count}')
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        number, cell = next((number, cell) for (number, _), row in zip(numbered, cells)
                            for cell in row if not _is_number(cell))
        raise MotFileError(f'{path}:{number}: {cell.strip()!r} is not a number') from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _table(path: Path, values: NDArray[np.float64], line: NDArray[np.int64],
           kind: TableKind) -> MotTable:
    truth = kind is TableKind.TRUTH
    classes = truth and values.shape[1] in (8, 9)
    used = values[:, :8 if classes else 7]

    def refuse(bad: NDArray[np.bool_], column: int, why: str) -> None:
        if bad.any():
            row = int(np.argmax(bad))
            name = (*COLUMNS, 'class')[column]
            raise MotFileError(f'{path}:{line[row]}: {name} {values[row, column]:g} {why}')

    for column in range(used.shape[1]):
        refuse(~np.isfinite(used[:, column]), column, 'is not finite')
    for column in (0, 1, 7) if classes else (0, 1):
        refuse(used[:, column] != np.floor(used[:, column]), column, 'is not an integer')
    refuse(used[:, 0] < 1, 0, 'is below 1')
    for column in (4, 5):
        refuse(used[:, column] < 0, column, 'is negative')
    if kind is not TableKind.DETECTIONS:
        refuse(used[:, 1] < 0, 1, 'is negative')
        _refuse_duplicates(path, used[:, :2], line)
    if truth:
        refuse((used[:, 6] != 0) & (used[:, 6] != 1), 6, 'is not the flag 0 or 1')
    order = np.argsort(used[:, 0], kind='stable')
    used = used[order]
    class_id = used[:, 7] if classes else np.full(len(used), NO_CLASS)
    seen = values[order, 8] if classes and values.shape[1] == 9 else np.ones(len(used))
    return MotTable(used[:, 0].astype(np.int64), line[order].astype(np.int64), path,
                    used[:, 1].astype(np.int64), used[:, 2:6].copy(), used[:, 6].copy(),
                    class_id.astype(np.int64), seen)


def _refuse_duplicates(path: Path, keys: NDArray[np.float64], line: NDArray[np.int64]) -> None:
    order = np.lexsort((line, keys[:, 1], keys[:, 0]))
    same = (keys[order][1:] == keys[order][:-1]).all(axis=1)
    if same.any():
        row = order[1:][same].min()
        first = np.flatnonzero((keys == keys[row]).all(axis=1))[0]
        raise MotFileError(f'{path}:{line[row]}: id {keys[row, 1]:g} again in frame '
                           f'{keys[row, 0]:g}, first on line {line[first]}')


def format_row(frame: int, track_id: int, tlwh: NDArray[np.float64]) -> str:
    """Return one line of a results file, as the reference implementation writes it."""
    left, top, width, height = tlwh
    return (f'{frame:d},{track_id:d},{left:.2f},{top:.2f},{width:.2f},{height:.2f},'
            '1,-1,-1,-1\n')
