"""With the true time step, ids and speeds do not depend on the image rate or on dropped images."""
import numpy as np
import pytest

from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import Tracker
from deepsort_ros.tracking import TrackerConfig

SECONDS = 6
RATE = 30
# Left edge [px] and speed [px per step of 1/30 s] of three walkers on lanes of their own height:
# the first two meet half way.
START = np.array([100.0, 1000.0, 400.0])
SPEED = np.array([5.0, -5.0, 1.5])
TOP = np.array([200.0, 230.0, 600.0])


def dropped(seed: int) -> list[int]:
    """Return the images of a 30 Hz camera that arrive when a random third of them is lost."""
    random = np.random.default_rng(seed)
    return [0, *(image for image in range(1, SECONDS * RATE) if random.random() > 1 / 3)]


def walk(images: list[int]) -> tuple[list[int], np.ndarray]:
    """Track the walkers in some images; return id by walker and speeds by walker."""
    random = np.random.default_rng(5)
    appearance = np.linalg.qr(random.standard_normal((16, 16)))[0][:3].astype(np.float32)
    noise = random.standard_normal((SECONDS * RATE, 3, 2))
    tracker = Tracker(TrackerConfig(max_age=RATE))
    seen: list[set[int]] = [set(), set(), set()]
    before = images[0] - 1
    for image in images:
        tlwh = np.stack((START + SPEED * image, TOP, np.full(3, 80.0), np.full(3, 200.0)), axis=1)
        tlwh[:, :2] += noise[image]
        tracks = tracker.update(
            Detections.from_arrays(tlwh), appearance, dt=float(image - before))
        before = image
        for track_id, index in zip(tracks.id.tolist(), tracks.detection_index.tolist()):
            if index >= 0:
                seen[index].add(track_id)
    assert all(len(ids) == 1 for ids in seen), 'an id changed hands or a walker'
    order = np.argsort(tracks.detection_index)
    return [ids.pop() for ids in seen], tracks.velocity[order]


@pytest.mark.parametrize('images', [
    list(range(SECONDS * RATE)), list(range(0, SECONDS * RATE, 3)), dropped(1), dropped(2),
], ids=['30 Hz', '10 Hz', '30 Hz with drops', '30 Hz with other drops'])
def test_ids_and_speeds_are_the_same_at_every_rate_and_with_drops(images):
    ids, velocity = walk(images)
    assert ids == walk(list(range(SECONDS * RATE)))[0]
    np.testing.assert_allclose(velocity[:, 0], SPEED, atol=0.4)
    np.testing.assert_allclose(velocity[:, 1], 0.0, atol=0.4)
