"""Classes: tracks survive a detector that changes its mind, and objects stay apart."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from deepsort_ros.pipeline import Frame
from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.pipeline import published
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Detections

IMAGES = 40
# The node's defaults at 30 Hz, by motion alone: what the network says is another matter.
DEFAULTS = Settings(appearance='off')
Name = Callable[[int], str]


def turns(*names: str) -> Name:
    return lambda image: names[image % len(names)]


def seldom(image: int) -> str:
    return 'truck' if image % 7 == 6 else 'car'


def at_random(image: int) -> str:
    return 'van' if np.random.default_rng(image).uniform() < 0.3 else 'car'


def late(image: int) -> str:
    return 'unknown' if image < 6 else 'car'


def run(*objects: tuple[float, Name, float], settings: Settings = DEFAULTS,
        ) -> list[list[tuple[int, str]]]:
    """
    Return ids and classes published after each image, of objects that move 3 px per image.

    :param objects: left edge at the start, class by image, score.
    """
    pipeline = Pipeline(settings, None)
    answers = []
    for image in range(IMAGES):
        detections = Detections.from_arrays(
            [(left + 3.0 * image, 100, 60, 120) for left, _, _ in objects],
            [score for _, _, score in objects], [name(image) for _, name, _ in objects])
        result = pipeline.process(Frame(round(image * NANOSECONDS / 30), detections, None))
        assert result.tracks is not None
        tracks = published(result.tracks, settings)
        answers.append(list(zip(tracks.id.tolist(), tracks.class_id.tolist())))
    return answers


@pytest.mark.parametrize('name, voted', [
    (turns('car', 'truck'), 'car'), (turns('person', 'rider'), 'person'),
    (turns('car', 'truck', 'van'), 'car'), (turns('truck', 'car', 'car'), 'car'),
    (seldom, 'car'), (at_random, 'car'), (late, 'car')],
    ids=['car and truck', 'person and rider', 'three classes', 'two of three', 'seldom',
         'at random', 'once and for all'])
def test_an_object_whose_class_flickers_has_one_id_and_the_voted_class(name, voted) -> None:
    answers = run((50, name, 0.9))
    assert [len(answer) for answer in answers] == [0, 0] + [1] * (IMAGES - 2)
    assert len({number for answer in answers for number, _ in answer}) == 1
    assert answers[-1][0][1] == voted


def test_low_scores_of_another_class_go_on_with_a_track() -> None:
    pipeline = Pipeline(DEFAULTS, None)
    for image in range(10):
        low = image > 5
        result = pipeline.process(Frame(image * NANOSECONDS // 30, Detections.from_arrays(
            [(50 + 3 * image, 100, 60, 120)], [0.3 if low else 0.9],
            ['truck' if low else 'car']), None))
    assert result.tracks.time_since_update.tolist() == [0]


def test_without_a_class_change_another_class_is_another_object() -> None:
    strict = DEFAULTS.replace({'class_change_overlap': 1.0})
    assert run((50, turns('car', 'truck'), 0.9), settings=strict)[-1] == []


@pytest.mark.parametrize('apart', [12, 25, 40])
def test_two_objects_that_are_different_things_keep_an_id_and_a_class_each(apart: float) -> None:
    answers = run((50, turns('person'), 0.9), (50 + apart, turns('bicycle'), 0.8))
    assert [sorted(name for _, name in answer) for answer in answers[3:]] == [
        ['bicycle', 'person']] * (IMAGES - 3)
    assert len({number for answer in answers for number, _ in answer}) == 2


def test_who_is_missed_does_not_take_the_box_of_another_thing() -> None:
    def missed(image: int) -> float:
        return 0.05 if image % 5 == 4 else 0.9

    pipeline = Pipeline(DEFAULTS, None)
    for image in range(IMAGES):
        result = pipeline.process(Frame(image * NANOSECONDS // 30, Detections.from_arrays(
            [(50 + 3 * image, 100, 60, 120), (62 + 3 * image, 100, 60, 120)],
            [missed(image), 0.8], ['person', 'bicycle']), None))
        named = dict(zip(result.tracks.class_id, result.tracks.detection_index.tolist()))
        assert named.get('bicycle') == 1
    assert result.tracks.id.tolist() == [1, 2]


@pytest.mark.parametrize('shift', [0.0, 0.9, 3.0], ids=['same box', 'IoU 0.97', 'IoU 0.9'])
@pytest.mark.parametrize('names', [('car', 'truck'), ('person', 'rider'), ('car', 'car')])
def test_two_boxes_on_one_object_are_one_object_of_the_better_class(shift, names) -> None:
    answers = run((50, turns(names[0]), 0.9), (50 + shift, turns(names[1]), 0.6))
    assert {number for answer in answers for number, _ in answer} == {1}
    assert answers[-1] == [(1, names[0])]


def test_two_boxes_on_one_object_whose_better_class_changes_are_one_object() -> None:
    answers = run((50, turns('car', 'truck'), 0.9), (51, turns('truck', 'car'), 0.6))
    assert {number for answer in answers for number, _ in answer} == {1}


def test_two_boxes_on_one_object_are_two_where_that_is_asked_for() -> None:
    both = DEFAULTS.replace({'duplicate_overlap': 1.0})
    answers = run((50, turns('car'), 0.9), (51, turns('truck'), 0.6), settings=both)
    assert len(answers[-1]) == 2
