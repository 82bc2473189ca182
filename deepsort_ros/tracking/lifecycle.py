"""When tracks start, are confirmed, are lost and end (arXiv 1703.07402, section 2.1)."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking.config import TrackerConfig
from deepsort_ros.tracking.detections import Detections
from deepsort_ros.tracking.gallery import Gallery
from deepsort_ros.tracking.reidentification import put_to_sleep
from deepsort_ros.tracking.stage import TIME_TOLERANCE
from deepsort_ros.tracking.table import CONFIRMED
from deepsort_ros.tracking.table import DORMANT
from deepsort_ros.tracking.table import LOST
from deepsort_ros.tracking.table import TENTATIVE
from deepsort_ros.tracking.table import TrackTable


def record(table: TrackTable, rows: NDArray[np.int64] | slice, detections: Detections,
           columns: NDArray[np.int64], stamp: int) -> None:
    """Note the detections, (K,) ``columns``, that tracks, K ``rows``, were seen as."""
    table.score[rows] = detections.score[columns]
    table.detection_index[rows] = detections.index[columns]
    table.last_seen[rows] = stamp


def count(table: TrackTable, row: NDArray[np.int64], by_reach: NDArray[np.int64],
          early: NDArray[np.int64], n_init: int) -> None:
    """Count the matches of an image, see :class:`~deepsort_ros.tracking.matching.Matches`."""
    table.hits[row] += 1
    if len(by_reach):
        table.hits[by_reach] -= 1
    if len(early):
        table.hits[early] = n_init
    table.time_since_update[row] = 0
    table.elapsed[row] = 0.0


def end_tracks(table: TrackTable, gallery: Gallery, config: TrackerConfig) -> NDArray[np.int64]:
    """Settle every track's state, drop those that end, return the confirmed ones' ids."""
    matched = table.time_since_update == 0
    tentative = table.state == TENTATIVE
    confirmed = table.state > TENTATIVE
    table.state[confirmed] = LOST
    table.state[matched & (confirmed | (table.hits >= config.n_init))] = CONFIRMED
    overdue = table.elapsed > config.max_age + TIME_TOLERANCE
    # Of truths, > is "and not".
    ended = overdue | (tentative > matched)
    if not np.count_nonzero(ended):
        return np.empty(0, dtype=np.int64)
    if config.reid_window:
        put_to_sleep(table, overdue & ~tentative, gallery)
        waiting = table.elapsed <= config.max_age + config.reid_window + TIME_TOLERANCE
        ended &= (table.state != DORMANT) | ~waiting
    removed_ids: NDArray[np.int64] = table.id[ended > tentative]
    table.drop(ended)
    return removed_ids


def start_tracks(table: TrackTable, first_id: int, state: NDArray[np.float64],
                 config: TrackerConfig) -> slice:
    """
    Start K tracks and return their rows.

    :param first_id: the id of the first one; they are numbered from there.
    :param state: (6, K, 4), see :mod:`~deepsort_ros.tracking.kalman`.
    """
    count = state.shape[1]
    rows = table.append(count)
    table.id[rows] = np.arange(first_id, first_id + count)
    table.state[rows] = TENTATIVE if config.n_init > 1 else CONFIRMED
    table.age[rows] = 1
    table.hits[rows] = 1
    table.kalman[:, rows] = state
    return rows
