"""Crops of people who differ by their clothes, named as those of Market-1501."""
from pathlib import Path

import cv2
import numpy as np


def write_people(folder: Path, seed: int) -> Path:
    """Write five people in clothes of their own, four crops each, and return the folder."""
    generator = np.random.default_rng(seed)
    for identity in range(1, 6):
        shirt, trousers = generator.integers(0, 256, (2, 3))
        for crop in range(4):
            image = np.empty((128, 64, 3))
            image[:64], image[64:] = shirt, trousers
            image += generator.normal(0, 10, image.shape)
            name = f'{identity:04d}_c{crop % 2 + 1}s1_{crop:06d}_01.png'
            assert cv2.imwrite(str(folder / name), np.clip(image, 0, 255).astype(np.uint8))
    return folder
