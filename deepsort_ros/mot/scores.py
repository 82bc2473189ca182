"""The table of scores: its rows, and how it is shown, alone or beside another one."""
from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate

NOTE = 'MOTP is 1 - mean IoU of the matches (lower is better), as in the published evaluation.'
STYLES = ('text', 'markdown', 'csv', 'json')
# A hyphen could be taken for a separator where a difference is shown.
MINUS = '\N{MINUS SIGN}'


@dataclass(frozen=True)
class Scores:
    """
    One row of the table; the names are the table's column names.

    Percent: MOTA, IDF1, HOTA, DetA, AssA. Counts: MT, ML (trajectories), IDs (identity switches),
    FM (fragmentations), FP, FN (boxes). MOTP is 1 - mean IoU of the matches.
    """

    sequence: str
    MOTA: float
    MOTP: float
    MT: int
    ML: int
    IDs: int
    FM: int
    FP: int
    FN: int
    IDF1: float
    HOTA: float
    DetA: float
    AssA: float


# Columns and their types; the first is the name of the sequence.
COLUMNS: tuple[str, ...] = tuple(field.name for field in dataclasses.fields(Scores))


def cells(row: Scores) -> list[str]:
    """Return a row as it is printed, rounded for reading."""
    return [row.sequence, *(_cell(name, getattr(row, name)) for name in COLUMNS[1:])]


def _cell(name: str, value: float | int) -> str:
    if isinstance(value, int):
        return str(value)
    return f'{value:.3f}' if name == 'MOTP' else f'{value:.1f}'


def _difference(name: str, first: float | int, second: float | int) -> str:
    text = _cell(name, second - first)
    if text.strip('-0.') == '':
        return '='
    return text.replace('-', MINUS) if text.startswith('-') else f'+{text}'


def _grid(table: Sequence[Sequence[str]], style: str) -> str:
    text = tabulate(table, COLUMNS, tablefmt='github' if style == 'markdown' else 'simple',
                    colalign=('left', *['right'] * (len(COLUMNS) - 1)), disable_numparse=True)
    return f'{text}\n\n{NOTE}'


def _csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator='\n')
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue().rstrip('\n')


def format_scores(rows: Sequence[Scores], style: str = 'text') -> str:
    """
    Return the table as text.

    :param style: ``text`` or ``markdown`` (rounded for reading), ``csv`` or ``json`` (exact).
    """
    if style == 'json':
        return json.dumps({'note': NOTE, 'rows': [dataclasses.asdict(row) for row in rows]},
                          indent=2)
    if style == 'csv':
        return _csv(COLUMNS, [dataclasses.astuple(row) for row in rows])
    return _grid([cells(row) for row in rows], style)


def format_comparison(first: Sequence[Scores], second: Sequence[Scores], style: str = 'text',
                      names: tuple[str, str] = ('A', 'B')) -> str:
    """
    Return two tables of the same sequences as one: first, second, and second minus first.

    :param style: as in :func:`format_scores`.
    :param names: of the two sets of results.
    """
    triples = list(zip(first, second))
    labels = (*names, f'{names[1]} {MINUS} {names[0]}')
    if style == 'json':
        return json.dumps({'note': NOTE, 'rows': [
            {'sequence': a.sequence, 'first': dataclasses.asdict(a),
             'second': dataclasses.asdict(b),
             'difference': {name: getattr(b, name) - getattr(a, name) for name in COLUMNS[1:]}}
            for a, b in triples]}, indent=2)
    if style == 'csv':
        exact: list[list[object]] = []
        for a, b in triples:
            values = [[getattr(row, name) for name in COLUMNS[1:]] for row in (a, b)]
            exact.append([a.sequence, 'first', *values[0]])
            exact.append([a.sequence, 'second', *values[1]])
            exact.append([a.sequence, 'difference', *(y - x for x, y in zip(*values))])
        return _csv(('sequence', 'results', *COLUMNS[1:]), exact)
    table = []
    for a, b in triples:
        table.append([f'{a.sequence} {labels[0]}', *cells(a)[1:]])
        table.append([f'{a.sequence} {labels[1]}', *cells(b)[1:]])
        table.append([f'{a.sequence} {labels[2]}', *(
            _difference(name, getattr(a, name), getattr(b, name)) for name in COLUMNS[1:])])
    return _grid(table, style)
