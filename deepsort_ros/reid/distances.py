"""
How far apart the features of same and of different people are, and the limit that follows.

As the tracker does, a crop is compared with all crops of a person, and the nearest counts: of the
same person in the same camera, and of everybody else there. Recommended is the largest limit at
which no more than one in a thousand comparisons with other people is a match (the operating point
FMR1000 of the fingerprint verification competitions, Maio et al. 2002): a wrong match costs two
identities, a refused one only waits for motion and overlap to decide.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid.dataset import Crops
from deepsort_ros.reid.dataset import DatasetError

BINS = 40
# Cosine distances are from 0 to 2.
LARGEST = 2.0
# A limit is recommended in steps of this, with at most so large a share of false matches.
STEP = 0.01
FALSE_MATCHES = 0.001
# Characters of the longest bar of the histogram.
BAR = 24


@dataclass(frozen=True)
class Distances:
    """
    Distances of crops to people.

    :param same: crops compared with others of the same person.
    :param different: comparisons with other people.
    :param edges: of the bins of the histograms; :param same_share: of ``same`` in each bin;
        :param different_share: of ``different``.
    :param equal_error_rate: share of ``same`` refused, and of ``different`` taken, at the distance
        where both are equal; :param equal_error_distance: that distance.
    :param recommended: ``max_cosine_distance``.
    :param refused: share of ``same`` beyond it; :param false_matches: share of ``different``
        within it.
    :param limit: in force, of the model or the command line; None for none.
    :param refused_at_limit: share of ``same`` beyond it; :param false_matches_at_limit: of
        ``different`` within it; None without a limit.
    """

    same: int
    different: int
    edges: list[float]
    same_share: list[float]
    different_share: list[float]
    equal_error_rate: float
    equal_error_distance: float
    recommended: float
    refused: float
    false_matches: float
    limit: float | None = None
    refused_at_limit: float | None = None
    false_matches_at_limit: float | None = None


def to_people(feature: NDArray[np.float32],
              crops: Crops) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """
    Return the distances of crops to their own person and to all others of the same camera.

    Crops of identity 0 or below match no one and are left out, as are people of one crop.

    :param feature: (N, D) unit rows, one for each crop.
    """
    same, different = [], []
    for camera in np.unique(crops.camera):
        rows = np.flatnonzero((crops.camera == camera) & (crops.identity > 0))
        rows = rows[np.argsort(crops.identity[rows], kind='stable')]
        if not len(rows):
            continue
        identity, first, person = np.unique(
            crops.identity[rows], return_index=True, return_inverse=True)
        distance = 1.0 - feature[rows] @ feature[rows].T
        np.fill_diagonal(distance, np.inf)  # a crop says nothing about itself
        nearest = np.minimum.reduceat(distance, first, axis=1)
        own = np.zeros(nearest.shape, dtype=bool)
        own[np.arange(len(rows)), person] = True
        same.append(nearest[own])
        different.append(nearest[~own])
    none = np.zeros(0, dtype=np.float32)
    both = (np.concatenate([none, *same]), np.concatenate([none, *different]))
    return both[0][np.isfinite(both[0])], both[1][np.isfinite(both[1])]


def measure(feature: NDArray[np.float32], crops: Crops, limit: float = 0.0) -> Distances:
    """
    Measure the distances of same and different people.

    :param feature: (N, D) unit rows, one for each crop.
    :param limit: in force, 0 for none.
    :raises DatasetError: no camera has two crops of a person, or shows two people.
    """
    same, different = (np.sort(values) for values in to_people(feature, crops))
    if not len(same) or not len(different):
        raise DatasetError('distances: no camera shows two crops of one person and another person')

    def refused(distance: float) -> float:
        return float(1.0 - np.searchsorted(same, distance, 'right') / len(same))

    def taken(distance: float) -> float:
        return float(np.searchsorted(different, distance, 'right') / len(different))

    # Both are steps; the rates cross where the difference changes its sign.
    candidates = np.unique(np.concatenate((same, different)))
    gap = (np.searchsorted(different, candidates, 'right') / len(different)
           - 1.0 + np.searchsorted(same, candidates, 'right') / len(same))
    cross = float(candidates[int(np.argmax(gap >= 0.0))])
    # The first comparison too many; whole steps below it.
    strict = float(different[int(FALSE_MATCHES * len(different))])
    recommended = round(max(math.ceil(strict / STEP - 1e-6) - 1, 1) * STEP, 2)
    edges = np.linspace(0.0, LARGEST, BINS + 1)
    shares = [np.histogram(values, edges)[0] / len(values) for values in (same, different)]
    return Distances(
        same=len(same), different=len(different), edges=edges.round(4).tolist(),
        same_share=shares[0].tolist(), different_share=shares[1].tolist(),
        equal_error_rate=(refused(cross) + taken(cross)) / 2, equal_error_distance=cross,
        recommended=recommended, refused=refused(recommended), false_matches=taken(recommended),
        limit=limit or None, refused_at_limit=refused(limit) if limit else None,
        false_matches_at_limit=taken(limit) if limit else None)


def as_text(distances: Distances) -> str:
    """Return what was measured as lines for people, with a histogram of both."""
    found = distances
    end = next(row for row in range(BINS, 0, -1)
               if found.same_share[row - 1] or found.different_share[row - 1])
    tallest = max(*found.same_share, *found.different_share)
    lines = [f'distances within one camera: {found.same} crops to their own person, '
             f'{found.different} comparisons with others',
             f'{"distance":>11}  {"same":<{BAR + 7}} others']
    for row in range(end):
        cells = [f'{share:6.1%} {"#" * math.ceil(BAR * share / tallest):<{BAR}}'
                 for share in (found.same_share[row], found.different_share[row])]
        lines.append(f'{found.edges[row]:5.2f}-{found.edges[row + 1]:4.2f}  {"  ".join(cells)}'
                     .rstrip())
    lines.append(f'equal error rate {found.equal_error_rate:.2%} at '
                 f'{found.equal_error_distance:.3f}')
    if found.limit is not None:
        lines.append(
            f'max_cosine_distance {found.limit:g}, as the model says: '
            f'{found.false_matches_at_limit:.3%} false matches, {found.refused_at_limit:.1%} of '
            'the same person refused')
    lines.append(f'recommended max_cosine_distance {found.recommended:g}: '
                 f'{found.false_matches:.3%} false matches, {found.refused:.1%} of the same '
                 'person refused')
    return '\n'.join(lines)
