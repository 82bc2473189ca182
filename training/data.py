"""
Crops of people in one file, as they were encoded, for a machine that training runs on.

    python -m training.data OUT.npz Market-1501 cuhk03/train
"""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

PARTS = {'train': (0, 1), 'test': (2,)}


@dataclass(frozen=True)
class CropSet:
    """Crops (N, 128, 64, 3) uint8 RGB, with identity, camera and part of each, (N,)."""

    images: NDArray[np.uint8]
    identity: NDArray[np.int64]
    camera: NDArray[np.int64]
    source: NDArray[np.int64]

    @staticmethod
    def load(path: Path) -> CropSet:
        """Read and decode a file."""
        with np.load(path) as stored:
            blob, end = stored['blob'], stored['end']
            identity, camera, part = stored['identity'], stored['camera'], stored['part']

        def decoded(number: int) -> NDArray[np.uint8]:
            start = end[number - 1] if number else 0
            return np.asarray(cv2.imdecode(blob[start:end[number]], cv2.IMREAD_COLOR))[..., ::-1]

        with ThreadPoolExecutor() as pool:
            images = np.stack(list(pool.map(decoded, range(len(end)))))
        return CropSet(images, identity, camera, part)

    def part(self, name: str) -> CropSet:
        """Return the crops to ``train`` or to ``test`` with."""
        chosen = np.isin(self.source, PARTS[name])
        return CropSet(self.images[chosen], self.identity[chosen], self.camera[chosen],
                       self.source[chosen])
