"""DeepSORT (arXiv 1703.07402): from the detections of each image to tracks with lasting ids."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import association
from deepsort_ros.tracking import boxes
from deepsort_ros.tracking import kalman
from deepsort_ros.tracking.association import Matching
from deepsort_ros.tracking.association import Pairs
from deepsort_ros.tracking.detections import Detections
from deepsort_ros.tracking.gallery import Gallery
from deepsort_ros.tracking.table import TrackTable
from deepsort_ros.tracking.tracks import Tracks
from deepsort_ros.tracking.tracks import TrackState
from deepsort_ros.tracking.votes import ClassVotes

# Times within a thousandth of a step are equal: sums of rounded steps are not exact.
TIME_TOLERANCE = 1e-3

# Cost of a pair that must not be matched, above every limit.
INADMISSIBLE = 10.0


@dataclass(frozen=True)
class TrackerConfig:
    """
    Settings of the tracker; the defaults are the paper's.

    :param max_cosine_distance: largest appearance distance of a match.
    :param nn_budget: features kept per track, the newest.
    :param max_iou_distance: largest 1 - IoU of a match by overlap.
    :param max_age: a confirmed track unseen for longer is removed, in time steps.
    :param n_init: consecutive detections that confirm a track.
    :param class_gating: a track only takes detections of its own class.
    """

    max_cosine_distance: float = 0.2
    nn_budget: int = 100
    max_iou_distance: float = 0.7
    max_age: float = 30.0
    n_init: int = 3
    class_gating: bool = False


class Tracker:
    """
    Multi-object tracker by motion, overlap and appearance.

    Matching has three stages. Confirmed tracks match by appearance inside the motion gate, the
    most recently seen first. Then tentative tracks and those seen in the last image match by
    overlap. Last, where a detection or a lost track has no feature, so that appearance could
    not speak, lost tracks match by overlap with their predicted box; with a feature for every
    detection this stage has nothing to do and the tracker is the paper's.

    Not thread-safe.
    """

    def __init__(self, config: TrackerConfig) -> None:
        """Start with no tracks; the first id is 1."""
        self._config = config
        self._next_id = 1
        self._forget()

    def _forget(self) -> None:
        self._table = TrackTable()
        self._gallery = Gallery(self._config.nn_budget)
        self._votes = ClassVotes()

    def configure(self, config: TrackerConfig) -> None:
        """Use other settings from the next update on; tracks live on."""
        self._config = config
        self._gallery.resize(config.nn_budget)

    def reset(self) -> None:
        """Drop all tracks without reporting them as removed; ids go on."""
        self._forget()

    def state(self) -> dict[str, NDArray[Any]]:
        """
        Return all that later updates depend on as plain arrays, which ``numpy.savez`` can keep.

        The settings are not part of it. Names and shapes are the tracker's own affair: they are
        meant for :meth:`from_state` of the same version.
        """
        slot, budget = self._table.slot, self._config.nn_budget
        return {
            'next_id': np.array(self._next_id), 'nn_budget': np.array(budget),
            'features': self._gallery.held(slot, budget),
            'feature_count': self._gallery.count(slot),
            **self._table.save(), **self._votes.save(slot)}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]], config: TrackerConfig) -> Tracker:
        """
        Return a tracker that goes on exactly where the one of :meth:`state` was.

        :raises ValueError: the state is not complete.
        """
        missing = sorted(cls(config).state().keys() - state.keys())
        if missing:
            raise ValueError(f'state: {", ".join(missing)} missing')
        tracker = cls(replace(config, nn_budget=int(state['nn_budget'])))
        tracker._next_id = int(state['next_id'])
        tracker._table.load(state)
        tracker._gallery.load(state['features'].copy(), state['feature_count'].copy())
        tracker._votes.load(state)
        tracker.configure(config)
        return tracker

    @property
    def nbytes(self) -> int:
        """Memory reserved for the tracks, in bytes."""
        return self._table.nbytes + self._gallery.nbytes + self._votes.nbytes

    def update(self, detections: Detections, features: NDArray[np.float32] | None,
               dt: float = 1.0, stamp: int = 0) -> Tracks:
        """
        Take in the detections of the next image and return all tracks.

        :param detections: of N valid boxes; best score first gives the reference's numbering.
        :param features: (N, D) float32 unit rows, a NaN or zero row for a detection without
            feature; None when there are none.
        :param dt: time steps since the last update, positive.
        :param stamp: of this image, reported in ``first_seen`` and ``last_seen``.
        :raises ValueError: a box, ``features`` or ``dt`` is not acceptable; nothing has changed.
        """
        described, features = self._checked(detections, features, dt)
        table = self._table
        measurement = boxes.to_xyah(detections.tlwh)
        classes = self._votes.codes(detections.class_id)
        table.kalman[:] = kalman.predict(table.kalman, dt)
        table.age += 1
        table.time_since_update += 1
        table.elapsed += dt
        table.detection_index[:] = -1

        row, column, left = self._match(
            detections.tlwh, measurement, classes, described, features)
        table.kalman[:, row] = kalman.update(table.kalman[:, row], measurement[column])
        table.hits[row] += 1
        table.time_since_update[row] = 0
        table.elapsed[row] = 0.0
        slot = table.slot[row]
        self._votes.vote(slot, classes[column])
        self._record(row, detections, column, stamp)
        removed_ids = self._end_tracks()
        if len(left):
            new_slot = self._start_tracks(detections, measurement, left, stamp)
            self._votes.start(new_slot, classes[left])
            self._gallery.clear(new_slot)
            slot, column = np.concatenate((slot, new_slot)), np.concatenate((column, left))
        if features is not None:
            known = described[column]
            self._gallery.add(slot[known], features[column[known]])
        return self._snapshot(removed_ids)

    def needs_feature(self, detections: Detections, dt: float) -> NDArray[np.bool_]:
        """
        Return (N,) bool, True where the next update may need this detection's feature.

        False only where motion settles the matter: a confirmed track that was seen in the last
        image and has a feature overlaps this detection enough to match it, and neither is in
        the gate of, or overlaps, any other. Changes nothing.

        :param detections: of N valid boxes; :param dt: time steps since the last update.
        """
        table = self._table
        if not len(table) or not len(detections):
            return np.ones(len(detections), dtype=bool)
        state = kalman.predict(table.kalman, dt)
        overlap = boxes.iou(boxes.to_tlwh(state[0]), detections.tlwh)
        candidate = 1.0 - overlap <= self._config.max_iou_distance
        settled = candidate.copy()
        candidate[association.gate(state, boxes.to_xyah(detections.tlwh))] = True
        settled &= candidate.sum(axis=0) == 1
        settled &= candidate.sum(axis=1, keepdims=True) == 1
        settled &= ((table.state == TrackState.CONFIRMED) & (table.time_since_update == 0)
                    & (table.elapsed + dt <= self._longest())
                    & (self._gallery.count(table.slot) > 0))[:, None]
        settled[self._other_class(slice(None), self._votes.codes(detections.class_id))] = False
        needed: NDArray[np.bool_] = ~settled.any(axis=0)
        return needed

    def _checked(self, detections: Detections, features: NDArray[np.float32] | None, dt: float,
                 ) -> tuple[NDArray[np.bool_], NDArray[np.float32] | None]:
        valid = detections.valid()
        if not valid.all():
            first = int(np.argmin(valid))
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
        if self._gallery.feature_length not in (0, features.shape[1]):
            raise ValueError(f'features: length {features.shape[1]} is not the '
                             f'{self._gallery.feature_length} of the gallery')
        norm = np.sqrt(np.einsum('nd,nd->n', features, features))
        described: NDArray[np.bool_] = np.isfinite(norm) & (norm > 0)
        if not described.any():
            return described, None
        return described, features / np.where(described, norm, 1.0)[:, None]

    def _longest(self) -> float:
        # A track seen in the last image may match at a full frame rate, whatever max_age is.
        return max(self._config.max_age, 1.0) + TIME_TOLERANCE

    def _match(self, tlwh: NDArray[np.float64], measurement: NDArray[np.float64],
               classes: NDArray[np.int64], described: NDArray[np.bool_],
               features: NDArray[np.float32] | None) -> Matching:
        """Return the matches of all stages, rows of the table and detections."""
        table = self._table
        confirmed = table.state != TrackState.TENTATIVE
        within_age = confirmed & (table.elapsed <= self._config.max_age + TIME_TOLERANCE)
        free = table.elapsed <= self._longest()
        left = np.arange(len(tlwh))
        stages = []
        if features is not None:
            stages.append(self._match_appearance(
                within_age.nonzero()[0], measurement, classes, described, features))
            left = stages[-1].left
            free[stages[-1].row] = False

        recent = table.time_since_update == 1
        # The reference takes these rows out of a Python set. Their order decides nothing but
        # how the solver breaks ties, and with it the numbers of new tracks.
        unmatched = set(confirmed.nonzero()[0].tolist())
        unmatched = unmatched - set(stages[0].row.tolist()) if stages else unmatched
        seen = np.fromiter(unmatched, np.int64, len(unmatched))
        seen = seen[(free & recent)[seen]]
        candidates = np.concatenate((np.flatnonzero(free & ~confirmed), seen))
        stages.append(self._match_overlap(candidates, left, tlwh, classes))
        left = stages[-1].left
        free[stages[-1].row] = False

        lost = np.flatnonzero(free & within_age & ~recent)
        if len(lost) and len(left):
            silent = ~(self._gallery.count(table.slot[lost])[:, None] > 0) | ~described[left]
            if silent.any():
                stages.append(self._match_overlap(lost, left, tlwh, classes, ~silent))
                left = stages[-1].left
        return Matching(np.concatenate([stage.row for stage in stages]),
                        np.concatenate([stage.column for stage in stages]), left)

    def _match_appearance(self, candidates: NDArray[np.int64], measurement: NDArray[np.float64],
                          classes: NDArray[np.int64], described: NDArray[np.bool_],
                          features: NDArray[np.float32]) -> Matching:
        """Match confirmed tracks by the smallest cosine distance inside the gate, by age."""
        table = self._table
        slot = table.slot[candidates]
        row, column = association.gate(table.kalman[:, candidates], measurement)
        usable = described[column] & (self._gallery.count(slot) > 0)[row]
        if self._config.class_gating:
            usable &= self._votes.winner(slot)[row] == classes[column]
        row, column = row[usable], column[usable]
        pairs = self._close_pairs(slot, row, column, features)
        matching = association.cascade(
            pairs, table.time_since_update[candidates], len(measurement),
            self._config.max_cosine_distance)
        return matching._replace(row=candidates[matching.row])

    def _close_pairs(self, slot: NDArray[np.int64], row: NDArray[np.int64],
                     column: NDArray[np.int64], features: NDArray[np.float32]) -> Pairs:
        """Return the pairs within the appearance limit and their distances."""
        limit = self._config.max_cosine_distance
        if not len(row):
            return Pairs(row, column, np.empty(0, dtype=np.float32))
        possible = self._gallery.possible(slot[row], features[column], limit)
        row, column = row[possible], column[possible]
        distance = self._gallery.recent_distance(slot[row], features[column])
        far = np.flatnonzero(distance > limit)
        distance[far] = self._gallery.distance(slot[row[far]], features[column[far]])
        near = distance <= limit
        row, column, distance = row[near], column[near], distance[near]
        # A pair whose track and detection have no other is matched at any distance within the
        # limit; the others compete, and their distances must be exact.
        rival = np.flatnonzero((np.bincount(row)[row] > 1) | (np.bincount(column)[column] > 1))
        distance[rival] = self._gallery.distance(slot[row[rival]], features[column[rival]])
        return Pairs(row, column, distance)

    def _match_overlap(self, candidates: NDArray[np.int64], left: NDArray[np.int64],
                       tlwh: NDArray[np.float64], classes: NDArray[np.int64],
                       excluded: NDArray[np.bool_] | None = None) -> Matching:
        """Match tracks and the detections left over by IoU."""
        if not len(candidates) or not len(left):
            return Matching(candidates[:0], left[:0], left)
        predicted = boxes.to_tlwh(self._table.kalman[0, candidates])
        cost = 1.0 - boxes.iou(predicted, tlwh[left])
        cost[self._other_class(candidates, classes[left])] = INADMISSIBLE
        if excluded is not None:
            cost[excluded] = INADMISSIBLE
        matching = association.assign(cost, self._config.max_iou_distance)
        return Matching(
            candidates[matching.row], left[matching.column], left[matching.left])

    def _other_class(self, rows: NDArray[np.int64] | slice, classes: NDArray[np.int64],
                     ) -> NDArray[np.bool_]:
        """Return (N, M) bool, where class gating keeps row and detection apart."""
        winner = self._votes.winner(self._table.slot[rows])
        if not self._config.class_gating:
            return np.zeros((len(winner), len(classes)), dtype=bool)
        different: NDArray[np.bool_] = winner[:, None] != classes
        return different

    def _record(self, rows: NDArray[np.int64] | slice, detections: Detections,
                columns: NDArray[np.int64], stamp: int) -> None:
        table = self._table
        table.score[rows] = detections.score[columns]
        table.detection_index[rows] = detections.index[columns]
        table.last_seen[rows] = stamp

    def _end_tracks(self) -> NDArray[np.int64]:
        """Settle every track's state, drop those that end, return the confirmed ones' ids."""
        table = self._table
        matched = table.time_since_update == 0
        confirmed = table.state != TrackState.TENTATIVE
        table.state[confirmed] = TrackState.LOST
        table.state[matched & (confirmed | (table.hits >= self._config.n_init))] = (
            TrackState.CONFIRMED)
        overdue = table.elapsed > self._config.max_age + TIME_TOLERANCE
        ended = ~matched & (~confirmed | overdue)
        if not ended.any():
            return np.empty(0, dtype=np.int64)
        removed_ids: NDArray[np.int64] = table.id[ended & confirmed]
        table.keep(~ended)
        return removed_ids

    def _start_tracks(self, detections: Detections, measurement: NDArray[np.float64],
                      left: NDArray[np.int64], stamp: int) -> NDArray[np.int64]:
        """Start a track for each detection left over and return the new slots."""
        table = self._table
        rows = table.append(len(left))
        table.id[rows] = np.arange(self._next_id, self._next_id + len(left))
        self._next_id += len(left)
        table.state[rows] = (
            TrackState.TENTATIVE if self._config.n_init > 1 else TrackState.CONFIRMED)
        table.age[rows] = 1
        table.hits[rows] = 1
        table.first_seen[rows] = stamp
        table.kalman[:, rows] = kalman.initiate(measurement[left])
        self._record(rows, detections, left, stamp)
        slots: NDArray[np.int64] = table.slot[rows].copy()
        return slots

    def _snapshot(self, removed_ids: NDArray[np.int64]) -> Tracks:
        table = self._table
        mean, velocity, variance, cross, _, velocity_variance = table.kalman
        covariance = np.zeros((len(table), 4, 4))
        covariance[:, (0, 1), (0, 1)] = variance[:, :2]
        covariance[:, (0, 1), (2, 3)] = covariance[:, (2, 3), (0, 1)] = cross[:, :2]
        covariance[:, (2, 3), (2, 3)] = velocity_variance[:, :2]
        return Tracks(
            id=table.id.copy(),
            state=table.state.astype(np.uint8),
            class_id=self._votes.names(table.slot),
            score=table.score.copy(),
            tlwh=boxes.reported(mean),
            velocity=velocity[:, :2].copy(),
            covariance=covariance,
            age=table.age.copy(),
            hits=table.hits.copy(),
            time_since_update=table.time_since_update.copy(),
            first_seen=table.first_seen.copy(),
            last_seen=table.last_seen.copy(),
            detection_index=table.detection_index.copy(),
            feature=self._gallery.newest(table.slot),
            removed_ids=removed_ids)
