"""The network is the designed one."""
import numpy as np
from random_network import random_parameters

from deepsort_ros.reid import checkpoint
from deepsort_ros.reid.architectures import MODELZOO
from deepsort_ros.reid.folding import fold
from deepsort_ros.reid.mindspore_graph import load_graph
from deepsort_ros.reid.network import AppearanceNetwork
from deepsort_ros.reid.runtime import ms


def norm(name, channels):
    return {f'{name}.{part}': (channels,)
            for part in ('gamma', 'beta', 'moving_mean', 'moving_variance')}


def block(name, in_channels, out_channels):
    return {f'{name}.conv1.weight': (out_channels, in_channels, 3, 3),
            **norm(f'{name}.bn1', out_channels),
            f'{name}.conv2.weight': (out_channels, out_channels, 3, 3),
            **norm(f'{name}.bn2', out_channels)}


def shortcut(name, in_channels, out_channels):
    return {f'{name}.downsample.0.weight': (out_channels, in_channels, 1, 1),
            **norm(f'{name}.downsample.1', out_channels)}


DESIGNED = {
    'conv.0.weight': (32, 3, 3, 3), 'conv.0.bias': (32,), **norm('conv.1', 32),
    'conv.3.weight': (32, 32, 3, 3), 'conv.3.bias': (32,), **norm('conv.4', 32),
    **block('layer1.0', 32, 32), **block('layer1.1', 32, 32),
    **block('layer2.0', 32, 64), **shortcut('layer2.0', 32, 64), **block('layer2.1', 64, 64),
    **block('layer3.0', 64, 128), **shortcut('layer3.0', 64, 128), **block('layer3.1', 128, 128),
    'dense.weight': (128, 128 * 16 * 8), 'dense.bias': (128,),
    **norm('bn1', 128), **norm('batch_norm', 128),
    'classifier.weight': (751, 128), 'classifier.bias': (751,),
}


def network_with(parameters, **options):
    network = AppearanceNetwork(**options)
    checkpoint.assign(network, parameters)
    network.set_train(False)
    return network


def images(count=2):
    return np.random.default_rng(5).normal(size=(count, 3, 128, 64)).astype(np.float32)


def test_parameters_have_the_designed_names_and_shapes():
    own = AppearanceNetwork(classes=751).parameters_dict()
    assert {name: tuple(value.shape) for name, value in own.items()} == DESIGNED


def test_folding_the_normalisations_changes_no_feature():
    parameters = random_parameters()
    given = ms.Tensor(images())
    plain = network_with(parameters)(given).asnumpy()
    folded = load_graph(MODELZOO, fold(parameters))(given).asnumpy()
    assert np.abs(plain).max() > 0.1
    np.testing.assert_allclose(folded, plain, rtol=1e-4, atol=1e-5 * np.abs(plain).max())


def test_the_fast_elu_gradient_is_the_gradient_of_elu():
    from deepsort_ros.reid.network import Elu
    x = np.array([-3.0, -0.5, -1e-3, 1e-3, 2.0], dtype=np.float32)
    gradient = ms.grad(Elu())(ms.Tensor(x)).asnumpy()
    np.testing.assert_allclose(gradient, np.where(x > 0, 1, np.exp(x)), rtol=1e-6)


def test_images_of_half_the_size_fill_the_same_dense_layer():
    flat = network_with(random_parameters()).trunk(ms.Tensor(images(1)[:, :, ::2, ::2])).asnumpy()
    assert flat.shape == (1, 128 * 16 * 8)
    grid = flat.reshape(128, 8, 2, 4, 2)
    assert np.array_equal(grid, np.broadcast_to(grid[:, :, :1, :, :1], grid.shape))
    assert np.ptp(grid[:, :, 0, :, 0]) > 0.1
