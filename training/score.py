"""
Score networks that no engine of the package runs: cut versions, and states of training.

    python -m training.score cuhk01 retail-0287.xml --without 1 --cameras 1 2
    python -m training.score cuhk01 late/state.pt --late --cameras 1 2

``--without 1`` leaves out the first average pooling of a network of the Open Model Zoo, which
then takes images of half the height and width.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx
from torch.nn import functional

from deepsort_ros.reid.dataset import between_cameras
from deepsort_ros.reid.dataset import read_test
from deepsort_ros.reid.evaluation import score_features
from training.judge import features
from training.omni import OmniArchitecture
from training.omni import OmniNetwork
from training.openvino_ir import load_ir


def without_pooling(network: fx.GraphModule, number: int) -> fx.GraphModule:
    """
    Return a network without one of its average poolings.

    :param number: which one, from 1.
    :raises ValueError: it has fewer.
    """
    found = [node for node in network.graph.nodes if node.target is functional.avg_pool2d]
    if not 1 <= number <= len(found):
        raise ValueError(f'--without {number}: it has {len(found)} average poolings')
    node = found[number - 1]
    node.replace_all_uses_with(node.args[0])
    network.graph.erase_node(node)
    network.recompile()
    return network


@torch.no_grad()
def of_zoo(network: fx.GraphModule, images: NDArray[np.uint8], scale: int) -> NDArray[np.float32]:
    """Return unit features of crops (N, H, W, 3), enlarged so many times, as BGR of 0 to 255."""
    found = []
    for batch in torch.from_numpy(images).split(64):
        crops = batch.permute(0, 3, 1, 2).flip(1).float()
        if scale > 1:
            crops = functional.interpolate(crops, scale_factor=scale, mode='bilinear')
        found.append(functional.normalize(network(crops)))
    return np.asarray(torch.cat(found).numpy())


def main() -> None:
    """Print the scores of a network."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data', type=Path, help='as of deepsort evaluate-reid')
    parser.add_argument('network', type=Path, help='an IR (.xml), or a state of training (.pt)')
    parser.add_argument('--cameras', type=int, nargs=2, metavar=('QUERY', 'GALLERY'))
    parser.add_argument('--without', type=int, metavar='N', help='average pooling to leave out')
    parser.add_argument('--late', action='store_true', help='as of training.adapt')
    parser.add_argument('--threads', type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    test = read_test(options.data, None, (128, 64))
    if options.cameras:
        test = between_cameras(test.crops, *options.cameras)
    if options.network.suffix == '.xml':
        zoo = load_ir(options.network)
        if options.without:
            zoo = without_pooling(zoo, options.without)
        found = of_zoo(zoo, test.crops.images, 1 if options.without else 2)
    else:
        network = OmniNetwork(OmniArchitecture(
            halved=(False, True, False) if options.late else (True, False, False)))
        network.load_state_dict(torch.load(options.network, map_location='cpu')['state'])
        found = features(network.eval(), test.crops.images, torch.device('cpu'))
    scores = score_features(found, test)
    print(f'rank-1 {scores.rank1:.1%}, mAP {scores.mean_ap:.1%} '
          f'({scores.queries} queries, gallery of {scores.gallery} crops)')


if __name__ == '__main__':
    main()
