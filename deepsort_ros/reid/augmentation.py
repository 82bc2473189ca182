"""Random changes to training crops, all drawn from one generator."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid.preprocess import MEAN

ERASE_PROBABILITY = 0.3
ERASE_AREA = (0.02, 0.3)
ERASE_RATIO = (0.3, 3.3)
MEAN_COLOUR = np.round(255 * MEAN).astype(np.uint8)


def augment(crops: NDArray[np.uint8], generator: np.random.Generator, padding: int,
            erasing: bool) -> NDArray[np.uint8]:
    """
    Return (N, H, W, 3) copies: mirrored, shifted over padding, with a random part erased.

    Random erasing follows arXiv 1708.04896; padding and erased parts get the mean colour.

    :param padding: pixels on every side, the largest shift; :param erasing: erase parts.
    """
    count, height, width, _ = crops.shape
    changed = np.empty_like(crops)
    padded = np.empty((height + 2 * padding, width + 2 * padding, 3), dtype=np.uint8)
    for crop, result in zip(crops, changed):
        mirrored = crop[:, ::-1] if generator.random() < 0.5 else crop
        padded[...] = MEAN_COLOUR
        padded[padding:padding + height, padding:padding + width] = mirrored
        top, left = generator.integers(0, 2 * padding + 1, size=2)
        result[...] = padded[top:top + height, left:left + width]
        if erasing and generator.random() < ERASE_PROBABILITY:
            _erase(result, generator)
    return changed


def _erase(crop: NDArray[np.uint8], generator: np.random.Generator) -> None:
    height, width, _ = crop.shape
    area = generator.uniform(*ERASE_AREA) * height * width
    ratio = np.exp(generator.uniform(*np.log(ERASE_RATIO)))
    rows = min(round(float(np.sqrt(area * ratio))), height)
    columns = min(round(float(np.sqrt(area / ratio))), width)
    top = generator.integers(0, height - rows + 1)
    left = generator.integers(0, width - columns + 1)
    crop[top:top + rows, left:left + columns] = MEAN_COLOUR
