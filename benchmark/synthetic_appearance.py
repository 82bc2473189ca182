"""
Appearance for sequences without images: features of real crops, given to the people of the truth.

Each person of a sequence's truth becomes one of the held-out identities of Market-1501, which the
bundled network was not trained on. Along the person's way the features pass through the crops of
this identity, mostly of one camera, in the order they were taken. A detection shows the person it
overlaps, mixed with the person who stands in front of them, and noise; one that shows no one has a
stranger's features, the same at the same place.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.mot.sequence import Sequence
from deepsort_ros.mot.table import MotTable
from deepsort_ros.mot.tracking import MOT_COLUMNS
from deepsort_ros.tracking import boxes

Features = NDArray[np.float32]
# Of each identity, by camera, the features of its crops in the order they were taken.
Wardrobe = list[list[Features]]

# Classes of MOT16 truth that are people: on foot, on a vehicle, standing, on a poster.
PEOPLE = (1, 2, 7, 8)
# A detection shows a person of the truth from this overlap (IoU) on.
SAME = 0.5
# A person who turns round walks through the crops of another camera next time with this chance.
OTHER_CAMERA = 0.2
# However much of a person is hidden, so much of the feature is theirs.
LEAST_SEEN = 0.2
# Crops that a person passes through in a second.
PACE = 2.0
# How far the boxes are shaken, in shares of their size.
SHIFT, STRETCH = 0.03, 0.04
# False alarms in the same square of so many pixels look alike.
PLACE = 80.0


@dataclass(frozen=True)
class Variant:
    """
    How hard the sequence is.

    :param noise: length of a random vector added to each unit feature.
    :param common: length of one direction added to all: people look alike to a network that is
        not at home in a scene.
    :param misses: share of the detections that are left out; the others' boxes are shaken.
    """

    noise: float
    common: float
    misses: float


VARIANTS = {
    'clear': Variant(0.2, 0.0, 0.0), 'clear, misses': Variant(0.2, 0.0, 0.25),
    'dim': Variant(0.35, 1.0, 0.0), 'dim, misses': Variant(0.35, 1.0, 0.25)}


def wardrobe(folder: Path, model: str) -> Wardrobe:
    """Return the features of the held-out identities of Market-1501."""
    from deepsort_ros.reid.dataset import HELD_OUT
    from deepsort_ros.reid.dataset import read_test
    from deepsort_ros.reid.encoder import Encoder
    from deepsort_ros.reid.evaluation import encode_crops
    crops = read_test(folder, HELD_OUT).crops
    feature = encode_crops(Encoder.create(model, batch_buckets=(8, 32)), crops)
    return [[feature[(crops.identity == one) & (crops.camera == view)]
             for view in np.unique(crops.camera[crops.identity == one])]
            for one in np.unique(crops.identity)]


def features(sequence: Sequence, truth: MotTable, clothes: Wardrobe, variant: Variant,
             seed: int) -> NDArray[np.float64]:
    """
    Return the (N, 10 + D) table of a sequence's detections and their features.

    :raises ValueError: the truth holds as many people as there are identities.
    """
    table = sequence.detections
    assert table is not None, 'a sequence with detections'
    random = np.random.default_rng(seed)
    cast = random.permutation(len(clothes))
    people = np.unique(truth.id[np.isin(truth.class_id, PEOPLE)])
    if len(people) >= len(cast):
        raise ValueError(f'{len(people)} people of the truth and strangers beside them need more '
                         f'than {len(cast)} identities')
    ways = {}
    for person, role in zip(people.tolist(), cast):
        seen = truth.frame[truth.id == person]
        way = _way(clothes[role], seen[-1] - seen[0] + 1,
                   PACE / sequence.frame_rate, random)
        ways[person] = (int(seen[0]), way)
    strangers = np.concatenate(
        [crops for role in cast[len(people):] for crops in clothes[role]])
    shape = (len(table), strangers.shape[1])
    shown = np.empty(shape)
    for frame in np.unique(table.frame).tolist():
        rows, others = table.rows(frame), truth.rows(frame)
        others = np.arange(others.start, others.stop)[np.isin(truth.class_id[others], PEOPLE)]
        appearance = np.array([ways[person][1][frame - ways[person][0]]
                               for person in truth.id[others].tolist()]).reshape(-1, shape[1])
        shown[rows] = _seen(table.tlwh[rows], truth.tlwh[others], appearance, strangers)
    noise = random.normal(size=shape)
    common = random.normal(size=shape[1])
    shown += variant.noise * _unit(noise) + variant.common * _unit(common)
    columns = np.full((len(table), MOT_COLUMNS), -1.0)
    columns[:, 0], columns[:, 2:6], columns[:, 6] = table.frame, table.tlwh, table.confidence
    values = np.hstack((columns, _unit(shown)))
    if not variant.misses:
        return values
    values = values[random.random(len(values)) >= variant.misses]
    size = values[:, 4:6].copy()
    values[:, 2:4] += SHIFT * size * random.normal(size=size.shape)
    values[:, 4:6] *= np.exp(STRETCH * random.normal(size=size.shape))
    return values


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    unit: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit


def _walk(views: list[Features], random: np.random.Generator) -> Iterator[Features]:
    """Yield crops without end: those of a camera to and fro, now and then another camera's."""
    view = views[random.integers(len(views))]
    while True:
        yield from view
        yield from view[-2:0:-1]
        if random.random() < OTHER_CAMERA:
            view = views[random.integers(len(views))]


def _way(views: list[Features], length: int, pace: float,
         random: np.random.Generator) -> NDArray[np.float64]:
    """Return (length, D) unit features that pass through crops, ``pace`` of them a frame."""
    place = pace * np.arange(length)
    walk = _walk(views, random)
    passed = np.array([next(walk) for _ in range(int(place[-1]) + 2)], dtype=np.float64)
    before = place.astype(np.int64)
    share = (place - before)[:, None]
    return _unit((1.0 - share) * passed[before] + share * passed[before + 1])


def _seen(tlwh: NDArray[np.float64], people: NDArray[np.float64],
          appearance: NDArray[np.float64], strangers: Features) -> NDArray[np.float64]:
    """Return the (N, D) unit features of what N boxes show of M people."""
    place = (tlwh[:, :2] // PLACE).astype(np.int64)
    own = strangers[(place[:, 0] * 7919 + place[:, 1] * 104729) % len(strangers)].astype(float)
    if not len(people):
        return own
    overlap = boxes.iou(tlwh, people)
    best = overlap.argmax(axis=1)
    person = overlap[np.arange(len(tlwh)), best] >= SAME
    own[person] = appearance[best[person]]
    # Who stands lower in the image is nearer to the camera.
    bottom = people[:, 1] + people[:, 3]
    covering = ~person[:, None] | (bottom > bottom[best][:, None])
    corner = np.minimum((tlwh[:, :2] + tlwh[:, 2:])[:, None], people[:, :2] + people[:, 2:])
    common = np.clip(corner - np.maximum(tlwh[:, None, :2], people[:, :2]), 0.0, None)
    hidden = covering * common.prod(axis=2) / tlwh[:, 2:].prod(axis=1)[:, None]
    visible = np.maximum(1.0 - hidden.sum(axis=1), LEAST_SEEN)
    return _unit(visible[:, None] * own + hidden @ appearance)
