"""
DeepSORT as the paper tells it (arXiv 1703.07402): one object per track, full matrices, loops.

Slow and readable; the tracker of the package must give the same ids and boxes, to the bit: where
costs tie, the solver's choice, and with it the number a new track gets, hangs on the last bit.
The one thing the paper does not have, detections without a feature, follows the Tracker's
documentation.
"""
from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor
from scipy.linalg import cho_solve
from scipy.optimize import linear_sum_assignment

GATE = 9.4877
POSITION, VELOCITY = 1 / 20, 1 / 160
TENTATIVE, CONFIRMED, LOST = 1, 2, 3


class PaperFilter:
    """The 8-state constant-velocity Kalman filter in textbook form (section 2.1)."""

    drift = VELOCITY  # noise of the velocity, a share of the height

    def __init__(self, z: np.ndarray) -> None:
        p, v = 2 * POSITION * z[3], 10 * VELOCITY * z[3]
        std = [p, p, 1e-2, p, v, v, 1e-5, v]
        self.x = np.concatenate((z, np.zeros(4)))
        self.P = np.diag(np.square(std))
        self.H = np.eye(4, 8)

    def predict(self, dt: float) -> None:
        p, v = POSITION * self.x[3], self.drift * self.x[3]
        std = [p, p, 1e-2, p, v, v, 1e-5, v]
        F = np.eye(8) + dt * np.eye(8, k=4)
        self.x = F @ self.x
        self.P = F @ (self.P @ F.T) + dt * np.diag(np.square(std))
        self.predicted, S = self.projected()
        self.precision = np.linalg.inv(S)

    def projected(self) -> tuple[np.ndarray, np.ndarray]:
        p = POSITION * self.x[3]
        R = np.diag(np.square([p, p, 1e-1, p]))
        return self.H @ self.x, self.H @ self.P @ self.H.T + R

    def squared_distance(self, z: np.ndarray) -> float:
        return float((z - self.predicted) @ self.precision @ (z - self.predicted))

    def update(self, z: np.ndarray) -> None:
        mean, S = self.projected()
        K = cho_solve(cho_factor(S, lower=True), (self.P @ self.H.T).T).T
        self.x = self.x + K @ (z - mean)
        self.P = self.P - K @ (S @ K.T)

    def tlwh(self) -> np.ndarray:
        cx, cy, a, h = self.x[:4]
        return np.array([cx - (a * h) / 2, cy - h / 2, a * h, h])


class PaperTrack:
    """One track."""

    def __init__(self, number: int, z: np.ndarray) -> None:
        self.id = number
        self.filter = PaperFilter(z)
        self.state = TENTATIVE
        self.hits = self.age = 1
        self.time_since_update = 0
        self.elapsed = 0.0
        self.features: list[np.ndarray] = []
        self.votes: dict[str, int] = {}
        self.class_id = ''

    def vote(self, name: str) -> None:
        self.votes[name] = self.votes.get(name, 0) + 1
        if not self.class_id or self.votes[name] > self.votes[self.class_id]:
            self.class_id = name


class PaperTracker:
    """The tracker, listing 1 of the paper and what surrounds it."""

    def __init__(self, config) -> None:
        self.config = config
        self.tracks: list[PaperTrack] = []
        self.next_id = 1
        self.removed: list[int] = []

    def update(self, tlwh, classes, features, dt=1.0) -> None:
        """Take (N, 4) boxes, N class names, N features (None: this detection has none)."""
        config = self.config
        self.measured = [np.array([b[0] + b[2] / 2, b[1] + b[3] / 2, b[2] / b[3], b[3]])
                         for b in tlwh]
        self.tlwh, self.classes, self.features = tlwh, classes, features
        for track in self.tracks:
            track.filter.predict(dt)
            track.age += 1
            track.time_since_update += 1
            track.elapsed += dt

        matches, left = self.match()
        for track, detection in matches:
            track.filter.update(self.measured[detection])
            track.hits += 1
            track.time_since_update = 0
            track.elapsed = 0.0
            if track.state != TENTATIVE or track.hits >= config.n_init:
                track.state = CONFIRMED
            self.collect(track, detection)
        matched = [track for track, _ in matches]
        self.removed = []
        for track in list(self.tracks):
            if track in matched:
                continue
            if track.state == TENTATIVE or track.elapsed > config.max_age + 1e-3:
                self.tracks.remove(track)
                if track.state != TENTATIVE:
                    self.removed.append(track.id)
            else:
                track.state = LOST
        for detection in left:
            track = PaperTrack(self.next_id, self.measured[detection])
            if config.n_init <= 1:
                track.state = CONFIRMED
            self.next_id += 1
            self.collect(track, detection)
            self.tracks.append(track)

    def collect(self, track: PaperTrack, detection: int) -> None:
        track.vote(self.classes[detection])
        if self.features[detection] is not None:
            track.features.append(self.features[detection])
            track.features = track.features[-self.config.nn_budget:]

    def match(self):
        config = self.config
        confirmed = [t for t in self.tracks if t.state != TENTATIVE]
        tentative = [t for t in self.tracks if t.state == TENTATIVE]
        matches, left = [], list(range(len(self.tlwh)))

        if any(feature is not None for feature in self.features):
            eligible = [t for t in confirmed if t.elapsed <= config.max_age + 1e-3]
            for level in sorted({t.time_since_update for t in eligible}):
                rows = [t for t in eligible if t.time_since_update == level]
                found, left = self.assign(
                    rows, left, self.appearance_cost, config.max_cosine_distance)
                matches += found

        def unmatched(tracks):
            return [t for t in tracks if t not in [m for m, _ in matches]]

        alive = [t for t in tentative if t.elapsed <= max(config.max_age, 1.0) + 1e-3]
        # Not in the paper: the reference implementation keeps the unmatched in a Python set, and
        # its order shows in the numbers of new tracks.
        numbers = ({k for k, t in enumerate(self.tracks) if t in confirmed}
                   - {self.tracks.index(t) for t, _ in matches})
        recent = [self.tracks[k] for k in numbers if self.tracks[k].time_since_update == 1
                  and self.tracks[k].elapsed <= max(config.max_age, 1.0) + 1e-3]
        found, left = self.assign(
            alive + recent, left, self.overlap_cost, config.max_iou_distance)
        matches += found

        lost = [t for t in unmatched(confirmed) if t.time_since_update > 1
                and t.elapsed <= config.max_age + 1e-3]
        if any(self.silent(t, d) for t in lost for d in left):
            found, left = self.assign(
                lost, left, self.silent_overlap_cost, config.max_iou_distance)
            matches += found
        return matches, left

    def silent(self, track: PaperTrack, detection: int) -> bool:
        return not track.features or self.features[detection] is None

    def allowed(self, track: PaperTrack, detection: int) -> bool:
        return not self.config.class_gating or track.class_id == self.classes[detection]

    def appearance_cost(self, track: PaperTrack, detection: int) -> float:
        if self.silent(track, detection) or not self.allowed(track, detection):
            return np.inf
        if track.filter.squared_distance(self.measured[detection]) > GATE:
            return np.inf
        return float(np.min(1.0 - np.array(track.features) @ self.features[detection]))

    def overlap_cost(self, track: PaperTrack, detection: int) -> float:
        return self.overlap(track, detection) if self.allowed(track, detection) else np.inf

    def overlap(self, track: PaperTrack, detection: int) -> float:
        """Return 1 - IoU."""
        a, b = track.filter.tlwh(), self.tlwh[detection]
        width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
        height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
        common = max(width, 0.0) * max(height, 0.0)
        return 1.0 - common / (a[2] * a[3] + b[2] * b[3] - common)

    def silent_overlap_cost(self, track: PaperTrack, detection: int) -> float:
        return self.overlap_cost(track, detection) if self.silent(track, detection) else np.inf

    def assign(self, tracks, detections, cost_of, limit):
        """Match at the least total cost; return the matches and the detections left over."""
        if not tracks or not detections:
            return [], detections
        cost = np.array([[cost_of(t, d) for d in detections] for t in tracks])
        cost[cost > limit] = limit + 1e-5
        rows, columns = linear_sum_assignment(cost)
        matches = []
        left = [d for k, d in enumerate(detections) if k not in columns]
        for row, column in zip(rows, columns):
            if cost[row, column] > limit:
                left.append(detections[column])
            else:
                matches.append((tracks[row], detections[column]))
        return matches, left
