"""Any model on any engine: the same features, and one clear message for what cannot run."""
import importlib.util
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from small_models import FLOAT
from small_models import mean_colour
from small_models import random_model
from small_models import write

from deepsort_ros.cli import main
from deepsort_ros.reid import engines
from deepsort_ros.reid.encoder import Encoder
from deepsort_ros.reid.files import ModelError

BOXES = np.array([[10.0, 5, 40, 100], [60, 20, 80, 90], [-900, 0, 5, 5], [100, 30, 90, 150],
                  [0, 0, 30, 60], [150, 90, 60, 100], [20, 20, 64, 128], [200, 10, 40, 80]])


@pytest.fixture(scope='module')
def image():
    small = np.random.default_rng(3).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return np.ascontiguousarray(small.repeat(20, axis=0).repeat(20, axis=1))


@pytest.fixture(scope='module')
def features(random_checkpoint, image):
    encoder = Encoder.create(str(random_checkpoint), 'CPU', batch_buckets=(1, 8))
    return encoder.encode(image, BOXES)


@pytest.fixture(scope='module')
def exported(random_checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp('exported')
    for name, batch in (('any.mindir', 0), ('four.mindir', 4), ('any.onnx', 0), ('one.onnx', 1)):
        assert main(['export', str(random_checkpoint), str(folder / name), '--device', 'CPU',
                     '--batch', str(batch)]) == 0
    return folder


def check_agrees(found, expected):
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize('name', ['any.mindir', 'four.mindir', 'any.onnx', 'one.onnx'])
def test_what_is_exported_gives_the_features_of_the_checkpoint(exported, name, image, features):
    encoder = Encoder.create(str(exported / name), 'CPU', batch_buckets=(1, 8))
    encoder.warm_up()
    check_agrees(encoder.encode(image, BOXES), features)
    assert encoder.describe()['engine'] == (
        'mindspore' if name.endswith('.mindir') else 'onnxruntime')


def test_a_checkpoint_runs_in_onnx_runtime_with_the_same_features(
        random_checkpoint, image, features):
    encoder = Encoder.create(str(random_checkpoint), 'CPU', engine='onnxruntime')
    check_agrees(encoder.encode(image, BOXES), features)
    assert encoder.describe()['engine'] == 'onnxruntime' and encoder.batch_buckets == ()


def test_onnx_runtime_takes_any_number_of_crops_and_no_mate_changes_a_feature(
        random_checkpoint, image, features):
    encoder = Encoder.create(
        str(random_checkpoint), 'CPU', engine='onnxruntime', batch_buckets=(3,))
    for count in range(len(BOXES) + 1):
        check_agrees(encoder.encode(image, BOXES[:count]), features[:count])


def test_a_checkpoint_in_onnx_runtime_needs_no_mindspore(random_checkpoint):
    script = (
        'import sys\n'
        'sys.modules["mindspore"] = None\n'
        'from deepsort_ros.reid.encoder import Encoder\n'
        f'Encoder.create({str(random_checkpoint)!r}, "CPU", engine="onnxruntime").warm_up()\n')
    subprocess.run([sys.executable, '-c', script], check=True)


@pytest.mark.parametrize('size, length, layout', [
    ((256, 128), 512, 'NCHW'), ((256, 128), 512, 'NHWC'), ((128, 64), 96, 'NHWC'),
    ((80, 40), 7, 'NCHW')])
def test_models_of_any_size_layout_and_length_run(tmp_path, image, size, length, layout):
    path = random_model(tmp_path / 'm.onnx', size, length, layout)
    encoder = Encoder.create(str(path), 'CPU')
    found = encoder.encode(image, BOXES)
    assert found.shape == (len(BOXES), length) and encoder.feature_size == length
    assert np.isnan(found[2]).all()
    np.testing.assert_allclose(np.linalg.norm(np.delete(found, 2, 0), axis=1), 1.0, atol=1e-5)
    kept = encoder.keep(image, BOXES)
    assert kept[0].shape == (*size, 3) and kept[2] is None
    black = np.zeros_like(image)
    late = encoder.encode(black, BOXES[:0], 'bgr8', [crop for crop in kept if crop is not None])
    np.testing.assert_allclose(late, np.delete(found, 2, 0), rtol=0, atol=1e-5)


def test_both_layouts_of_one_model_give_the_same_features(tmp_path, image):
    first, second = (
        Encoder.create(str(random_model(tmp_path / f'{layout}.onnx', layout=layout)), 'CPU')
        for layout in ('NCHW', 'NHWC'))
    np.testing.assert_allclose(
        first.encode(image, BOXES), second.encode(image, BOXES), rtol=0, atol=1e-6)


def test_half_precision_models_are_fed_half_precision(tmp_path, image):
    whole, half = (
        Encoder.create(str(random_model(tmp_path / f'{kind}.onnx', kind=kind)), 'CPU')
        for kind in (FLOAT, onnx.TensorProto.FLOAT16))
    found = half.encode(image, BOXES[:2])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, whole.encode(image, BOXES[:2]), rtol=0, atol=2e-3)


@pytest.mark.parametrize('layout', ['NCHW', 'NHWC'])
@pytest.mark.parametrize('said, fed', [
    ({}, ((200 / 255 - 0.485) / 0.229, (100 / 255 - 0.456) / 0.224, (50 / 255 - 0.406) / 0.225)),
    ({'color_order': 'bgr'},
     ((50 / 255 - 0.485) / 0.229, (100 / 255 - 0.456) / 0.224, (200 / 255 - 0.406) / 0.225)),
    ({'mean': [0, 0, 0], 'std': [1, 1, 1]}, (200 / 255, 100 / 255, 50 / 255)),
    ({'mean': [0, 0, 0], 'std': [1 / 255, 1 / 255, 1 / 255]}, (200, 100, 50)),
    ({'mean': [0.5, 0.5, 0.5], 'std': [0.5, 0.5, 0.25]}, (
        145 / 255, -55 / 255, -310 / 255))])
def test_pixels_are_normalised_as_the_model_says(tmp_path, layout, said, fed):
    encoder = Encoder.create(str(mean_colour(tmp_path / 'm.onnx', layout, **said)), 'CPU')
    red_first = np.full((50, 50, 3), (200, 100, 50), np.uint8)
    found = encoder.encode(red_first, np.array([[0.0, 0, 50, 50]]), 'rgb8')[0]
    np.testing.assert_allclose(found, np.array(fed) / np.linalg.norm(fed), rtol=0, atol=1e-5)


def test_an_output_of_no_declared_length_is_measured(tmp_path, image):
    nodes = [onnx.helper.make_node('Flatten', ['x'], ['y'])]
    path = write(tmp_path / 'm.onnx', nodes, [('x', FLOAT, ['N', 3, 8, 4])],
                 [('y', FLOAT, ['N', 'D'])])
    encoder = Encoder.create(str(path), 'CPU')
    assert encoder.feature_size == 96
    assert encoder.encode(image, BOXES[:1]).shape == (1, 96)


def test_an_output_of_another_shape_than_declared_is_refused_with_both(tmp_path, image):
    nodes = [onnx.helper.make_node('ReduceMean', ['x'], ['y'], axes=[0, 2], keepdims=0)]
    path = write(tmp_path / 'm.onnx', nodes, [('x', FLOAT, ['N', 3, 8, 4])],
                 [('y', FLOAT, ['A', 'B'])])
    with pytest.raises(ModelError, match=r'from images of shape \(1, 3, 8, 4\) it makes \(3, 4\), '
                       r'not \(1, D\), one feature for each image'):
        Encoder.create(str(path), 'CPU')


def test_a_graph_onnx_runtime_cannot_load_is_refused_by_name(tmp_path):
    nodes = [onnx.helper.make_node('NoSuchOperator', ['x'], ['y'])]
    path = write(tmp_path / 'm.onnx', nodes, [('x', FLOAT, ['N', 3, 8, 4])],
                 [('y', FLOAT, ['N', 8])])
    with pytest.raises(ModelError, match=f'{path}: onnxruntime cannot load it: .*NoSuchOperator'):
        Encoder.create(str(path), 'CPU')


@pytest.mark.parametrize('fault, says', [
    ('weights', '(External data path does not exist|cannot get file size): .*; put the file with '
     'its weights beside it'),
    ('opset', 'Opset 99 is under development.*; export it with an older opset'),
    ('version', r'm.onnx: onnxruntime cannot load it: Unsupported model IR version: 99, .*'
     '; export it with an older opset')])
def test_what_helps_is_said_of_a_graph_onnx_runtime_cannot_load(tmp_path, fault, says):
    path = random_model(tmp_path / 'm.onnx')
    model = onnx.load(path)
    if fault == 'weights':
        onnx.save(model, path, save_as_external_data=True, location='w.bin', size_threshold=0)
        (tmp_path / 'w.bin').unlink()
    elif fault == 'opset':
        model.opset_import[0].version = 99
        onnx.save(model, path)
    else:
        model.ir_version = 99
        onnx.save(model, path)
    with pytest.raises(ModelError, match=says) as refused:
        Encoder.create(str(path), 'CPU')
    assert 'onnxruntime_src' not in str(refused.value)


def test_features_that_are_all_zero_are_refused(tmp_path, image):
    path = random_model(tmp_path / 'm.onnx')
    model = onnx.load(path)
    weight = onnx.numpy_helper.to_array(model.graph.initializer[0])
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(0 * weight, 'weight'))
    onnx.save(model, path)
    with pytest.raises(ModelError, match='all 8 features are NaN, infinite or zero'):
        Encoder.create(str(path), 'CPU').encode(image, np.tile(BOXES[:1], (8, 1)))


def test_a_mindir_that_mindspore_cannot_load_is_refused_by_name(exported, tmp_path):
    path = tmp_path / 'm.mindir'
    content = (exported / 'any.mindir').read_bytes()
    path.write_bytes(content.replace(b'Conv2D', b'Conv9D'))
    with pytest.raises(ModelError, match=f'{path}: mindspore cannot load it: .*Conv9D'):
        Encoder.create(str(path), 'CPU', batch_buckets=(1,))


@pytest.mark.parametrize('engine, model, says', [
    ('mindspore', 'm.onnx', r'engine: mindspore does not run m.onnx; \*.onnx runs with '
     'onnxruntime'),
    ('onnxruntime', 'any.mindir', r'does not run any.mindir; \*.mindir runs with mindspore or '
     'mindspore_lite'),
    ('mindspore_lite', 'random.ckpt', r'\*.ckpt runs with mindspore or onnxruntime')])
def test_an_engine_that_does_not_run_the_model_is_refused_with_those_that_do(
        tmp_path, exported, random_checkpoint, engine, model, says):
    path = {'m.onnx': tmp_path / 'm.onnx', 'any.mindir': exported / 'any.mindir',
            'random.ckpt': random_checkpoint}[model]
    if model == 'm.onnx':
        random_model(path)
    with pytest.raises(engines.EngineError, match=says):
        Encoder.create(str(path), 'CPU', engine=engine)


def test_a_provider_that_is_not_there_is_replaced_aloud(tmp_path, caplog):
    path = random_model(tmp_path / 'm.onnx')
    encoder = Encoder.create(str(path), 'TensorRT', precision='fp16')
    if encoder.device != 'CPU':
        pytest.skip('this onnxruntime has TensorRT')
    assert encoder.device_note == (
        'device TensorRT 0 is not available (this onnxruntime has no provider for it: pip install '
        'onnxruntime-gpu); using CPU; precision fp16 is not for CPU; using fp32')
    assert encoder.device_note in caplog.text


def test_a_device_of_another_engine_is_refused_with_those_there_are(random_checkpoint):
    with pytest.raises(engines.EngineError, match="device: 'OpenVINO' is not one of auto, Ascend, "
                       'GPU, CPU, as mindspore has them'):
        Encoder.create(str(random_checkpoint), 'OpenVINO')


@pytest.fixture
def without(monkeypatch):
    """Return a function that hides packages."""
    hidden = set()
    find_spec = importlib.util.find_spec

    def found(name, *rest):
        return None if name in hidden else find_spec(name, *rest)

    monkeypatch.setattr(importlib.util, 'find_spec', found)
    return hidden.update


def test_a_missing_engine_is_said_with_the_command_that_installs_it(tmp_path, without):
    without({'onnxruntime'})
    path = random_model(tmp_path / 'm.onnx')
    says = 'm.onnx needs onnxruntime, which this Python has not: "pip install onnxruntime"'
    with pytest.raises(engines.EngineError, match=says):
        Encoder.create(str(path))


def test_without_mindspore_a_checkpoint_runs_in_onnx_runtime(random_checkpoint, without):
    without({'mindspore'})
    assert Encoder.create(str(random_checkpoint), 'CPU').describe()['engine'] == 'onnxruntime'
    without({'onnxruntime'})
    with pytest.raises(engines.EngineError, match='"pip install mindspore", or "pip install '
                       'onnxruntime"'):
        Encoder.create(str(random_checkpoint), 'CPU')


def test_an_engine_that_cannot_be_imported_is_said_so(tmp_path):
    path = random_model(tmp_path / 'm.onnx')
    broken = tmp_path / 'broken' / 'onnxruntime'
    broken.mkdir(parents=True)
    (broken / '__init__.py').write_text('raise ImportError("libcudnn.so.9 is missing")')
    script = (
        'from deepsort_ros.reid.encoder import Encoder\n'
        f'try:\n    Encoder.create({str(path)!r})\n'
        'except ValueError as error:\n    print(error)\n')
    done = subprocess.run(
        [sys.executable, '-c', script], capture_output=True, text=True, check=True,
        env={**os.environ, 'PYTHONPATH': f'{broken.parent}{os.pathsep}{os.getcwd()}'})
    assert 'engine: onnxruntime cannot be imported: libcudnn.so.9 is missing' in done.stdout
    assert '"pip install onnxruntime"' in done.stdout
