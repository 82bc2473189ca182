"""Positions that detections bring along: of detectors that work in space."""
from __future__ import annotations

from dataclasses import dataclass
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Standard deviations of a position that comes without: a share of its distance, and m.
SHARE, LEAST = 0.03, 0.15


@dataclass(frozen=True)
class Given:
    """
    Where N detections are, as their detector says; NaN rows for those without.

    :param centre: (N, 3) m, the middle of the thing in the frame of the camera's image.
    :param covariance: (N, 3, 3) m2 in the same axes.
    :param height: (N,) m of the thing, NaN where only its class tells.
    """

    centre: NDArray[np.float64]
    covariance: NDArray[np.float64]
    height: NDArray[np.float64]

    @classmethod
    def of(cls, centre: NDArray[np.float64], covariance: NDArray[np.float64],
           height: NDArray[np.float64]) -> Given | None:
        """
        Return what is of use: finite positions before the camera, and none when none is.

        A covariance that is none, as that of zeros, is replaced by a usual one.
        """
        centre, covariance, height = centre.copy(), covariance.copy(), height.copy()
        centre[~(np.isfinite(centre).all(axis=1) & (centre[:, 2] > 0.0))] = np.nan
        height[~(np.isfinite(height) & (height > 0.0))] = np.nan
        known = np.isfinite(centre[:, 0])
        if not known.any():
            return None
        proper = np.isfinite(covariance).all(axis=(1, 2))
        proper[proper] = np.linalg.eigvalsh(covariance[proper])[:, 0] > 0.0
        usual = np.maximum(SHARE * np.linalg.norm(centre, axis=1), LEAST)
        covariance[~proper] = (np.square(usual)[:, None, None] * np.eye(3))[~proper]
        return cls(centre, covariance, height)

    def select(self, rows: NDArray[Any]) -> Given:
        """Return some of them, in the order of the rows."""
        return Given(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})
