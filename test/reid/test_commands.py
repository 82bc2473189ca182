"""The command line takes models of any kind, and says in one line what is wrong with others."""
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from onnx import helper
from small_models import FLOAT
from small_models import KINDS
from small_models import model_of
from small_models import random_model
from small_models import WITHOUT_ENGINES
from small_models import write

from deepsort_ros.cli import main


@pytest.fixture
def sequence(tmp_path):
    """Return a MOTChallenge sequence of two people who walk."""
    folder = tmp_path / 'walk'
    (folder / 'img1').mkdir(parents=True)
    (folder / 'det').mkdir()
    (folder / 'seqinfo.ini').write_text(
        '[Sequence]\nname=walk\nimDir=img1\nframeRate=10\nseqLength=5\nimWidth=160\n'
        'imHeight=120\nimExt=.png\n')
    rows, random = [], np.random.default_rng(0)
    for frame in range(1, 6):
        cv2.imwrite(str(folder / 'img1' / f'{frame:06}.png'),
                    random.integers(0, 255, (120, 160, 3), np.uint8))
        rows += [f'{frame},-1,{20 + frame + 70 * n},20,30,70,0.9,-1,-1,-1' for n in range(2)]
    (folder / 'det' / 'det.txt').write_text('\n'.join(rows) + '\n')
    return folder


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope='module')
def models(tmp_path_factory):
    """Return the models of ``KINDS``, and the bundled one."""
    folder = tmp_path_factory.mktemp('models')
    return {'bundled': 'bundled', **{kind: model_of(kind, folder) for kind in KINDS}}


def facts(kind):
    return {'bundled': ('mindspore', '128x64 NCHW', 128), **KINDS}[kind]


def test_track_takes_models_of_any_kind(sequence, models, tmp_path, capsys):
    results = {}
    for kind, model in models.items():
        output = tmp_path / f'{kind}.txt'
        code, out, _ = run(capsys, 'track', sequence, '--model', model, '--device', 'CPU', '--set',
                           'batch_buckets=[2]', '--output', output, '--json')
        found = json.loads(out)
        assert code == 0 and found['crops'] == 10 and found['encoder_error'] is None
        encoder = found['encoder']
        assert (encoder['engine'], encoder['input'], encoder['feature_size']) == facts(kind)
        results[kind] = output.read_text()
    assert results['bundled'] == results['mindir'] == results['onnx']
    assert '' not in results.values()


def test_evaluate_reid_takes_models_of_any_kind(models, tmp_path, capsys):
    people, random = tmp_path / 'people', np.random.default_rng(1)
    people.mkdir()
    for number in range(8):
        clothes = np.full((128, 64, 3), 30 * (1 + number // 2)) + random.integers(0, 20, 3)
        cv2.imwrite(str(people / f'{1 + number // 4:04}_c1s1_{number:06}_00.png'),
                    clothes.astype(np.uint8))
    distances = {}
    for kind, model in models.items():
        code, out, _ = run(capsys, 'evaluate-reid', people, '--model', model, '--device', 'CPU',
                           '--json')
        found = json.loads(out)
        assert code == 0 and 0 < found['rank1'] <= 1
        distances[kind] = found['distances']['equal_error_distance']
    for kind in ('mindir', 'onnx'):
        assert distances[kind] == pytest.approx(distances['bundled'], abs=1e-4)


def test_the_limit_of_the_model_is_in_the_history(sequence, tmp_path, capsys):
    model = random_model(tmp_path / 'm.onnx', metadata={'max_cosine_distance': 0.37})
    history = tmp_path / 'h.csv'
    for options, limit in (((), 0.37), (('--set', 'max_cosine_distance=0.1'), 0.1)):
        assert run(capsys, 'track', sequence, '--model', model, '--output', tmp_path / 'out.txt',
                   '--history', history, *options)[0] == 0
        assert f'"appearance": {limit}' in history.read_text().splitlines()[0]


def test_both_engines_track_the_bundled_network_alike(sequence, tmp_path, capsys):
    results = []
    for engine in ('mindspore', 'onnxruntime'):
        output = tmp_path / f'{engine}.txt'
        assert run(capsys, 'track', sequence, '--engine', engine, '--device', 'CPU', '--set',
                   'batch_buckets=[2]', '--output', output)[0] == 0
        results.append(output.read_text())
    assert results[0] == results[1] != ''


def described(folder, **description):
    (folder / 'm.json').write_text(json.dumps(description))
    return random_model(folder / 'm.onnx')


def written(folder, name, content):
    (folder / name).write_bytes(content)
    return folder / name


def shaped(folder, taken, given):
    nodes = [helper.make_node('Identity', ['x'], ['y'])]
    return write(folder / 'm.onnx', nodes, [('x', FLOAT, taken)], [('y', FLOAT, given)])


WRONG = {
    'another height': (
        lambda folder: described(folder, height=64), 'm.onnx: input x of shape '
        '(N, 3, 256, 128) has height 256, its description says 64'),
    'another length': (
        lambda folder: described(folder, feature_size=3), 'm.onnx: output feature of shape '
        '(N, 512) gives features of 512, its description says 3'),
    'grey images': (
        lambda folder: shaped(folder, ['N', 1, 64, 64], ['N', 8]), 'm.onnx: input x of shape '
        '(N, 1, 64, 64) is not (N, 3, H, W) or (N, H, W, 3)'),
    'maps for features': (
        lambda folder: shaped(folder, ['N', 3, 64, 64], ['N', 7, 8, 8]), 'm.onnx: output y of '
        'shape (N, 7, 8, 8) is not (N, D), one feature for each image'),
    'no ONNX': (lambda folder: written(folder, 'm.onnx', b'a text'), 'm.onnx'),
    'no MINDIR': (lambda folder: written(folder, 'm.mindir', b'a text'), 'm.mindir'),
    'one number': (
        lambda folder: shaped(folder, ['N', 3, 64, 64], ['N', 1]), 'm.onnx: output y of '
        'shape (N, 1) is one number for each image, no feature'),
    'a model of PyTorch': (lambda folder: written(folder, 'm.pt', b'PK'), 'm.pt: the suffix'),
    'no OpenVINO': (lambda folder: written(folder, 'm.xml', b''), 'm.xml is not a model of'),
    'no file': (lambda folder: folder / 'none.onnx', 'none.onnx'),
    'another suffix': (lambda folder: written(folder, 'm.net', b''), 'm.net')}


@pytest.mark.parametrize('wrong', WRONG)
def test_a_wrong_model_gives_one_line_in_every_command(sequence, tmp_path, capsys, wrong):
    make, says = WRONG[wrong]
    model = make(tmp_path)
    lines = set()
    commands = [('track', sequence, '--model', model),
                ('evaluate-reid', sequence / 'img1', '--model', model)]
    # This one tells about any file.
    commands += [('info', model)] if wrong not in ('no file', 'another suffix') else []
    for command in commands:
        code, _, err = run(capsys, *command)
        assert code == 2 and err.startswith('deepsort: ') and err.count('\n') == 1
        assert f'{tmp_path}/{says}' in err
        lines.add(err)
    assert len(lines) == 1, 'the same in each'


@pytest.mark.parametrize('appearance, code, says', [
    ('off', 0, ''),
    ('always', 2, ' needs mindspore or onnxruntime, which this Python has not: "pip install '
     'mindspore", or "pip install onnxruntime"\n')])
def test_without_any_engine_there_is_tracking_by_motion(
        sequence, tmp_path, appearance, code, says):
    script = WITHOUT_ENGINES + 'from deepsort_ros.cli import main\nsys.exit(main(sys.argv[1:]))'
    done = subprocess.run(
        [sys.executable, '-c', script, 'track', sequence, '--appearance', appearance, '--output',
         tmp_path / 'out.txt'], capture_output=True, text=True)
    assert done.returncode == code and done.stderr.endswith(says)
    assert done.stderr.count('\n') == bool(says)
    assert appearance == 'always' or (tmp_path / 'out.txt').read_text()


def test_info_tells_all_about_a_model_and_where_it_is_from(tmp_path, capsys):
    model = random_model(tmp_path / 'm.onnx', layout='NHWC', batch=4, metadata={
        'color_order': 'bgr', 'architecture': 'tiny'})
    (tmp_path / 'm.json').write_text('{"max_cosine_distance": 0.4}')
    found = json.loads(run(capsys, 'info', model, '--json')[1])
    assert (found['kind'], found['images_per_call']) == ('ONNX model', 4)
    assert (found['height'], found['width'], found['layout']) == (256, 128, 'NHWC')
    assert (found['feature_size'], found['color_order'], found['source']) == (512, 'bgr', None)
    assert found['output'] == 'feature'
    assert found['origin'] == {'max_cosine_distance': 'file beside it', 'mean': 'assumed',
                               'std': 'assumed'}
    assert found['engines'] == {'onnxruntime': 'installed'}
    _, out, _ = run(capsys, 'info', 'bundled')
    assert 'max_cosine_distance: 0.' in out and 'mindspore: installed' in out
