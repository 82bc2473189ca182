"""Seeded synthetic scenes: people-like boxes that walk, occlude each other, come and go."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scene:
    """
    What the scene is like; the defaults are a full-HD street.

    :param objects: on average in view; :param miss: share of objects not detected;
        :param clutter: false detections per object; :param leave: chance to leave, per frame;
        :param occlusion: share of a box that must be covered by a nearer one to hide it.
    """

    objects: int = 50
    miss: float = 0.1
    clutter: float = 0.05
    leave: float = 0.005
    occlusion: float = 0.8
    size: tuple[float, float] = (1920.0, 1080.0)
    height: float = 100.0
    feature_length: int = 128
    feature_noise: float = 0.4
    seed: int = 1

    def frames(self, count: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield (N, 4) tlwh, (N,) score descending, (N, D) float32 unit features per frame."""
        rng = np.random.default_rng(self.seed)
        size = np.array(self.size)

        def units(n: int) -> np.ndarray:
            vectors = rng.standard_normal((n, self.feature_length))
            return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

        def people(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
            return (rng.uniform(0, 1, (n, 2)) * size, rng.normal(0, 2, (n, 2)),
                    self.height * rng.uniform(0.6, 1.6, n), units(n))

        centre, velocity, height, look = people(self.objects)
        for _ in range(count):
            gone = rng.uniform(size=self.objects) < self.leave
            for old, new in zip((centre, velocity, height, look), people(int(gone.sum()))):
                old[gone] = new
            velocity += rng.normal(0, 0.1, velocity.shape)
            velocity[(centre < 0) & (velocity < 0) | (centre > size) & (velocity > 0)] *= -1
            centre += velocity
            tall = height * rng.normal(1, 0.02, self.objects)
            wide = 0.41 * tall * rng.normal(1, 0.02, self.objects)
            box = np.stack((centre[:, 0] - wide / 2, centre[:, 1] - tall / 2, wide, tall), 1)
            box[:, :2] += rng.normal(0, 1.5, (self.objects, 2))
            near = np.argsort(-(box[:, 1] + box[:, 3]))
            box = box[near]
            low = np.maximum(box[:, None, :2], box[None, :, :2])
            high = np.minimum(*np.broadcast_arrays(
                (box[:, :2] + box[:, 2:])[:, None], (box[:, :2] + box[:, 2:])[None]))
            covered = np.prod(np.maximum(high - low, 0), axis=2) / (box[:, 2] * box[:, 3])[:, None]
            seen = ~(np.tril(covered, -1) > self.occlusion).any(axis=1)
            seen &= rng.uniform(size=self.objects) >= self.miss
            blur = rng.standard_normal(look.shape) * self.feature_noise / np.sqrt(look.shape[1])
            feature = (look[near] + blur)[seen]
            false = int(rng.binomial(self.objects, self.clutter))
            place, _, tall, other = people(false)
            ghost = np.concatenate((place, 0.41 * tall[:, None], tall[:, None]), axis=1)
            # On a grid of 1/8 px, which trackers that keep boxes as float32 hold exactly.
            tlwh = np.round(np.concatenate((box[seen], ghost)) * 8) / 8
            feature = np.concatenate((feature, other))
            feature /= np.linalg.norm(feature, axis=1, keepdims=True)
            score = rng.uniform(0.3, 1.0, len(tlwh))
            order = np.argsort(score)[::-1]
            yield tlwh[order], score[order], feature[order].astype(np.float32)
