"""When no detection ever becomes a track, the reason is named."""
import numpy as np
import pytest

from deepsort_ros.pipeline.selection import wanted
from deepsort_ros.ros.health.diagnostics import Monitor
from deepsort_ros.ros.health.graph import Crowd
from deepsort_ros.ros.health.results import Results
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Detections


def seen(clock, settings: Settings, score: float = 0.9, height: float = 60,
         confirmed: int = 0) -> Results:
    """Show thirty images with a person, a tenth of a second each, then five more seconds."""
    results = Results()
    for _ in range(30):
        detections = Detections.from_arrays(
            np.array([[10, 10, 20, height]]), np.array([score]), ['person'])
        results.take(detections, wanted(detections, settings)[1], confirmed, settings)
        clock.now += 0.1
    assert results.problem() == ''
    clock.now += 5
    return results


@pytest.mark.parametrize(('changes', 'shown', 'says'), [
    ({}, {'score': 0.0},
     'none of 30 detections since the start was used: 30 below min_confidence 0.5 (the best '
     'score is 0)'),
    ({}, {'score': -1.0}, 'the best score is -1'),
    ({'classes': ['persn', 'car']}, {}, '30 not of classes persn, car (there are person)'),
    ({'min_box_height': 80.0}, {}, '30 lower than min_box_height 80'),
    ({}, {'score': float('nan')}, '30 invalid'),
    ({}, {}, '30 detections were used and no track was ever confirmed: boxes of n_init (3)'),
    ({}, {'confirmed': 1}, ''),
])
def test_the_reason_why_there_is_no_track_is_named(clock, changes, shown, says) -> None:
    problem = seen(clock, Settings().replace(changes), **shown).problem()
    assert says in problem if says else problem == ''


def test_nothing_is_said_once_there_was_a_track(clock) -> None:
    results = seen(clock, Settings(), score=0.0)
    assert results.problem()
    person = Detections.from_arrays(np.array([[10, 10, 20, 60]]), np.array([0.9]), ['person'])
    results.take(person, {}, 1, Settings())
    assert results.problem() == ''
    seen_later = Detections.from_arrays(np.array([[10, 10, 20, 60]]), np.array([0.0]), ['person'])
    results.take(seen_later, {'confidence': 1}, 0, Settings())
    assert results.problem() == ''


def test_scores_above_one_are_counted_and_told_once() -> None:
    class Result:
        ignored, confirmed = {}, 0

    monitor = Monitor()
    percent = Detections.from_arrays(np.array([[1, 1, 9, 9], [30, 1, 9, 9]]), np.array([87, 0.5]))
    assert [monitor.judged(percent, Result, Settings(), (640, 480))
            for _ in range(2)] == [True, False]
    assert monitor.results.above_one == 2


def test_scores_above_one_are_in_order_where_the_thresholds_are_too() -> None:
    class Result:
        ignored, confirmed = {}, 0

    monitor, percent = Monitor(), Detections.from_arrays(np.array([[1, 1, 9, 9]]), np.array([87]))
    settings = Settings().replace({'min_confidence': 50.0, 'low_confidence': 10.0})
    assert not monitor.judged(percent, Result, settings, (640, 480))
    assert monitor.results.above_one == 0


class Publisher:
    node_namespace = '/'

    def __init__(self, name: str) -> None:
        self.node_name = name


def test_several_publishers_of_images_are_told_once_they_are_no_successors() -> None:
    crowd, two = Crowd(), [Publisher('left'), Publisher('right')]
    assert crowd.problem(0.0, '/image', two) == crowd.problem(29.0, '/image', two) == ''
    assert crowd.problem(31.0, '/image', two).startswith(
        '2 publishers on /image (/left, /right): images of several cameras mix')
    assert crowd.problem(32.0, '/image', two[:1]) == crowd.problem(33.0, '/image', two) == ''
