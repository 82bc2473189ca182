"""Fold batch normalisation into the layer before it: one pass over the data instead of two."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

EPSILON = 1e-5

BLOCKS = tuple(f'layer{stage}.{block}' for stage in (1, 2, 3) for block in (0, 1))
LAYER_AND_NORM = (
    ('conv.0', 'conv.1'), ('conv.3', 'conv.4'),
    *((f'{block}.conv{i}', f'{block}.bn{i}') for block in BLOCKS for i in (1, 2)),
    *((f'{block}.downsample.0', f'{block}.downsample.1') for block in ('layer2.0', 'layer3.0')),
    ('dense', 'bn1'))


def fold(parameters: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """
    Return weight and bias of every layer, equal to the layer and its normalisation in a row.

    :param parameters: of the network as trained, by name, such as
        :func:`deepsort_ros.reid.checkpoint.feature_parameters` returns them.
    :returns: ``<layer>.weight`` and ``<layer>.bias``, float32, for the folded network.
    """
    folded = {}
    for layer, norm in LAYER_AND_NORM:
        gamma, beta, mean, variance = (
            parameters[f'{norm}.{name}'].astype(np.float64)
            for name in ('gamma', 'beta', 'moving_mean', 'moving_variance'))
        weight = parameters[f'{layer}.weight'].astype(np.float64)
        bias = parameters.get(f'{layer}.bias', np.zeros(len(gamma))).astype(np.float64)
        scale = gamma / np.sqrt(variance + EPSILON)
        folded[f'{layer}.weight'] = np.asarray(
            weight * scale.reshape(-1, *[1] * (weight.ndim - 1)), dtype=np.float32)
        folded[f'{layer}.bias'] = np.asarray((bias - mean) * scale + beta, dtype=np.float32)
    return folded
