"""
Filling the gaps in finished tracks.

Only afterwards is it known that a track goes on, and where: the boxes between are drawn on a
straight line (as the offline results of ByteTrack, arXiv 2110.06864, section 4, and others are).
"""
from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from deepsort_ros.mot.table import format_row
from deepsort_ros.mot.table import MotTable
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind


def interpolate(results: MotTable, longest: int) -> MotTable:
    """
    Return the results with every id's gaps filled, by frame and id.

    A row between has score and class of the row before it.

    :param longest: gap, in frames without a row, that is still filled.
    """
    order = np.lexsort((results.frame, results.id))
    frame, number, tlwh = results.frame[order], results.id[order], results.tlwh[order]
    missing = np.diff(frame) - 1
    missing[(np.diff(number) != 0) | (missing > longest)] = 0
    before = np.arange(len(missing)).repeat(missing)
    step = np.arange(len(before)) - (missing.cumsum() - missing).repeat(missing) + 1
    share = (step / (missing[before] + 1))[:, None]
    between = (1 - share) * tlwh[before] + share * tlwh[before + 1]
    source = np.concatenate((order, order[before]))
    filled = results.select(source)
    filled = dataclasses.replace(
        filled, frame=np.concatenate((frame, frame[before] + step)),
        tlwh=np.concatenate((tlwh, between)))
    return filled.select(np.lexsort((filled.id, filled.frame)))


def interpolate_file(path: Path, longest: int) -> int:
    """
    Fill the gaps in a results file, in place, and return the rows added.

    :raises MotFileError: not a results file.
    :raises OSError: it cannot be read or written.
    """
    results = read_table(path, TableKind.RESULTS)
    filled = interpolate(results, longest)
    path.write_text(''.join(
        format_row(int(frame), int(number), tlwh, float(score), str(label))
        for frame, number, tlwh, score, label in zip(
            filled.frame, filled.id, filled.tlwh, filled.confidence, filled.label)),
        encoding='utf-8', newline='\n')
    return len(filled) - len(results)
