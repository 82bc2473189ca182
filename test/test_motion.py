"""The camera's motion, found in images of a textured scene that is really moved."""
import cv2
import numpy as np
import pytest

from deepsort_ros.motion import SparseFlow
from deepsort_ros.pipeline import Frame
from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import TrackState

RNG = np.random.default_rng(3)
SCENE = cv2.resize(RNG.integers(0, 255, (90, 160, 3), dtype=np.uint8), (1600, 900))


def similarity(turn: float, scale: float, x: float, y: float) -> np.ndarray:
    """Return a motion about the middle of the scene; ``turn`` in degrees."""
    matrix = cv2.getRotationMatrix2D((800, 450), turn, scale)
    matrix[:, 2] += (x, y)
    return matrix


def view(motion: np.ndarray) -> np.ndarray:
    """Return the scene after the camera's motion."""
    return cv2.warpAffine(SCENE, motion, (1600, 900), borderMode=cv2.BORDER_REFLECT)


def moved(motion: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ motion[:, :2].T + motion[:, 2]


CORNERS = np.array([[100.0, 100], [1500, 100], [800, 450], [100, 800], [1500, 800]])


@pytest.mark.parametrize('motion', [
    similarity(0, 1, 25, -10), similarity(2, 1, 0, 0), similarity(0, 1.04, 0, 0),
    similarity(-1.5, 0.97, -12, 20)])
def test_turn_scale_and_shift_are_found_within_two_pixels(motion: np.ndarray) -> None:
    flow = SparseFlow()
    flow.transform(view(similarity(0, 1, 0, 0)))
    found = flow.transform(view(motion))
    np.testing.assert_allclose(moved(found, CORNERS), moved(motion, CORNERS), atol=2.0)


def test_what_moves_in_the_scene_is_not_the_camera() -> None:
    flow, image = SparseFlow(), SCENE.copy()
    image[200:700, 200:700] = SCENE[200:700, 900:1400]
    flow.transform(image)
    image = SCENE.copy()
    image[200:700, 230:730] = SCENE[200:700, 900:1400]
    np.testing.assert_allclose(flow.transform(image), np.eye(2, 3), atol=0.5)


@pytest.mark.parametrize('images', [
    [SCENE], [SCENE, SCENE[:450]], [np.zeros_like(SCENE)] * 2, [np.zeros((1, 1, 3), np.uint8)] * 2,
    [SCENE, RNG.integers(0, 255, SCENE.shape, dtype=np.uint8)]])
def test_where_nothing_can_be_told_the_camera_stood_still(images: list[np.ndarray]) -> None:
    flow = SparseFlow()
    for image in images:
        found = flow.transform(image)
    np.testing.assert_array_equal(found, np.eye(2, 3))


@pytest.mark.parametrize(('camera_motion', 'state'), [
    ('flow', TrackState.CONFIRMED), ('off', TrackState.LOST)])
def test_a_track_survives_the_jerk_of_a_camera(camera_motion: str, state: TrackState) -> None:
    settings = Settings(camera_motion=camera_motion, appearance='off')
    pipeline = Pipeline(settings, None)
    box = np.array([800.0, 400, 40, 100])
    for number in range(8):
        motion = similarity(0, 1, -45.0 * max(number - 4, 0), 0)
        shifted = box + [motion[0, 2], motion[1, 2], 0, 0]
        result = pipeline.process(Frame(
            number * NANOSECONDS // 30, Detections.from_arrays([shifted]), view(motion)))
    assert (result.tracks.id[0], result.tracks.state[0]) == (1, state)
    assert ('motion' in result.stage_seconds) == (camera_motion == 'flow')
