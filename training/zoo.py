"""Omni-scale networks with the weights of a re-identification network of the Open Model Zoo."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import fx
from torch import nn
from torch.nn import functional

from training.omni import OmniArchitecture
from training.omni import OmniNetwork
from training.omni import ZOO
from training.openvino_ir import load_ir


def read_zoo(path: Path) -> OmniNetwork:
    """
    Return a network of :data:`training.omni.ZOO` with the weights of its IR (.xml).

    It takes RGB images of 256 x 128, normalised by the mean and deviation of ImageNet. The PReLU
    behind its last layer, whose slope is 0.99, is left out.

    :raises ValueError: another network.
    """
    if path.stem not in ZOO:
        raise ValueError(f'{path.stem} is not one of {", ".join(ZOO)}')
    module = load_ir(path)
    stored = [getattr(module, node.target) for use in module.graph.nodes
              if use.op == 'call_function' for node in use.args
              if isinstance(node, fx.Node) and node.op == 'get_attr']
    # The first three change BGR from 0 to 255 into normalised RGB.
    values = iter(stored[3:])
    network = OmniNetwork(ZOO[path.stem])

    def take(parameter: torch.Tensor) -> None:
        parameter.data.copy_(next(values).reshape(parameter.shape))

    def layer(module: nn.Module) -> None:
        for parameter in module.parameters():
            take(parameter)

    layer(network.norm)
    layer(network.stem)
    layer(network.stem_norm)
    for number, block in enumerate(network.blocks):
        layer(block.down)
        layer(block.first)
        for stream in block.streams:
            layer(stream)
            # One gate, stored once for each stream.
            layer(block.gate)
        layer(block.last)
        if number % 2:
            layer(network.mixes[number // 2])
    take(network.average.weight)
    network.average.weight.data *= network.average.weight[0].numel()
    shift, weight, bias, scale, offset = (next(values) for _ in range(5))
    network.dense.weight.data = weight * scale.flatten()[:, None]
    network.dense.bias.data = (
        (bias.flatten() + weight @ shift.flatten()) * scale.flatten() + offset.flatten())
    return network.eval()


@torch.no_grad()
def reduced(network: OmniNetwork, architecture: OmniArchitecture, axes: torch.Tensor,
            ) -> OmniNetwork:
    """
    Return a network of fewer streams, poolings and features with the weights of another.

    :param architecture: its streams are among those of the other network, its channels the same.
    :param axes: (F, D), directions in the space of the other's features.
    """
    result = OmniNetwork(architecture)
    own = network.state_dict()
    for number, streams in enumerate(network.architecture.streams):
        kept = architecture.streams[number]
        for block in (2 * number, 2 * number + 1):
            state = {name[len(f'blocks.{block}.'):]: value for name, value in own.items()
                     if name.startswith(f'blocks.{block}.')}
            chosen = {name: value for name, value in state.items()
                      if not name.startswith('streams.')}
            for place, depth in enumerate(kept):
                start = f'streams.{streams.index(depth)}.'
                chosen |= {f'streams.{place}.{name[len(start):]}': value
                           for name, value in state.items() if name.startswith(start)}
            result.blocks[block].load_state_dict(chosen)
    for part in ('norm', 'stem', 'stem_norm', 'mixes', 'average'):
        getattr(result, part).load_state_dict(getattr(network, part).state_dict())
    result.dense.weight.data = axes @ network.dense.weight
    result.dense.bias.data = axes @ network.dense.bias
    return result


@torch.no_grad()
def refit(network: OmniNetwork, images: torch.Tensor, source: OmniNetwork) -> list[float]:
    """
    Fit the last layer of blocks with fewer streams to what they gave with all, on some images.

    :param source: the network that this one was reduced from.
    :returns: share of the variance explained, of each block fitted.
    """
    whole = reduced(source, replace(network.architecture, streams=source.architecture.streams),
                    torch.eye(network.architecture.features, source.architecture.features))
    explained = []
    a = b = network.begin(images)
    for number, (block, other) in enumerate(zip(network.blocks, whole.blocks)):
        wanted = other.last(other.mixed(a)) + other.down(a)
        if len(block.streams) < len(other.streams):
            mixed = block.mixed(b).permute(0, 2, 3, 1).flatten(0, 2).double()
            mixed = torch.cat((mixed, torch.ones_like(mixed[:, :1])), 1)
            target = (wanted - block.down(b)).permute(0, 2, 3, 1).flatten(0, 2).double()
            penalty = 1e-5 * len(mixed) * torch.eye(mixed.shape[1], dtype=torch.float64)
            found = torch.linalg.solve(mixed.T @ mixed + penalty, mixed.T @ target)
            block.last.weight.copy_(found[:-1].T[:, :, None, None])
            block.last.bias.copy_(found[-1])
            left = (mixed @ found - target).square().sum()
            explained.append(1 - float(left / (target - target.mean(0)).square().sum()))
        a, b = functional.relu(wanted), block(b)
        if number % 2:
            a = functional.relu(whole.mixes[number // 2](a))
            b = functional.relu(network.mixes[number // 2](b))
            if network.architecture.halved[number // 2]:
                a, b = functional.avg_pool2d(a, 2), functional.avg_pool2d(b, 2)
    return explained
