"""
The stages that came after the paper, one object per track, with loops: slow and readable.

The tracker of the package must give the same ids and boxes, to the bit.
"""
from __future__ import annotations

import numpy as np
from paper import CONFIRMED
from paper import GATE
from paper import LOST
from paper import PaperTracker
from paper import TENTATIVE


class NewerTracker(PaperTracker):
    """The paper's tracker with the options ``robot`` turns on; ``pace`` is 1."""

    def update(self, tlwh, classes, features, dt=1.0) -> None:
        super().update(tlwh, classes, features, dt)
        if self.config.rejoin:
            self.rejoin()

    def match(self):
        config = self.config
        alive = [t for t in self.tracks if t.elapsed <= config.max_age + 1e-3]
        tracks, left = [t for t in alive if t.state != TENTATIVE], list(range(len(self.tlwh)))
        matches, _ = self.assign(tracks, left, self.appearance_cost, config.max_cosine_distance)

        def free(candidates):
            return [t for t in candidates if t not in [m for m, _ in matches]]

        left = [d for d in left if d not in [m for _, m in matches]]
        recent = [t for t in self.tracks if t.time_since_update == 1
                  and t.elapsed <= max(config.max_age, 1.0) + 1e-3]
        tracks = free([t for t in self.tracks if t in recent or t in alive])
        found, left = self.assign(
            tracks, left, self.overlap_and_looks_cost, config.max_iou_distance)
        matches += found
        left = sorted(left)
        if config.reach:
            found = self.reached(
                free([t for t in recent if t.state == TENTATIVE and t.age == 2]), left)
            matches += found
            for track, _ in found:
                track.hits -= 1
            left = [d for d in left if d not in [m for _, m in found]]
        return matches, left

    def reached(self, tracks, detections):
        pairs = [(t, d) for t in tracks for d in detections
                 if self.allowed(t, d) and self.reach(t, d) <= GATE
                 and (self.silent(t, d) or self.distance(t, d) <= self.config.max_cosine_distance)]
        return [(t, d) for t, d in pairs
                if sum(t is other for other, _ in pairs) == sum(d == o for _, o in pairs) == 1]

    def reach(self, track, detection) -> float:
        """Return the squared motion distance, with a wider variance: it was seen once."""
        f = track.filter
        _, spread = f.projected()
        for k in (0, 1):
            spread[k, k] += (3.0 ** 2 - 1) * f.P[k, k + 4] ** 2 / f.P[k + 4, k + 4]
        away = self.measured[detection] - f.x[:4]
        return float(away @ np.linalg.inv(spread) @ away)

    def distance(self, track, detection) -> float:
        """Return the mean distance to the nearest features, of few to half of them."""
        return self.mean_distance(track.features, self.features[detection])

    def mean_distance(self, gallery, feature) -> float:
        cosine = np.sort(np.array(gallery) @ feature)[::-1]
        half = (len(gallery) + 1) // 2
        return float(1.0 - cosine[:min(self.config.nearest_features, half)].mean())

    def appearance_cost(self, track, detection) -> float:
        if super().appearance_cost(track, detection) == np.inf:
            return np.inf
        return self.distance(track, detection)

    def overlap_and_looks_cost(self, track, detection) -> float:
        limit = self.config.second_look * self.config.max_cosine_distance
        if not self.silent(track, detection) and self.distance(track, detection) > limit:
            return np.inf
        return self.overlap_cost(track, detection)

    def collect(self, track, detection) -> None:
        known = self.features[detection]
        if self.covered(detection) > self.config.covered_share:
            self.features[detection] = None
        super().collect(track, detection)
        self.features[detection] = known

    def covered(self, detection) -> float:
        a, most = self.tlwh[detection], 0.0
        for other, b in enumerate(self.tlwh):
            width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
            height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
            if other != detection:
                most = max(most, max(width, 0.0) * max(height, 0.0) / (a[2] * a[3]))
        return most

    def rejoin(self) -> None:
        """Let a track that was confirmed now go on as the lost one it looks like."""
        config = self.config
        lost = [t for t in self.tracks if t.state == LOST and t.features]
        fresh = [t for t in self.tracks if t.state == CONFIRMED and t.hits == config.n_init
                 and t.time_since_update == 0 and t.features]
        means = [np.mean(t.features, axis=0) for t in fresh]
        found, _ = self.assign(lost, list(range(len(fresh))), lambda old, k: (
            self.mean_distance(old.features, means[k] / np.linalg.norm(means[k]))
            if not config.class_gating or old.class_id == fresh[k].class_id else np.inf),
            config.rejoin * config.max_cosine_distance)
        for old, k in found:
            new = fresh[k]
            old.filter, old.state, old.elapsed = new.filter, new.state, new.elapsed
            old.time_since_update = 0
            old.hits += new.hits
            old.features = (old.features + new.features)[-config.nn_budget:]
            for name, votes in new.votes.items():
                for _ in range(votes):
                    old.vote(name)
            self.tracks.remove(new)
