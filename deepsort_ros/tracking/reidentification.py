"""
Tracks that come back under their id after they had ended.

A confirmed track whose ``max_age`` is over goes dormant: it stays in the table, takes no part in
matching and is not reported. When a new track is confirmed, it is compared with the dormant ones
by appearance alone, for by then a person may have gone anywhere; the mean of several
features is compared, so that one bad crop decides nothing. Where they agree the new track was the
old one.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import association
from deepsort_ros.tracking.config import TrackerConfig
from deepsort_ros.tracking.gallery import Gallery
from deepsort_ros.tracking.table import CONFIRMED
from deepsort_ros.tracking.table import DORMANT
from deepsort_ros.tracking.table import LOST
from deepsort_ros.tracking.table import TrackTable
from deepsort_ros.tracking.votes import ClassVotes


def reidentify(table: TrackTable, gallery: Gallery, votes: ClassVotes,
               config: TrackerConfig) -> None:
    """Let every track confirmed in this image that is a dormant one go on as that one."""
    fresh = ((table.hits == config.n_init) & (table.time_since_update == 0)).nonzero()[0]
    fresh = fresh[table.state[fresh] == CONFIRMED]
    if not len(fresh) or not gallery.feature_length:
        return
    fresh = fresh[gallery.count(table.slot[fresh]) > 0]
    sleeping = table.state == DORMANT
    if config.rejoin:
        sleeping |= (table.state == LOST) & (gallery.count(table.slot) > 0)
    dormant = sleeping.nonzero()[0]
    if not len(dormant) or not len(fresh):
        return
    slot, fresh_slot = table.slot[dormant], table.slot[fresh]
    mean = gallery.mean(fresh_slot)
    limit = (config.rejoin or 1.0) * gallery.fit.limit(config.max_cosine_distance)
    alike = gallery.toward(slot, mean) >= gallery.least_cosine(slot, limit)[:, None]
    if config.class_gating:
        alike &= votes.winner(slot)[:, None] == votes.winner(fresh_slot)
    row, column = alike.nonzero()
    if not len(row):
        return
    cost = np.full(alike.shape, association.INADMISSIBLE)
    cost[row, column] = gallery.distance(slot[row], mean[column], config.nearest_features)
    matching = association.assign(cost, limit)
    if len(matching.row):
        old, new = dormant[matching.row], fresh[matching.column]
        gallery.append(table.slot[old], table.slot[new])
        votes.append(table.slot[old], table.slot[new])
        table.take_over(old, new)


def put_to_sleep(table: TrackTable, overdue: NDArray[np.bool_], gallery: Gallery) -> None:
    """Make dormant what is overdue, (M,) bool, and has a feature to be known by."""
    table.state[overdue & (gallery.count(table.slot) > 0)] = DORMANT
