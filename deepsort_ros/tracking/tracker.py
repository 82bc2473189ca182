"""DeepSORT (arXiv 1703.07402): from the detections of each image to tracks with lasting ids."""
from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.tracking import boxes
from deepsort_ros.tracking import demand
from deepsort_ros.tracking import kalman
from deepsort_ros.tracking import lifecycle
from deepsort_ros.tracking.checks import checked
from deepsort_ros.tracking.checks import checked_transform
from deepsort_ros.tracking.checks import unit
from deepsort_ros.tracking.config import TrackerConfig
from deepsort_ros.tracking.demand import Demand
from deepsort_ros.tracking.detections import Detections
from deepsort_ros.tracking.gallery import Gallery
from deepsort_ros.tracking.matching import Matcher
from deepsort_ros.tracking.occlusion import covered
from deepsort_ros.tracking.occlusion import visibility
from deepsort_ros.tracking.reidentification import reidentify
from deepsort_ros.tracking.snapshot import snapshot
from deepsort_ros.tracking.stage import kalman_form
from deepsort_ros.tracking.stage import Observed
from deepsort_ros.tracking.table import CONFIRMED
from deepsort_ros.tracking.table import DORMANT
from deepsort_ros.tracking.table import LOST
from deepsort_ros.tracking.table import TrackTable
from deepsort_ros.tracking.tracks import Tracks
from deepsort_ros.tracking.votes import ClassVotes


class Tracker:
    """
    Multi-object tracker by motion, overlap and appearance.

    It is the paper's tracker, but where a detection or a lost track has no feature: there lost
    tracks match by overlap, last of all. What else there is, is an option of
    :class:`TrackerConfig`.

    Not thread-safe.
    """

    def __init__(self, config: TrackerConfig) -> None:
        """Start with no tracks; the first id is 1."""
        self._config = config
        self._next_id = 1
        self._calm, self._doubt = 1.0, 0.0
        self.reset()

    def reset(self) -> None:
        """Drop all tracks without reporting them as removed; ids go on."""
        self._table = TrackTable()
        self._gallery = Gallery(self._config.nn_budget)
        self._votes = ClassVotes()
        self._matcher = Matcher(self._table, self._gallery, self._votes, self._config)

    def configure(self, config: TrackerConfig) -> None:
        """Use other settings from the next update on; tracks live on."""
        if config.size_state != self._config.size_state:
            # What was known about the width starts over; the rest goes on.
            shape = boxes.reported(self._table.kalman[0], self._form.tlwh)
            form = kalman_form(config)
            self._table.kalman[:, :, 2] = kalman.initiate(form.measure(shape), form)[:, :, 2]
        self._config = config
        self._gallery.resize(config.nn_budget)
        self._matcher = Matcher(self._table, self._gallery, self._votes, config)

    def forget_features(self) -> None:
        """Forget what all tracks look like; features of another length may come."""
        self._gallery = Gallery(self._config.nn_budget)
        self._matcher = Matcher(self._table, self._gallery, self._votes, self._config)

    @property
    def _form(self) -> kalman.Form:
        return kalman_form(self._config)

    @property
    def _pace(self) -> float:
        return self._config.pace * self._calm

    def state(self) -> dict[str, NDArray[Any]]:
        """
        Return all that later updates depend on as plain arrays, which ``numpy.savez`` can keep.

        The settings are not part of it. Names and shapes are the tracker's own affair: they are
        meant for :meth:`from_state` of the same version.
        """
        slot, budget = self._table.slot, self._config.nn_budget
        return {
            'next_id': np.array(self._next_id), 'nn_budget': np.array(budget),
            'size_state': np.array(self._config.size_state),
            'features': self._gallery.held(slot, budget),
            'feature_count': self._gallery.count(slot),
            **self._gallery.fit.save(), **self._table.save(), **self._votes.save(slot)}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]], config: TrackerConfig) -> Tracker:
        """
        Return a tracker that goes on exactly where the one of :meth:`state` was.

        :raises ValueError: the state is not complete.
        """
        missing = sorted(cls(config).state().keys() - state.keys())
        if missing:
            raise ValueError(f'state: {", ".join(missing)} missing')
        tracker = cls(replace(config, nn_budget=int(state['nn_budget']),
                              size_state=bool(state['size_state'])))
        tracker._next_id = int(state['next_id'])
        tracker._table.load(state)
        tracker._gallery.load(state['features'].copy(), state['feature_count'].copy())
        tracker._gallery.fit.load(state)
        tracker._votes.load(state)
        tracker.configure(config)
        return tracker

    @property
    def limit(self) -> float:
        """Largest appearance distance of a match, as it is used now."""
        return self._gallery.fit.limit(self._config.max_cosine_distance)

    @property
    def feature_length(self) -> int:
        """Length of the features held, 0 while none ever came."""
        return self._gallery.feature_length

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
        described, features = checked(
            detections, features, dt, self._gallery.feature_length)
        table = self._table
        form = self._form
        measurement = form.measure(detections.tlwh)
        classes = self._votes.codes(detections.class_id)
        table.kalman[:] = kalman.predict(table.kalman, dt, form, self._pace)
        table.ages += 1
        table.elapsed += dt
        table.detection_index[:] = -1

        spread = kalman.innovation_variance(table.kalman, form)
        high = detections.score >= self._config.high_score
        edges = boxes.edges(detections.tlwh)
        remembered = described & high
        row, column, left, by_reach, early = self._matcher.match(Observed(
            detections.tlwh, measurement, classes, high, remembered, features,
            edges, boxes.edges(form.tlwh(table.kalman[0])), spread))
        state, spread = table.kalman.take(row, axis=1), spread.take(row, axis=0)
        if self._config.score_noise or self._doubt:
            spread = kalman.innovation_variance(state, form, self._noise(detections, column))
        table.kalman[:, row] = kalman.update(state, measurement[column], spread)
        lifecycle.count(table, row, by_reach, early, self._config.n_init)
        if features is not None:
            remembered = remembered & self._uncovered(edges)
        table.feature_age[row[remembered[column]]] = 0
        slot = table.slot[row]
        self._votes.vote(slot, classes[column])
        lifecycle.record(table, row, detections, column, stamp)
        removed_ids = lifecycle.end_tracks(table, self._gallery, self._config)
        if len(left):
            rows = lifecycle.start_tracks(table, self._next_id, kalman.initiate(
                measurement[left], form, self._pace), self._config)
            self._next_id += len(left)
            table.first_seen[rows] = stamp
            lifecycle.record(table, rows, detections, left, stamp)
            new_slot = table.slot[rows].copy()
            self._votes.start(new_slot, classes[left])
            self._gallery.clear(new_slot)
            slot, column = np.concatenate((slot, new_slot)), np.concatenate((column, left))
        self._calm, self._doubt = 1.0, 0.0
        if features is not None:
            known = remembered[column]
            self._gallery.add(slot[known], features[column[known]])
        if self._config.reid_window or self._config.rejoin:
            reidentify(table, self._gallery, self._votes, self._config)
        return self._snapshot(removed_ids)

    def _noise(self, detections: Detections, column: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (K, 1) factors of the measurement noise of (K,) detections."""
        noise = np.ones((len(column), 1))
        if self._config.score_noise:
            noise *= kalman.score_noise(detections.score[column])
        if self._doubt:
            noise *= kalman.hidden_noise(
                visibility(detections.tlwh, np.ones(len(detections), bool))[column], self._doubt)
        return noise

    def move(self, transform: NDArray[np.float64], calm: float = 1.0,
             doubt: float = 0.0) -> None:
        """
        Move all tracks as the camera's motion since the last update moves the image.

        To be called before :meth:`update`, and before :meth:`demand`, with what comes of
        images (:mod:`deepsort_ros.motion`) or of the robot's own odometry.

        :param transform: similarity (turn, scale, shift) from pixels then to pixels now: (2, 3),
            or (M, 2, 3), one for each track in the order of :meth:`boxes`.
        :param calm: factor of ``pace`` in the next update: with the camera's part known,
            velocities in the image change less.
        :param doubt: in the next update the noise of a detection that a nearer one hides is that
            much larger (standard deviation, in shares of itself, for one hidden wholly).
        :raises ValueError: of another shape, not finite, or it collapses the image.
        """
        table = self._table
        table.kalman[:] = kalman.move(
            table.kalman, checked_transform(transform, len(table)), self._form)
        self._calm, self._doubt = calm, doubt

    def boxes(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.object_]]:
        """Return ids, (M, 4) tlwh and classes of all tracks, those that sleep as well."""
        table = self._table
        return (table.id.copy(), boxes.reported(table.kalman[0], self._form.tlwh),
                self._votes.names(table.slot))

    def demand(self, detections: Detections, dt: float,
               kept: Mapping[int, int] | None = None, most: int | None = None) -> Demand:
        """
        Return which features the next update may need; changes nothing.

        Where ``feature_interval`` is 0 everything needs one. Else none is needed where appearance
        does not count, below ``high_score``; where no confirmed or lost track's gate admits the
        detection, so that appearance has nothing to say (but with ``reid_window``, where new
        tracks are compared by it); and where motion settles the matter: a confirmed track that
        was seen in the last image overlaps this detection, clearly more than either overlaps any
        other, and the motion gate admits no other such track or detection
        (:mod:`~deepsort_ros.tracking.demand`). Such a track needs a feature about once in
        ``feature_interval`` images all the same, and soon when it has none, in turns.

        A caller may keep the crops of those without. Once the gate of their track admits a
        detection that is open, the last one is needed as well, and all of them when the track
        was lost: that tells best whether this is it. Their features go to :meth:`describe`.

        No more than ``feature_budget`` are needed, nor ``most``: detections that are open go
        first, in the order given, then kept crops, then the oldest features.

        :param detections: of N valid boxes; :param dt: time steps since the last update.
        :param kept: how many crops are kept of each track, by id.
        :param most: features that there is time for, where ``feature_interval`` is not 0.
        """
        table, config, kept = self._table, self._config, kept or {}
        needed: NDArray[np.bool_] = detections.score >= config.high_score
        remembered = needed & self._uncovered(boxes.edges(detections.tlwh))
        if not config.feature_interval or not needed.any():
            return Demand(needed, remembered, {})
        high = detections.select(needed)
        classes = self._votes.codes(high.class_id)
        state = kalman.predict(table.kalman, dt, self._form, self._pace)
        elapsed = table.elapsed + dt
        settled = self._matcher.settled(
            state, high.tlwh, classes, table.time_since_update == 0, elapsed)
        opened = (settled < 0).nonzero()[0]
        near, claimed = self._matcher.claims(state, high.tlwh[opened], classes[opened], elapsed)
        if not config.reid_window:
            opened = opened[np.unique(claimed)]

        featured = self._gallery.count(table.slot) > 0
        budget = min(config.feature_budget or np.inf, np.inf if most is None else most)
        left = max(budget - len(opened), 0)
        late: dict[int, int] = {}
        for row in np.unique(near).tolist():
            track = int(table.id[row])
            looks = kept.get(track, 0)
            if not table.time_since_update[row]:
                looks = min(looks, 1)
            if count := int(min(looks, left)):
                late[track] = count
                left -= count

        # All but what no track claims.
        asked = np.sort(np.concatenate(((settled >= 0).nonzero()[0], opened)))
        # A covered one would not be remembered: its track's turn comes later.
        asked = asked[(settled[asked] < 0) | remembered[needed][asked]]
        chosen = demand.chosen(
            settled[asked], np.where(featured, table.feature_age + 1, demand.NEVER),
            config.feature_interval, budget - sum(late.values()))
        place = needed.nonzero()[0]
        needed[:] = False
        needed[place[asked[chosen]]] = True
        return Demand(needed, remembered, late)

    def _uncovered(self, edges: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return (N,) bool, whether what a detection, (5, N) edges, looks like is its own."""
        if self._config.covered_share >= 1.0:
            return np.ones(edges.shape[1], dtype=bool)
        uncovered: NDArray[np.bool_] = covered(edges) <= self._config.covered_share
        return uncovered

    def describe(self, ids: Sequence[int], features: NDArray[np.float32]) -> None:
        """
        Add what tracks looked like before, before :meth:`update`.

        :param ids: K of them, of ``Demand.kept``, each as often as it says, oldest crop first.
        :param features: (K, D) float32 unit rows, a NaN or zero row for one without feature.
        """
        described, features = unit(features)
        table = self._table
        for row in described.nonzero()[0]:
            track = np.searchsorted(table.id, ids[row:row + 1])
            self._gallery.add(table.slot[track], features[row:row + 1])
            table.feature_age[track] = table.time_since_update[track]

    def _snapshot(self, removed_ids: NDArray[np.int64]) -> Tracks:
        table = self._table
        if np.count_nonzero(table.state == DORMANT):
            return self._report(removed_ids).select(table.state != DORMANT)
        return self._report(removed_ids)

    def ahead(self, dt: float) -> Tracks:
        """
        Return all tracks as predicted for an image that no detector looked at.

        Confirmed ones are reported as lost, counted as if this were the next image. Nothing
        changes: the next update goes on from the last one.

        :param dt: time steps since the last update, positive.
        """
        table = self._table
        state = kalman.predict(table.kalman, dt, self._form, self._config.pace)
        tracks = self._report(np.empty(0, dtype=np.int64), state).select(table.state != DORMANT)
        confirmed = tracks.state == CONFIRMED
        tracks.state[confirmed] = LOST
        tracks.detection_index[:] = -1
        tracks.age[:] += 1
        tracks.time_since_update[:] += 1
        return tracks

    def _report(self, removed_ids: NDArray[np.int64],
                state: NDArray[np.float64] | None = None) -> Tracks:
        gallery = self._gallery if self._config.report_features else None
        return snapshot(self._table, gallery, self._votes, self._form, removed_ids, state)
