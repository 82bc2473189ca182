"""What loads, and how the rest is refused."""
import numpy as np
import pytest
from random_network import random_parameters
from random_network import write_checkpoint

from deepsort_ros.reid import checkpoint
from deepsort_ros.reid.checkpoint import CheckpointError
from deepsort_ros.reid.network import AppearanceNetwork


def test_a_published_checkpoint_with_optimizer_state_and_classifier_loads(tmp_path):
    parameters = random_parameters()
    extra = {
        'classifier.weight': np.zeros((751, 128)), 'classifier.bias': np.zeros(751),
        'momentum': np.array(0.9), 'learning_rate': np.array(0.1),
        'global_step': np.array([7], np.int32), 'epoch_num': np.array(3, np.int32),
        'step_num': np.array(9, np.int32), 'moments.conv.0.weight': np.zeros((32, 3, 3, 3)),
        'accum.dense.weight': np.zeros((128, 16384)), 'stat.dense.bias': np.zeros(128)}
    path = write_checkpoint({**extra, **parameters}, tmp_path / 'hub.ckpt')
    loaded = checkpoint.feature_parameters(path)
    assert loaded.keys() == parameters.keys()
    assert all(np.array_equal(loaded[name], parameters[name]) for name in parameters)


def test_the_unused_batch_norm_may_be_absent(tmp_path):
    parameters = {name: value for name, value in random_parameters().items()
                  if not name.startswith('batch_norm.')}
    path = write_checkpoint(parameters, tmp_path / 'lean.ckpt')
    assert checkpoint.feature_parameters(path).keys() == parameters.keys()


def test_every_misfit_is_named_with_the_file(tmp_path):
    parameters = random_parameters()
    parameters['layer9.weight'] = parameters.pop('conv.0.weight')
    del parameters['bn1.gamma']
    parameters['dense.bias'] = np.zeros(64, np.float32)
    parameters['bn1.beta'] = np.full(128, np.nan, np.float32)
    path = write_checkpoint(parameters, tmp_path / 'other.ckpt')
    with pytest.raises(CheckpointError) as error:
        checkpoint.feature_parameters(path)
    assert str(error.value) == (
        f'{path} does not fit the network; missing: conv.0.weight, bn1.gamma; unexpected: '
        'layer9.weight; misshaped: dense.bias (64,) instead of (128,); not finite: bn1.beta')


def damaged(content):
    return {'empty': b'', 'noise': bytes(range(256)) * 40, 'text': b'not a checkpoint\n' * 100,
            'pickle': b'\x80\x04cos\nsystem\n.', 'cut': content[:len(content) * 2 // 3]}


@pytest.mark.parametrize('damage', damaged(b''))
def test_a_corrupt_file_is_refused_by_name(random_checkpoint, tmp_path, damage):
    path = tmp_path / f'{damage}.ckpt'
    path.write_bytes(damaged(random_checkpoint.read_bytes())[damage])
    with pytest.raises(CheckpointError, match=str(path)):
        checkpoint.feature_parameters(path)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(CheckpointError, match='absent.ckpt is not a file'):
        checkpoint.resolve(str(tmp_path / 'absent.ckpt'))


def test_another_kind_of_file_is_refused_by_name(tmp_path):
    path = tmp_path / 'model.pth'
    path.write_bytes(b'x')
    with pytest.raises(CheckpointError, match=r'model\.pth: a MindSpore checkpoint is named'):
        checkpoint.feature_parameters(path)


def test_the_bundled_model_fits_the_network():
    path = checkpoint.resolve('bundled')
    assert path.name == 'deepsort_omni.ckpt'
    assert path.stat().st_size < 12_000_000
    checkpoint.feature_parameters(path)


def test_a_saved_model_holds_the_feature_part_and_loads_again(tmp_path):
    network = AppearanceNetwork(classes=5)
    path = tmp_path / 'model.ckpt'
    checkpoint.save_feature(network, path)
    assert list(tmp_path.iterdir()) == [path]
    assert not any(name.startswith('classifier') for name in checkpoint.read(path))
    loaded = checkpoint.feature_parameters(path)
    assert np.array_equal(
        loaded['dense.weight'], network.parameters_dict()['dense.weight'].asnumpy())
