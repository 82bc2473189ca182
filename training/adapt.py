"""
Make the bundled network from a re-identification network of the Open Model Zoo.

    python -m training.adapt DATA.npz OUT --start retail-0287.xml --teacher TEACHER.xml ...

The network it starts from sees images of twice the height and width. This one does without its
first halving, and without some of its streams, and gives fewer features; it learns to do as well
from the teachers' features of the whole images, which are computed once and kept on disk. The
losses: the cosine distance to the feature of the network it started from, and the teachers'
cosine similarities of all pairs in a batch, in place and as a choice. Identities count only in
drawing the batches.
"""
from __future__ import annotations

import argparse
import copy
import hashlib
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from training.data import CropSet
from training.footage import poor
from training.judge import features
from training.judge import normalise
from training.judge import retrieval
from training.omni import OmniArchitecture
from training.omni import OmniNetwork
from training.openvino_ir import load_ir
from training.zoo import read_zoo
from training.zoo import reduced
from training.zoo import refit

# Weights of the losses, and how sharply a similar crop is chosen.
SIMILARITY, CHOICE, TEMPERATURE = 30.0, 0.5, 0.07


@torch.no_grad()
def teach(path: Path, crops: torch.Tensor, folder: Path, device: torch.device) -> torch.Tensor:
    """
    Return the unit features of uint8 crops (N, 3, 128, 64) by the network of an IR, kept on disk.

    :param folder: where they are kept, by name of the network and digest of it and the crops.
    """
    digest = hashlib.sha256(path.with_suffix('.bin').read_bytes())
    digest.update(crops.numpy().data)
    kept = folder / f'{path.stem}.{digest.hexdigest()[:16]}.npy'
    if not kept.is_file():
        network = load_ir(path).to(device)
        found = []
        for batch in crops.split(32):
            images = functional.interpolate(
                batch.to(device).flip(1).float(), scale_factor=2, mode='bilinear',
                align_corners=False)
            found.append(functional.normalize(network(images)))
        partial = kept.with_suffix('.partial.npy')
        np.save(partial, torch.cat(found).cpu().numpy())
        os.replace(partial, kept)
    return torch.from_numpy(np.load(kept))


def vary(crops: torch.Tensor) -> torch.Tensor:
    """Return crops (N, 3, H, W) in [0, 1], shifted, scaled, half of them mirrored, relit."""
    count = len(crops)

    def uniform(low: float, high: float) -> torch.Tensor:
        return torch.empty(count).uniform_(low, high)

    wide, high = uniform(0.9, 1.1), uniform(0.9, 1.1)
    wide = torch.where(uniform(0, 1) < 0.5, -wide, wide)
    left, top, none = uniform(-0.07, 0.07), uniform(-0.06, 0.06), torch.zeros(count)
    matrix = torch.stack((torch.stack((wide, none, left), 1),
                          torch.stack((none, high, top), 1)), 1)
    grid = functional.affine_grid(matrix, list(crops.shape), align_corners=False)
    crops = functional.grid_sample(crops, grid, padding_mode='border', align_corners=False)

    def factor(size: float) -> torch.Tensor:
        return torch.exp(uniform(-size, size)).view(count, 1, 1, 1)

    crops = crops.clamp(1e-3, 1) ** factor(0.25) * factor(0.2)
    crops = crops * torch.exp(0.05 * torch.randn(count, 3, 1, 1))
    mean = crops.mean((1, 2, 3), keepdim=True)
    return (mean + (crops - mean) * factor(0.2)).clamp(0, 1)


def losses(feature: torch.Tensor, own: torch.Tensor, similarity: torch.Tensor) -> torch.Tensor:
    """
    Return the loss of a batch.

    :param feature: (N, 256), the features in the space of the network it started from.
    :param own: that network's features; :param similarity: (N, N), of the teachers.
    """
    unit = functional.normalize(feature)
    found = unit @ unit.T
    off = ~torch.eye(len(found), dtype=torch.bool, device=found.device)
    hidden = torch.full_like(found, -1e4)
    choice = functional.kl_div(
        torch.where(off, found / TEMPERATURE, hidden).log_softmax(1),
        torch.where(off, similarity / TEMPERATURE, hidden).log_softmax(1),
        log_target=True, reduction='batchmean')
    return (1 - (unit * own).sum(1).mean() + CHOICE * choice
            + SIMILARITY * (found - similarity)[off].square().mean())


class Batches:
    """Rows of P people, K crops of each."""

    def __init__(self, identity: Sequence[int], people: int, each: int, seed: int) -> None:
        """Create what it consists of."""
        labels = np.asarray(identity)
        self._rows = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        self._people, self._each, self._seed = people, each, seed

    def rows(self, step: int) -> torch.Tensor:
        """Return the rows of a step, the same whenever it is asked."""
        random = np.random.default_rng((self._seed, step))
        people = random.choice(len(self._rows), self._people, replace=False)
        return torch.from_numpy(np.concatenate([
            random.choice(self._rows[one], self._each, len(self._rows[one]) < self._each)
            for one in people]))


def directions(feature: torch.Tensor, count: int) -> torch.Tensor:
    """
    Return the (count, D) principal directions of features (N, D), their largest part positive.

    Without a rule a direction may point either way, depending on the order of the features.
    """
    axes = torch.linalg.svd(feature, full_matrices=False)[2][:count]
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    return axes * torch.sign(largest)


def begin(start: OmniNetwork, architecture: OmniArchitecture, axes: torch.Tensor,
          crops: torch.Tensor) -> OmniNetwork:
    """Return the network that training starts with."""
    network = reduced(start, architecture, axes)
    rows = np.random.default_rng(1).choice(len(crops), min(192, len(crops)), replace=False)
    explained = refit(network, normalise(crops[rows].float() / 255), start)
    print('variance explained by the streams kept:',
          ', '.join(f'{share:.2f}' for share in explained), flush=True)
    return network


def adapt(options: argparse.Namespace) -> None:
    """Train as the command line says; go on from the last state in the output folder."""
    torch.set_num_threads(options.threads)
    data = CropSet.load(options.data)
    test, learnt = data.part('test'), data.part('train')
    crops = torch.from_numpy(learnt.images).permute(0, 3, 1, 2).contiguous()
    options.output.mkdir(parents=True, exist_ok=True)
    device = torch.device(options.device)
    architecture = OmniArchitecture(
        halved=(False, True, False) if options.late else (True, False, False))
    if len(crops) < architecture.features:
        raise SystemExit(f'{options.data}: {len(crops)} crops to train with; the directions of '
                         f'{architecture.features} features need at least as many')
    own = teach(options.start, crops, options.output, device)
    teachers = [teach(path, crops, options.output, device) for path in options.teacher]
    axes = directions(own, architecture.features)
    earlier = torch.load(options.weights, map_location='cpu') if options.weights else {}
    # The last layer of those weights gives features along the directions it was trained with.
    axes = earlier.get('axes', axes)
    network = begin(read_zoo(options.start), architecture, axes, crops)
    if options.weights:
        network.load_state_dict(earlier['state'])
    network.to(device)
    average = copy.deepcopy(network)
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(
        [{'params': [p for p in parameters if p.ndim > 1], 'weight_decay': 0.01},
         {'params': [p for p in parameters if p.ndim <= 1], 'weight_decay': 0.0}],
        lr=options.learning_rate)
    batches = Batches(learnt.identity, options.people, options.each, options.seed)
    state_path, step = options.output / 'state.pt', 0
    if state_path.is_file():
        state = torch.load(state_path, map_location='cpu')
        network.load_state_dict(state['network'])
        average.load_state_dict(state['state'])
        optimizer.load_state_dict(state['optimizer'])
        axes, step = state.get('axes', axes), state['step']

    def save() -> None:
        partial = state_path.with_suffix('.partial')
        torch.save({'network': network.state_dict(), 'state': average.state_dict(),
                    'optimizer': optimizer.state_dict(), 'step': step, 'axes': axes}, partial)
        os.replace(partial, state_path)

    saved = time.monotonic()
    while step < options.steps:
        torch.manual_seed(options.seed * 1_000_003 + step)
        rows = batches.rows(step)
        for group in optimizer.param_groups:
            group['lr'] = options.learning_rate * min(1.0, (step + 1) / options.warm_up) * (
                0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / options.steps)))
        similarity = torch.stack([
            taught[rows] @ taught[rows].T for taught in [own, *teachers]]).mean(0)
        seen = vary(crops[rows].float() / 255)
        if options.footage:
            seen = poor(seen, options.each)
        feature = network(normalise(seen.to(device)))
        loss = losses(feature @ axes.to(device), own[rows].to(device), similarity.to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 2.0)
        optimizer.step()
        step += 1
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(network.parameters()),
                                 1 - min(options.decay, step / (step + 10)))
        if step % 50 == 0:
            print(f'step {step}: loss {loss.item():.4f}', flush=True)
        if time.monotonic() - saved > options.save:
            save()
            saved = time.monotonic()
    save()
    if len(test.images):
        found = features(average.eval(), test.images, device)
        print('rank-1, mAP:', retrieval(found, test.identity, test.camera))


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data', type=Path, help='of python -m training.data')
    parser.add_argument('output', type=Path)
    parser.add_argument('--start', type=Path, required=True, help='OpenVINO IR of retail-0287')
    parser.add_argument('--teacher', type=Path, nargs='*', default=[], help='others, IR too')
    parser.add_argument('--weights', type=Path, help='state.pt of an earlier run to begin with')
    parser.add_argument('--late', action='store_true',
                        help='halve the map behind the second stage, not behind the first')
    parser.add_argument('--footage', action='store_true',
                        help='show the network coarse, blurred, dark and half hidden crops')
    parser.add_argument('--steps', type=int, default=1000)
    parser.add_argument('--people', type=int, default=16)
    parser.add_argument('--each', type=int, default=4)
    parser.add_argument('--learning-rate', type=float, default=5e-4)
    parser.add_argument('--warm-up', type=int, default=30)
    parser.add_argument('--decay', type=float, default=0.995, help='of the averaged weights')
    parser.add_argument('--save', type=float, default=180, help='seconds between two states')
    parser.add_argument('--device', default='cpu', help='of PyTorch: cpu, cuda')
    parser.add_argument('--threads', type=int, default=1, help='on the CPU')
    parser.add_argument('--seed', type=int, default=1)
    adapt(parser.parse_args())


if __name__ == '__main__':
    main()
