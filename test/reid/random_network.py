"""Random, but sensible, parameters of the appearance network."""
from pathlib import Path

import numpy as np

from deepsort_ros.reid import checkpoint
from deepsort_ros.reid.architectures import MODELZOO
from deepsort_ros.reid.cells import create_cell
from deepsort_ros.reid.runtime import ms


def random_parameters(seed=0, architecture=MODELZOO):
    generator = np.random.default_rng(seed)
    parameters = {}
    for name, parameter in create_cell(architecture).parameters_dict().items():
        shape = tuple(parameter.shape)
        if name.endswith(('gamma', 'moving_variance')):
            value = generator.uniform(0.5, 1.5, shape)
        else:
            fan_in = max(1, int(np.prod(shape[1:])))
            value = generator.normal(0.0, np.sqrt(2.0 / fan_in), shape)
            value *= 0.1 if len(shape) == 1 else 1.0
        parameters[name] = value.astype(np.float32)
    return parameters


def write_checkpoint(parameters, path: Path) -> Path:
    checkpoint.write({name: ms.Tensor(value) for name, value in parameters.items()}, path)
    return path
