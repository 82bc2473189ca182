"""What an update is given: refused where it makes no sense, and brought to length 1."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import boxes
from deepsort_ros.tracking import kalman
from deepsort_ros.tracking.detections import Detections


def checked(detections: Detections, features: NDArray[np.float32] | None, dt: float,
            length: int) -> tuple[NDArray[np.bool_], NDArray[np.float32] | None]:
    """
    Return which of N detections have a feature, and the features at length 1.

    :param features: (N, D) float32, or None; :param length: of the features held, 0 for any.
    :raises ValueError: something is not acceptable.
    """
    if not detections.all_valid():
        first = int(np.argmin(detections.valid()))
        raise ValueError(f'detections: box {detections.tlwh[first].tolist()} with score '
                         f'{detections.score[first]} at {first} is not valid')
    if not 0 < dt < np.inf:
        raise ValueError(f'dt: {dt} is not positive and finite')
    if features is None or not len(detections):
        return np.zeros(len(detections), dtype=bool), None
    features = np.asarray(features, dtype=np.float32)
    if features.ndim != 2 or len(features) != len(detections) or not features.shape[1]:
        raise ValueError(f'features: shape {features.shape} does not fit '
                         f'{len(detections)} detections')
    if length not in (0, features.shape[1]):
        raise ValueError(f'features: length {features.shape[1]} is not the '
                         f'{length} of the gallery')
    described, features = unit(features)
    return described, features if np.count_nonzero(described) else None


def checked_transform(transform: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """
    Return a transform of ``count`` tracks as an array.

    :raises ValueError: of another shape than (2, 3) or (count, 2, 3), not finite, or it collapses
        the image.
    """
    transform = np.asarray(transform, dtype=np.float64)
    if transform.shape not in ((2, 3), (count, 2, 3)) or not np.isfinite(transform).all():
        raise ValueError(f'transform: {transform.tolist()} is not a finite (2, 3) matrix, nor '
                         f'one for each of {count} tracks')
    if (abs(kalman.stretch(transform)) < boxes.SMALLEST).any():
        raise ValueError(f'transform: {transform.tolist()} collapses the image')
    return transform


def unit(features: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return which of (N, D) rows are finite and not zero, and those at length 1."""
    norm = np.sqrt(np.einsum('nd,nd->n', features, features))
    described: NDArray[np.bool_] = (norm > 0) & (norm < np.inf)
    if np.count_nonzero(described) < len(described):
        norm[~described] = 1.0
    return described, features / norm[:, None]
