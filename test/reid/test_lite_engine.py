"""
The engine for MindSpore Lite, with a stand-in that has the calls of its documentation.

There is no package of it to install here, and no board: this holds the calls and their order.
"""
import sys
import types

import numpy as np
import pytest

from deepsort_ros.cli import main
from deepsort_ros.reid import engines
from deepsort_ros.reid.encoder import Encoder
from deepsort_ros.reid.files import ModelError


class Tensor:
    def __init__(self, shape):
        self.shape, self.values = shape, None

    def set_data_from_numpy(self, values):
        assert list(values.shape) == list(self.shape)
        self.values = values

    def get_data_to_numpy(self):
        return self.values


class Context:
    def __init__(self):
        self.target, self.ascend, self.gpu = [], types.SimpleNamespace(), types.SimpleNamespace()


class Model:
    """Gives the mean colour, padded to 128 numbers, on the targets that work."""

    working = ('cpu',)
    built = []

    def build_from_file(self, path, kind, context):
        assert kind == 'MINDIR' and path.endswith('.mindir')
        if context.target[0] not in self.working:
            raise RuntimeError(f'no driver for {context.target[0]}\nmore lines')
        self.built.append(context)
        self.inputs = [Tensor([1, 3, 128, 64])]

    def get_inputs(self):
        return self.inputs

    def resize(self, inputs, shapes):
        assert inputs is self.inputs
        self.inputs = [Tensor(shape) for shape in shapes]

    def predict(self, inputs):
        output = Tensor(None)
        output.values = np.pad(inputs[0].values.mean((2, 3)), ((0, 0), (0, 125)))
        return [output]


@pytest.fixture
def lite(monkeypatch):
    """Put the stand-in in the place of the package."""
    module = types.ModuleType('mindspore_lite')
    module.Context, module.Model = Context, Model
    module.ModelType = types.SimpleNamespace(MINDIR='MINDIR')
    module.__spec__ = types.SimpleNamespace(name='mindspore_lite')
    monkeypatch.setitem(sys.modules, 'mindspore_lite', module)
    monkeypatch.delitem(
        sys.modules, 'deepsort_ros.reid.engines.mindspore_lite_engine', raising=False)
    monkeypatch.setattr(Model, 'working', ('cpu',))
    monkeypatch.setattr(Model, 'built', [])


@pytest.fixture(scope='module')
def mindir(random_checkpoint, tmp_path_factory):
    path = tmp_path_factory.mktemp('lite') / 'm.mindir'
    assert main(['export', str(random_checkpoint), str(path), '--device', 'CPU']) == 0
    return str(path)


def test_features_are_those_of_the_model_in_batches_of_the_buckets(lite, mindir):
    encoder = Encoder.create(mindir, 'CPU', engine='mindspore_lite', batch_buckets=(1, 2))
    encoder.warm_up()
    image = np.random.default_rng(0).integers(0, 255, (384, 64, 3), np.uint8)
    boxes = np.array([[0.0, 128 * row, 64, 128] for row in range(3)])
    found = encoder.encode(image, boxes, 'rgb8')
    means = (image.reshape(3, -1, 3).mean(1) / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(found[:, :3], expected, atol=1e-4)
    assert encoder.describe()['engine'] == 'mindspore_lite'


def test_it_runs_where_it_was_asked_to_in_the_precision_asked_for(lite, mindir, monkeypatch):
    monkeypatch.setattr(Model, 'working', ('ascend', 'cpu'))
    encoder = Encoder.create(
        mindir, 'auto', 1, precision='fp16', engine='mindspore_lite', batch_buckets=(1,))
    context, = Model.built
    assert (encoder.device, encoder.device_note) == ('Ascend', '')
    assert (context.ascend.device_id, context.ascend.precision_mode) == (1, 'enforce_fp16')


def test_a_device_that_is_not_there_is_replaced_by_the_cpu(lite, mindir):
    encoder = Encoder.create(mindir, 'Ascend', engine='mindspore_lite', batch_buckets=(1,))
    assert encoder.device == 'CPU'
    assert 'device Ascend 0 is not available (no driver for ascend); using CPU' in (
        encoder.device_note)


def test_a_model_that_it_cannot_build_is_refused_by_name(lite, mindir, monkeypatch):
    monkeypatch.setattr(Model, 'working', ())
    with pytest.raises(ModelError, match='m.mindir: mindspore_lite cannot load it: no driver'):
        Encoder.create(mindir, 'CPU', engine='mindspore_lite')


def test_without_it_the_message_says_where_it_is_from(mindir):
    if engines.installed('mindspore_lite'):
        pytest.skip('MindSpore Lite is installed here')
    with pytest.raises(engines.EngineError, match='https://www.mindspore.cn/lite'):
        Encoder.create(mindir, 'CPU', engine='mindspore_lite')
