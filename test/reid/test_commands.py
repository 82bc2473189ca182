"""The command line takes models of any kind, and says in one line what is wrong with others."""
import json

import cv2
import numpy as np
import pytest
from small_models import random_model

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


@pytest.mark.parametrize('layout', ['NCHW', 'NHWC'])
def test_track_takes_a_model_of_another_size_and_length(sequence, tmp_path, capsys, layout):
    model = random_model(tmp_path / 'm.onnx', layout=layout)
    code, out, _ = run(capsys, 'track', sequence, '--model', model, '--output',
                       tmp_path / 'out.txt', '--history', tmp_path / 'h.csv', '--json')
    found = json.loads(out)
    assert code == 0 and found['crops'] == 10 and found['encoder_error'] is None
    assert found['encoder']['engine'] == 'onnxruntime' and found['encoder']['feature_size'] == 512


def test_track_and_evaluate_reid_take_an_exported_mindir(sequence, tmp_path, capsys):
    model = tmp_path / 'm.mindir'
    assert run(capsys, 'export', 'bundled', model, '--device', 'CPU')[0] == 0
    results = []
    for name in ('bundled', model):
        output = tmp_path / 'out.txt'
        code, out, _ = run(capsys, 'track', sequence, '--model', name, '--device', 'CPU', '--set',
                           'batch_buckets=[2]', '--output', output, '--json')
        assert code == 0 and json.loads(out)['encoder']['max_cosine_distance'] > 0
        results.append(output.read_text())
    assert results[0] == results[1] != ''
    people = tmp_path / 'people'
    people.mkdir()
    for number in range(8):
        image = np.full((128, 64, 3), 30 * (1 + number // 2), np.uint8)
        cv2.imwrite(str(people / f'{1 + number // 4:04}_c1s1_{number:06}_00.png'), image)
    scores = [json.loads(run(capsys, 'evaluate-reid', people, '--model', name, '--device', 'CPU',
                             '--json')[1]) for name in ('bundled', model)]
    assert scores[0]['rank1'] == scores[1]['rank1']
    assert scores[0]['distances']['equal_error_distance'] == pytest.approx(
        scores[1]['distances']['equal_error_distance'], abs=1e-4)


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


@pytest.mark.parametrize('text, says', [
    ('{"height": 64}', 'm.onnx: input x of shape (N, 3, 256, 128) has height 256, its description '
     'says 64'),
    ('{"feature_size": 3}', 'm.onnx: output feature of shape (N, 512) gives features of 512, its '
     'description says 3')])
def test_a_wrong_model_gives_one_line(sequence, tmp_path, capsys, text, says):
    model = random_model(tmp_path / 'm.onnx')
    (tmp_path / 'm.json').write_text(text)
    for command in (('track', sequence, '--model', model), ('info', model)):
        code, _, err = run(capsys, *command)
        assert code == 2 and err == f'deepsort: {tmp_path}/{says}\n'


def test_info_tells_all_about_a_model_and_where_it_is_from(tmp_path, capsys):
    model = random_model(tmp_path / 'm.onnx', layout='NHWC', batch=4, metadata={
        'color_order': 'bgr', 'architecture': 'tiny'})
    (tmp_path / 'm.json').write_text('{"max_cosine_distance": 0.4}')
    found = json.loads(run(capsys, 'info', model, '--json')[1])
    assert (found['kind'], found['images_per_call']) == ('ONNX model', 4)
    assert (found['height'], found['width'], found['layout']) == (256, 128, 'NHWC')
    assert (found['feature_size'], found['color_order'], found['source']) == (512, 'bgr', None)
    assert found['origin'] == {'max_cosine_distance': 'file beside it', 'mean': 'assumed',
                               'std': 'assumed'}
    assert found['engines'] == {'onnxruntime': 'installed'}
    _, out, _ = run(capsys, 'info', 'bundled')
    assert 'max_cosine_distance: 0.' in out and 'mindspore: installed' in out
