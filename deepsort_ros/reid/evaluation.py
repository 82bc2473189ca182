"""Person re-identification scores by the Market-1501 protocol (Zheng et al., ICCV 2015)."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid.dataset import Crops
from deepsort_ros.reid.encoder import Encoder


@dataclass(frozen=True)
class ReidScores:
    """
    Retrieval scores in [0, 1], means over the queries.

    :param queries: how many queries had a crop to find.
    """

    rank1: float
    rank5: float
    rank10: float
    mean_ap: float
    queries: int


def query_rows(identity: NDArray[np.int64], camera: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of the first crop of every identity in every camera."""
    pairs = np.stack((identity, camera), axis=1)
    return np.sort(np.unique(pairs, axis=0, return_index=True)[1])


def score_features(feature: NDArray[np.float32], identity: NDArray[np.int64],
                   camera: NDArray[np.int64]) -> ReidScores:
    """
    Rank the gallery for every query by cosine similarity.

    One query per identity and camera, all other crops are the gallery; crops of the query's own
    identity in its own camera are ignored, and so are queries with nothing left to find.

    :param feature: (N, D) unit rows; :param identity: (N,); :param camera: (N,).
    :raises ValueError: no identity is seen by two cameras.
    """
    queries = query_rows(identity, camera)
    gallery = np.setdiff1d(np.arange(len(identity)), queries)
    ranks = []
    precisions = []
    for row in queries:
        found = identity[gallery] == identity[row]
        counted = ~(found & (camera[gallery] == camera[row]))
        similarity = feature[gallery[counted]] @ feature[row]
        hits = found[counted][np.argsort(-similarity, kind='stable')]
        positions = np.flatnonzero(hits)
        if len(positions):
            ranks.append(positions[0])
            precisions.append(np.mean(np.arange(1, len(positions) + 1) / (positions + 1)))
    if not ranks:
        raise ValueError('no identity is seen by two cameras')
    first = np.array(ranks)
    return ReidScores(
        rank1=float(np.mean(first < 1)), rank5=float(np.mean(first < 5)),
        rank10=float(np.mean(first < 10)), mean_ap=float(np.mean(precisions)),
        queries=len(ranks))


def score_encoder(encoder: Encoder, crops: Crops) -> ReidScores:
    """
    Encode crops and score their features, see :func:`score_features`.

    :raises ValueError: no identity is seen by two cameras.
    """
    count, height, width, _ = crops.images.shape
    # One above the other the crops are an image, and each of them a box.
    tall = crops.images.reshape(count * height, width, 3)
    boxes = np.zeros((count, 4))
    boxes[:, 1] = height * np.arange(count)
    boxes[:, 2:] = width, height
    return score_features(encoder.encode(tall, boxes, 'rgb8'), crops.identity, crops.camera)
