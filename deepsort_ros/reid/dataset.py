"""
Read crops of people or things for re-identification.

Laid out as Market-1501 (Zheng et al., ICCV 2015), or with a folder for each identity.
"""
from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# Height and width of a crop, pixels.
SIZE = (128, 64)
NAME = re.compile(r'(-1|\d+)_c(\d+).*\.(?:jpg|jpeg|png)', re.IGNORECASE)
SUFFIXES = ('.jpg', '.jpeg', '.png')
TRAIN, QUERY, GALLERY = 'bounding_box_train', 'query', 'bounding_box_test'
# Without a query set of its own, these last identities of the training set are its test.
HELD_OUT = 150


class DatasetError(ValueError):
    """The data cannot be used; the message names the file or folder."""


@dataclass(frozen=True)
class Crops:
    """
    Crops of people, decoded.

    :param images: (N, H, W, 3) uint8, RGB.
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
                f'held_out: {held_out} of {len(identities)} identities leaves fewer than 2')
        last = np.isin(self.identity, identities[len(identities) - held_out:])
        return self.select(~last), self.select(last)


def read_crops(folder: Path, size: tuple[int, int] = SIZE) -> Crops:
    """
    Read a training set: Market-1501, a folder of crops named as there, or folders of crops.

    :param size: H, W; images of others are resized.
    :raises DatasetError: see :func:`read_market1501` and :func:`read_folders`.
    """
    if (folder / TRAIN).is_dir():
        return read_market1501(folder / TRAIN, size=size)
    if folder.is_dir() and not _images(folder) and any(p.is_dir() for p in folder.iterdir()):
        return read_folders(folder, size)
    return read_market1501(folder, size=size)


def read_market1501(folder: Path, distractors: bool = False,
                    size: tuple[int, int] = SIZE) -> Crops:
    """
    Read every image of a folder in the order of its name, ``identity_cCAMERA...jpg``.

    Identity -1 (junk) is left out.

    :param distractors: keep identity 0, people who match no one.
    :param size: H, W; images of others are resized.
    :raises DatasetError: no folder, no image, a name of another form, or a damaged image.
    """
    if not folder.is_dir():
        raise DatasetError(f'{folder} is not a folder')
    labels = []
    for path in _images(folder):
        match = NAME.fullmatch(path.name)
        if match is None:
            raise DatasetError(f'{path}: the name is not of the form 0002_c1s1_000451_03.jpg')
        if int(match[1]) >= (0 if distractors else 1):
            labels.append((path, int(match[1]), int(match[2])))
    if not labels:
        raise DatasetError(f'{folder} holds no image named like 0002_c1s1_000451_03.jpg')
    return _decoded(labels, size)


def read_folders(folder: Path, size: tuple[int, int] = SIZE) -> Crops:
    """
    Read a folder that holds a folder of images for each identity.

    Identities are numbered from 1 in the order of their names. The camera is what follows ``_c``
    in the name of an image, 0 without.

    :param size: H, W; images of others are resized.
    :raises DatasetError: no image in one of the folders, or a damaged image.
    """
    labels = []
    people = sorted(p for p in folder.iterdir() if p.is_dir())
    for identity, person in enumerate(people, 1):
        images = _images(person)
        if not images:
            raise DatasetError(f'{person} holds no image')
        for path in images:
            match = re.search(r'_c(\d+)', path.name)
            labels.append((path, identity, int(match[1]) if match else 0))
    return _decoded(labels, size)


def _images(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)


def _decoded(labels: list[tuple[Path, int, int]], size: tuple[int, int]) -> Crops:
    height, width = size
    images = np.empty((len(labels), height, width, 3), dtype=np.uint8)

    def decode(row: int) -> None:
        path = labels[row][0]
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise DatasetError(f'{path} is not an image')
        if image.shape[:2] != size:
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        images[row] = image[..., ::-1]

    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(decode, range(len(labels))):
            pass
    table = np.array([label[1:] for label in labels], dtype=np.int64)
    return Crops(images, table[:, 0], table[:, 1])


@dataclass(frozen=True)
class RetrievalTest:
    """
    Crops that search, and crops to be found.

    :param queries: (Q,) int64, the rows of ``crops`` that search.
    :param cross_camera: crops of the query's own identity and camera do not count.
    :param searched: the only camera that is searched; None: all crops that are no queries are.
    """

    crops: Crops
    queries: NDArray[np.int64]
    cross_camera: bool
    searched: int | None = None

    @property
    def gallery(self) -> NDArray[np.int64]:
        """Return the rows that are searched."""
        if self.searched is not None:
            return np.flatnonzero(self.crops.camera == self.searched)
        return np.setdiff1d(np.arange(len(self.crops)), self.queries)


def retrieval_test(crops: Crops) -> RetrievalTest:
    """
    Make a test of crops: one query per identity and camera, the first of each.

    Where no one is seen by two cameras, the first crop of each identity searches all others.
    """
    pairs = np.unique(np.stack((crops.identity, crops.camera), axis=1), axis=0, return_index=True)
    cross_camera = len(np.unique(pairs[0][:, 0])) < len(pairs[0])
    first = pairs[1] if cross_camera else np.unique(crops.identity, return_index=True)[1]
    return RetrievalTest(crops, np.sort(first), cross_camera)


def between_cameras(crops: Crops, query: int, gallery: int) -> RetrievalTest:
    """
    Make a test of one query per identity, from one camera, that searches all crops of another.

    :raises DatasetError: no identity is seen by both.
    """
    seen = set(crops.identity[crops.camera == gallery].tolist())
    rows = np.flatnonzero(crops.camera == query)
    _, first = np.unique(crops.identity[rows], return_index=True)
    queries = np.array([row for row in rows[first].tolist() if crops.identity[row] in seen],
                       dtype=np.int64)
    if query == gallery or not len(queries):
        raise DatasetError(f'no person is seen by camera {query} and by another camera {gallery}')
    return RetrievalTest(crops, queries, True, gallery)


def read_test(folder: Path, held_out: int | None = None,
              size: tuple[int, int] = SIZE) -> RetrievalTest:
    """
    Read a test set.

    Market-1501 with ``query`` and ``bounding_box_test`` is its official test; of a Market-1501
    training set, and where ``held_out`` is given, the last identities are; else all crops are.

    :param held_out: how many identities; None: 150 of a Market-1501 training set, else all.
    :param size: H, W of the crops; images of others are resized.
    :raises DatasetError: the data cannot be used.
    """
    if held_out is None and (folder / QUERY).is_dir() and (folder / GALLERY).is_dir():
        query = read_market1501(folder / QUERY, size=size)
        gallery = read_market1501(folder / GALLERY, True, size)
        both = Crops(*(np.concatenate((getattr(query, name), getattr(gallery, name)))
                       for name in ('images', 'identity', 'camera')))
        return RetrievalTest(both, np.arange(len(query)), cross_camera=True)
    if held_out is None and ((folder / TRAIN).is_dir() or folder.name == TRAIN):
        held_out = HELD_OUT
    crops = read_crops(folder, size)
    return retrieval_test(crops if held_out is None else crops.split(held_out)[1])
