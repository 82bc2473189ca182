import cv2
import numpy as np
import pytest

from deepsort_ros.world.camera import Camera
from deepsort_ros.world.camera import CameraError

K = (500.0, 0, 320, 0, 510.0, 240, 0, 0, 1)
P = (480.0, 0, 310, 0, 0, 480.0, 250, 0, 0, 0, 1, 0)
SIZE = {'width': 640, 'height': 480}
DISTORTIONS = {
    'plumb_bob': (-0.28, 0.09, 0.001, -0.0005, 0.01),
    'rational_polynomial': (0.5, -2.4, 0.0006, -0.0002, 1.4, 0.4, -2.2, 1.3),
    'equidistant': (-0.02, 0.01, -0.004, 0.001)}
PIXELS = np.array(((320.0, 240), (20, 30), (600, 460), (310, 250), (500, 100)))


def test_a_rectified_image_has_the_rays_of_p() -> None:
    camera = Camera.from_info(k=K, p=P, d=DISTORTIONS['plumb_bob'], model='plumb_bob',
                              rectified=True, **SIZE)
    assert camera.rays(np.array(((310.0, 250),))).tolist() == [[0, 0, 1]]
    assert np.allclose(camera.rays(np.array(((790.0, 250),))), (1, 0, 1))


@pytest.mark.parametrize('model', DISTORTIONS)
def test_rays_of_a_raw_image_lead_back_to_its_pixels(model: str) -> None:
    camera = Camera.from_info(k=K, p=P, d=DISTORTIONS[model], model=model, **SIZE)
    rays = camera.rays(PIXELS)
    assert np.allclose(camera.pixels(3.0 * rays), PIXELS, atol=1e-3)
    assert not np.allclose(camera.flat(rays), PIXELS, atol=1.0)


def test_plumb_bob_is_opencvs() -> None:
    d = DISTORTIONS['plumb_bob']
    camera = Camera.from_info(k=K, p=P, d=d, model='plumb_bob', **SIZE)
    points = np.array(((0.3, -0.2, 1.0), (-0.4, 0.1, 1.0)))
    expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3),
                                    np.array(K).reshape(3, 3), np.array(d))
    assert np.allclose(camera.pixels(points), expected[:, 0])


def test_region_and_binning_move_and_shrink_the_image() -> None:
    whole = Camera.from_info(k=K, p=P, **SIZE)
    part = Camera.from_info(k=K, p=P, binning=(2, 2), roi=(100, 40, 400, 300), **SIZE)
    assert part.size == (200, 150)
    pixel = np.array(((300.0, 200.0),))
    assert np.allclose(part.rays((pixel - (100, 40)) / 2), whole.rays(pixel))


def test_the_fourth_column_of_p_moves_the_centre() -> None:
    right = (*P[:3], -480 * 0.12, *P[4:])
    camera = Camera.from_info(k=K, p=right, rectified=True, **SIZE)
    assert np.allclose(camera.offset, (-0.12, 0, 0))


def test_rays_of_a_raw_image_are_turned_into_the_rectified_frame() -> None:
    turn = cv2.Rodrigues(np.array((0.0, 0.1, 0.0)))[0]
    camera = Camera.from_info(k=K, p=P, r=turn.ravel().tolist(), **SIZE)
    plain = Camera.from_info(k=K, p=P, **SIZE)
    ray = plain.rays(PIXELS) @ turn.T
    assert np.allclose(camera.rays(PIXELS), ray / ray[:, 2:])
    assert np.allclose(camera.pixels(camera.rays(PIXELS)), PIXELS)


def test_no_pixels_have_no_rays() -> None:
    camera = Camera.from_info(k=K, p=P, d=DISTORTIONS['equidistant'], model='equidistant', **SIZE)
    assert camera.rays(np.empty((0, 2))).shape == (0, 3)
    assert camera.pixels(np.empty((0, 3))).shape == (0, 2)


@pytest.mark.parametrize('changes, words', (
    ({'k': (0.0,) * 9, 'p': (0.0,) * 12}, 'K is all zeros: the camera is not calibrated'),
    ({'k': (0.0,) * 9, 'p': (0.0,) * 12, 'rectified': True}, 'P is all zeros'),
    ({'k': (-500.0, *K[1:])}, 'focal lengths -500'),
    ({'k': (float('nan'), *K[1:])}, 'no matrix of a camera'),
    ({'d': (0.1,) * 4, 'model': 'thin_prism'}, "distortion_model 'thin_prism'"),
    ({'d': (0.1,) * 7, 'model': 'plumb_bob'}, "'plumb_bob' with 7 coefficients"),
))
def test_what_is_no_camera_is_refused_in_words(changes: dict, words: str) -> None:
    with pytest.raises(CameraError, match=words):
        Camera.from_info(**{'k': K, 'p': P, **SIZE, **changes})


def test_a_model_without_coefficients_needs_none() -> None:
    camera = Camera.from_info(k=K, p=P, d=(0.0,) * 5, model='whatever', **SIZE)
    assert not len(camera.distortion)


def test_rectified_images_of_a_camera_without_p_have_k() -> None:
    camera = Camera.from_info(k=K, p=(0.0,) * 12, rectified=True, **SIZE)
    assert camera.focal == (500.0, 510.0)
