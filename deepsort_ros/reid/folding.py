"""Fold batch normalisation into the layer before it: one pass over the data instead of two."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid.architectures import recognise

EPSILON = 1e-5


def fold(parameters: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """
    Return weight and bias of every layer, equal to the layer and its normalisation in a row.

    :param parameters: of the network as trained, by name, such as
        :func:`deepsort_ros.reid.checkpoint.feature_parameters` returns them.
    :returns: ``<layer>.weight`` and ``<layer>.bias``, float32, for the folded network.
    """
    architecture = recognise(parameters)
    # A layer without a normalisation stays as it is.
    folded = {name: np.asarray(parameters[name], dtype=np.float32) for name in architecture.shapes
              if name.endswith(('.weight', '.bias'))}
    for layer, norm in architecture.norms:
        gamma, beta, mean, variance = (
            parameters[f'{norm}.{name}'].astype(np.float64)
            for name in ('gamma', 'beta', 'moving_mean', 'moving_variance'))
        weight = parameters[f'{layer}.weight']
        bias = parameters.get(f'{layer}.bias', np.zeros(len(gamma))).astype(np.float64)
        scale = gamma / np.sqrt(variance + EPSILON)
        # In double precision, but without a copy of the weights in it.
        folded[f'{layer}.weight'] = np.multiply(
            weight, scale.reshape(-1, *[1] * (weight.ndim - 1)), dtype=np.float64,
            out=np.empty_like(weight), casting='unsafe')
        folded[f'{layer}.bias'] = np.asarray((bias - mean) * scale + beta, dtype=np.float32)
    return folded
