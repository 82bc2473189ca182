"""Skipped images, empty images and wrong stamps are distinguished, from messages to tracks."""
from __future__ import annotations

import numpy as np
import pytest

from deepsort_ros.pipeline import Frame
from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.pipeline import published
from deepsort_ros.ros.pairing import new_pairer
from deepsort_ros.ros.rhythm import Rhythm
from deepsort_ros.ros.stamps import StampEvidence
from deepsort_ros.settings import SettingError
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Detections

RATE = 30
IMAGES = 90
SECOND = NANOSECONDS


def stamp(image: float) -> int:
    return 10 * SECOND + round(image * SECOND / RATE)


def detected(image: int) -> Detections:
    return Detections.from_arrays([(50 + 3.0 * image, 100, 60, 120)], [0.9], ['person'])


class Stream:
    """What a detector sends for a camera of 30 Hz, paired and tracked as the node does it."""

    def __init__(self, every=(1,), lag: float = 0.02, delay: float | None = None,
                 there=range(IMAGES), silent: bool = True, rounded=round, **settings) -> None:
        settings = Settings(appearance='off', **settings)
        self.pairer = new_pairer(settings)
        self.pipeline = Pipeline(settings, None)
        self.evidence = StampEvidence(settings.detections_delay)
        self.tracks: dict[int, tuple] = {}
        self.pairs: list[tuple[int, int]] = []
        messages = [(stamp(image) / SECOND, 'image', stamp(image), image)
                    for image in range(IMAGES)]
        image = 0
        for turn in range(IMAGES):
            if image >= IMAGES:
                break
            if image in there or not silent:
                given = stamp(image) + round((delay or 0) * SECOND)
                messages.append((stamp(image) / SECOND + lag, 'detections', rounded(given), image))
            image += every[turn % len(every)]
        for now, kind, when, image in sorted(messages):
            self.alone(self.pairer.overdue(now))
            add = self.pairer.add_image if kind == 'image' else self.pairer.add_detections
            pair = add(when, (when, image), now)
            self.alone(self.pairer.passed())
            if pair is not None:
                (taken, one), (_, other) = pair
                self.evidence.pair(taken, pair[1][0])
                self.pairs.append((one, other))
                self.process(one, detected(other) if other in there else Detections.empty())
        self.alone(self.pairer.overdue(1e9))

    def alone(self, images) -> None:
        for (_, image), skipped in images:
            self.process(image, None if skipped else Detections.empty())

    def process(self, image: int, detections: Detections | None) -> None:
        result = self.pipeline.process(Frame(stamp(image), detections, None))
        assert result.tracks is not None
        tracks = published(result.tracks, self.pipeline.settings)
        self.tracks[image] = tracks

    def ids(self) -> set[int]:
        return {number for tracks in self.tracks.values() for number in tracks.id.tolist()}


EVERY = [(2,), (3,), (2, 3), (2, 3, 3, 4), (5,)]


@pytest.mark.parametrize('every', EVERY)
@pytest.mark.parametrize('how', [
    {'assume_empty_after': 0.05}, {'publish_predicted': True},
    {'assume_empty_after': 0.3, 'publish_predicted': True}])
def test_a_skipped_image_is_not_an_empty_one(every, how) -> None:
    stream = Stream(every, **how)
    assert stream.ids() == {1}
    confirmed = min(image for image, tracks in stream.tracks.items() if len(tracks))
    for image in range(confirmed, IMAGES - 6):
        tracks = stream.tracks[image]
        assert tracks.id.tolist() == [1]
        # Predicted or seen, the box is where the person is.
        assert abs(tracks.tlwh[0, 0] - (50 + 3 * image)) < 12
    assert stream.pairer.counts.assumed_empty <= 6


@pytest.mark.parametrize('every', EVERY)
def test_predicting_changes_nothing_but_what_is_published(every) -> None:
    plain, predicted = Stream(every), Stream(every, publish_predicted=True)
    assert set(plain.tracks) < set(predicted.tracks)
    for image, tracks in plain.tracks.items():
        np.testing.assert_array_equal(tracks.tlwh, predicted.tracks[image].tlwh)
        assert tracks.id.tolist() == predicted.tracks[image].id.tolist()


def test_predicted_tracks_are_lost_ones_of_this_image() -> None:
    tracks = Stream((2,), publish_predicted=True).tracks[51]
    assert (tracks.state.tolist(), tracks.detection_index.tolist(),
            tracks.time_since_update.tolist()) == ([3], [-1], [1])


@pytest.mark.parametrize('every', [(1,), (2,), (3,)])
@pytest.mark.parametrize('how', [{'assume_empty_after': 0.05}, {'publish_predicted': True}])
def test_a_detector_that_is_silent_when_nobody_is_there_has_empty_images(every, how) -> None:
    there = [*range(40), *range(84, IMAGES)]
    stream = Stream(every, there=there, max_age=1.0, **how)
    assert stream.pairer.counts.assumed_empty >= 40 // every[0] - 2
    assert any(1 in tracks.removed_ids for tracks in stream.tracks.values())


def test_a_person_seen_once_by_a_silent_detector_is_not_confirmed_later() -> None:
    there = [*range(0, 20), 40, 60, 80]
    stream = Stream(there=there, assume_empty_after=0.05, max_age=0.3)
    assert stream.ids() == {1}


def test_the_rhythm_is_the_usual_interval_and_not_a_silence() -> None:
    rhythm = Rhythm()
    for image in range(30):
        rhythm.image(stamp(image))
    for image in (0, 2, 4, 6, 8, 10, 12, 26, 28):
        rhythm.answered(stamp(image))
    assert round(rhythm.interval * RATE / SECOND) == 2
    assert rhythm.skips(stamp(29)) and not rhythm.skips(stamp(30)) and rhythm.skips(stamp(31))


@pytest.mark.parametrize('delay', [0.05, 0.12, -0.04, 0.033])
@pytest.mark.parametrize('every', [(1,), (2,)])
def test_a_known_delay_pairs_the_right_image(delay: float, every) -> None:
    stream = Stream(every, lag=max(delay, 0) + 0.01, delay=delay, sync_tolerance=0.015,
                    detections_delay=delay)
    assert len(stream.pairs) >= IMAGES // every[0] - 2
    assert all(image == seen for image, seen in stream.pairs)
    assert stream.evidence.problem(SECOND // RATE) == ''


@pytest.mark.parametrize('delay, possible', [(0.05, '0.050'), (0.12, '0.120'), (0.01, '0.010')])
def test_restamped_detections_are_told_with_the_delays_that_are_possible(delay, possible) -> None:
    stream = Stream(lag=delay + 0.005, delay=delay, sync_tolerance=0.06)
    problem = stream.evidence.problem(stream.pairer.rhythm.image_interval)
    assert 'sets stamps of its own' in problem and possible in problem


def test_a_delay_that_is_wrong_is_told() -> None:
    stream = Stream(lag=0.06, delay=0.05, sync_tolerance=0.06, detections_delay=0.062)
    assert 'not detections_delay' in stream.evidence.problem(SECOND // RATE)


@pytest.mark.parametrize('rounded, tolerance', [
    (lambda given: int(given / 1e9 * 1e9), 0.0), (lambda given: given // 1000 * 1000, 0.001),
    (lambda given: given // 1_000_000 * 1_000_000, 0.001)],
    ids=['a float of seconds', 'microseconds', 'milliseconds'])
def test_stamps_that_were_only_rounded_pair_and_are_no_problem(rounded, tolerance) -> None:
    stream = Stream(rounded=rounded, sync_tolerance=tolerance)
    assert len(stream.pairs) == IMAGES and stream.evidence.problem(SECOND // RATE) == ''


def test_a_delay_needs_a_tolerance() -> None:
    with pytest.raises(SettingError, match='needs a sync_tolerance'):
        Settings(detections_delay=0.05)
