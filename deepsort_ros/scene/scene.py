"""
The sample scene: people walk over a square, cross and hide each other, with known truth.

Everything is drawn and chosen by the code and a seed, so the scene can be shipped and shown
freely, and two runs give the same files. The truth follows MOTChallenge, except that who leaves
the image and comes back keeps the id: to know people again is what appearance is for. Hidden
people stay in the truth while they are in the image.
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
from deepsort_ros.scene.figures import draw_pillar
from deepsort_ros.scene.figures import draw_square
from deepsort_ros.scene.figures import Look
from deepsort_ros.scene.figures import random_look

Image = NDArray[np.uint8]

CAMERA_HEIGHT = 2.6
NEAR, FAR = 6.5, 15.0
PILLAR_X, PILLAR_Z, PILLAR_HEIGHT, PILLAR_WIDTH = 1.6, 9.5, 2.7, 0.9
# In the description of a scene.
NAME_LINE = 'name=sample'


@dataclass(frozen=True)
class SceneConfig:
    """Size and length of the scene: pixels, seconds, Hz."""

    width: int = 960
    height: int = 540
    seconds: float = 20.0
    frame_rate: int = 15
    people: int = 8
    seed: int = 7


@dataclass(frozen=True)
class SceneSummary:
    """What was written: frames, trajectories and boxes of the truth, detections."""

    path: Path
    frames: int
    trajectories: int
    boxes: int
    detections: int


@dataclass(frozen=True)
class _Walk:
    """A person's way: time stamps (K,) s, ground positions (K, 2) m (x right, z away)."""

    look: Look
    times: NDArray[np.float64]
    places: NDArray[np.float64]

    def at(self, time: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return place and velocity (m/s)."""
        near = [np.array([np.interp(t, self.times, self.places[:, axis]) for axis in (0, 1)])
                for t in (time - 0.05, time, time + 0.05)]
        return near[1], (near[2] - near[0]) / 0.1


@dataclass(frozen=True)
class _Box:
    """A truth box: trajectory id, (left, top, width, height), visible share."""

    id: int
    tlwh: NDArray[np.float64]
    visible: float


class _Camera:
    def __init__(self, config: SceneConfig) -> None:
        self.focal = 0.86 * config.width
        self.horizon = 0.27 * config.height
        self.middle = config.width / 2

    def project(self, place: NDArray[np.float64]) -> tuple[tuple[float, float], float]:
        """Return the foot point and the pixels per metre there."""
        scale = self.focal / float(place[1])
        return (self.middle + scale * float(place[0]),
                self.horizon + scale * CAMERA_HEIGHT), scale


def _edge(camera: _Camera, depth: float) -> float:
    return camera.middle / camera.focal * depth + 0.6


def _walks(config: SceneConfig, random: np.random.Generator, camera: _Camera) -> list[_Walk]:
    walks = []
    depths = np.linspace(NEAR, FAR, config.people)
    for number in range(config.people):
        look = random_look(random, number)
        speed = float(random.uniform(1.15, 1.6))
        side = 1.0 if number % 2 else -1.0
        depth = float(depths[number] + random.uniform(-0.3, 0.3))
        time = 0.0
        place = np.array([side * _edge(camera, depth) * random.uniform(0.1, 0.95), depth])
        times, places = [time], [place]
        while time < config.seconds:
            if random.random() < 0.3 and abs(place[0]) < _edge(camera, place[1]) / 2:
                # Stop for a moment; the others go on, before and behind.
                time += float(random.uniform(1.0, 2.5))
                times.append(time)
                places.append(place)
            if abs(place[0]) > _edge(camera, place[1]) - 0.1:
                time += float(random.uniform(0.5, 2.0))
                times.append(time)
                places.append(place)
            depth = float(np.clip(place[1] + random.uniform(-2.5, 2.5), NEAR, FAR))
            middle = np.array([random.uniform(-0.3, 0.3) * depth, (place[1] + depth) / 2])
            side = -side
            for goal in (middle, np.array([side * _edge(camera, depth), depth])):
                time += float(np.hypot(*(goal - place))) / speed
                place = goal
                times.append(time)
                places.append(place)
        walks.append(_Walk(look, np.array(times), np.array(places)))
    return walks


class _Scene:
    """Draws the frames and knows the truth."""

    def __init__(self, config: SceneConfig) -> None:
        self.config = config
        random = np.random.default_rng(config.seed)
        self._camera = _Camera(config)
        self._background = draw_square(config.width, config.height, self._camera.horizon, random)
        self._walks = _walks(config, random, self._camera)

    def frame(self, index: int) -> tuple[Image, list[_Box]]:
        """Return the image and the truth boxes of a frame, called in order from 0."""
        time = index / self.config.frame_rate
        image = self._background.copy()
        people = [(number, walk, *walk.at(time)) for number, walk in enumerate(self._walks)]
        people.sort(key=lambda person: -person[2][1])
        for _, _, place, _ in people:
            self._shadow(image, place, 0.26)
        self._shadow(image, np.array([PILLAR_X, PILLAR_Z]), 0.6)
        masks: list[tuple[int, Image, int]] = []
        pillar_drawn = False
        for number, walk, place, velocity in people:
            if not pillar_drawn and place[1] < PILLAR_Z:
                self._pillar(image, masks)
                pillar_drawn = True
            self._person(image, masks, number, walk, place, velocity, time)
        if not pillar_drawn:
            self._pillar(image, masks)
        visible = {number: np.count_nonzero(mask) / max(1, full) for number, mask, full in masks}
        return image, self._truth(people, visible)

    def _shadow(self, image: Image, place: NDArray[np.float64], radius: float) -> None:
        (x, y), scale = self._camera.project(place)
        half = (round(1.3 * radius * scale), max(1, round(0.32 * radius * scale)))
        middle = (round(x + 0.3 * radius * scale), round(y))
        left, right = (int(np.clip(v, 0, image.shape[1])) for v in
                       (middle[0] - half[0], middle[0] + half[0] + 1))
        top, bottom = (int(np.clip(v, 0, image.shape[0])) for v in
                       (middle[1] - half[1], middle[1] + half[1] + 1))
        if left < right and top < bottom:
            part = image[top:bottom, left:right]
            shade = np.zeros(part.shape[:2], dtype=np.uint8)
            cv2.ellipse(shade, (middle[0] - left, middle[1] - top), half, 0, 0, 360, (255,),
                        cv2.FILLED, cv2.LINE_AA)
            part[:] = part * (1 - 0.4 * (shade[..., None] / 255.0))

    def _pillar(self, image: Image, masks: list[tuple[int, Image, int]]) -> None:
        foot, scale = self._camera.project(np.array([PILLAR_X, PILLAR_Z]))
        draw_pillar(image, foot, PILLAR_HEIGHT * scale, PILLAR_WIDTH * scale)
        half = PILLAR_WIDTH * scale / 2
        for _, mask, _ in masks:
            mask[round(foot[1] - PILLAR_HEIGHT * scale):round(foot[1]),
                 round(foot[0] - half):round(foot[0] + half)] = 0

    def _person(self, image: Image, masks: list[tuple[int, Image, int]], number: int,
                walk: _Walk, place: NDArray[np.float64], velocity: NDArray[np.float64],
                time: float) -> None:
        foot, scale = self._camera.project(place)
        speed = float(np.hypot(*velocity))
        facing = float(velocity[0]) / speed if speed > 0.1 else 0.0
        phase = 2 * np.pi * time / walk.look.stride if speed > 0.1 else 0.0
        silhouette = np.zeros(image.shape[:2], dtype=np.uint8)
        draw_figure(image, silhouette, walk.look, foot, walk.look.height * scale, phase, facing)
        hidden = silhouette > 0
        for _, mask, _ in masks:
            mask[hidden] = 0
        masks.append((number, silhouette, int(np.count_nonzero(hidden))))

    def _truth(self, people: list[tuple[int, _Walk, NDArray[np.float64], NDArray[np.float64]]],
               visible: dict[int, float]) -> list[_Box]:
        boxes = []
        for number, walk, place, _ in sorted(people, key=lambda person: person[0]):
            (x, y), scale = self._camera.project(place)
            height = walk.look.height * scale * 1.01
            width = BOX_ASPECT * height
            box = np.array([x - width / 2, y - 0.985 * height, width, height])
            shown = min(box[0] + width, self.config.width) - max(box[0], 0)
            if shown < 0.35 * width:
                continue
            boxes.append(_Box(number + 1, box, visible[number]))
        return boxes


def _detect(boxes: list[_Box], config: SceneConfig,
            random: np.random.Generator) -> list[tuple[NDArray[np.float64], float]]:
    """Return (box, score) as a decent detector would: noise, misses, false alarms."""
    found = []
    for box in boxes:
        seen = 0.98 * np.clip((box.visible - 0.2) / 0.3, 0, 1)
        noise = random.normal(0, (0.03, 0.015, 0.04, 0.02))
        score = np.clip(0.45 + 0.5 * box.visible + random.normal(0, 0.05), 0.05, 0.99)
        if random.random() < seen:
            left, top, width, height = box.tlwh
            found.append((np.array([left + noise[0] * width, top + noise[1] * height,
                                    width * (1 + noise[2]), height * (1 + noise[3])]),
                          float(score)))
    for _ in range(random.poisson(0.12)):
        height = random.uniform(0.15, 0.4) * config.height
        width = random.uniform(0.35, 0.5) * height
        found.append((np.array([random.uniform(0, config.width - width),
                                random.uniform(0.2, 0.5) * config.height, width, height]),
                      float(random.uniform(0.3, 0.6))))
    return found


def is_scene(path: Path) -> bool:
    """Whether a file or folder belongs to a scene that :func:`write_scene` wrote."""
    description = path.parent / 'seqinfo.ini'
    return (path.name in ('img1', 'det', 'gt', description.name) and description.is_file()
            and NAME_LINE in description.read_text(encoding='utf-8', errors='replace'))


def write_scene(output: Path, config: SceneConfig = SceneConfig(),
                progress: Callable[[int, int], None] | None = None) -> SceneSummary:
    """
    Write the scene as a MOTChallenge folder: ``img1``, ``det``, ``gt``, ``seqinfo.ini``.

    The folder's files of an earlier scene are overwritten.

    :param progress: called with (frames done, frames in all).
    :raises OSError: a file cannot be written.
    """
    for folder in ('img1', 'det', 'gt'):
        (output / folder).mkdir(parents=True, exist_ok=True)
    count = max(1, round(config.seconds * config.frame_rate))
    (output / 'seqinfo.ini').write_text(
        f'[Sequence]\n{NAME_LINE}\nimDir=img1\nframeRate={config.frame_rate}\n'
        f'seqLength={count}\nimWidth={config.width}\nimHeight={config.height}\nimExt=.jpg\n',
        encoding='utf-8')
    scene = _Scene(config)
    random = np.random.default_rng(config.seed + 1)
    truth, detections = [], []
    ids = set()
    for index in range(count):
        image, boxes = scene.frame(index)
        path = output / 'img1' / f'{index + 1:06d}.jpg'
        good, data = cv2.imencode('.jpg', image, (cv2.IMWRITE_JPEG_QUALITY, 90))
        if not good:
            raise OSError(f'{path}: the image cannot be encoded')
        path.write_bytes(data.tobytes())
        for box in boxes:
            ids.add(box.id)
            truth.append(f'{index + 1},{box.id},' + ','.join(f'{v:.2f}' for v in box.tlwh)
                         + f',1,1,{box.visible:.3f}\n')
        for tlwh, score in _detect(boxes, config, random):
            detections.append(f'{index + 1},-1,' + ','.join(f'{v:.2f}' for v in tlwh)
                              + f',{score:.3f},-1,-1,-1\n')
        if progress is not None:
            progress(index + 1, count)
    (output / 'gt' / 'gt.txt').write_text(''.join(truth), encoding='utf-8')
    (output / 'det' / 'det.txt').write_text(''.join(detections), encoding='utf-8')
    return SceneSummary(output, count, len(ids), len(truth), len(detections))
