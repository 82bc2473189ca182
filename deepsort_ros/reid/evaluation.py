"""Person re-identification scores by the Market-1501 protocol (Zheng et al., ICCV 2015)."""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid.dataset import Crops
from deepsort_ros.reid.dataset import DatasetError
from deepsort_ros.reid.dataset import RetrievalTest
from deepsort_ros.reid.encoder import Encoder

CHUNK = 256
# In the picture: crops found per query, pixels of frame and space around each, BGR.
SHOWN = 10
FRAME = 4
SPACE = 2
RIGHT, WRONG, ASKED = (60, 160, 40), (50, 50, 220), (90, 90, 90)


@dataclass(frozen=True)
class ReidScores:
    """
    Retrieval scores in [0, 1], means over the queries.

    :param queries: how many queries had a crop to find.
    :param gallery: crops searched; :param identities: people among all crops.
    :param cross_camera: whether only crops of other cameras counted as found.
    """

    rank1: float
    rank5: float
    rank10: float
    mean_ap: float
    queries: int
    gallery: int
    identities: int
    cross_camera: bool


def encode_crops(encoder: Encoder, crops: Crops,
                 progress: Callable[[int, int], None] | None = None) -> NDArray[np.float32]:
    """Return the (N, 128) unit features of N crops; ``progress`` takes crops done and all."""
    count, height, width, _ = crops.images.shape
    features = []
    for start in range(0, count, CHUNK):
        # One above the other the crops are an image, and each of them a box.
        images = crops.images[start:start + CHUNK]
        boxes = np.zeros((len(images), 4))
        boxes[:, 1] = height * np.arange(len(images))
        boxes[:, 2:] = width, height
        features.append(encoder.encode(images.reshape(-1, width, 3), boxes, 'rgb8'))
        if progress is not None:
            progress(start + len(images), count)
    return np.concatenate(features)


def rankings(feature: NDArray[np.float32], test: RetrievalTest,
             ) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.bool_]]]:
    """
    Rank the gallery by cosine similarity for every query that has something to find.

    :param feature: (N, D) unit rows, one for each crop of the test.
    :returns: the query's row, the gallery's rows from the most similar on, and which of them
        show the query's identity.
    """
    identity, camera, gallery = test.crops.identity, test.crops.camera, test.gallery
    for row in test.queries.tolist():
        same = identity[gallery] == identity[row]
        counted = gallery
        if test.cross_camera:
            counted = gallery[~(same & (camera[gallery] == camera[row]))]
        order = counted[np.argsort(-(feature[counted] @ feature[row]), kind='stable')]
        hits = identity[order] == identity[row]
        if hits.any():
            yield row, order, hits


def score_features(feature: NDArray[np.float32], test: RetrievalTest) -> ReidScores:
    """
    Return the scores of features.

    :param feature: (N, D) unit rows, one for each crop of the test.
    :raises DatasetError: no query has anything to find.
    """
    ranks = []
    precisions = []
    for _, _, hits in rankings(feature, test):
        positions = np.flatnonzero(hits)
        ranks.append(positions[0])
        precisions.append(np.mean(np.arange(1, len(positions) + 1) / (positions + 1)))
    if not ranks:
        raise DatasetError('no query has anything to find: every identity has a single crop')
    first = np.array(ranks)
    return ReidScores(
        rank1=float(np.mean(first < 1)), rank5=float(np.mean(first < 5)),
        rank10=float(np.mean(first < 10)), mean_ap=float(np.mean(precisions)),
        queries=len(ranks), gallery=len(test.gallery),
        identities=len(np.unique(test.crops.identity)), cross_camera=test.cross_camera)


def write_picture(path: Path, feature: NDArray[np.float32], test: RetrievalTest,
                  queries: int) -> None:
    """
    Draw some queries, spread evenly, each with the ten crops found first.

    Framed green where it is the same identity, red where it is another.

    :param queries: how many, at most.
    :raises OSError: the picture cannot be written.
    """
    ranked = list(rankings(feature, test))
    chosen = np.unique(np.linspace(0, len(ranked) - 1, queries).round().astype(int))
    lines = []
    for row, order, hits in (ranked[i] for i in chosen):
        cells = [_framed(test.crops.images[row], ASKED)]
        cells += [_framed(test.crops.images[found], RIGHT if hit else WRONG)
                  for found, hit in zip(order[:SHOWN], hits)]
        cells += [np.full_like(cells[0], 255)] * (SHOWN + 1 - len(cells))
        lines.append(np.hstack(cells))
    encoded = cv2.imencode(path.suffix or '.jpg', np.vstack(lines))[1]
    path.write_bytes(encoded.tobytes())


def _framed(crop: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    margin = SPACE + FRAME
    framed = np.full((crop.shape[0] + 2 * margin, crop.shape[1] + 2 * margin, 3), 255, np.uint8)
    framed[SPACE:-SPACE, SPACE:-SPACE] = colour
    framed[margin:-margin, margin:-margin] = crop[..., ::-1]
    return framed
