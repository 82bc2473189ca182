"""What a model says about itself, and how what fits no rule is refused."""
import json

import onnx
import pytest
from small_models import FLOAT
from small_models import mean_colour
from small_models import random_model
from small_models import write

from deepsort_ros.reid.files import ModelError
from deepsort_ros.reid.model import read_model
from deepsort_ros.reid.onnx_file import write_metadata


@pytest.mark.parametrize('layout', ['NCHW', 'NHWC'])
def test_shapes_are_those_of_the_file(tmp_path, layout):
    path = random_model(tmp_path / 'm.onnx', (256, 128), 512, layout)
    model = read_model(str(path))
    assert (model.height, model.width, model.layout) == (256, 128, layout)
    assert (model.feature_size, model.batch, model.kind) == (512, 0, '.onnx')
    assert model.origin['height'] == model.origin['layout'] == 'file'
    assert (model.color_order, model.origin['color_order']) == ('rgb', 'assumed')


def test_a_fixed_batch_is_seen(tmp_path):
    assert read_model(str(random_model(tmp_path / 'm.onnx', batch=4))).batch == 4


def test_metadata_say_the_rest(tmp_path):
    said = {'color_order': 'bgr', 'mean': [0.5, 0.4, 0.3], 'std': [1, 1, 1],
            'max_cosine_distance': 0.3, 'architecture': 'tiny', 'source': 'a test'}
    model = read_model(str(mean_colour(tmp_path / 'm.onnx', **said)))
    assert (model.color_order, model.mean, model.std) == ('bgr', (0.5, 0.4, 0.3), (1.0,) * 3)
    assert (model.max_cosine_distance, model.architecture, model.source) == (0.3, 'tiny', 'a test')
    assert {model.origin[name] for name in said} == {'file'}


def test_a_file_beside_the_model_wins_over_its_metadata_and_settings_over_both(tmp_path):
    path = mean_colour(tmp_path / 'm.onnx', color_order='bgr', max_cosine_distance=0.3)
    (tmp_path / 'm.json').write_text('{"max_cosine_distance": 0.4, "mean": [0, 0, 0]}')
    model = read_model(str(path))
    assert (model.max_cosine_distance, model.color_order, model.mean) == (0.4, 'bgr', (0.0,) * 3)
    assert model.origin['max_cosine_distance'] == 'file beside it'
    model = read_model(str(path), 'rgb', 'signed')
    assert (model.color_order, model.mean, model.std) == ('rgb', (0.5,) * 3, (0.5,) * 3)
    assert model.origin['color_order'] == model.origin['std'] == 'setting'


def test_a_size_the_file_leaves_open_is_said_beside_it(tmp_path):
    path = random_model(tmp_path / 'm.onnx', ('H', 'W'))
    with pytest.raises(ModelError, match=r'of shape \(N, 3, \?, \?\) leaves the height open: '
                       r'write it into .*m\.json, as in {"height": 256, "width": 128}'):
        read_model(str(path))
    (tmp_path / 'm.json').write_text('{"height": 128, "width": 64}')
    model = read_model(str(path))
    assert (model.height, model.width, model.origin['height']) == (128, 64, 'file beside it')


def test_the_bundled_checkpoint_says_its_distance():
    model = read_model('bundled')
    assert 0.0 < model.max_cosine_distance < 1.0
    assert model.origin['mean'] == 'file' and model.architecture


@pytest.mark.parametrize('text, says', [
    ('{', 'm.json: not JSON'), ('[1]', 'm.json: not a JSON object'),
    ('{"colour": "rgb"}', 'colour: "rgb" is not known; known are height, width'),
    ('{"color_order": "RGB"}', 'color_order: "RGB" is not one of rgb, bgr'),
    ('{"layout": "HWC"}', 'layout: "HWC" is not one of NCHW, NHWC'),
    ('{"mean": [1, 2]}', r'mean: \[1, 2\] is not a list of three numbers'),
    ('{"std": [0, 1, 1]}', 'three numbers above 0'),
    ('{"max_cosine_distance": 3}', 'max_cosine_distance: 3 is not a number above 0 and up to 2'),
    ('{"source": 3}', 'source: 3 is not a text'),
    ('{"height": 12.5}', 'height: 12.5 is not a whole number'),
    ('{"height": 100}', 'has height 256, its description says 100'),
    ('{"feature_size": 64}', 'gives features of 512, its description says 64'),
    ('{"layout": "NHWC"}', r'shape \(N, 3, 256, 128\) is not NHWC with three channels')])
def test_a_description_that_is_wrong_is_refused_by_field_and_value(tmp_path, text, says):
    path = random_model(tmp_path / 'm.onnx')
    (tmp_path / 'm.json').write_text(text)
    with pytest.raises(ModelError, match=says):
        read_model(str(path))


def identity(tmp_path, inputs, outputs=(('y', FLOAT, ['N', 8]),)):
    nodes = [onnx.helper.make_node('Identity', [inputs[0][0]], ['y'])]
    return write(tmp_path / 'm.onnx', nodes, inputs, outputs)


@pytest.mark.parametrize('inputs, outputs, says', [
    ([('x', FLOAT, ['N', 1, 64, 64])], None, r'input x of shape \(N, 1, 64, 64\) is not '
     r'\(N, 3, H, W\) or \(N, H, W, 3\)'),
    ([('x', FLOAT, ['N', 64])], None, r'inputs are x \(N, 64\); one is needed, of shape'),
    ([('x', FLOAT, ['N', 3, 8, 8]), ('mask', FLOAT, ['N'])], None,
     r'inputs are x \(N, 3, 8, 8\), mask \(N\); one is needed'),
    ([('x', onnx.TensorProto.UINT8, ['N', 3, 8, 8])], None, 'takes uint8, not float32'),
    ([('x', FLOAT, ['N', 3, 8, 8])], [('y', FLOAT, ['N', 7, 8, 8])],
     r'output y of shape \(N, 7, 8, 8\) is not \(N, D\), one feature for each image'),
    ([('x', FLOAT, ['N', 3, 8, 8])], [('y', onnx.TensorProto.INT64, ['N', 8])],
     'its output y gives int64, not float32 or float16'),
    ([('x', FLOAT, ['N', 3, 8, 8])], [('y', FLOAT, ['N', 1])],
     r'output y of shape \(N, 1\) is one number for each image, no feature')])
def test_a_graph_that_takes_no_images_or_gives_no_features_is_refused(
        tmp_path, inputs, outputs, says):
    path = identity(tmp_path, inputs, *([outputs] if outputs else []))
    with pytest.raises(ModelError, match=says):
        read_model(str(path))


@pytest.mark.parametrize('name, content, says', [
    ('m.onnx', b'not a model', 'm.onnx is not an ONNX model'),
    ('m.onnx', b'', 'm.onnx is not an ONNX model: holds no graph'),
    ('m.mindir', bytes(range(256)), 'm.mindir is not a MindIR model'),
    ('m.pt', b'x', r'm.pt: the suffix is not one of .*, .onnx, .xml: a file of PyTorch'),
    ('m.safetensors', b'x', r'weights without their network; torch.onnx.export'),
    ('m.engine', b'x', r'an engine of TensorRT\? Give the .onnx'),
    ('m.onnx', b'PK\3\4' + bytes(30), r'm.onnx is not what its suffix says, but a zip archive'),
    ('m.ckpt', b'PK\3\4' + bytes(30), r'm.ckpt is not what its suffix says, but a zip archive'),
    ('m.onnx', b'\x40' + bytes(7) + b'{"w":{"dtype":"F32"}}', 'but weights without their network'),
    ('m.onnx', b'<!DOCTYPE html><html>', 'but a web page; download the file itself'),
    ('m.mindir', b'version https://git-lfs.github.com/spec/v1', '"git lfs pull" brings the file')])
def test_what_is_no_model_is_refused_by_name(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=says):
        read_model(str(tmp_path / name))


def test_the_case_of_the_suffix_does_not_matter(tmp_path):
    path = random_model(tmp_path / 'm.ONNX')
    assert read_model(str(path)).kind == '.onnx'


@pytest.mark.parametrize('outputs, chosen', [
    ((('maps', FLOAT, ['N', 3, 8, 8]), ('a', FLOAT, ['N', 8]), ('b', FLOAT, ['N', 9])), 'a'),
    ((('count', onnx.TensorProto.INT64, ['N', 4]), ('b', FLOAT, ['N', 9])), 'b')])
def test_of_several_outputs_the_first_that_can_be_a_feature_counts(tmp_path, outputs, chosen):
    model = read_model(str(identity(tmp_path, [('x', FLOAT, ['N', 3, 8, 8])], outputs)))
    assert model.output == chosen


def test_metadata_are_written_and_nothing_else_is_changed(tmp_path):
    path = mean_colour(tmp_path / 'm.onnx', max_cosine_distance=0.3)
    before = onnx.load(path)
    onnx.helper.set_model_props(before, {
        'other': 'stays', 'deepsort_ros': json.dumps({'max_cosine_distance': 0.3})})
    onnx.save(before, path)
    write_metadata(path, 'deepsort_ros', '{"max_cosine_distance": 0.5}')
    after = onnx.load(path)
    assert after.graph == before.graph and after.opset_import == before.opset_import
    assert {entry.key: entry.value for entry in after.metadata_props} == {
        'other': 'stays', 'deepsort_ros': '{"max_cosine_distance": 0.5}'}
    assert read_model(str(path)).max_cosine_distance == 0.5
    assert list(tmp_path.iterdir()) == [path]
