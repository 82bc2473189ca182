"""Networks of the Open Model Zoo, cut for smaller images."""
from pathlib import Path

import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed')
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def score(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from training import score
    return score


def pooled_twice():
    class Network(torch.nn.Module):
        def forward(self, images):
            half = torch.nn.functional.avg_pool2d(images, 2)
            return torch.nn.functional.avg_pool2d(half + 1, 2)

    return torch.fx.symbolic_trace(Network())


def test_a_pooling_is_left_out(score):
    images = torch.rand((2, 3, 8, 4))
    whole = pooled_twice()(torch.nn.functional.interpolate(images, scale_factor=2))
    torch.testing.assert_close(score.without_pooling(pooled_twice(), 1)(images), whole)


@pytest.mark.parametrize('number', [0, 3])
def test_a_pooling_that_is_not_there_is_refused(score, number):
    with pytest.raises(ValueError, match=f'--without {number}: it has 2 average poolings'):
        score.without_pooling(pooled_twice(), number)
