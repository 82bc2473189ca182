"""
Tracking on a robot that moves: KITTI's drives with and without the camera's poses.

Motion alone, each class by itself, at the full rate and at every 2nd and 3rd image, on average of
all first images; and how far positions are from the truth. Needs the data beside the repository
(shared/data/kitti_tracking); scores are TrackEval's, under KITTI's own rules.

    python benchmark/ego_motion.py --set world=ground
"""
from __future__ import annotations

import argparse
import contextlib
import io
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.optimize import linear_sum_assignment

from deepsort_ros.commands.common import preset
from deepsort_ros.mot.poses import find_poses
from deepsort_ros.mot.poses import Poses
from deepsort_ros.mot.tracking import frame_stamp
from deepsort_ros.pipeline import Frame
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import boxes
from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import TrackState
from deepsort_ros.world.transforms import Transform

with contextlib.redirect_stdout(io.StringIO()):
    import trackeval

DATA = Path(__file__).resolve().parents[2] / 'shared' / 'data' / 'kitti_tracking'
NAMES = ('0001', '0004', '0007', '0009', '0011', '0013', '0017', '0019')
CLASSES = {'pedestrian': (1, 7), 'car': (3, 4)}
RATE = 10.0
# Association as in the paper, at an age and with low scores as KITTI's drives need them.
PAPER: dict[str, Any] = {
    'noise_rate': 0.0, 'reach': False, 'duplicate_overlap': 1.0, 'class_change_overlap': 1.0,
    'lost_ratio': 1.0, 'second_look': 0.0, 'cascade': True, 'rejoin': 0.0, 'covered_share': 1.0,
    'nearest_features': 1, 'max_age': 1.5}
DONT_CARE = 13


@dataclass
class Drive:
    """One sequence: truth rows with occlusion and truncation, detections, poses."""

    name: str
    truth: np.ndarray
    truth3d: dict[tuple[int, int], np.ndarray]
    detections: np.ndarray
    poses: Poses
    length: int


def load(name: str, poses: str = 'poses.txt') -> Drive:
    """Read a sequence."""
    folder = DATA / name
    info = dict(line.split('=') for line in (folder / 'seqinfo.ini').read_text().split('\n')
                if '=' in line)
    truth = np.loadtxt(folder / 'gt' / 'gt.txt', delimiter=',', ndmin=2)
    solid = np.loadtxt(folder / 'gt3d.txt', delimiter=',', ndmin=2)
    found = find_poses(folder, (int(info['imWidth']), int(info['imHeight'])), folder / poses,
                       folder / 'calib.txt')
    assert found is not None
    return Drive(name, truth, {(int(row[0]), int(row[1])): row for row in solid},
                 np.loadtxt(folder / 'det' / 'det.txt', delimiter=',', ndmin=2), found,
                 int(info['seqLength']))


def jumping(drive: Drive, share: float = 0.02) -> Drive:
    """Return a drive whose poses jump sideways by 0.2 to 1 m in some of its images."""
    random = np.random.default_rng([0, int(drive.name)])
    away, poses = np.zeros(3), []
    for pose in drive.poses.poses:
        if random.random() < share:
            angle, far = random.uniform(0.0, 2.0 * np.pi), random.uniform(0.2, 1.0)
            away = away + far * np.array((np.cos(angle), np.sin(angle), 0.0))
        poses.append(Transform(pose.rotation, pose.translation + away))
    return replace(drive, poses=replace(drive.poses, poses=poses))


def later(drive: Drive, images: int) -> Drive:
    """Return a drive that starts some images later."""
    truth, detections = drive.truth.copy(), drive.detections.copy()
    truth[:, 0] -= images
    detections[:, 0] -= images
    solid = {(frame - images, one): row for (frame, one), row in drive.truth3d.items()}
    return replace(drive, truth=truth, truth3d=solid, detections=detections,
                   poses=replace(drive.poses, poses=drive.poses.poses[images:]),
                   length=drive.length - images)


def settings_of(changes: dict[str, Any], rate: float, kind: str) -> Settings:
    """Return the robot preset without appearance, with changes."""
    kinds = {'class_kinds': ['*:car']} if kind == 'car' else {}
    return Settings().replace({
        **preset('robot'), 'appearance': 'off', 'frame_rate': rate, **kinds, **changes})


def run(drive: Drive, kind: str, step: int, changes: dict[str, Any], filtered: bool = False,
        ) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[Any]]:
    """Return (ids, boxes) of confirmed tracks by frame, and their positions."""
    pipeline = Pipeline(settings_of(changes, RATE, kind), None)
    label = CLASSES[kind][0]
    rows = drive.detections[drive.detections[:, 7] == label]
    results, places = [], []
    for number in range(1, drive.length + 1, step):
        now = rows[rows[:, 0] == number]
        detections = Detections.from_arrays(now[:, 2:6], now[:, 6])
        result = pipeline.process(Frame(
            frame_stamp(number, RATE), detections, None,
            view=drive.poses.view(number)))
        tracks = result.tracks
        assert tracks is not None
        chosen = tracks.state == TrackState.CONFIRMED
        seen = (tracks.tlwh[chosen] if filtered
                else detections.tlwh[tracks.detection_index[chosen]])
        results.append((tracks.id[chosen], seen))
        places.append(None if result.positions is None else result.positions.select(chosen))
    return results, places


def judged(drive: Drive, kind: str, step: int,
           results: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """Return what TrackEval's metrics need, after KITTI's rules have left out what they do."""
    label, distractor = CLASSES[kind]
    data: dict[str, Any] = {key: [] for key in ('gt_ids', 'tracker_ids', 'similarity_scores')}
    for index, number in enumerate(range(1, drive.length + 1, step)):
        ids, tlwh = results[index]
        truth = drive.truth[drive.truth[:, 0] == number]
        ignored = truth[truth[:, 7] == DONT_CARE, 2:6]
        truth = truth[np.isin(truth[:, 7], (label, distractor))]
        solid = [drive.truth3d[number, int(row[1])] for row in truth]
        blurred = np.array([row[4] > 2 or row[3] > 0 for row in solid], dtype=bool)
        other = truth[:, 7] != label
        overlap = boxes.iou(truth[:, 2:6], tlwh)
        good = np.where(overlap >= 0.5, overlap, 0.0)
        row, column = linear_sum_assignment(-good)
        matched = good[row, column] > 0
        row, column = row[matched], column[matched]
        out = np.zeros(len(ids), dtype=bool)
        out[column] = (other | blurred)[row]
        free = np.ones(len(ids), dtype=bool)
        free[column] = False
        covered = (boxes.intersection(tlwh, ignored) / boxes.area(tlwh)[:, None] > 0.5).any(axis=1)
        out |= free & ((tlwh[:, 3] <= 25) | covered)
        kept = ~(other | blurred)
        data['gt_ids'].append(truth[kept, 1].astype(int))
        data['tracker_ids'].append(ids[~out])
        data['similarity_scores'].append(overlap[kept][:, ~out])
    for name in ('gt', 'tracker'):
        unique = np.unique(np.concatenate(data[f'{name}_ids']))
        data[f'{name}_ids'] = [np.searchsorted(unique, one) for one in data[f'{name}_ids']]
        data[f'num_{name}_ids'] = len(unique)
        data[f'num_{name}_dets'] = sum(map(len, data[f'{name}_ids']))
    data['num_timesteps'] = len(data['gt_ids'])
    return data


def scores(judgements: dict[str, dict[str, Any]]) -> tuple[float, float, int]:
    """Return HOTA, IDF1 and switches over several sequences."""
    quiet = {'PRINT_CONFIG': False}
    metrics = (trackeval.metrics.HOTA(), trackeval.metrics.Identity(quiet),
               trackeval.metrics.CLEAR(quiet))
    hota, identity, clear = (metric.combine_sequences(
        {name: metric.eval_sequence(data) for name, data in judgements.items()})
        for metric in metrics)
    return (100 * float(np.mean(hota['HOTA'])), 100 * float(identity['IDF1']),
            int(clear['IDSW']))


def score_all(drives: list[Drive], kind: str, step: int, changes: dict[str, Any],
              filtered: bool = False) -> list[tuple[float, float, int]]:
    """Return the scores of one set of settings, a row for each first image there may be."""
    return [scores({drive.name: judged(late, kind, step,
                                       run(late, kind, step, changes, filtered)[0])
                    for drive in drives for late in (later(drive, start),)})
            for start in range(step)]


def errors(drives: list[Drive], kind: str, changes: dict[str, Any]) -> dict[str, np.ndarray]:
    """
    Return distance, error, NEES and velocity error of the positions of unoccluded truth.

    And ``nll``, the negative log likelihood of the true place, less a constant.
    """
    found: dict[str, list[float]] = {
        'distance': [], 'error': [], 'nees': [], 'nll': [], 'velocity': []}
    label = CLASSES[kind][0]
    for drive in drives:
        results, places = run(drive, kind, 1, changes)
        world: dict[tuple[int, int], np.ndarray] = {}
        for key, row in drive.truth3d.items():
            pose = drive.poses.poses[key[0] - 1]
            world[key] = pose.rotation @ row[5:8] + pose.translation
        for index, (_, tlwh) in enumerate(results):
            number, place = index + 1, places[index]
            truth = drive.truth[(drive.truth[:, 0] == number) & (drive.truth[:, 7] == label)]
            good = boxes.iou(truth[:, 2:6], tlwh)
            good[good < 0.5] = 0
            for row, column in zip(*linear_sum_assignment(-good)):
                key = number, int(truth[row, 1])
                solid = drive.truth3d[key]
                if (good[row, column] == 0 or not place.source[column] or solid[3] > 0
                        or solid[4] > 0):
                    continue
                miss = place.position[column, :2] - world[key][:2]
                spread = place.covariance[column, :2, :2]
                found['distance'].append(float(np.hypot(solid[5], solid[7])))
                found['error'].append(float(np.hypot(*miss)))
                nees = float(miss @ np.linalg.inv(spread) @ miss)
                found['nees'].append(nees)
                found['nll'].append((nees + float(np.log(np.linalg.det(spread)))) / 2)
                around = (number - 2, key[1]), (number + 2, key[1])
                speed = np.nan
                if all(one in world for one in around):
                    true = (world[around[1]] - world[around[0]])[:2] * RATE / 4
                    speed = float(np.hypot(*(place.velocity[column] - true)))
                found['velocity'].append(speed)
    return {name: np.array(values) for name, values in found.items()}


def print_errors(found: dict[str, np.ndarray]) -> None:
    """Print the errors by distance."""
    for low, high in ((0, 10), (10, 20), (20, 40)):
        near = (found['distance'] >= low) & (found['distance'] < high)
        if near.any():
            error, nees = found['error'][near], found['nees'][near]
            print(f'    {low:2d}-{high:2d} m: {near.sum():5d} rows, '
                  f'error {np.median(error):.2f} m '
                  f'(90 %: {np.quantile(error, 0.9):.2f}), '
                  f'{100 * np.mean(nees < 5.991):.0f} % inside 95 %, NEES {np.mean(nees):.1f}, '
                  f'velocity {np.nanmedian(found["velocity"][near]):.2f} m/s')
    print(f'    all: {100 * np.mean(found["nees"] < 5.991):.0f} % inside, NEES '
          f'{np.mean(found["nees"]):.1f}, velocity {np.nanmedian(found["velocity"]):.2f} m/s')


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--set', action='append', default=[], metavar='NAME=VALUE')
    parser.add_argument('--steps', type=int, nargs='+', default=[1, 2, 3])
    parser.add_argument('--classes', nargs='+', default=list(CLASSES))
    parser.add_argument('--filtered', action='store_true',
                        help='boxes of the filter, not of the matched detections')
    parser.add_argument('--jumps', action='store_true',
                        help='poses that jump: those of 0019 by themselves, then all drives with '
                             'jumps put in')
    parser.add_argument('--paper', action='store_true',
                        help="the paper's association instead of robot's: what poses are worth "
                             'to it')
    parser.add_argument('--errors', action='store_true', help='position errors alone')
    args = parser.parse_args()
    common = {**(PAPER if args.paper else {}),
              **{name: yaml.safe_load(value) for name, value in
                 (text.split('=', 1) for text in args.set)}}
    good = [load(name) for name in NAMES]
    sets = ({'0019, receiver': [load('0019', 'poses_oxts.txt')],
             'all, jumps put in': [jumping(drive) for drive in good]} if args.jumps
            else {'': good})
    ways = {'off': {'camera_motion': 'off', 'world': 'off'},
            'tf': {'camera_motion': 'tf', 'world': 'off'},
            'tf, ground': {'camera_motion': 'tf', 'world': 'ground'}}
    for label, drives in sets.items():
        for kind in args.classes:
            for step in () if args.errors else args.steps:
                for name, changes in ways.items():
                    found = score_all(drives, kind, step, {**changes, **common}, args.filtered)
                    hota, idf1, switches = np.mean(found, axis=0).tolist()
                    first = ' / '.join(f'{one:.1f}' for one in found[0])
                    print(f'{label:20s}{kind:10s} {RATE / step:4.1f} Hz {name:15s} HOTA '
                          f'{hota:.1f} IDF1 {idf1:.1f} IDs {switches:.0f}  (from the first image '
                          f'alone {first})', flush=True)
            if not args.jumps and not args.paper:
                print(f'{kind}: positions')
                print_errors(errors(drives, kind, {**ways['tf, ground'], **common}))


if __name__ == '__main__':
    main()
