"""The bundled network: cell, export and the same network in PyTorch agree."""
from pathlib import Path

import numpy as np
import pytest
from random_network import random_parameters
from random_network import write_checkpoint

from deepsort_ros.reid import checkpoint
from deepsort_ros.reid.architectures import ARCHITECTURES
from deepsort_ros.reid.architectures import OMNI
from deepsort_ros.reid.architectures import OMNI_STAGES
from deepsort_ros.reid.architectures import recognise
from deepsort_ros.reid.cells import create_cell
from deepsort_ros.reid.export import export
from deepsort_ros.reid.folding import fold
from deepsort_ros.reid.mindspore_graph import load_graph
from deepsort_ros.reid.model import read_model
from deepsort_ros.reid.runtime import ms
from deepsort_ros.reid.runtime import ops

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def parameters():
    return random_parameters(architecture=OMNI)


@pytest.fixture(scope='module')
def images():
    return np.random.default_rng(5).normal(size=(2, 3, 128, 64)).astype(np.float32)


@pytest.fixture(scope='module')
def features(parameters, images):
    cell = create_cell(OMNI)
    checkpoint.assign(cell, parameters)
    cell.set_train(False)
    return cell(ms.Tensor(images)).asnumpy()


@pytest.mark.parametrize('architecture', ARCHITECTURES, ids=lambda one: one.name)
def test_the_shapes_are_those_of_the_cell(architecture):
    own = create_cell(architecture).parameters_dict()
    assert {name: tuple(p.shape) for name, p in own.items()} == dict(architecture.shapes)


@pytest.mark.parametrize('architecture', ARCHITECTURES, ids=lambda one: one.name)
def test_a_checkpoint_is_recognised_by_the_names_of_its_parameters(architecture):
    assert recognise(random_parameters(architecture=architecture)) is architecture


def test_the_bundled_checkpoint_is_of_this_network():
    parameters = checkpoint.feature_parameters(checkpoint.resolve('bundled'))
    assert recognise(parameters) is OMNI
    assert {name: value.shape for name, value in parameters.items()} == dict(OMNI.shapes)


def test_nothing_is_folded(parameters):
    folded = fold(parameters)
    assert set(folded) == set(parameters)
    for name, value in folded.items():
        np.testing.assert_array_equal(value, parameters[name])


def test_the_onnx_file_gives_the_features_of_the_cell(parameters, images, features, tmp_path):
    onnxruntime = pytest.importorskip('onnxruntime')
    path = write_checkpoint(parameters, tmp_path / 'model.ckpt')
    export(str(path), tmp_path / 'model.onnx')
    session = onnxruntime.InferenceSession(
        str(tmp_path / 'model.onnx'), providers=['CPUExecutionProvider'])
    found, = session.run(None, {'images': images})
    np.testing.assert_allclose(
        found, features / np.linalg.norm(features, axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize('architecture', ARCHITECTURES, ids=lambda one: one.name)
def test_the_graph_gives_the_features_of_the_cell(architecture, images):
    parameters = random_parameters(architecture=architecture)
    cell = create_cell(architecture)
    checkpoint.assign(cell, parameters)
    features = cell.set_train(False)(ms.Tensor(images)).asnumpy()
    graph = load_graph(architecture, fold(parameters))
    one, both = (graph(ms.Tensor(images[:count])).asnumpy() for count in (1, 2))
    np.testing.assert_allclose(both, features, rtol=0, atol=1e-5 * np.abs(features).max())
    np.testing.assert_allclose(one, features[:1], rtol=0, atol=1e-5 * np.abs(features).max())


def test_other_light_and_contrast_of_the_whole_image_change_no_feature(
        parameters, images, features):
    cell = create_cell(OMNI)
    checkpoint.assign(cell, parameters)
    changed = images * np.array([2.0, 0.5, 1.5], np.float32).reshape(3, 1, 1) + 0.3
    found = cell(ms.Tensor(changed.astype(np.float32))).asnumpy()
    np.testing.assert_allclose(found, features, atol=1e-3 * np.abs(features).max())


def test_the_mindir_file_is_written(parameters, tmp_path):
    path = write_checkpoint(parameters, tmp_path / 'model.ckpt')
    export(str(path), tmp_path / 'model.mindir', device='CPU')
    assert read_model(str(tmp_path / 'model.mindir')).architecture == OMNI.name


def test_the_neck_and_the_classifier_stay_out_of_the_model(tmp_path):
    checkpoint.save_feature(create_cell(OMNI, 5), tmp_path / 'model.ckpt')
    assert set(checkpoint.read(tmp_path / 'model.ckpt')) == set(OMNI.shapes)


def test_crops_of_half_the_size_share_the_weights_of_places(parameters):
    cell = create_cell(OMNI)
    checkpoint.assign(cell, parameters)
    channels = OMNI_STAGES[-1].channels
    places = np.random.default_rng(1).normal(size=(1, channels, 8, 4)).astype(np.float32)
    doubled = ops.repeat_elements(ops.repeat_elements(ms.Tensor(places), 2, 2), 2, 3)
    np.testing.assert_allclose(cell.average(ms.Tensor(places)).asnumpy(),
                               cell.average(doubled).asnumpy(), atol=1e-5)


def test_pytorch_computes_the_same_features(parameters, images, features, monkeypatch):
    torch = pytest.importorskip('torch', reason='PyTorch is not installed')
    monkeypatch.syspath_prepend(str(ROOT))
    from training.convert import mindspore_names
    from training.omni import OmniArchitecture
    from training.omni import OmniNetwork
    network = OmniNetwork(OmniArchitecture())
    assert set(mindspore_names({
        name: value.numpy() for name, value in network.state_dict().items()})) == set(OMNI.shapes)
    network.load_state_dict({
        name: torch.from_numpy(value) for name, value in parameters.items()})
    network.eval()
    with torch.no_grad():
        found = network(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(found, features, atol=1e-5 * np.abs(features).max())
