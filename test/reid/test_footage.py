"""Crops made poor for training: of the same shape, the same with the same seed, many untouched."""
from pathlib import Path

import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed')
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def footage(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from training import footage
    return footage


@pytest.fixture
def crops():
    return torch.rand((64, 3, 128, 64), generator=torch.Generator().manual_seed(1))


def seeded(make, *arguments):
    torch.manual_seed(3)
    return make(*arguments)


def test_poor_crops_are_images_of_the_same_shape(footage, crops):
    found = seeded(footage.poor, crops, 4)
    assert found.shape == crops.shape and found.dtype == crops.dtype
    assert 0 <= float(found.min()) and float(found.max()) <= 1


def test_a_share_of_the_crops_stays_as_it_is(footage, crops):
    before = crops.clone()
    same = (seeded(footage.poor, crops, 4) == crops).flatten(1).all(1)
    assert 0.2 < float(same.float().mean()) < 0.8
    assert bool((crops == before).all())


def test_the_same_seed_gives_the_same_crops(footage, crops):
    assert bool((seeded(footage.poor, crops, 4) == seeded(footage.poor, crops, 4)).all())


@pytest.mark.parametrize('change', ['dark', 'blurred', 'coarse'])
def test_each_way_changes_every_crop_and_keeps_its_shape(footage, crops, change):
    found = seeded(getattr(footage, change), crops)
    assert found.shape == crops.shape
    assert not bool((found == crops).flatten(1).all(1).any())


@pytest.mark.parametrize('change', ['shifted', 'hidden'])
def test_another_person_appears_in_a_crop(footage, crops, change):
    black, white = torch.zeros_like(crops), torch.ones_like(crops)
    found = seeded(getattr(footage, change), black, white)
    assert 0 < float(found.mean()) < 0.5


def test_a_plain_image_stays_plain_when_blurred_or_coarse(footage):
    plain = torch.full((8, 3, 128, 64), 0.5)
    for change in (footage.blurred, footage.coarse):
        assert float((seeded(change, plain) - 0.5).abs().max()) < 0.01
