"""
Constants of the world, chosen on one half of KITTI's drives and judged on the other.

People, ``world: ground``. Constants of positions: 10 Hz, unoccluded truth. What is compared is the
mean negative log likelihood of the true places (nats, the lower the better), which asks for small
errors and honest covariances alike; for how freely people change their speed, the median error of
the velocity. The noise of velocities in the image: the mean HOTA at 10, 5 and 3.3 Hz.

    PYTHONPATH=. python benchmark/halves.py
"""
from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from ego_motion import Drive
from ego_motion import errors
from ego_motion import load
from ego_motion import score_all

from deepsort_ros.pipeline import pipeline
from deepsort_ros.settings import Settings
from deepsort_ros.world import filter as kalman
from deepsort_ros.world import ground
from deepsort_ros.world import kinds

HALVES = (('0001', '0007', '0011', '0017'), ('0004', '0009', '0013', '0019'))
PERSON = kinds.PERSON
# Hz, instead of half of the setting ``noise_rate`` where the camera is followed.
NOISE_RATES = (50.0, 30.0, 20.0, 15.0, 10.0)


def set_white(value: float) -> None:
    """Set what the white part of the variances counts for in the filter."""
    kalman.WHITE = value


def set_pitch(value: float) -> None:
    """Set the standard deviation of the camera's pitch in degrees."""
    ground.PITCH = np.radians(value)


def set_kerb(value: float) -> None:
    """Set the standard deviation of the ground's height in metres."""
    ground.KERB = value


def set_height(value: float) -> None:
    """Set the standard deviation of people's heights, a share."""
    kinds.NAMES[''] = replace(PERSON, height_share=value)


def set_acceleration(value: float) -> None:
    """Set the root of the density of people's acceleration."""
    kinds.NAMES[''] = replace(PERSON, acceleration=value)


# Constant: how it is set, what it is, the values compared, by what measure.
CONSTANTS: dict[str, tuple[Callable[[float], None], float, tuple[float, ...], str]] = {
    'WHITE': (set_white, kalman.WHITE, (1.0, 2.0, 4.0, 8.0), 'nll'),
    'PITCH [deg]': (set_pitch, float(np.degrees(ground.PITCH)), (0.15, 0.35, 0.7), 'nll'),
    'KERB [m]': (set_kerb, ground.KERB, (0.05, 0.10, 0.20), 'nll'),
    'height_share': (set_height, PERSON.height_share, (0.06, 0.10, 0.15), 'nll'),
    'acceleration': (set_acceleration, PERSON.acceleration, (0.15, 0.3, 0.6, 1.0), 'velocity')}


def judged(drives: dict[str, Drive], names: tuple[str, ...]) -> dict[str, float]:
    """Return the measures over some of the drives."""
    found = errors([drives[name] for name in names], 'pedestrian',
                   {'camera_motion': 'tf', 'world': 'ground'})
    return {'nll': float(np.mean(found['nll'])), 'velocity': float(
        np.nanmedian(found['velocity'])), 'inside': float(100 * np.mean(found['nees'] < 5.991))}


def noise(drives: dict[str, Drive]) -> None:
    """Print what each half chooses for the noise of velocities, and what that is worth."""
    usual = pipeline.FOLLOWED
    table: dict[float, list[list[tuple[float, float]]]] = {}
    for rate in NOISE_RATES:
        pipeline.FOLLOWED = rate / Settings().noise_rate
        table[rate] = [[tuple(np.mean(score_all(
            [drives[name] for name in half], 'pedestrian', step,
            {'camera_motion': 'tf', 'world': 'ground'}), axis=0)[:2]) for step in (1, 2, 3)]
            for half in HALVES]
        print(f'noise {rate:g} Hz: ' + '; '.join(words(half) for half in table[rate]), flush=True)
    pipeline.FOLLOWED = usual
    for half, other in ((0, 1), (1, 0)):
        chosen = max(NOISE_RATES, key=lambda rate: np.mean([row[0] for row in table[rate][half]]))
        print(f'  half {half + 1} chooses {chosen:g} Hz; on the other '
              f'{words(table[chosen][other])} with it, {words(table[30.0][other])} with 30 Hz',
              flush=True)


def words(rows: list[tuple[float, float]]) -> str:
    """Return HOTA and IDF1 at three rates."""
    return ', '.join(f'{hota:.1f} / {idf1:.1f}' for hota, idf1 in rows)


def main() -> None:
    """Print each value on both halves, what each half chooses, and what that is worth."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', nargs='+', choices=('noise', *CONSTANTS), metavar='NAME',
                        default=('noise', *CONSTANTS))
    args = parser.parse_args()
    drives = {name: load(name) for half in HALVES for name in half}
    if 'noise' in args.only:
        noise(drives)
    for name, (change, usual, values, measure) in CONSTANTS.items():
        if name not in args.only:
            continue
        table = {}
        for value in values:
            change(value)
            table[value] = [judged(drives, half) for half in HALVES]
            print(f'{name} {value:g}: ' + '; '.join(
                ', '.join(f'{key} {one:.3g}' for key, one in half.items())
                for half in table[value]), flush=True)
        change(usual)
        usual = min(values, key=lambda value: abs(value - usual))
        for half, other in ((0, 1), (1, 0)):
            chosen = min(values, key=lambda value: table[value][half][measure])
            print(f'  half {half + 1} chooses {chosen:g}; on the other {measure} '
                  f'{table[chosen][other][measure]:.3f} with it, '
                  f'{table[usual][other][measure]:.3f} with {usual:g}', flush=True)


if __name__ == '__main__':
    main()
