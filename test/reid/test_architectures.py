"""What is known of the networks without MindSpore agrees with their cells."""
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from random_network import random_parameters

from deepsort_ros.reid import checkpoint
from deepsort_ros.reid import weights
from deepsort_ros.reid.architectures import MODELZOO
from deepsort_ros.reid.architectures import recognise
from deepsort_ros.reid.folding import fold
from deepsort_ros.reid.network import AppearanceNetwork
from deepsort_ros.reid.onnx_graph import onnx_model


def test_the_shapes_are_those_of_the_cell():
    own = {name: tuple(p.shape) for name, p in AppearanceNetwork().parameters_dict().items()}
    assert own == dict(MODELZOO.shapes)


def test_every_layer_is_folded_into_weight_and_bias():
    folded = fold(random_parameters())
    layers = {layer for layer, _ in MODELZOO.norms}
    assert set(folded) == {f'{layer}.{part}' for layer in layers for part in ('weight', 'bias')}
    for layer in layers:
        assert folded[f'{layer}.weight'].shape == MODELZOO.shapes[f'{layer}.weight']
        assert folded[f'{layer}.bias'].shape == MODELZOO.shapes[f'{layer}.weight'][:1]


def test_a_checkpoint_is_recognised_by_the_names_of_its_parameters():
    assert recognise(random_parameters()) is MODELZOO


def test_tensors_are_read_as_mindspore_reads_them(random_checkpoint):
    expected = {name: p.asnumpy() for name, p in checkpoint.read(random_checkpoint).items()}
    found = weights.read_tensors(random_checkpoint)
    assert list(found) == list(expected)
    for name, value in found.items():
        assert value.dtype == expected[name].dtype
        assert np.array_equal(value, expected[name])


@pytest.mark.parametrize('batch', [0, 3])
def test_the_onnx_file_is_valid_and_its_shapes_follow_from_each_other(batch):
    content = onnx_model(MODELZOO, fold(random_parameters()), batch, {'architecture': 'zoo'})
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    images, = model.graph.input
    assert images.name == 'images'
    first, *rest = images.type.tensor_type.shape.dim
    assert (first.dim_value, first.dim_param) == (batch, '' if batch else 'N')
    assert [dim.dim_value for dim in rest] == [3, 128, 64]
    assert model.metadata_props[0].value == '{"architecture": "zoo"}'


def test_onnx_is_written_without_mindspore_and_onnx(random_checkpoint, tmp_path):
    script = (
        'import sys\n'
        'sys.modules["mindspore"] = sys.modules["onnx"] = None\n'
        'from deepsort_ros.cli import main\n'
        f'sys.exit(main(["export", {str(random_checkpoint)!r}, {str(tmp_path / "m.onnx")!r}]))')
    subprocess.run([sys.executable, '-c', script], check=True)
    assert onnx.load(tmp_path / 'm.onnx').graph.output[0].name == 'features'


def test_in_half_precision_the_file_is_half_as_large_and_features_nearly_the_same():
    folded = fold(random_parameters())
    images = np.random.default_rng(0).normal(size=(2, 3, 128, 64)).astype(np.float32)
    whole, half = (onnx_model(MODELZOO, folded, half=half) for half in (False, True))
    assert len(half) < 0.51 * len(whole)
    onnx.checker.check_model(onnx.load_from_string(half), full_check=True)
    first, second = (
        onnxruntime.InferenceSession(content, providers=['CPUExecutionProvider']).run(
            None, {'images': images})[0] for content in (whole, half))
    assert second.dtype == np.float32
    np.testing.assert_allclose(first, second, rtol=0, atol=2e-3)
