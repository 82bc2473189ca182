"""
The stages that came after the paper, one object per track, with loops: slow and readable.

The tracker of the package must give the same ids and boxes, to the bit.
"""
from __future__ import annotations

import numpy as np
from paper import CONFIRMED
from paper import GATE
from paper import LOST
from paper import PaperFilter
from paper import PaperTracker
from paper import TENTATIVE
from paper import VELOCITY

# Largest 1 - IoU of a match with a low score.
LOW_LIMIT = 0.5
# Distances that are kept to fit the limit, and how many of an image.
KEPT, MOST = 256, 8


class PacedFilter(PaperFilter):
    """A filter of which the velocity is less certain the fewer images come."""

    def __init__(self, z: np.ndarray, pace: float) -> None:
        super().__init__(z)
        self.drift = VELOCITY * pace ** 1.5
        for k in (4, 5, 7):
            self.P[k, k] = np.square((10 * VELOCITY * pace) * z[3])


class NewerTracker(PaperTracker):
    """The paper's tracker with the options ``robot`` turns on."""

    def __init__(self, config) -> None:
        super().__init__(config)
        self.same: list[float] = []
        self.other: list[float] = []
        self.looked = 0
        self.codes: dict[str, int] = {}

    def update(self, tlwh, classes, features, dt=1.0, score=None) -> None:
        """Take scores as well: low ones start no track, and what they look like is not asked."""
        score = np.ones(len(tlwh)) if score is None else score
        self.high = [d for d, value in enumerate(score) if value >= self.config.high_score]
        self.given = features
        features = [row if d in self.high else None for d, row in enumerate(features)]
        super().update(tlwh, classes, features, dt)
        for track in self.tracks:
            if track.age == 1:
                track.filter = PacedFilter(track.filter.x[:4], self.config.pace)
        if self.config.rejoin:
            self.rejoin()

    def allowed(self, track, detection) -> bool:
        """Return whether the class has a share of the votes of the track's first one."""
        if not self.config.class_gating:
            return True
        name = self.classes[detection]
        if self.config.class_change_overlap >= 1:
            return track.class_id == name
        return track.votes.get(name, 0) >= 0.1 * track.votes[track.class_id]

    def match(self):
        config = self.config
        alive = [t for t in self.tracks if t.elapsed <= config.max_age + 1e-3]
        if config.adapt_distance:
            self.learn()
        tracks, left = [t for t in alive if t.state != TENTATIVE], self.high
        cost = {(t, d): self.appearance_cost(t, d) for t in tracks for d in left}
        matches, _ = self.assign(
            tracks, left, lambda t, d: cost[t, d], self.limit())
        matches = [(t, d) for t, d in matches if self.is_clear(t, d, cost)]

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
        reached = []
        if config.reach:
            found = self.reached(
                free([t for t in recent if t.state == TENTATIVE and t.age == 2]), left)
            matches += found
            for track, _ in found:
                track.hits -= 1
            reached = [track for track, _ in found]
            left = [d for d in left if d not in [m for _, m in found]]

        changed = 1 - config.class_change_overlap
        if config.class_gating and changed > 0:
            found, left = self.assign(free(recent), left, self.other_class_cost, changed)
            matches += found
            left = sorted(left)
        low = [d for d in range(len(self.tlwh)) if d not in self.high]
        last = [t for t in recent if t in alive and t.state != TENTATIVE]
        found, low = self.assign(free(last), low, self.overlap_cost, LOW_LIMIT)
        matches += found
        if config.class_gating and changed > 0:
            found, _ = self.assign(
                free(last), low, self.other_class_cost, min(LOW_LIMIT, changed))
            matches += found
        for track, d in matches:
            if (config.pace > 1 and track.state == TENTATIVE and track not in reached
                    and track.hits * config.pace >= config.n_init - 1
                    and not self.silent(track, d) and self.distance(track, d) <= self.limit()):
                # This match, which counts as one, confirms it.
                track.hits = config.n_init - 1
        return matches, left

    def limit(self) -> float:
        """Return the limit given, or the nearest one between distances to oneself and others."""
        given = self.config.max_cosine_distance
        if len(self.same) < 32:
            return given
        same, other = np.median(self.same[-KEPT:]), np.median(self.other[-KEPT:])
        apart = max(other - same, 0.0)
        return min(max(given, same + 0.3 * apart), same + 0.45 * apart)

    def learn(self) -> None:
        """Keep the distances of tracks to what must be theirs, and to what must be another's."""
        for name in self.classes:
            self.codes.setdefault(name, len(self.codes))
        if all(feature is None for feature in self.given):
            return
        self.looked += 1
        if len(self.same) >= KEPT and self.looked < 10:
            return
        self.looked = 0
        near = [(t, d) for t in self.tracks if t.time_since_update == 1 for d in self.high
                if self.overlap(t, d) <= 1.0 - 0.1]
        sure = [(t, d) for t, d in near if self.overlap(t, d) <= 0.5 and not self.silent(t, d)
                and sum(t is other for other, _ in near) == sum(d == o for _, o in near) == 1]
        pairs = []
        for name in sorted({self.classes[d] for _, d in sure}, key=self.codes.get):
            alike = [(t, d) for t, d in sure if self.classes[d] == name]
            pairs += [(t, d, alike[(k + 1) % len(alike)][1])
                      for k, (t, d) in enumerate(alike) if len(alike) > 1]
        if len(pairs) > MOST:
            pairs = [pairs[k * len(pairs) // MOST] for k in range(MOST)]
        pairs = [pair for pair in pairs if self.distance(pair[0], pair[2]) > 0.01]
        self.same += [self.distance(t, d) for t, d, _ in pairs]
        self.other += [self.distance(t, d) for t, _, d in pairs]

    def is_clear(self, track, detection, cost) -> bool:
        """Return whether no other pair is about as good, if the track is lost for long."""
        ratio = self.config.lost_ratio
        if ratio >= 1 or track.elapsed * self.config.pace <= 6 + 1e-3:
            return True
        others = [value for (t, d), value in cost.items() if (t is track) != (d == detection)]
        return all(cost[track, detection] < ratio * value for value in others)

    def other_class_cost(self, track, detection) -> float:
        if self.allowed(track, detection):
            return np.inf
        return self.overlap(track, detection)

    def reached(self, tracks, detections):
        pairs = [(t, d) for t in tracks for d in detections
                 if self.allowed(t, d) and self.reach(t, d) <= GATE
                 and (self.silent(t, d) or self.distance(t, d) <= self.limit())]
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
        limit = self.config.second_look * self.limit()
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
            config.rejoin * self.limit())
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
