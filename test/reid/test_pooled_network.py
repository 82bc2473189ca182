"""The pooled residual network: cell, checkpoint, export and the same in PyTorch agree."""
from pathlib import Path

import numpy as np
import pytest
from random_network import random_parameters
from random_network import write_checkpoint

from deepsort_ros.reid import checkpoint
from deepsort_ros.reid.architectures import MODELZOO
from deepsort_ros.reid.architectures import OMNI
from deepsort_ros.reid.architectures import POOLED
from deepsort_ros.reid.architectures import recognise
from deepsort_ros.reid.cells import create_cell
from deepsort_ros.reid.export import export
from deepsort_ros.reid.folding import fold
from deepsort_ros.reid.model import read_model
from deepsort_ros.reid.runtime import ms

ROOT = Path(__file__).resolve().parents[2]


def cell_with(parameters, folded=False):
    cell = create_cell(POOLED, folded=folded)
    checkpoint.assign(cell, parameters)
    cell.set_train(False)
    return cell


@pytest.fixture
def images():
    return np.random.default_rng(5).normal(size=(2, 3, 128, 64)).astype(np.float32)


@pytest.mark.parametrize('architecture', [MODELZOO, POOLED, OMNI])
def test_the_shapes_are_those_of_the_cell(architecture):
    own = create_cell(architecture).parameters_dict()
    assert {name: tuple(p.shape) for name, p in own.items()} == dict(architecture.shapes)


@pytest.mark.parametrize('architecture', [MODELZOO, POOLED, OMNI])
def test_a_checkpoint_is_recognised_by_the_names_of_its_parameters(architecture):
    assert recognise(random_parameters(architecture=architecture)) is architecture


def test_folding_the_normalisations_changes_no_feature(images):
    parameters = random_parameters(architecture=POOLED)
    plain = cell_with(parameters)(ms.Tensor(images)).asnumpy()
    folded = cell_with(fold(parameters), True)(ms.Tensor(images)).asnumpy()
    np.testing.assert_allclose(folded, plain, rtol=1e-4, atol=1e-5 * np.abs(plain).max())


def test_the_onnx_file_gives_the_features_of_the_cell(images, tmp_path):
    onnxruntime = pytest.importorskip('onnxruntime')
    parameters = random_parameters(architecture=POOLED)
    path = write_checkpoint(parameters, tmp_path / 'model.ckpt')
    export(str(path), tmp_path / 'model.onnx')
    session = onnxruntime.InferenceSession(
        str(tmp_path / 'model.onnx'), providers=['CPUExecutionProvider'])
    found, = session.run(None, {'images': images})
    expected = cell_with(parameters)(ms.Tensor(images)).asnumpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_mindir_file_is_written(tmp_path):
    path = write_checkpoint(random_parameters(architecture=POOLED), tmp_path / 'model.ckpt')
    export(str(path), tmp_path / 'model.mindir', device='CPU')
    assert read_model(str(tmp_path / 'model.mindir')).architecture == POOLED.name


def test_the_neck_and_the_classifier_stay_out_of_the_model(tmp_path):
    network = create_cell(POOLED, 5)
    checkpoint.save_feature(network, tmp_path / 'model.ckpt')
    assert set(checkpoint.read(tmp_path / 'model.ckpt')) == set(POOLED.shapes)


def test_pytorch_computes_the_same_features(images, monkeypatch):
    torch = pytest.importorskip('torch', reason='PyTorch is not installed')
    monkeypatch.syspath_prepend(str(ROOT))
    from training.convert import mindspore_names
    from training.networks import ARCHITECTURES
    from training.networks import Network
    torch.manual_seed(0)
    network = Network(ARCHITECTURES['plain'])
    for name, buffer in network.named_buffers():
        if name.endswith('running_var'):
            buffer.uniform_(0.5, 1.5)
    network.eval()
    with torch.no_grad():
        expected = network(torch.from_numpy(images)).numpy()
    parameters = mindspore_names({
        name: value.numpy() for name, value in network.state_dict().items()})
    found = cell_with(parameters)(ms.Tensor(images)).asnumpy()
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
