"""
Histories: what every track was in every image, and how near its matches were.

A results file holds the boxes of confirmed tracks and nothing else. A history is a CSV file with
one row per track and image, tentative and lost ones too, and with the distances of each match; its
first line is a comment with the limits of these distances.
The tracker does not report these: they are computed again here, beside it, from the matches it
made, with the filter of the paper. Options that change the filter or the gallery (noise by score,
camera motion, averaged features, return of ended tracks) are not followed: distances are then the
plain ones.
"""
from __future__ import annotations

import csv
import json
import math
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.mot.table import FrameRows
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind
from deepsort_ros.pipeline import appearance_limit
from deepsort_ros.pipeline import AppearanceEncoder
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import boxes
from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import kalman
from deepsort_ros.tracking import Tracks
from deepsort_ros.tracking import TrackState
from deepsort_ros.tracking.association import GATE

COLUMNS = ('frame', 'id', 'state', 'left', 'top', 'width', 'height', 'score', 'detection',
           'motion', 'appearance', 'overlap')
STATES = {state.name.lower(): int(state) for state in TrackState}
NAMES = {number: name for name, number in STATES.items()}
HEADING = '# deepsort history '
DISTANCES = ('motion', 'appearance', 'overlap')


@dataclass(frozen=True)
class History(FrameRows):
    """
    Tracks over a sequence, in the order of frame and id.

    :param id: (N,) int64.
    :param state: (N,) int64, values of ``TrackState``.
    :param tlwh: (N, 4) float64, pixels.
    :param score: (N,) float64, of the last matched detection, NaN when unknown.
    :param motion: (N,) float64, squared Mahalanobis distance of the match, NaN without one.
    :param appearance: (N,) float64, least cosine distance of the match to the track's gallery,
        NaN without one.
    :param overlap: (N,) float64, 1 - IoU of the match and the predicted box, NaN without one.
    :param limits: largest motion, appearance and overlap distance of a match, by name; empty for
        a results file, which holds neither states nor distances.
    """

    id: NDArray[np.int64]
    state: NDArray[np.int64]
    tlwh: NDArray[np.float64]
    score: NDArray[np.float64]
    motion: NDArray[np.float64]
    appearance: NDArray[np.float64]
    overlap: NDArray[np.float64]
    limits: dict[str, float]


def read_history(path: Path, first_frame: int = 1) -> History:
    """
    Read a history, or a results file as one whose boxes are all confirmed.

    :param first_frame: what a results file calls the first frame.
    :raises MotFileError: malformed; one line that names file and line.
    :raises OSError: the file cannot be read.
    """
    try:
        with path.open(encoding='utf-8', newline='') as file:
            first = file.readline()
            if not first.startswith(HEADING):
                return _of_results(path, first_frame)
            return _parsed(path, first, list(csv.reader(file)))
    except UnicodeDecodeError:
        return _of_results(path, first_frame)


def _of_results(path: Path, first_frame: int) -> History:
    table = read_table(path, TableKind.RESULTS, first_frame)
    order = np.lexsort((table.id, table.frame))
    unknown = np.full(len(table), np.nan)
    # The reference writes 1 for every row: that is no score.
    score = unknown if (table.confidence == 1).all() else table.confidence[order]
    return History(
        table.frame[order], table.line[order], path, table.id[order],
        np.full(len(table), int(TrackState.CONFIRMED)), table.tlwh[order], score, unknown,
        unknown, unknown, {})


def _parsed(path: Path, first: str, rows: list[list[str]]) -> History:
    try:
        limits = {name: float(json.loads(first[len(HEADING):])[name]) for name in DISTANCES}
    except (ValueError, KeyError, TypeError):
        raise MotFileError(f'{path}:1: not the limits of a history') from None
    if not rows or tuple(rows[0]) != COLUMNS:
        raise MotFileError(f'{path}:2: the columns are not {",".join(COLUMNS)}')
    rows = rows[1:]
    numbers = np.empty((len(rows), len(COLUMNS)))
    for line, row in enumerate(rows, 3):
        if len(row) != len(COLUMNS):
            raise MotFileError(f'{path}:{line}: {len(row)} columns are not the {len(COLUMNS)} of '
                               'a history')
        if row[2] not in STATES:
            raise MotFileError(f'{path}:{line}: {row[2]!r} is not a state of a track')
        for column, cell in enumerate(row):
            try:
                numbers[line - 3, column] = (
                    STATES[cell] if column == 2 else float(cell) if cell else math.nan)
            except ValueError:
                raise MotFileError(f'{path}:{line}: {COLUMNS[column]} {cell!r} is not a '
                                   'number') from None
        if not (np.isfinite(numbers[line - 3, :7]).all() and numbers[line - 3, 0] >= 1):
            raise MotFileError(f'{path}:{line}: frame, id or box is missing')
    order = np.lexsort((numbers[:, 1], numbers[:, 0]))
    line_numbers = np.arange(3, len(rows) + 3)[order]
    numbers = numbers[order]
    frame, track_id, state = numbers[:, :3].astype(np.int64).T
    again = np.flatnonzero((np.diff(frame) == 0) & (np.diff(track_id) == 0))
    if len(again):
        row = again[0] + 1
        raise MotFileError(f'{path}:{line_numbers[row]}: id {track_id[row]} again in frame '
                           f'{frame[row]}')
    return History(frame, line_numbers, path, track_id, state, numbers[:, 3:7].copy(),
                   numbers[:, 7], numbers[:, 9], numbers[:, 10], numbers[:, 11], limits)


class HistoryWriter:
    """
    Writes a history while the tracker runs; a context manager.

    :param path: of the file.
    :param settings: of the tracker; :param encoder: what computes its features.
    """

    def __init__(self, path: Path, settings: Settings,
                 encoder: AppearanceEncoder | None = None) -> None:
        """Create the file and its folder."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open('w', encoding='utf-8', newline='\n')
        limits = (GATE, appearance_limit(settings, encoder), settings.max_iou_distance)
        self._file.write(f'{HEADING}{json.dumps(dict(zip(DISTANCES, limits)))}\n')
        self._file.write(','.join(COLUMNS) + '\n')
        self._matches = _Matches(settings.nn_budget)

    def add(self, frame: int, tracks: Tracks, detections: Detections) -> None:
        """
        Add one image, one time step after the last.

        :param tracks: all tracks after it; :param detections: all of it, also those left out.
        """
        distances = self._matches.distances(tracks, detections)
        for row in range(len(tracks)):
            left, top, width, height = tracks.tlwh[row]
            cells = ','.join('' if math.isnan(value) else f'{value:.4f}'
                             for value in distances[:, row])
            self._file.write(
                f'{frame},{tracks.id[row]},{NAMES[int(tracks.state[row])]},{left:.2f},{top:.2f},'
                f'{width:.2f},{height:.2f},{tracks.score[row]:g},'
                f'{tracks.detection_index[row]},{cells}\n')

    def __enter__(self) -> HistoryWriter:
        """Return self."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Complete the file."""
        self._file.close()


class _Matches:
    """Follows every track with a filter and a gallery like the tracker's own."""

    def __init__(self, nn_budget: int) -> None:
        self._budget = nn_budget
        self._id = np.empty(0, dtype=np.int64)
        self._state = np.empty((6, 0, 4))
        self._gallery: dict[int, deque[NDArray[np.float32]]] = {}

    def distances(self, tracks: Tracks, detections: Detections) -> NDArray[np.float64]:
        """Return (3, M): motion, appearance, overlap of each track's match, NaN without one."""
        found = np.full((3, len(tracks)), np.nan)
        state = np.zeros((6, len(tracks), 4))
        old = np.isin(tracks.id, self._id)
        kept = np.searchsorted(self._id, tracks.id[old])
        state[:, old] = kalman.predict(self._state[:, kept], 1.0)
        detection = tracks.detection_index
        row = np.flatnonzero(old & (detection >= 0))
        new = np.flatnonzero(~old)
        tlwh = detections.tlwh[detection[row]]
        measured, predicted = boxes.to_xyah(tlwh), state[:, row]
        found[0, row] = ((measured - predicted[0]) ** 2
                         / kalman.innovation_variance(predicted)).sum(axis=1)
        found[2, row] = [1.0 - boxes.iou(a[None], b[None])[0, 0]
                         for a, b in zip(boxes.reported(predicted[0]), tlwh)]
        state[:, row] = kalman.update(predicted, measured)
        state[:, new] = kalman.initiate(boxes.to_xyah(detections.tlwh[detection[new]]))
        self._id, self._state = tracks.id.copy(), state
        self._appearance(tracks, found[1])
        return found

    def _appearance(self, tracks: Tracks, found: NDArray[np.float64]) -> None:
        ids = tracks.id.tolist()
        self._gallery = {i: self._gallery.get(i) or deque(maxlen=self._budget) for i in ids}
        for row, (track_id, feature) in enumerate(zip(ids, tracks.feature)):
            held = self._gallery[track_id]
            # A track keeps showing its newest feature where a detection brought none.
            fresh = tracks.detection_index[row] >= 0 and bool(np.isfinite(feature).all())
            if not len(feature) or not fresh or (held and np.array_equal(held[-1], feature)):
                continue
            if held:
                found[row] = 1.0 - float((np.stack(list(held)) @ feature).max())
            held.append(feature.copy())
