"""Distances of same and different people, and the limit that follows from them."""
import json

import cv2
import numpy as np
import onnx
import pytest
from small_models import mean_colour

from deepsort_ros.cli import main
from deepsort_ros.reid.dataset import Crops
from deepsort_ros.reid.dataset import DatasetError
from deepsort_ros.reid.distances import as_text
from deepsort_ros.reid.distances import measure
from deepsort_ros.reid.distances import to_people
from deepsort_ros.reid.model import read_model


def crops(*labels):
    """Return crops without pixels of (identity, camera) each."""
    table = np.array(labels)
    return Crops(np.zeros((len(labels), 1, 1, 3), np.uint8), table[:, 0], table[:, 1])


def at(*degrees):
    angle = np.radians(degrees)
    return np.stack((np.cos(angle), np.sin(angle)), 1).astype(np.float32)


def test_the_nearest_crop_of_a_person_counts_and_never_the_crop_itself():
    same, different = to_people(at(0, 10, 40, 90), crops((1, 1), (1, 1), (1, 1), (2, 1)))
    expected = 1 - np.cos(np.radians([10, 10, 30]))
    np.testing.assert_allclose(np.sort(same), np.sort(expected), atol=1e-6)
    # Three crops to the second person, whose only crop is nearest to the one at 40 degrees.
    np.testing.assert_allclose(
        np.sort(different), np.sort(1 - np.cos(np.radians([90, 80, 50, 50]))), atol=1e-6)


def test_people_of_other_cameras_and_nobodys_matches_do_not_count():
    labels = ((1, 1), (1, 1), (1, 2), (2, 2), (0, 1), (-1, 1))
    same, different = to_people(at(0, 10, 20, 50, 5, 5), crops(*labels))
    np.testing.assert_allclose(same, 1 - np.cos(np.radians([10, 10])), atol=1e-6)
    np.testing.assert_allclose(different, 1 - np.cos(np.radians([30, 30])), atol=1e-6)


def overlapping(people=60, each=20, spread=0.05):
    """Return features of people in a plane whose directions overlap a little."""
    random = np.random.default_rng(0)
    labels = [(person, 1) for person in range(1, people + 1) for _ in range(each)]
    centre = random.normal(size=(people, 16)).repeat(each, 0)
    feature = centre + random.normal(size=centre.shape) * spread * 16
    return (feature / np.linalg.norm(feature, axis=1, keepdims=True)).astype(np.float32), labels


def test_one_in_a_thousand_comparisons_with_others_is_a_match_at_the_recommended_limit():
    feature, labels = overlapping()
    found = measure(feature, crops(*labels), limit=0.4)
    same, different = to_people(feature, crops(*labels))
    assert found.false_matches <= 0.001 < np.mean(different <= found.recommended + 0.01)
    assert found.false_matches == np.mean(different <= found.recommended)
    assert found.refused == pytest.approx(np.mean(same > found.recommended))
    assert found.refused_at_limit == pytest.approx(np.mean(same > 0.4))
    assert found.false_matches_at_limit == np.mean(different <= 0.4)


def test_at_the_equal_error_rate_both_errors_are_equal():
    feature, labels = overlapping(spread=0.08)
    found = measure(feature, crops(*labels))
    same, different = to_people(feature, crops(*labels))
    assert 0.0 < found.equal_error_rate < 0.5 and found.limit is None
    assert np.mean(same > found.equal_error_distance) == pytest.approx(
        np.mean(different <= found.equal_error_distance), abs=0.01)
    assert found.equal_error_rate == pytest.approx(
        np.mean(different <= found.equal_error_distance), abs=0.01)


def test_the_histogram_holds_all_of_both():
    feature, labels = overlapping()
    found = measure(feature, crops(*labels))
    assert sum(found.same_share) == pytest.approx(1) == pytest.approx(sum(found.different_share))
    assert len(found.edges) == len(found.same_share) + 1
    assert f'recommended max_cosine_distance {found.recommended:g}' in as_text(found)


def test_without_two_crops_of_anybody_nothing_is_measured():
    with pytest.raises(DatasetError, match='no camera shows two crops of one person and another'):
        measure(at(0, 10), crops((1, 1), (2, 1)))


@pytest.fixture
def people(tmp_path):
    """Return a folder of crops of people in clothes of different colours."""
    random = np.random.default_rng(0)
    folder = tmp_path / 'people'
    folder.mkdir()
    for person in range(1, 7):
        colour = random.uniform(30, 220, 3)
        for number in range(4):
            shade = np.clip(colour + random.normal(0, 4, 3), 0, 255)
            cv2.imwrite(str(folder / f'{person:04}_c{1 + number // 2}s1_{number:06}_00.png'),
                        np.tile(shade, (64, 32, 1)).astype(np.uint8))
    return folder


@pytest.mark.parametrize('notes', [False, True])
def test_what_is_recommended_is_written_where_the_model_is_read_from(
        tmp_path, people, capsys, notes):
    path = mean_colour(tmp_path / 'm.onnx', architecture='colours')
    if notes:
        (tmp_path / 'm.json').write_text('{"source": "a test"}')
    assert main(['evaluate-reid', str(people), '--model', str(path), '--write', '--json']) == 0
    found = json.loads(capsys.readouterr().out)
    assert found['written'] == str(tmp_path / ('m.json' if notes else 'm.onnx'))
    model = read_model(str(path))
    assert model.max_cosine_distance == found['distances']['recommended'] > 0
    assert model.architecture == 'colours' and model.source == ('a test' if notes else '')
    onnx.checker.check_model(onnx.load(path))
    assert main(['evaluate-reid', str(people), '--model', str(path)]) == 0
    limit = found['distances']['recommended']
    assert f'max_cosine_distance {limit:g}, as the model says' in capsys.readouterr().out


def test_a_model_that_makes_no_numbers_is_refused(tmp_path, people, capsys):
    path = tmp_path / 'm.onnx'
    mean_colour(path)
    model = onnx.load(path)
    model.graph.node[0].output[0] = 'negative'
    model.graph.node.append(onnx.helper.make_node('Sub', ['negative', 'negative'], ['zero']))
    model.graph.node.append(onnx.helper.make_node('Div', ['zero', 'zero'], ['mean']))
    onnx.save(model, path)
    assert main(['evaluate-reid', str(people), '--model', str(path)]) == 2
    assert 'm.onnx: all 24 features are NaN, infinite or zero' in capsys.readouterr().err
