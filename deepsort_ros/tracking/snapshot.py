"""What the tracker reports: a copy of what its table, gallery and votes hold."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import boxes
from deepsort_ros.tracking import kalman
from deepsort_ros.tracking.gallery import Gallery
from deepsort_ros.tracking.table import TrackTable
from deepsort_ros.tracking.tracks import Tracks
from deepsort_ros.tracking.votes import ClassVotes


def snapshot(table: TrackTable, gallery: Gallery | None, votes: ClassVotes, form: kalman.Form,
             removed_ids: NDArray[np.int64],
             state: NDArray[np.float64] | None = None) -> Tracks:
    """
    Return all tracks, those that sleep as well.

    :param gallery: None: report no features.
    :param removed_ids: what to report as removed; :param state: (6, M, 4) where they are, instead
        of where the table has them.
    """
    mean, velocity, variance, cross, _, velocity_variance = (
        table.kalman if state is None else state)
    # Rows of 16: an entry of x and the same one of y are five apart.
    covariance = np.zeros((len(table), 16))
    covariance[:, 0:6:5] = variance[:, :2]
    covariance[:, 2:8:5] = covariance[:, 8:14:5] = cross[:, :2]
    covariance[:, 10::5] = velocity_variance[:, :2]
    numbers = table.numbers()
    return Tracks(
        id=numbers.id,
        state=numbers.state.astype(np.uint8),
        class_id=votes.names(table.slot),
        score=table.score.copy(),
        tlwh=boxes.reported(mean, form.tlwh),
        velocity=velocity[:, :2].copy(),
        covariance=covariance.reshape(-1, 4, 4),
        age=numbers.age,
        hits=numbers.hits,
        time_since_update=numbers.time_since_update,
        first_seen=numbers.first_seen,
        last_seen=numbers.last_seen,
        detection_index=numbers.detection_index,
        feature=(np.empty((len(table), 0), dtype=np.float32) if gallery is None
                 else gallery.newest(table.slot)),
        removed_ids=removed_ids)
