"""
The cells of a text table, whatever wrote it.

MOTChallenge tables are written with commas; other tools write blanks, tabs or semicolons between
the columns, a line of names above them, comments, or another encoding, and compress the file.
"""
from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COMMENTS = ('#', '%', '//')
ENCODINGS = ((codecs.BOM_UTF8, 'utf-8-sig'), (codecs.BOM_UTF16_LE, 'utf-16'),
             (codecs.BOM_UTF16_BE, 'utf-16'))
# How compressed files begin, and what reads them.
COMPRESSED = ((b'\x1f\x8b', gzip.decompress), (b'BZh', bz2.decompress),
              (b'\xfd7zXZ', lzma.decompress))
# How files begin that are text, but no table.
MARKUP = {'{': 'JSON', '[': 'JSON', '<': 'XML'}
# A number with a decimal comma or without, as a spreadsheet writes it between blanks or tabs.
DECIMAL_COMMA = re.compile(r'"?[-+]?\d+(,\d+)?([eE][-+]?\d+)?"?')
# Frame, id and a box.
LEAST = 6
# Boxes in shares of the image are no larger, except by rounding.
SHARES = 1.5
# How files begin that are neither text nor read, and what they are.
BINARY = ((b'\x93NUMPY', 'an array of numpy; with features it is for --features, else write text'),
          (b'PK\x03\x04', 'an archive, as of Excel or numpy; save a table as CSV'),
          (b'PAR1', 'Parquet; save it as CSV'), (b'%PDF', 'PDF; save a table as CSV'),
          (b'\x89HDF', 'HDF5; save it as CSV'), (b'MATLAB', 'a file of MATLAB; save it as CSV'),
          (b'SQLite format 3', 'a data base; save the table as CSV'),
          (b'\x80', 'a pickle of Python; save it as CSV'))
# Bytes that tell text from anything else: all else has a zero among so many.
BLOCK = 1 << 14
# Of a first column without a name.
INDEX = '; pandas writes no numbers of rows with index=False'
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

    One that is compressed with gzip, bzip2 or xz is read as what it holds.

    :raises MotFileError: not a text file.
    :raises OSError: the file cannot be read.
    """
    content = path.read_bytes()
    for mark, decompress in COMPRESSED:
        if content.startswith(mark):
            try:
                content = decompress(content)
            except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
                raise MotFileError(
                    f'{path}: a compressed file that is damaged: {error}') from error
    if kind := next((kind for mark, kind in BINARY if content.startswith(mark)), ''):
        raise MotFileError(f'{path}: not a text file, but {kind}')
    encoding = next((name for mark, name in ENCODINGS if content.startswith(mark)), 'utf-8')
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if b'\0' in content:
            raise MotFileError(f'{path}: not a text file') from error
        line = content[:error.start].count(b'\n') + 1
        raise MotFileError(f'{path}:{line}: not text in UTF-8 (byte {content[error.start]:#04x}); '
                           'save it as UTF-8') from error
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

    The first row decides what separates the columns: a semicolon, a comma, or blanks and tabs.
    Decimal commas are read where commas do not separate. Empty lines and comments are left out,
    and so is a line of names above the rows.

    :param columns: names of the first columns, for the message.
    :raises MotFileError: not a text file, or the columns are named and are others.
    """
    rows: list[tuple[int, list[str]]] = []
    separator: str | None = None
    text = read_text(path)
    if (kind := MARKUP.get(text.lstrip()[:1])) is not None:
        raise MotFileError(f'{path}: {kind}, not a table; write a line for each box: '
                           f'{", ".join(columns)}')
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith(COMMENTS):
            continue
        if not rows or (len(rows) == 1 and _is_heading(rows[0][1])):
            separator = _separator(line, separator)
        cells = [cell.strip().strip('"\'') for cell in line.split(separator)]
        if separator != ',':
            cells = [cell.replace(',', '.') for cell in cells]
        while len(cells) > 1 and not cells[-1]:
            cells.pop()  # a separator at the end of the line
        rows.append((number, cells))
    if rows and _is_heading(rows[0][1]):
        number, names = rows.pop(0)
        _check_names(path, number, names, columns)
    return rows


def _separator(line: str, heading: str | None) -> str | None:
    """Return what separates the columns of a line, None for blanks and tabs."""
    if heading is None and ',' in line:
        cells = line.split()
        if len(cells) >= LEAST and all(map(DECIMAL_COMMA.fullmatch, cells[:LEAST])):
            return None
    # Columns of another format may hold such marks.
    often = next((mark for mark in ';,' if line.count(mark) >= LEAST - 1), None)
    if often is not None or len(line.split()) >= LEAST:
        return often
    return next((mark for mark in ';,' if mark in line), None)


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
                f'must be {", ".join(columns)}{"" if name else INDEX}')


def what_else(cells: list[str]) -> str:
    """Return what a row that is refused looks like: the format of another tool, or nothing."""
    if len(cells) >= 17 and not any(map(is_number, cells[2:3])):
        return ('; this looks like a label file of KITTI, whose boxes are left, top, right, '
                'bottom in columns 7 to 10')
    if len(cells) in (15, 16) and not is_number(cells[0]) and all(map(is_number, cells[1:])):
        return ('; this looks like a label file of KITTI for one image, whose boxes are left, '
                'top, right, bottom in columns 5 to 8')
    if len(cells) in (6, 7) and cells[-1].strip() and not is_number(cells[-1]) and all(
            cell.isdigit() for cell in cells[:5]):
        return '; this looks like a file of MOTS, which holds masks instead of boxes'
    if len(cells) > 1 and not is_number(cells[0]) and re.fullmatch(
            r'.*\d\.[a-z]{3,4}', cells[0], re.IGNORECASE):
        return '; the first column must be the number of the frame, not the name of its image'
    try:
        values = [float(cell) for cell in cells[:6]]
    except ValueError:
        return ''
    if len(cells) in (5, 6, 7) and values[0] == int(values[0]) and all(
            0 <= value <= 1 for value in values[1:5]):
        return ('; this looks like a label file of YOLO: a class and a box in shares of the '
                'image, one file per image')
    if len(cells) == LEAST and values[-1] <= SHARES < values[-2]:
        return ('; this looks like frame, box and score: the id is missing, write -1 for it '
                'between frame and box')
    return ''
