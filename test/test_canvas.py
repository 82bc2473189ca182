"""Boxes of what a network saw are found, and honest boxes are never taken for them."""
from pathlib import Path

import numpy as np
import pytest

from deepsort_ros.canvas import canvas_of
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind

# Images of common cameras; the last is held upright.
SIZES = [(640, 480), (1280, 720), (1920, 1080), (848, 480), (320, 240), (1080, 1920)]


def walkers(size: tuple[int, int], seed: int = 0, far: bool = False) -> np.ndarray:
    """Return (N, 4) boxes of people who walk past at different distances, cut by the borders."""
    rng = np.random.default_rng(seed)
    width, height = size
    found = []
    for _ in range(12):
        tall = height * rng.uniform(0.1, 0.3 if far else 0.9)
        top = height * rng.uniform(0.1, 0.3 if far else 0.4)
        for step in np.linspace(-0.2, 1.2, 60):
            found.append((width * step, top, 0.4 * tall, tall))
    boxes = np.array(found) + rng.normal(0, 1.0, (len(found), 4))
    low = np.clip(boxes[:, :2], 0, size)
    high = np.clip(boxes[:, :2] + boxes[:, 2:], 0, size)
    seen = (high - low > 4).all(axis=1)
    return np.hstack((low, high - low))[seen]


def on_canvas(boxes: np.ndarray, size: tuple[int, int], side: int, how: str) -> np.ndarray:
    """Return boxes as a network gives them that saw the image on its canvas."""
    scale = np.full(2, side / max(size))
    if how == 'stretched':
        scale = side / np.array(size)
    inner = np.round(np.array(size) * scale)
    bars = {'square': (side - inner) / 2, 'least': (-inner % 32) / 2}.get(how, np.zeros(2))
    low = boxes[:, :2] * scale + bars
    return np.hstack((low, boxes[:, 2:] * scale))


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize(('side', 'how', 'says'), [
    (640, 'square', 'a letterbox of 640 x 640'), (416, 'square', 'a letterbox of 416 x 416'),
    (416, 'least', 'a letterbox of'), (416, 'scaled', 'of'), (640, 'stretched', 'to 640 x 640')])
def test_boxes_of_a_canvas_are_reported(size, side, how, says) -> None:
    assert says in canvas_of(on_canvas(walkers(size), size, side, how), size)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('seed', range(5))
def test_boxes_of_the_image_are_not_doubted(size, seed) -> None:
    assert canvas_of(walkers(size, seed), size) == ''
    assert canvas_of(walkers(size, seed, far=True), size) == ''


def test_people_far_from_every_edge_tell_nothing() -> None:
    size = 640, 480
    boxes = on_canvas(walkers(size, far=True), size, 640, 'square')
    assert canvas_of(boxes, size) == ''


@pytest.mark.parametrize('boxes', [
    np.empty((0, 4)), np.tile((10.0, 20, 30, 60), (500, 1)), np.full((500, 4), np.nan)])
def test_too_little_tells_nothing(boxes) -> None:
    assert canvas_of(boxes, (640, 480)) == canvas_of(boxes, (0, 0)) == ''


def test_something_at_rest_that_ends_at_the_edge_of_a_canvas_tells_nothing() -> None:
    rng = np.random.default_rng(0)
    rest = np.array([[0, 150, 60, 120], [580, 160, 60, 390], [300, 145, 90, 200]], dtype=float)
    boxes = np.tile(rest, (100, 1)) + rng.normal(0, 1.0, (300, 4))
    assert canvas_of(boxes, (640, 480)) == ''


def real(data: Path):
    """Yield the boxes of detections and truth, with the size of their images."""
    sizes = {'MOT17-05': (640, 480), 'ADL-Rundle-6': (960, 540)}
    for folder in sorted([*(data / 'mot').iterdir(), *(data / 'mot_text').iterdir()]):
        size = next((size for name, size in sizes.items() if name in folder.name), None)
        size = size or ((1920, 1080) if folder.parent.name == 'mot_text'
                        else open_sequence(folder).size)
        for path in sorted(folder.glob('*/*.txt')):
            yield read_table(path, TableKind.DETECTIONS).tlwh, size
    for path in sorted((data / 'kitti_tracking').glob('*/det/*.txt')):
        yield read_table(path, TableKind.DETECTIONS).tlwh, (1242, 375)


def test_no_real_detections_or_truth_are_doubted_and_most_are_on_a_canvas(data) -> None:
    said = count = 0
    for boxes, size in real(data):
        assert canvas_of(boxes, size) == ''
        low = np.clip(boxes[:, :2], 0, size)
        high = np.clip(boxes[:, :2] + boxes[:, 2:], 0, size)
        said += bool(canvas_of(on_canvas(np.hstack((low, high - low)), size, 640, 'square'), size))
        count += 1
    assert count >= 20 and said >= 0.7 * count
