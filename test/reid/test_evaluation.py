"""The Market-1501 protocol on an example worked out by hand."""
import numpy as np
import pytest

from deepsort_ros.reid.dataset import Crops
from deepsort_ros.reid.encoder import Encoder
from deepsort_ros.reid.evaluation import query_rows
from deepsort_ros.reid.evaluation import score_encoder
from deepsort_ros.reid.evaluation import score_features


def at(degrees):
    """Return unit features at angles: the nearer the angle, the more similar."""
    radians = np.radians(degrees)
    return np.column_stack((np.cos(radians), np.sin(radians))).astype(np.float32)


def test_ranks_and_precision_equal_those_worked_out_by_hand():
    # row        0  1  2   3   4   5   6   7
    identity = [1, 1, 1, 1, 2, 2, 3, 1]
    camera = [1, 1, 2, 2, 1, 1, 1, 2]
    degrees = [0, 1, 10, 30, 60, 20, 90, 50]
    identity, camera = np.array(identity), np.array(camera)
    assert query_rows(identity, camera).tolist() == [0, 2, 4, 6]
    # Gallery rows: 1, 3, 5, 7.
    # Query 0 (id 1, cam 1): row 1 is its own camera, ignored; by angle 5 (20), 3 (30), 7 (50):
    #   wrong, right, right: first hit at rank 2; AP = (1/2 + 2/3) / 2.
    # Query 2 (id 1, cam 2): 3 and 7 are ignored; by angle 1 (9 away), 5 (10 away): AP = 1.
    # Query 4 (id 2) has only row 5 in its own camera, query 6 nothing: not counted.
    scores = score_features(at(degrees), identity, camera)
    assert scores.queries == 2
    assert scores.rank1 == pytest.approx(0.5)
    assert scores.rank5 == scores.rank10 == 1.0
    assert scores.mean_ap == pytest.approx(((1 / 2 + 2 / 3) / 2 + 1) / 2)


def test_one_camera_has_nothing_to_find():
    with pytest.raises(ValueError, match='two cameras'):
        score_features(at([0, 1, 2]), np.array([1, 1, 2]), np.array([1, 1, 1]))


def test_crops_of_equal_looks_are_found_by_their_features(random_checkpoint):
    looks = np.random.default_rng(2).integers(0, 256, (2, 128, 64, 3), dtype=np.uint8)
    identity, camera = np.array([1, 1, 1, 2, 2, 2]), np.array([1, 2, 2, 1, 2, 2])
    encoder = Encoder.create(str(random_checkpoint), 'CPU', batch_buckets=(8,))
    scores = score_encoder(encoder, Crops(looks[identity - 1], identity, camera))
    assert (scores.queries, scores.rank1, scores.mean_ap) == (2, 1.0, 1.0)
