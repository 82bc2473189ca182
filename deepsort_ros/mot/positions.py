"""
Positions of tracks as text, and how far they are from the truth.

A results row is that of MOTChallenge, whose columns 8 to 10 are the position in the world, and
goes on: ``frame, id, left, top, width, height, 1, x, y, z, vx, vy, var_x, cov_xy, var_y, source``
in m and m/s of the fixed frame; z is that of the ground under the thing. The source is a number
of :class:`~deepsort_ros.world.location.Source`. Tracks without a position have no row.

A truth file has KITTI's columns: ``frame, id, class, truncated, occluded, x, y, z, yaw, height,
width, length``, x y z the bottom centre in the camera's frame. Beside it lie ``gt/gt.txt`` with
the boxes of the same ids and ``poses.txt`` that says where the camera was.
"""
from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from tabulate import tabulate

from deepsort_ros.mot.poses import read_poses
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind
from deepsort_ros.tracking import boxes
from deepsort_ros.tracking import Tracks
from deepsort_ros.world.world import Positions

COLUMNS = 16
TRUTH_COLUMNS = 12
LEAST_IOU = 0.5
DISTANCES = ((0, 10), (10, 20), (20, 40), (40, 80))
# 0.95 quantile of the chi-square distribution with 2 degrees of freedom.
ELLIPSE = 5.9915


def position_rows(frame: int, tracks: Tracks, positions: Positions) -> Iterator[str]:
    """Yield the lines of the tracks of a frame that have a position."""
    for row in positions.source.nonzero()[0]:
        spread = positions.covariance[row]
        values = (*tracks.tlwh[row], 1, *positions.position[row], *positions.velocity[row],
                  spread[0, 0], spread[0, 1], spread[1, 1])
        yield (f'{frame},{tracks.id[row]},' + ','.join(f'{value:.5g}' if index > 9 else
                                                       f'{value:.3f}'
                                                       for index, value in enumerate(values))
               + f',{positions.source[row]}\n')


@dataclass(frozen=True)
class PositionScore:
    """
    How far positions are from the truth, at some distance from the camera.

    Results belong to the truth their box overlaps by half; truth that is hidden or cut off does
    not count.

    :param distance: in words; :param boxes: of the truth that is seen, found or not.
    :param located: of them with a position, percent.
    :param median, p90: m, horizontal error; :param inside: percent inside the 95 % ellipse.
    :param nees: mean of the squared error in units of the covariance; 2 is right.
    :param velocity: m/s, median error.
    """

    distance: str
    boxes: int
    located: float
    median: float
    p90: float
    inside: float
    nees: float
    velocity: float


def evaluate_positions(truth: Path, results: Path, class_id: int = 1) -> list[PositionScore]:
    """
    Return a row per range of distances, the last for all of them.

    :param truth: a sequence folder with ``gt3d.txt``, or that file in one.
    :param results: as :func:`position_rows` writes them.
    :param class_id: of the truth that counts.
    :raises MotFileError: a missing or malformed file.
    """
    solid = truth / 'gt3d.txt' if truth.is_dir() else truth
    folder = solid.parent
    rows = _numbers(solid, TRUTH_COLUMNS)
    flat = read_table(folder / 'gt' / 'gt.txt', TableKind.TRUTH)
    poses = read_poses(folder / 'poses.txt')
    rate = open_sequence(folder, with_detections=False).frame_rate
    found = _numbers(results, COLUMNS)
    if rows[:, 0].max(initial=0) > len(poses):
        raise MotFileError(f'{folder / "poses.txt"}: {len(poses)} poses, but {solid} has frame '
                           f'{rows[:, 0].max():.0f}')
    if not (rows[:, 2] == class_id).any():
        raise MotFileError(f'{solid}: no truth of class {class_id}; it has the classes '
                           f'{", ".join(f"{one:g}" for one in np.unique(rows[:, 2]))}')
    place = np.array([poses[int(row[0]) - 1].rotation @ row[5:8]
                      + poses[int(row[0]) - 1].translation for row in rows])
    keys = {(int(row[0]), int(row[1])): index for index, row in enumerate(rows)}
    samples = []
    for frame in np.unique(rows[:, 0]).astype(int).tolist():
        part = flat.rows(frame)
        truths = [(box, keys[frame, int(one)]) for box, one in
                  zip(flat.tlwh[part], flat.id[part]) if (frame, int(one)) in keys]
        truths = [(box, index) for box, index in truths if rows[index, 2] == class_id]
        mine = found[found[:, 0] == frame]
        pairs = _pairs(np.array([box for box, _ in truths]).reshape(-1, 4), mine[:, 2:6])
        for number, (_, index) in enumerate(truths):
            if not rows[index, 3:5].any():
                row = mine[pairs[number]] if number in pairs else None
                samples.append(_sample(rows[index], place, keys, index, row, rate))
    return _table(np.array(samples).reshape(-1, 4))


def _pairs(truth: NDArray[np.float64], found: NDArray[np.float64]) -> dict[int, int]:
    """Return which result belongs to which truth."""
    overlap = boxes.iou(truth, found)
    overlap[overlap < LEAST_IOU] = 0.0
    row, column = linear_sum_assignment(-overlap)
    good = overlap[row, column] > 0
    return dict(zip(row[good].tolist(), column[good].tolist()))


def _sample(truth: NDArray[np.float64], place: NDArray[np.float64],
            keys: dict[tuple[int, int], int], index: int, row: NDArray[np.float64] | None,
            rate: float) -> tuple[float, float, float, float]:
    """Return distance, error, squared distance in the ellipse, velocity error; NaN for none."""
    distance = float(np.hypot(truth[5], truth[7]))
    if row is None:
        return distance, np.nan, np.nan, np.nan
    miss = row[7:9] - place[index, :2]
    spread = np.array(((row[12], row[13]), (row[13], row[14])))
    frame, one = int(truth[0]), int(truth[1])
    around = [keys.get((frame + step, one)) for step in (-2, 2)]
    speed = np.nan
    if around[0] is not None and around[1] is not None:
        true = (place[around[1]] - place[around[0]])[:2] * rate / 4
        speed = float(np.hypot(*(row[10:12] - true)))
    return (distance, float(np.hypot(*miss)), float(miss @ np.linalg.solve(spread, miss)), speed)


def _table(samples: NDArray[np.float64]) -> list[PositionScore]:
    scores = []
    for low, high in (*DISTANCES, (0, np.inf)):
        near = samples[(samples[:, 0] >= low) & (samples[:, 0] < high)]
        error, nees, velocity = (one[np.isfinite(one)] for one in near.T[1:])
        if not len(error):
            continue
        scores.append(PositionScore(
            f'{low}-{high} m' if high < np.inf else 'all', len(near),
            100 * len(error) / len(near), float(np.median(error)),
            float(np.quantile(error, 0.9)), 100 * float(np.mean(nees < ELLIPSE)),
            float(np.mean(nees)), float(np.median(velocity)) if len(velocity) else np.nan))
    return scores


def format_positions(scores: list[PositionScore], style: str = 'text') -> str:
    """Return the table as ``text``, ``markdown``, ``csv`` or ``json``."""
    if style == 'json':
        return json.dumps([dataclasses.asdict(score) for score in scores], indent=2)
    header = ('distance', 'boxes', 'located %', 'median m', '90 % m', 'inside 95 % %', 'NEES',
              'velocity m/s')
    cells = [(score.distance, str(score.boxes), f'{score.located:.0f}', f'{score.median:.2f}',
              f'{score.p90:.2f}', f'{score.inside:.0f}', f'{score.nees:.1f}',
              f'{score.velocity:.2f}') for score in scores]
    if style == 'csv':
        return '\n'.join(','.join(row) for row in (header, *cells))
    text: str = tabulate(cells, header, tablefmt='github' if style == 'markdown' else 'simple',
                         colalign=('left', *['right'] * 7), disable_numparse=True)
    return text


def _numbers(path: Path, columns: int) -> NDArray[np.float64]:
    """Return the rows of a comma separated file, all of them so many finite numbers."""
    if not path.is_file():
        raise MotFileError(f'{path}: no such file')
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except UnicodeDecodeError as error:
        raise MotFileError(f'{path}: not a text file') from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = [float(cell) for cell in line.split(',')]
        except ValueError as error:
            raise MotFileError(f'{path}:{number}: {error}') from error
        if len(row) != columns or not np.isfinite(row).all():
            raise MotFileError(f'{path}:{number}: {len(row)} columns, {columns} finite numbers '
                               f'are needed')
        rows.append(row)
    if not rows:
        raise MotFileError(f'{path}: empty, no rows')
    return np.array(rows)
