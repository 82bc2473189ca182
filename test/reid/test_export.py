"""What is exported gives the features of the checkpoint."""
import json

import numpy as np
import pytest
from small_models import mean_colour

from deepsort_ros.cli import main
from deepsort_ros.reid.encoder import Encoder
from deepsort_ros.reid.model import read_model
from deepsort_ros.reid.preprocess import normalise
from deepsort_ros.reid.runtime import ms
from deepsort_ros.reid.runtime import nn

COUNT = 3


@pytest.fixture(scope='module')
def crops():
    return np.random.default_rng(8).integers(0, 256, (COUNT, 128, 64, 3), dtype=np.uint8)


@pytest.fixture(scope='module')
def features(random_checkpoint, crops):
    encoder = Encoder.create(str(random_checkpoint), 'CPU', batch_buckets=(COUNT,))
    boxes = np.array([[0.0, 128 * row, 64, 128] for row in range(COUNT)])
    return encoder.encode(crops.reshape(-1, 64, 3), boxes, 'rgb8')


def run_mindir(path, images):
    network = nn.GraphCell(ms.load(str(path)))
    return network(ms.Tensor(images)).asnumpy()


def run_onnx(path, images):
    onnxruntime = pytest.importorskip('onnxruntime')
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return session.run(['features'], {'images': images})[0]


@pytest.mark.parametrize('suffix, load', [('mindir', run_mindir), ('onnx', run_onnx)])
@pytest.mark.parametrize('batch', [0, COUNT])
def test_the_file_gives_the_features_of_the_checkpoint(
        random_checkpoint, crops, features, tmp_path, capsys, suffix, load, batch):
    path = tmp_path / f'model.{suffix}'
    assert main(['export', str(random_checkpoint), str(path), '--batch', str(batch), '--device',
                 'CPU', '--json']) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary == {'output': str(path), 'bytes': path.stat().st_size, 'batch': batch or None}
    beside = {'model.json'} if suffix == 'mindir' else set()
    assert {entry.name for entry in tmp_path.iterdir()} == {path.name} | beside
    images = normalise(crops)
    np.testing.assert_allclose(load(path, images), features, rtol=0, atol=1e-4)
    if not batch:
        np.testing.assert_allclose(load(path, images[:1]), features[:1], rtol=0, atol=1e-4)


@pytest.mark.parametrize('output, says', [
    ('model.pb', 'model.pb: the suffix is not one of .mindir, .air, .onnx'),
    ('model.air', 'AIR can be written on Ascend only, this is CPU')])
def test_what_cannot_be_exported_is_said(random_checkpoint, tmp_path, capsys, output, says):
    assert main(['export', str(random_checkpoint), str(tmp_path / output), '--device',
                 'CPU']) == 2
    assert says in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('suffix', ['mindir', 'onnx'])
def test_what_is_exported_says_what_the_checkpoint_says(tmp_path, suffix):
    path = tmp_path / f'm.{suffix}'
    assert main(['export', 'bundled', str(path), '--device', 'CPU']) == 0
    exported, bundled = read_model(str(path)), read_model('bundled')
    assert exported.metadata() == bundled.metadata()
    assert exported.max_cosine_distance > 0 and 'assumed' not in exported.origin.values()


def test_what_is_exported_already_is_not_exported_again(tmp_path, capsys):
    path = mean_colour(tmp_path / 'm.onnx')
    assert main(['export', str(path), str(tmp_path / 'n.onnx')]) == 2
    assert 'm.onnx: only checkpoints (*.ckpt) are exported' in capsys.readouterr().err
