"""
The drive: a robot drives and turns through the square, with the truth in metres.

A level camera in true perspective looks at people who walk on the ground. The sequence is a
MOTChallenge folder with ``poses.txt``, ``calib.txt`` and ``gt3d.txt`` beside ``gt/gt.txt``; in
``depth/`` lies a registered depth image of each frame as 16-bit PNG in mm. Everything is chosen
by a seed: two runs give the same files.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deepsort_ros.scene.figures import BOX_ASPECT
from deepsort_ros.scene.figures import draw_figure
from deepsort_ros.scene.figures import Look
from deepsort_ros.scene.figures import random_look

Image = NDArray[np.uint8]

CAMERA_HEIGHT = 1.5
NEAREST = 1.2
# Share of a box by which detectors draw it below the feet.
BELOW = 0.03
FAR = 60.0


@dataclass(frozen=True)
class DriveConfig:
    """Size and length of the drive: pixels, seconds, Hz."""

    width: int = 960
    height: int = 540
    seconds: float = 20.0
    frame_rate: int = 10
    people: int = 9
    seed: int = 11


@dataclass(frozen=True)
class DriveSummary:
    """What was written: frames, people and boxes of the truth, detections."""

    path: Path
    frames: int
    people: int
    boxes: int
    detections: int


@dataclass(frozen=True)
class _Person:
    """A person who walks to and fro: start and end in m, seconds of one way."""

    look: Look
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    seconds: float
    phase: float

    def at(self, time: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return place (m) and velocity (m/s)."""
        turns = time / self.seconds + self.phase
        share, back = turns % 1.0, int(turns) % 2
        way = self.end - self.start
        place = self.end - share * way if back else self.start + share * way
        return place, (-way if back else way) / self.seconds


class Drive:
    """Draws the frames and knows the truth."""

    def __init__(self, config: DriveConfig) -> None:
        """Choose the people and the ground."""
        self.config = config
        self.focal = 0.72 * config.width
        self.middle = np.array((config.width / 2, 0.42 * config.height))
        random = np.random.default_rng(config.seed)
        self._people = [_Person(
            random_look(random, number), start := random.uniform((4.0, -5.0), (14.0, 5.0)),
            start + random.uniform((-3.0, -5.0), (3.0, 5.0)), float(random.uniform(4.0, 7.0)),
            float(random.uniform(0.0, 1.0))) for number in range(config.people)]
        self._stones = random.uniform(0.88, 1.08, (64, 64))
        self._houses = random.integers(70, 190, (96, 3))
        self._roofs = random.uniform(0.05, 0.22, 96)

    def pose(self, time: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (3, 3) and (3,), what takes points of the camera to the ground's frame."""
        yaw = 0.45 * np.sin(2 * np.pi * time / 5.0)
        cosine, sine = np.cos(yaw), np.sin(yaw)
        rotation = np.array(((sine, 0.0, cosine), (-cosine, 0.0, sine), (0.0, -1.0, 0.0)))
        return rotation, np.array((0.25 * time, 0.6 * np.sin(time / 4.0), CAMERA_HEIGHT))

    def _backdrop(self, rotation: NDArray[np.float64], place: NDArray[np.float64]) -> Image:
        """Return the square without people, and so its paving turns and comes nearer."""
        # Half the size, then enlarged: every pixel is a ray.
        width, height = self.config.width, self.config.height
        u, v = np.meshgrid(np.arange(0.5, width, 2.0), np.arange(0.5, height, 2.0))
        rays = np.stack(((u - self.middle[0]) / self.focal, (v - self.middle[1]) / self.focal,
                         np.ones_like(u, dtype=float)), axis=-1) @ rotation.T
        azimuth = np.arctan2(rays[..., 1], rays[..., 0])
        house = ((azimuth + np.pi) / (2 * np.pi) * 96).astype(int) % 96
        level = rays[..., 2] / np.hypot(rays[..., 0], rays[..., 1])
        sky = np.stack((235 - 60 * level, 215 - 90 * level, 190 - 120 * level), axis=-1)
        image = np.where((level < self._roofs[house])[..., None], self._houses[house], sky)
        with np.errstate(divide='ignore', invalid='ignore'):
            away = np.where(level < -0.01, -CAMERA_HEIGHT / rays[..., 2], 0.0)
        ground = place[:2] + rays[..., :2] * away[..., None]
        tile = np.floor(ground).astype(int)
        tone = self._stones[tile[..., 0] % 64, tile[..., 1] % 64]
        joint = (np.abs(ground - np.rint(ground)) < 0.03).any(axis=-1)
        paving = np.stack((150 * tone, 156 * tone, 160 * tone), axis=-1)
        paving[joint] *= 0.8
        image = np.where((level < -0.01)[..., None], paving, image)
        small = np.clip(image, 0, 255).astype(np.uint8)
        return np.asarray(cv2.resize(small, (width, height)), dtype=np.uint8)

    def frame(self, index: int) -> tuple[Image, NDArray[np.float32], list[list[float]]]:
        """
        Return the image, its depth in m, and the truth of a frame, from 0.

        A row of the truth is id, left, top, width, height, visible share, x, y, z, height in m.
        """
        time = index / self.config.frame_rate
        rotation, place = self.pose(time)
        image = self._backdrop(rotation, place)
        depth = np.zeros(image.shape[:2], dtype=np.float32)
        rows = np.arange(image.shape[0])
        below = rows > self.middle[1] + 4
        depth[below] = (CAMERA_HEIGHT * self.focal / (rows[below] - self.middle[1]))[:, None]
        depth[depth > FAR] = 0.0
        seen = []
        for number, person in enumerate(self._people, 1):
            foot, velocity = person.at(time)
            point = rotation.T @ (np.append(foot, 0.0) - place)
            if point[2] > NEAREST:
                seen.append((number, person, point, rotation.T @ np.append(velocity, 0.0)))
        masks: dict[int, tuple[NDArray[np.bool_], int]] = {}
        truth = []
        for number, person, point, velocity in sorted(seen, key=lambda one: -one[2][2]):
            scale = self.focal / point[2]
            pixel = self.middle + scale * point[:2]
            speed = float(np.hypot(velocity[0], velocity[2]))
            silhouette = np.zeros(image.shape[:2], dtype=np.uint8)
            draw_figure(image, silhouette, person.look, (float(pixel[0]), float(pixel[1])),
                        person.look.height * scale, 2 * np.pi * time / person.look.stride,
                        float(velocity[0]) / max(speed, 0.1))
            shown = silhouette > 0
            depth[shown] = point[2]
            for other, (mask, full) in masks.items():
                masks[other] = mask & ~shown, full
            masks[number] = shown, int(np.count_nonzero(shown))
            tall = person.look.height * scale
            wide = BOX_ASPECT * tall
            truth.append([number, pixel[0] - wide / 2, pixel[1] - tall, wide, tall, 0.0, *point,
                          person.look.height])
        for row in truth:
            mask, full = masks[int(row[0])]
            row[5] = np.count_nonzero(mask) / max(full, 1)
        return image, depth, [row for row in truth if 0 < row[1] + row[3] / 2
                              < self.config.width and row[5] > 0]


def write_drive(output: Path, config: DriveConfig = DriveConfig(),
                progress: Callable[[int, int], None] | None = None) -> DriveSummary:
    """
    Write the drive as a MOTChallenge folder with poses, calibration, depth and 3D truth.

    :param progress: called with (frames done, frames in all).
    :raises OSError: a file cannot be written.
    """
    for folder in ('img1', 'depth', 'det', 'gt'):
        (output / folder).mkdir(parents=True, exist_ok=True)
    drive, random = Drive(config), np.random.default_rng(config.seed + 1)
    count = round(config.seconds * config.frame_rate)
    poses, truth, solid, detections = [], [], [], []
    for number in range(1, count + 1):
        image, depth, rows = drive.frame(number - 1)
        for path, pixels in ((output / 'img1' / f'{number:06d}.jpg', image),
                             (output / 'depth' / f'{number:06d}.png',
                              np.rint(1000 * depth).astype(np.uint16))):
            if not cv2.imwrite(str(path), pixels):
                raise OSError(f'{path}: the image cannot be written')
        rotation, place = drive.pose((number - 1) / config.frame_rate)
        poses.append(' '.join(f'{value:.6f}' for value in np.column_stack(
            (rotation, place)).ravel()))
        for one, left, top, width, height, visible, x, y, z, tall in rows:
            box = np.array((left, top, width, height))
            text = ','.join(f'{value:.2f}' for value in box)
            truth.append(f'{number},{one},{text},1,1,{visible:.3f}')
            cut = int(left < 0 or left + width > config.width or top + height > config.height)
            hidden = 0 if visible > 0.9 else 1 if visible > 0.4 else 2
            solid.append(f'{number},{one},1,{cut},{hidden},{x:.3f},{y:.3f},{z:.3f},0,{tall:.3f},'
                         f'0.5,0.5')
            if random.random() < 0.98 * np.clip((visible - 0.2) / 0.3, 0, 1):
                box[3] *= 1.0 + BELOW
                box += random.normal(0, (0.03, 0.012, 0.04, 0.015)) * height * (0.4, 1, 0.4, 1)
                text = ','.join(f'{value:.2f}' for value in box)
                detections.append(f'{number},-1,{text},{0.5 + 0.45 * visible:.3f}')
        if progress is not None:
            progress(number, count)
    focal, (across, down) = drive.focal, drive.middle
    for name, lines in (
            ('poses.txt', poses), ('gt/gt.txt', truth), ('gt3d.txt', solid),
            ('det/det.txt', detections),
            ('calib.txt', [f'P: {focal:.3f} 0 {across:.3f} 0 0 {focal:.3f} {down:.3f} 0 0 0 1 0',
                           f'T_base_cam: 0 0 1 0 -1 0 0 0 0 -1 0 {CAMERA_HEIGHT}']),
            ('seqinfo.ini', ['[Sequence]', 'name=drive', 'imDir=img1',
                             f'frameRate={config.frame_rate}', f'seqLength={count}',
                             f'imWidth={config.width}', f'imHeight={config.height}',
                             'imExt=.jpg'])):
        (output / name).write_text('\n'.join(lines) + '\n', encoding='utf-8')
    return DriveSummary(output, count, config.people, len(truth), len(detections))
