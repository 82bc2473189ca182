"""The array tracker gives the ids and boxes of the loop-based paper, over thousands of frames."""
from __future__ import annotations

import numpy as np
import pytest
from paper import PaperTracker
from scenes import Scene

from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import Tracker
from deepsort_ros.tracking import TrackerConfig

SMALL = {'size': (500.0, 300.0), 'feature_length': 16}
CASES = {
    'street': (Scene(12, **SMALL), TrackerConfig(), 300),
    'crowd': (Scene(25, size=(300.0, 200.0), feature_length=16), TrackerConfig(), 200),
    'many misses': (Scene(10, miss=0.5, clutter=0.3, **SMALL), TrackerConfig(), 250),
    'churn': (Scene(10, leave=0.2, **SMALL), TrackerConfig(max_age=5.0), 300),
    'alike': (Scene(12, feature_length=3, size=(300.0, 300.0)), TrackerConfig(), 200),
    'small budget': (Scene(8, **SMALL), TrackerConfig(nn_budget=3, n_init=5), 300),
    'short age': (Scene(8, miss=0.3, **SMALL), TrackerConfig(max_age=1.0, n_init=1), 300),
    'no age': (Scene(8, **SMALL), TrackerConfig(max_age=0.0, n_init=2), 200),
    'loose limits': (Scene(8, **SMALL), TrackerConfig(1.5, 100, 0.95), 200),
    'classes': (Scene(12, **SMALL), TrackerConfig(class_gating=True), 250),
}
RUNS = [(case, 'all', 'equal steps') for case in CASES] + [
    (case, appearance, steps) for case in ('many misses', 'classes')
    for appearance in ('all', 'some', 'none') for steps in ('equal steps', 'varying steps')
    if (appearance, steps) != ('all', 'equal steps')]


@pytest.mark.parametrize('case, appearance, steps', RUNS)
def test_same_ids_and_boxes_as_the_paper(case: str, appearance: str, steps: str) -> None:
    scene, config, frames = CASES[case]
    rng = np.random.default_rng(5)
    tracker, paper = Tracker(config), PaperTracker(config)
    most = 0
    for number, (tlwh, score, features) in enumerate(scene.frames(frames)):
        if rng.uniform() < 0.03:
            tlwh, score, features = tlwh[:0], score[:0], features[:0]
        dt = 1.0 if steps == 'equal steps' else float(rng.choice([0.25, 1.0, 1.0, 2.0, 8.0]))
        known = rng.uniform(size=len(tlwh)) < {'all': 1.0, 'some': 0.6, 'none': 0.0}[appearance]
        classes = np.where(tlwh[:, 3] + rng.normal(0, 8, len(tlwh)) > 110, 'tall', 'short')
        detections = Detections.from_arrays(tlwh, score, classes)
        given = None if appearance == 'none' else np.where(known[:, None], features, np.nan)
        tracks = tracker.update(detections, given, dt, number)
        paper.update(tlwh, classes.tolist(),
                     [row if ok else None for row, ok in zip(features, known)], dt)
        expected = paper.tracks
        assert tracks.id.tolist() == [t.id for t in expected], number
        assert tracks.state.tolist() == [t.state for t in expected]
        assert tracks.hits.tolist() == [t.hits for t in expected]
        assert tracks.time_since_update.tolist() == [t.time_since_update for t in expected]
        assert tracks.class_id.tolist() == [t.class_id for t in expected]
        assert tracks.removed_ids.tolist() == paper.removed
        for state in (2, 3):
            chosen = (tracks.state == state) & (tracks.tlwh[:, 3] > 1)
            boxes = [t.filter.tlwh() for t, ok in zip(expected, chosen) if ok]
            np.testing.assert_array_equal(tracks.tlwh[chosen], np.reshape(boxes, (-1, 4)))
        most = max(most, len(tracks))
    assert most > scene.objects / 2
    assert paper.next_id > scene.objects
