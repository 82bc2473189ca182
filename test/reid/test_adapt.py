"""What the recipe of the bundled network starts from does not depend on the order of the crops."""
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed')
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def adapt(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from training import adapt
    return adapt


@pytest.fixture
def features():
    """Return 400 features of length 256 that vary most along some directions."""
    generator = np.random.default_rng(1)
    spread = np.geomspace(1, 0.01, 256)
    turned = np.linalg.qr(generator.normal(size=(256, 256)))[0]
    return torch.from_numpy((generator.normal(size=(400, 256)) * spread @ turned).astype('f4'))


def test_the_directions_are_the_same_for_crops_in_another_order(adapt, features):
    axes = adapt.directions(features, 128)
    for seed in range(5):
        order = torch.from_numpy(np.random.default_rng(seed).permutation(len(features)))
        other = adapt.directions(features[order], 128)
        assert float((axes * other).sum(1).min()) > 0.999


def test_the_largest_part_of_a_direction_is_positive(adapt, features):
    axes = adapt.directions(features, 128)
    assert axes.shape == (128, 256)
    assert bool((axes.abs().argmax(1) == axes.argmax(1)).all())
