"""
The cells of a text table, whatever wrote it.

MOTChallenge tables are written with commas; other tools write blanks, tabs or semicolons between
the columns, a line of names above them, comments, or another encoding.
"""
from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COMMENTS = ('#', '%', '//')
ENCODINGS = ((codecs.BOM_UTF8, 'utf-8-sig'), (codecs.BOM_UTF16_LE, 'utf-16'),
             (codecs.BOM_UTF16_BE, 'utf-16'))
# Bytes that tell text from anything else: all else has a zero among so many.
BLOCK = 1 << 14
# What the first columns are called where a file names them; only letters and digits count.
NAMES = (
    {'frame', 'frameid', 'frameno', 'framenumber', 'frameindex', 'frameidx'},
    {'id', 'trackid', 'objectid', 'objid', 'targetid', 'trackerid', 'identity'},
    {'left', 'bbleft', 'bboxleft', 'boxleft', 'x', 'x1', 'xmin', 'bbx', 'bboxx'},
    {'top', 'bbtop', 'bboxtop', 'boxtop', 'y', 'y1', 'ymin', 'bby', 'bboxy'},
    {'width', 'w', 'bbwidth', 'bboxwidth', 'boxwidth', 'bbw', 'bboxw'},
    {'height', 'h', 'bbheight', 'bboxheight', 'boxheight', 'bbh', 'bboxh'},
    {'confidence', 'conf', 'score', 'detconf', 'flag', 'consider', 'considered', 'valid',
     'notignored'})


class MotFileError(ValueError):
    """A file is not what it should be; the message names file and line."""


def read_text(path: Path) -> str:
    """
    Return the text of a file in UTF-8 or UTF-16, without its byte order mark.

    :raises MotFileError: not a text file.
    :raises OSError: the file cannot be read.
    """
    content = path.read_bytes()
    encoding = next((name for mark, name in ENCODINGS if content.startswith(mark)), 'utf-8')
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise MotFileError(f'{path}: not a text file') from error
    if '\0' in text:
        raise MotFileError(f'{path}: not a text file')
    return text


def read_array(path: Path) -> NDArray[Any]:
    """
    Return the array of a ``.npy`` file.

    :raises MotFileError: not such a file.
    :raises OSError: the file cannot be read.
    """
    try:
        values = np.load(path, allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # noqa: B902 numpy parses the header as Python, with its errors
        raise MotFileError(f'{path}: not a .npy array: {error}') from error
    if not isinstance(values, np.ndarray):
        raise MotFileError(f'{path}: not a .npy array, but several')
    return values


def is_text(path: Path) -> bool:
    """Whether a file begins as text does."""
    with path.open('rb') as file:
        begin = file.read(BLOCK)
    marked = any(begin.startswith(mark) for mark, _ in ENCODINGS)
    return marked or b'\0' not in begin


def read_cells(path: Path, columns: tuple[str, ...]) -> list[tuple[int, list[str]]]:
    """
    Return (line number from 1, cells) of every row.

    The first row decides what separates the columns: a semicolon (then a decimal comma is read
    too), a comma, or blanks and tabs. Empty lines and comments are left out, and so is a line of
    names above the rows.

    :param columns: names of the first columns, for the message.
    :raises MotFileError: not a text file, or the columns are named and are others.
    """
    rows: list[tuple[int, list[str]]] = []
    separator: str | None = None
    for number, line in enumerate(read_text(path).splitlines(), 1):
        line = line.strip()
        if not line or line.startswith(COMMENTS):
            continue
        if not rows:
            separator = next((mark for mark in ';,' if mark in line), None)
        cells = [cell.strip().strip('"\'') for cell in line.split(separator)]
        if separator == ';':
            cells = [cell.replace(',', '.') for cell in cells]
        while len(cells) > 1 and not cells[-1]:
            cells.pop()  # a separator at the end of the line
        rows.append((number, cells))
    if rows and _is_heading(rows[0][1]):
        number, names = rows.pop(0)
        _check_names(path, number, names, columns)
    return rows


def is_number(cell: str) -> bool:
    """Whether a cell is a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_heading(cells: list[str]) -> bool:
    return not any(is_number(cell) for cell in cells) and len(cells) > 1


def _check_names(path: Path, number: int, names: list[str], columns: tuple[str, ...]) -> None:
    for wanted, name, accepted in zip(columns, names, NAMES):
        if re.sub('[^a-z0-9]', '', name.lower()) not in accepted:
            raise MotFileError(
                f'{path}:{number}: the column {name!r} is in the place of {wanted}; the columns '
                f'must be {", ".join(columns)}')


def what_else(cells: list[str]) -> str:
    """Return what a row that is refused looks like: the format of another tool, or nothing."""
    if len(cells) >= 17 and not any(map(is_number, cells[2:3])):
        return ('; this looks like a label file of KITTI, whose boxes are left, top, right, '
                'bottom in columns 7 to 10')
    try:
        values = [float(cell) for cell in cells[:5]]
    except ValueError:
        return ''
    if len(cells) in (5, 6, 7) and values[0] == int(values[0]) and all(
            0 <= value <= 1 for value in values[1:]):
        return ('; this looks like a label file of YOLO: a class and a box in shares of the '
                'image, one file per image')
    return ''
