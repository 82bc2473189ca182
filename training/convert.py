"""
Write a network trained here as a checkpoint of MindSpore.

    python -m training.convert out/state.pt model.ckpt

Needs PyTorch and MindSpore both, or the first step where PyTorch is (``--npz`` to write
``model.npz``) and the second where MindSpore is.
"""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAMES = {'running_mean': 'moving_mean', 'running_var': 'moving_variance'}


def mindspore_names(state: dict[str, Any]) -> dict[str, NDArray[np.float32]]:
    """Return the parameters of a network in PyTorch by their names in MindSpore."""
    layers = {name.rpartition('.')[0] for name in state if name.endswith('.running_mean')}
    found = {}
    for name, value in state.items():
        layer, _, part = name.rpartition('.')
        if part == 'num_batches_tracked':
            continue
        if layer in layers:
            part = {'weight': 'gamma', 'bias': 'beta', **NAMES}[part]
        found[f'{layer}.{part}'] = np.asarray(value, dtype=np.float32)
    return found


def main() -> None:
    """Convert what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('network', type=Path,
                        help='.pt of training.adapt, or .npz of --npz')
    parser.add_argument('output', type=Path)
    parser.add_argument('--npz', action='store_true', help='write arrays, without MindSpore')
    options = parser.parse_args()
    if options.network.suffix == '.npz':
        with np.load(options.network) as stored:
            parameters = dict(stored)
    else:
        import torch
        state = torch.load(options.network, map_location='cpu')['state']
        parameters = mindspore_names({name: value.numpy() for name, value in state.items()})
    if options.npz:
        np.savez(options.output, **parameters)
        return
    from deepsort_ros.reid import checkpoint
    from deepsort_ros.reid.runtime import ms
    checkpoint.write({name: ms.Tensor(value) for name, value in parameters.items()},
                     options.output)


if __name__ == '__main__':
    main()
