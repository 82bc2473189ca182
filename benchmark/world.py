"""
What positions in the world cost: CPU time added to a frame of 50 tracks, also with a VGA depth.

Motion alone, on a robot that turns; the same detections, alternately with the world off, on the
ground and with depth images, so that a busy machine slows all of them alike.

    python benchmark/world.py
"""
from __future__ import annotations

import argparse
import time

import numpy as np

from deepsort_ros.pipeline import Frame
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Detections
from deepsort_ros.world.camera import Camera
from deepsort_ros.world.transforms import Transform
from deepsort_ros.world.view import View

OPTICAL = np.array(((0.0, 0, 1), (-1, 0, 0), (0, -1, 0)))
CAMERA = Camera.pinhole(np.array(((400.0, 0, 320), (0, 400, 240), (0, 0, 1))), (640, 480))
HEIGHT, TALL, RATE = 1.2, 1.72, 30
WAYS = {
    'off': {}, 'camera_motion: tf': {'camera_motion': 'tf'},
    'ground': {'camera_motion': 'tf', 'world': 'ground'},
    'depth': {'camera_motion': 'tf', 'world': 'depth'}}


def scene(count: int, frames: int) -> list[Frame]:
    """Return frames of people who stand before a robot that looks left and right."""
    random = np.random.default_rng(1)
    places = np.column_stack((random.uniform(4, 14, count), random.uniform(-4, 4, count),
                              np.zeros(count)))
    found = []
    for number in range(frames):
        yaw = 0.1 * np.sin(number / 20)
        turn = np.array(((np.cos(yaw), -np.sin(yaw), 0), (np.sin(yaw), np.cos(yaw), 0),
                         (0, 0, 1)))
        base = Transform(OPTICAL, np.array((0, 0, HEIGHT)))
        pose = Transform(turn, np.zeros(3)) @ base
        points = (places - pose.translation) @ pose.rotation
        tall = 400 * TALL / points[:, 2]
        feet = CAMERA.flat(points)
        tlwh = np.column_stack((feet[:, 0] - 0.2 * tall, feet[:, 1] - tall, 0.4 * tall,
                                1.03 * tall)) + random.normal(0, 1, (count, 4))
        depth = np.full((480, 640), 9.0, dtype=np.float32)
        detections = Detections.from_arrays(tlwh, np.full(count, 0.9), ['person'] * count)
        found.append(Frame(round(number / RATE * 1e9), detections, None,
                           view=View(CAMERA, pose, base, depth)))
    return found


def main() -> None:
    """Print the milliseconds of each way, and what it adds."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--tracks', type=int, default=50)
    parser.add_argument('--frames', type=int, default=300)
    args = parser.parse_args()
    frames = scene(args.tracks, args.frames)
    pipelines = {name: Pipeline(Settings().replace({'appearance': 'off', **changes}), None)
                 for name, changes in WAYS.items()}
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    for frame in frames:
        for name, pipeline in pipelines.items():
            start = time.thread_time()
            pipeline.process(frame)
            times[name].append(time.thread_time() - start)
    base = np.median(times['off'][30:])
    for name, values in times.items():
        middle = np.median(values[30:])
        print(f'{name:18s} {1e3 * middle:.2f} ms a frame, {1e3 * (middle - base):+.2f} ms')


if __name__ == '__main__':
    main()
