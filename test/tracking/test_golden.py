"""The reference implementation's output, line for line, from the same boxes and features."""
from pathlib import Path

import numpy as np
import pytest

from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import Tracker
from deepsort_ros.tracking import TrackerConfig
from deepsort_ros.tracking import TrackState
from deepsort_ros.tracking.detections import best_first

MIN_CONFIDENCE = 0.3


@pytest.mark.parametrize('sequence', ['TUD-Campus', 'TUD-Stadtmitte'])
def test_output_equals_the_reference_line_for_line(data: Path, sequence: str) -> None:
    folder = data / 'golden' / 'mars128'
    table = np.load(folder / f'{sequence}.npy')
    expected = (folder / f'{sequence}.reference.txt').read_text().splitlines()
    tracker = Tracker(TrackerConfig())
    lines = []
    for frame in range(int(table[:, 0].min()), int(table[:, 0].max()) + 1):
        rows = table[(table[:, 0] == frame) & (table[:, 6] >= MIN_CONFIDENCE)]
        detections = Detections.from_arrays(rows[:, 2:6], rows[:, 6])
        order = best_first(detections.score)
        tracks = tracker.update(
            detections.select(order), rows[order, 10:].astype(np.float32), stamp=frame)
        reported = tracks.select(
            (tracks.state != TrackState.TENTATIVE) & (tracks.time_since_update <= 1))
        lines += [f'{frame},{number},' + ','.join(f'{v:.2f}' for v in box) + ',1,-1,-1,-1'
                  for number, box in zip(reported.id, reported.tlwh)]
    assert lines == expected
