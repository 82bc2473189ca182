"""
What better features, a better memory and a better association could gain at most.

Every detection is given the truth's id that it covers best. Made into features that no two people
share, these ids tell what association loses although it knows everybody; written as results, they
are the most that these detections allow. For ``ablation.py --limits``.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from deepsort_ros.mot.table import format_row
from deepsort_ros.mot.table import MotTable
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind
from deepsort_ros.tracking import boxes

# Least overlap (IoU) of a detection and the person it shows.
LEAST = 0.5
LENGTH = 128
NO_ONE = 0


def identities(detections: MotTable, truth: MotTable) -> NDArray[np.int64]:
    """Return (N,) the id of the person each detection shows, ``NO_ONE`` for none."""
    people = truth.confidence > 0
    if truth.has_classes:
        people &= truth.class_id == 1
    ids = np.full(len(detections), NO_ONE)
    for frame in np.unique(detections.frame).tolist():
        here = detections.rows(frame)
        there = np.arange(len(truth))[truth.rows(frame)]
        there = there[people[there]]
        overlap = boxes.iou(detections.tlwh[here], truth.tlwh[there])
        row, column = linear_sum_assignment(np.where(overlap >= LEAST, overlap, 0), maximize=True)
        good = overlap[row, column] >= LEAST
        ids[here.start + row[good]] = truth.id[there[column[good]]]
    return ids


def write_perfect_features(detections: MotTable, truth: MotTable, path: Path) -> None:
    """Write features that are the same for a person's detections and like no one else's."""
    ids = identities(detections, truth)
    # False detections are strangers, each another one.
    ids[ids == NO_ONE] = ids.max() + 1 + np.arange(np.count_nonzero(ids == NO_ONE))
    _, number = np.unique(ids, return_inverse=True)
    look = np.random.default_rng(0).standard_normal((number.max() + 1, LENGTH))
    look /= np.linalg.norm(look, axis=1, keepdims=True)
    rows = np.full((len(detections), 10 + LENGTH), -1.0)
    rows[:, 0], rows[:, 2:6] = detections.frame, detections.tlwh
    rows[:, 6], rows[:, 10:] = detections.confidence, look[number]
    np.save(path, rows.astype(np.float64))


def write_perfect_results(detections: MotTable, truth: MotTable, least: float,
                          path: Path) -> None:
    """Write the detections of people, each under the person's own id, from a score on."""
    ids = identities(detections, truth)
    shown = (ids != NO_ONE) & (detections.confidence >= least)
    path.write_text(''.join(
        format_row(frame, number, tlwh) for frame, number, tlwh in zip(
            detections.frame[shown].tolist(), ids[shown].tolist(), detections.tlwh[shown])),
        encoding='utf-8')


def read_truth(sequence: Path) -> MotTable:
    """Return the truth of a sequence folder."""
    return read_table(sequence / 'gt' / 'gt.txt', TableKind.TRUTH)
