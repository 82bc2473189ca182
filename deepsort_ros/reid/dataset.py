"""Read person re-identification crops laid out as Market-1501 (Zheng et al., ICCV 2015)."""
from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid.network import HEIGHT
from deepsort_ros.reid.network import WIDTH

NAME = re.compile(r'(-1|\d+)_c(\d+).*\.(?:jpg|jpeg|png)', re.IGNORECASE)


class DatasetError(ValueError):
    """The data cannot be used; the message names the file or folder."""


@dataclass(frozen=True)
class Crops:
    """
    Crops of people, decoded.

    :param images: (N, 128, 64, 3) uint8, RGB.
    :param identity: (N,) int64, as in the file names.
    :param camera: (N,) int64, as in the file names.
    """

    images: NDArray[np.uint8]
    identity: NDArray[np.int64]
    camera: NDArray[np.int64]

    def __len__(self) -> int:
        """Return N."""
        return len(self.images)

    def select(self, chosen: NDArray[Any]) -> Crops:
        """Return the crops a boolean mask or an index array chooses."""
        return Crops(self.images[chosen], self.identity[chosen], self.camera[chosen])

    def split(self, held_out: int) -> tuple[Crops, Crops]:
        """
        Return the crops of all identities but the last, and those of the last.

        :param held_out: how many identities, the highest numbers, go into the second part.
        :raises DatasetError: fewer than two identities would be left.
        """
        identities = np.unique(self.identity)
        if len(identities) - held_out < 2:
            raise DatasetError(
                f'{len(identities)} identities, {held_out} of them held out: fewer than 2 left')
        last = np.isin(self.identity, identities[len(identities) - held_out:])
        return self.select(~last), self.select(last)


def read_market1501(folder: Path) -> Crops:
    """
    Read every image of a folder in the order of its name, ``identity_cCAMERA...jpg``.

    Identity -1 (junk) and 0 (distractors) are left out.

    :raises DatasetError: no folder, no image, a name of another form, or a damaged image.
    """
    if not folder.is_dir():
        raise DatasetError(f'{folder} is not a folder')
    names = sorted(p for p in folder.iterdir() if p.suffix.lower() in ('.jpg', '.jpeg', '.png'))
    labels = []
    for path in names:
        match = NAME.fullmatch(path.name)
        if match is None:
            raise DatasetError(f'{path}: the name is not of the form 0002_c1s1_000451_03.jpg')
        labels.append((int(match[1]), int(match[2])))
    used = [i for i, (identity, _) in enumerate(labels) if identity > 0]
    if not used:
        raise DatasetError(f'{folder} holds no image named like 0002_c1s1_000451_03.jpg')
    images = np.empty((len(used), HEIGHT, WIDTH, 3), dtype=np.uint8)

    def decode(row: int) -> None:
        path = names[used[row]]
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise DatasetError(f'{path} is not an image')
        if image.shape[:2] != (HEIGHT, WIDTH):
            image = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
        images[row] = image[..., ::-1]

    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(decode, range(len(used))):
            pass
    table = np.array([labels[i] for i in used], dtype=np.int64)
    return Crops(images, table[:, 0], table[:, 1])
