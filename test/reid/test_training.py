"""Real, tiny training runs."""
import csv
import dataclasses
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from dressed_people import write_people

from deepsort_ros.cli import main
from deepsort_ros.reid import checkpoint
from deepsort_ros.reid import training
from deepsort_ros.reid.architectures import OMNI
from deepsort_ros.reid.architectures import recognise
from deepsort_ros.reid.augmentation import augment
from deepsort_ros.reid.dataset import DatasetError
from deepsort_ros.reid.journal import draw_curves
from deepsort_ros.reid.recipe import learning_rates
from deepsort_ros.reid.recipe import TrainConfig
from deepsort_ros.reid.sampling import BalancedSampler
from deepsort_ros.reid.sampling import halved
from deepsort_ros.reid.sampling import ShuffledSampler
from deepsort_ros.reid.training import train

STEPS = 8


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    """Return a folder of five people in clothes of their own, four crops each."""
    return write_people(tmp_path_factory.mktemp('people'), seed=1)


def config(people, output, **changes):
    values = {'device': 'CPU', 'steps': STEPS, 'identities': 2, 'crops': 2, 'held_out': 1,
              'warmup_steps': 2, 'save_every': 100, **changes}
    return TrainConfig(people, output, **values)


@pytest.fixture(scope='module')
def uninterrupted(people, tmp_path_factory):
    output = tmp_path_factory.mktemp('uninterrupted')
    train(config(people, output))
    return output


def rows(output):
    with (output / 'log.csv').open(newline='') as stream:
        return list(csv.DictReader(stream))


def test_training_lowers_the_loss_and_writes_a_model_that_loads(uninterrupted):
    losses = [float(row['loss']) for row in rows(uninterrupted)]
    assert len(losses) == STEPS
    assert min(losses[-3:]) < losses[0]
    checkpoint.feature_parameters(uninterrupted / 'model.ckpt')


def test_fine_tuning_keeps_the_network_of_the_checkpoint(people, tmp_path):
    train(config(people, tmp_path, steps=2, pretrained='bundled'))
    parameters = checkpoint.feature_parameters(tmp_path / 'model.ckpt')
    assert recognise(parameters) is OMNI
    before = checkpoint.feature_parameters(checkpoint.resolve('bundled'))
    assert not np.array_equal(parameters['dense.weight'], before['dense.weight'])


def test_a_run_stopped_by_ctrl_c_and_resumed_equals_an_uninterrupted_one(
        people, uninterrupted, tmp_path):
    def stop(progress):
        if progress.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config(people, tmp_path), stop)
    assert len(rows(tmp_path)) == 3
    seen = []
    train(config(people, tmp_path, resume=True), lambda progress: seen.append(progress.step))
    assert seen == list(range(4, STEPS + 1))
    assert rows(tmp_path) == rows(uninterrupted)
    once = checkpoint.feature_parameters(uninterrupted / 'model.ckpt')
    twice = checkpoint.feature_parameters(tmp_path / 'model.ckpt')
    for name, value in once.items():
        np.testing.assert_array_equal(twice[name], value, err_msg=name)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_real_signal_within_a_step_ends_after_it_and_the_state_fits(
        people, uninterrupted, tmp_path, monkeypatch, number):
    before = signal.getsignal(number)
    monkeypatch.setattr(
        'deepsort_ros.reid.training._Run.step', interrupted_in_step(3, number))
    with pytest.raises(KeyboardInterrupt):
        train(config(people, tmp_path))
    monkeypatch.undo()
    assert signal.getsignal(number) is before
    assert len(rows(tmp_path)) == 3
    stored = checkpoint.read(tmp_path / 'training.ckpt')
    steps = {name: int(stored[name].asnumpy()[0]) for name in ('step_num', 'global_step')
             if name in stored}
    assert set(steps.values()) == {3}
    train(config(people, tmp_path, resume=True))
    assert rows(tmp_path) == rows(uninterrupted)


def interrupted_in_step(last: int, number: signal.Signals):
    """Return a step that gets a signal after the optimizer has moved, before it returns."""
    original = training._Run.step

    def step(self, done):
        losses = self._step

        def compiled(*batch):
            result = losses(*batch)
            if done + 1 == last:
                signal.raise_signal(number)
            return result

        self._step = compiled
        try:
            return original(self, done)
        finally:
            self._step = losses

    return step


def test_a_state_of_other_identities_is_not_resumed(people, uninterrupted, tmp_path):
    (tmp_path / 'training.ckpt').write_bytes((uninterrupted / 'training.ckpt').read_bytes())
    with pytest.raises(checkpoint.CheckpointError, match='classifier.weight'):
        train(config(people, tmp_path, held_out=2, resume=True))


def test_data_that_cannot_be_used_is_named(people, tmp_path):
    with pytest.raises(DatasetError, match='absent is not a folder'):
        train(config(tmp_path / 'absent', tmp_path))
    with pytest.raises(DatasetError, match='identities: 5 per batch, but the data has 4'):
        train(config(people, tmp_path, identities=5))


@pytest.mark.parametrize('name, value', [
    ('steps', 0), ('identities', 1), ('crops', 1), ('learning_rate', 0.0), ('dropout', 1.0),
    ('recipe', 'best'), ('precision', 'fp8')])
def test_a_number_without_meaning_is_refused_by_name(tmp_path, name, value):
    with pytest.raises(ValueError, match=f'^{name}: {value!r}'):
        TrainConfig(tmp_path, tmp_path, **{name: value})


def test_every_identity_comes_once_per_round_with_crops_of_its_own():
    identity = np.repeat(np.arange(6), [4, 1, 5, 3, 2, 8])
    sampler = BalancedSampler(identity, 2, 3, seed=0)
    drawn = [identity[sampler.batch(step)].reshape(2, 3) for step in range(3)]
    assert all((batch == batch[:, :1]).all() for batch in drawn)
    assert sorted(np.concatenate([batch[:, 0] for batch in drawn])) == list(range(6))
    assert len(set(sampler.batch(0))) >= 2
    assert np.array_equal(sampler.batch(7), BalancedSampler(identity, 2, 3, seed=0).batch(7))


def test_the_learning_rate_warms_up_then_falls_to_a_hundredth(tmp_path):
    rates = learning_rates(TrainConfig(
        tmp_path, tmp_path, steps=100, warmup_steps=10, learning_rate=1.0))
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[9] == pytest.approx(1.0)
    assert all(a >= b for a, b in zip(rates[9:], rates[10:]))
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)


def test_every_cycle_repeats_rates_and_half_size_steps_and_begins_as_a_run_of_its_own(tmp_path):
    one = TrainConfig(tmp_path, tmp_path, steps=20, half_size_steps=5, warmup_steps=3)
    three = dataclasses.replace(one, steps=60, cycles=3)
    assert learning_rates(three) == 3 * learning_rates(one)
    half = [one.half_size(step) for step in range(20)]
    assert half == 5 * [True] + 15 * [False]
    assert [three.half_size(step) for step in range(60)] == 3 * half
    with pytest.raises(ValueError, match='^cycles: 60 steps are not 7 equal parts'):
        dataclasses.replace(three, cycles=7)


def test_augmentation_keeps_the_original_and_repeats_under_its_seed():
    crops = np.random.default_rng(0).integers(0, 256, (8, 128, 64, 3), dtype=np.uint8)
    original = crops.copy()
    first = augment(crops, np.random.default_rng(5), 6, True)
    assert np.array_equal(crops, original) and not np.array_equal(first, crops)
    assert np.array_equal(first, augment(crops, np.random.default_rng(5), 6, True))


def test_halving_takes_the_mean_of_four_pixels():
    crops = np.array([[[0, 2], [4, 7]], [[9, 9], [9, 9]]], np.uint8).reshape(2, 2, 2, 1)
    assert halved(crops).ravel().tolist() == [3, 9]


def test_the_published_rate_falls_to_a_tenth_half_way(tmp_path):
    assert learning_rates(TrainConfig(tmp_path, tmp_path, recipe='published', steps=4)) == [
        0.01, 0.01, pytest.approx(0.001), pytest.approx(0.001)]


def test_shuffled_batches_take_every_crop_once_per_round():
    sampler = ShuffledSampler(10, 3, seed=0)
    first = np.concatenate([sampler.batch(step) for step in range(3)])
    assert len(set(first.tolist())) == 9 and set(first) <= set(range(10))
    assert not np.array_equal(first[:3], sampler.batch(3))
    with pytest.raises(DatasetError, match='11 per batch, but the data has 10'):
        ShuffledSampler(10, 11, seed=0)


def test_the_command_trains_by_the_published_recipe_tests_and_draws(people, tmp_path, capsys):
    assert main(['train', str(people), str(tmp_path), '--recipe', 'published', '--steps', '4',
                 '--identities', '2', '--crops', '2', '--held-out', '3', '--evaluate-every', '2',
                 '--half-size-steps', '4', '--device', 'CPU', '--json']) == 0
    assert f'"model": "{tmp_path}/model.ckpt"' in capsys.readouterr().out
    assert all(row['triplet_loss'] == '0.00000' for row in rows(tmp_path))
    with (tmp_path / 'scores.csv').open(newline='') as stream:
        scores = list(csv.DictReader(stream))
    assert [row['step'] for row in scores] == ['2', '4']
    assert all(0 <= float(row['mean_ap']) <= 1 for row in scores)
    assert cv2.imread(str(tmp_path / 'curves.png')).shape == (720, 640, 3)


def test_the_curve_of_the_loss_is_where_its_numbers_are(tmp_path):
    (tmp_path / 'log.csv').write_text('step,loss\n' + ''.join(
        f'{step},{4.0 if step <= 50 else 2.0}\n' for step in range(1, 101)))
    picture = cv2.imread(str(draw_curves(tmp_path))).astype(int)
    blueness = (picture[..., 0] - picture[..., 2])[40:]
    height = 40 + np.argmax(blueness[:, [250, 500]], axis=0)
    np.testing.assert_allclose(height, (56, 180), atol=1)


def test_half_precision_has_the_loss_and_the_gradient_of_single_precision(people, tmp_path):
    # One step from the same weights: later steps drift apart by how Adam treats small gradients,
    # not by what half precision does. After it, SGD's moments are the gradient.
    for precision in ('fp32', 'fp16'):
        train(config(people, tmp_path / precision, precision=precision, steps=1, identities=4,
                     crops=4, dropout=0.0, recipe='published', weight_decay=0.0))
    single, half = (checkpoint.read(tmp_path / name / training.STATE_NAME)
                    for name in ('fp32', 'fp16'))
    losses = [float(rows(tmp_path / name)[0]['loss']) for name in ('fp32', 'fp16')]
    assert losses[1] == pytest.approx(losses[0], rel=0.001)
    moments = [name for name in single if name.startswith('moments.')]
    assert len(moments) > 40
    exact, found = (np.concatenate([state[name].asnumpy().ravel() for name in moments])
                    for state in (single, half))
    assert np.linalg.norm(exact) > 0
    # 4.1 % with MindSpore 2.10, 4.2 % with 2.7: batch normalisation multiplies roundings.
    assert np.linalg.norm(found - exact) < 0.05 * np.linalg.norm(exact)
    checkpoint.feature_parameters(tmp_path / 'fp16' / 'model.ckpt')


def test_processes_under_msrun_take_batches_of_their_own_and_average_gradients(
        people, uninterrupted, tmp_path):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    scripts = Path(sys.executable).parent
    program = tmp_path / 'program.py'
    program.write_text('import sys\nfrom deepsort_ros.cli import main\nsys.exit(main())\n')
    done = subprocess.run(
        [scripts / 'msrun', '--worker_num=2', '--local_worker_num=2', f'--master_port={port}',
         '--join=True', f'--log_dir={tmp_path / "logs"}', program, 'train', people,
         tmp_path / 'out', '--distribute', '--steps', '2', '--identities', '2', '--crops', '2',
         '--held-out', '1', '--warmup-steps', '2', '--device', 'CPU'],
        env={**os.environ, 'PATH': f'{scripts}:{os.environ["PATH"]}',
             'PYTHONPATH': str(Path(__file__).parents[2])},
        cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    alone = [float(row['loss']) for row in rows(uninterrupted)][:2]
    first, second = (float(row['loss']) for row in rows(tmp_path / 'out'))
    # The first batch of the first process is that of a single one; then they differ.
    assert first == pytest.approx(alone[0], abs=1e-4)
    assert abs(second - alone[1]) > 1e-3
    checkpoint.feature_parameters(tmp_path / 'out' / 'model.ckpt')
