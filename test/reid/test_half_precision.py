"""Half precision is computed in, not only converted to and from."""
import numpy as np
import pytest
from random_network import random_parameters

from deepsort_ros.reid.architectures import ARCHITECTURES
from deepsort_ros.reid.encoder import batches
from deepsort_ros.reid.engines import mindspore_engine
from deepsort_ros.reid.engines import Options
from deepsort_ros.reid.folding import fold
from deepsort_ros.reid.mindspore_graph import load_graph
from deepsort_ros.reid.model import read_model


@pytest.fixture
def images():
    return np.random.default_rng(5).normal(size=(4, 3, 128, 64)).astype(np.float32)


def run(infer, images):
    return np.asarray(infer(mindspore_engine.tensor(images)).asnumpy())


@pytest.mark.parametrize('architecture', ARCHITECTURES, ids=lambda one: one.name)
def test_features_of_half_precision_are_those_of_single_precision(architecture, images):
    folded = fold(random_parameters(architecture=architecture))
    single = run(load_graph(architecture, folded), images)
    half = run(load_graph(architecture, folded, half=True), images.astype(np.float16))
    assert half.dtype == np.float16
    half = half.astype(np.float64)
    cosine = (single * half).sum(1) / np.linalg.norm(single, axis=1) / np.linalg.norm(half, axis=1)
    np.testing.assert_allclose(cosine, 1.0, rtol=0, atol=1e-5)


@pytest.mark.parametrize(('asked', 'device', 'expected'), [
    ('auto', 'Ascend', 'fp16'), ('auto', 'CPU', 'fp32'), ('auto', 'GPU', 'fp32'),
    ('fp32', 'Ascend', 'fp32'), ('fp16', 'CPU', 'fp32')])
def test_the_precision_follows_the_device(
        monkeypatch, random_checkpoint, images, asked, device, expected):
    # On the CPU, whatever it is called: float16 parameters are computed with there as well.
    monkeypatch.setattr(mindspore_engine, 'select_device', lambda *options: (device, ''))
    model = read_model(str(random_checkpoint))
    engine = mindspore_engine.load(model, Options('auto', 0, asked, (4,)))
    assert engine.precision == expected
    assert engine.run(images).dtype == (np.float16 if expected == 'fp16' else np.float32)


def test_an_npu_takes_one_padded_batch_where_a_cpu_takes_two():
    assert list(batches(5, (4, 16), padding=1.0)) == [(5, 16)]
    assert list(batches(5, (4, 16))) == [(4, 4), (1, 4)]
