"""
Crops of people in one file, as they were encoded, for a machine that training runs on.

    python -m training.data OUT.npz Market-1501 cuhk03/train
"""
from __future__ import annotations

import argparse
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

NAME = re.compile(r'(\d+)_c(\d+).*\.(?:jpg|jpeg|png)', re.IGNORECASE)
# Where crops are from: the first folder, the others, and the last identities of the first.
FIRST, OTHERS, HELD_OUT = 0, 1, 2
PARTS = {'train': (FIRST, OTHERS), 'test': (HELD_OUT,)}
# Identities of one folder and of the next are different people.
STEP = 100000


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


def write(output: Path, folders: list[Path], held_out: int) -> None:
    """
    Write the crops of folders, named as those of Market-1501 and 128 x 64 pixels, into a file.

    :param held_out: last identities of the first folder, to test with.
    :raises ValueError: a folder without such crops.
    """
    blobs, rows = [], []
    for number, folder in enumerate(folders):
        inside = folder / 'bounding_box_train'
        paths = sorted((inside if inside.is_dir() else folder).iterdir())
        named = [(path, match) for path in paths if (match := NAME.fullmatch(path.name))]
        if not named:
            raise ValueError(f'{folder}: no crops named as 0001_c1s1_000001_00.jpg')
        last = sorted({int(match[1]) for _, match in named})[-held_out:] if held_out else []
        for path, match in named:
            identity = int(match[1])
            source = HELD_OUT if number == 0 and identity in last else min(number, OTHERS)
            blobs.append(np.frombuffer(path.read_bytes(), np.uint8))
            rows.append((number * STEP + identity, int(match[2]), source))
    identity, camera, part = np.array(rows).T
    np.savez(output, blob=np.concatenate(blobs), end=np.cumsum([len(blob) for blob in blobs]),
             identity=identity, camera=camera, part=part)


def main() -> None:
    """Write what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('output', type=Path)
    parser.add_argument('folders', type=Path, nargs='+', help='the first one is tested on, too')
    parser.add_argument('--held-out', type=int, default=150)
    options = parser.parse_args()
    write(options.output, options.folders, options.held_out)


if __name__ == '__main__':
    main()
