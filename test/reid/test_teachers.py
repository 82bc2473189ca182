"""Training taught by other networks: their features are kept, and the similarities are learnt."""
import csv
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from dressed_people import write_people
from small_models import random_model

from deepsort_ros.cli import main
from deepsort_ros.reid import checkpoint
from deepsort_ros.reid import training
from deepsort_ros.reid.dataset import read_crops
from deepsort_ros.reid.files import ModelError
from deepsort_ros.reid.recipe import TrainConfig
from deepsort_ros.reid.teachers import Teachers
from deepsort_ros.reid.training import train

pytest.importorskip('onnxruntime')


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    """Return a folder of five people in clothes of their own, four crops each."""
    return write_people(tmp_path_factory.mktemp('taught'), seed=2)


@pytest.fixture(scope='module')
def teacher(tmp_path_factory):
    return random_model(tmp_path_factory.mktemp('teacher') / 'teacher.onnx', features=32)


@pytest.fixture
def crops(people):
    return read_crops(people).split(0)[0]


def config(people, output, teacher, **changes):
    values = {'device': 'CPU', 'steps': 6, 'identities': 2, 'crops': 2, 'held_out': 0,
              'warmup_steps': 2, 'save_every': 100, 'teacher': (str(teacher),), **changes}
    return TrainConfig(people, output, **values)


@pytest.fixture(scope='module')
def uninterrupted(people, teacher, tmp_path_factory):
    output = tmp_path_factory.mktemp('uninterrupted')
    train(config(people, output, teacher))
    return output


# Runs a command, and in one phase of a training says so and goes on when a signal has come.
STOPPED = """
import os
import signal
import sys
from deepsort_ros.cli import main
from deepsort_ros.reid import teachers
from deepsort_ros.reid import training
there, noted = os.pipe()
os.set_blocking(noted, False)
signal.set_wakeup_fd(noted)

def until_a_signal_comes():
    print('now', flush=True)
    os.read(there, 1)

encode, step = teachers.encode_crops, training._Run.step

def stopped_encode(*arguments):
    until_a_signal_comes()
    return encode(*arguments)

def stopped_step(self, done):
    losses = step(self, done)
    if done == 2:
        until_a_signal_comes()
    return losses

if sys.argv[1] == 'teacher':
    teachers.encode_crops = stopped_encode
else:
    training._Run.step = stopped_step
raise SystemExit(main(sys.argv[2:]))
"""


def command(people, output, teacher):
    return ['train', str(people), str(output), '--device', 'CPU', '--steps', '6', '--identities',
            '2', '--crops', '2', '--held-out', '0', '--warmup-steps', '2', '--save-every', '100',
            '--teacher', str(teacher)]


def rows(output):
    with (output / 'log.csv').open(newline='') as stream:
        return list(csv.DictReader(stream))


def test_the_similarities_are_those_of_the_teachers_unit_features(crops, teacher, tmp_path):
    taught = Teachers([str(teacher)], crops, tmp_path)
    feature = np.load(taught.paths[0])
    assert feature.shape == (len(crops), 32)
    chosen = np.array([3, 0, 7])
    np.testing.assert_allclose(
        taught.similarity(chosen), feature[chosen] @ feature[chosen].T, atol=1e-6)
    np.testing.assert_allclose(np.diag(taught.similarity(chosen)), 1, atol=1e-5)


def test_several_teachers_count_the_same(crops, teacher, tmp_path):
    other = random_model(tmp_path / 'other.onnx', size=(64, 32), features=16)
    both = Teachers([str(teacher), str(other)], crops, tmp_path)
    single = [Teachers([str(path)], crops, tmp_path) for path in (teacher, other)]
    chosen = np.arange(4)
    np.testing.assert_allclose(
        both.similarity(chosen), (single[0].similarity(chosen) + single[1].similarity(chosen)) / 2,
        atol=1e-6)


@pytest.mark.parametrize(('phase', 'steps'), [('teacher', 0), ('training', 3)])
def test_a_process_ended_by_ctrl_c_in_either_phase_and_resumed_equals_an_uninterrupted_one(
        people, teacher, uninterrupted, tmp_path, phase, steps):
    process = subprocess.Popen(
        [sys.executable, '-c', STOPPED, phase, *command(people, tmp_path, teacher)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=take_signals)
    try:
        while 'now' not in process.stdout.readline():
            assert process.poll() is None, process.stderr.read()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 1 and 'Traceback' not in error
    assert 'interrupted' in error.splitlines()[-1]
    assert len(rows(tmp_path)) == steps if steps else not (tmp_path / 'training.ckpt').exists()
    assert len(list(tmp_path.glob('teacher.*.npy'))) == (steps > 0)
    assert main([*command(people, tmp_path, teacher), *(['--resume'] if steps else [])]) == 0
    assert rows(tmp_path) == rows(uninterrupted)
    once, twice = (checkpoint.feature_parameters(folder / 'model.ckpt')
                   for folder in (uninterrupted, tmp_path))
    for name, value in once.items():
        np.testing.assert_array_equal(twice[name], value, err_msg=name)


def take_signals():
    """Undo that a shell without job control has its children ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_features_are_computed_once(crops, teacher, tmp_path):
    first = Teachers([str(teacher)], crops, tmp_path)
    marked = np.load(first.paths[0])
    marked[0] = 0
    np.save(first.paths[0], marked)
    assert np.diag(Teachers([str(teacher)], crops, tmp_path).similarity(np.arange(2)))[0] == 0


@pytest.mark.parametrize('change', ['crops', 'teacher', 'what it is fed'])
def test_features_are_computed_again_when_something_changes(crops, teacher, tmp_path, change):
    own = shutil.copy(teacher, tmp_path / 'own.onnx')
    before = Teachers([str(own)], crops, tmp_path).paths
    if change == 'crops':
        crops.images[0] ^= 1
    elif change == 'teacher':
        random_model(tmp_path / 'own.onnx', features=33)
    else:
        (tmp_path / 'own.json').write_text('{"color_order": "bgr"}')
    assert Teachers([str(own)], crops, tmp_path).paths != before


def test_a_teacher_that_gives_no_numbers_is_refused(crops, tmp_path):
    path = random_model(tmp_path / 'teacher.onnx', features=32, metadata={'std': [1e-38] * 3})
    with pytest.raises(ModelError, match='teacher.onnx'):
        Teachers([str(path)], crops, tmp_path)
    assert not list(tmp_path.glob('*.npy'))


def test_a_file_that_is_no_model_is_refused_before_training(people, tmp_path):
    (tmp_path / 'teacher.onnx').write_text('none')
    with pytest.raises(ModelError, match='is not an ONNX model'):
        train(config(people, tmp_path / 'out', tmp_path / 'teacher.onnx'))


def test_the_teachers_loss_is_logged_and_part_of_the_whole(uninterrupted):
    for row in rows(uninterrupted):
        loss, identity, triplet, taught = (float(row[name]) for name in (
            'loss', 'identity_loss', 'triplet_loss', 'teacher_loss'))
        assert taught > 0
        assert loss == pytest.approx(identity + triplet + taught, abs=1e-4)


def test_the_teacher_alone_is_learnt_from(people, teacher, tmp_path):
    train(config(people, tmp_path, teacher, steps=12, identity_weight=0.0, dropout=0.0,
                 identities=5))
    losses = [float(row['teacher_loss']) for row in rows(tmp_path)]
    assert np.mean(losses[-4:]) < np.mean(losses[:4])
    assert all(row['loss'] == row['teacher_loss'] for row in rows(tmp_path))


def test_nothing_to_learn_from_is_refused(people, tmp_path):
    with pytest.raises(ValueError, match='identity_weight: 0 leaves nothing to learn from'):
        TrainConfig(people, tmp_path, identity_weight=0.0)


def test_a_taught_run_stopped_by_ctrl_c_and_resumed_equals_an_uninterrupted_one(
        people, teacher, uninterrupted, tmp_path):
    def stop(progress):
        if progress.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config(people, tmp_path, teacher), stop)
    train(config(people, tmp_path, teacher, resume=True))
    assert rows(tmp_path) == rows(uninterrupted)
    once = checkpoint.feature_parameters(uninterrupted / 'model.ckpt')
    twice = checkpoint.feature_parameters(tmp_path / 'model.ckpt')
    for name, value in once.items():
        np.testing.assert_array_equal(twice[name], value, err_msg=name)


def test_a_signal_while_the_teacher_computes_leaves_no_half_features(crops, teacher, tmp_path):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Teachers([str(teacher)], crops, tmp_path, stop)
    assert not list(tmp_path.glob('.teacher*')) and not list(tmp_path.glob('teacher.*.npy'))


@pytest.mark.parametrize('steps_done', [False, True])
def test_the_command_says_after_ctrl_c_how_to_go_on(
        people, teacher, tmp_path, monkeypatch, capsys, steps_done):
    def interrupted(config, progress):
        assert config.teacher == (str(teacher), str(teacher))
        if steps_done:
            (tmp_path / training.STATE_NAME).touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(training, 'train', interrupted)
    assert main(['train', str(people), str(tmp_path),
                 '--teacher', str(teacher), str(teacher)]) == 1
    assert ('--resume goes on' in capsys.readouterr().err) is steps_done


def test_a_teacher_may_be_a_model_of_openvino(crops, teacher, tmp_path):
    openvino = pytest.importorskip('openvino', reason='OpenVINO is not installed')
    openvino.save_model(openvino.convert_model(str(teacher)), str(tmp_path / 'own.xml'),
                        compress_to_fp16=False)
    (tmp_path / 'own.json').write_text(
        '{"color_order": "rgb", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}')
    chosen = np.arange(6)
    np.testing.assert_allclose(
        Teachers([str(tmp_path / 'own.xml')], crops, tmp_path).similarity(chosen),
        Teachers([str(teacher)], crops, tmp_path).similarity(chosen), atol=1e-4)
