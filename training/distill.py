"""
Train appearance networks on a GPU, taught by other networks.

    python -m training.distill DATA.npz OUT --teacher TEACHER.xml ... --seconds 540

Several networks learn from the same batches, so that the teachers, which cost the most, run once
for all. The teachers see every batch as the networks do, changed crops and mixtures of crops
alike (arXiv 2106.05237). The losses: each teacher's feature, from a linear projection that is
dropped afterwards; the cosine similarities of all pairs in the batch, in place; and with less
weight the identities, by a softmax behind a batch normalisation and by triplets before it.
"""
from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from training import augmentation
from training.data import CropSet
from training.networks import ARCHITECTURES
from training.networks import FEATURE_SIZE
from training.networks import Network
from training.openvino_ir import load_ir

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
MARGIN = 0.3
SMOOTHING = 0.1
# Similarities are also compared as a choice among the batch, this sharp.
TEMPERATURE = 0.07


@dataclass(frozen=True)
class Weights:
    """How much each loss counts."""

    feature: float = 1.0
    similarity: float = 30.0
    choice: float = 0.5
    identity: float = 0.15
    triplet: float = 0.3


@dataclass(frozen=True)
class Student:
    """A network to train: its name, architecture and whether it learns identities, too."""

    name: str
    architecture: str
    identities: bool

    @staticmethod
    def parse(text: str) -> Student:
        """Return ``ARCHITECTURE`` or ``ARCHITECTURE-`` (no identities) as a student."""
        architecture = text.rstrip('-')
        return Student(text.replace('-', '_taught'), architecture, not text.endswith('-'))


class Learner(nn.Module):
    """A network with what it needs in training only."""

    def __init__(self, student: Student, sizes: Sequence[int], classes: int) -> None:
        """Create what it consists of."""
        super().__init__()
        self.student = student
        self.network = Network(ARCHITECTURES[student.architecture])
        self.projections = nn.ModuleList(nn.Linear(FEATURE_SIZE, size) for size in sizes)
        self.neck = nn.BatchNorm1d(FEATURE_SIZE)
        self.neck.bias.requires_grad_(False)
        self.classifier = nn.Linear(FEATURE_SIZE, classes, bias=False)
        nn.init.normal_(self.classifier.weight, std=0.01)

    def forward(self, images: torch.Tensor, targets: Sequence[torch.Tensor],
                similarity: torch.Tensor, labels: torch.Tensor, weights: Weights,
                ) -> dict[str, torch.Tensor]:
        """
        Return the losses of a batch.

        :param targets: unit features of each teacher; :param similarity: (N, N), their mean.
        :param labels: identities of the first rows; the others have none.
        """
        device = images.device.type
        with torch.autocast(device, torch.bfloat16, enabled=device == 'cuda'):
            feature = self.network(images)
        feature = feature.float()
        unit = functional.normalize(feature)
        own = unit @ unit.T
        off = ~torch.eye(len(own), dtype=torch.bool, device=own.device)
        projected = [1 - (functional.normalize(projection(feature)) * target).sum(1).mean()
                     for projection, target in zip(self.projections, targets)]
        hidden = torch.full_like(own, -1e4)
        choice = functional.kl_div(
            torch.where(off, own / TEMPERATURE, hidden).log_softmax(1),
            torch.where(off, similarity / TEMPERATURE, hidden).log_softmax(1),
            log_target=True, reduction='batchmean')
        losses = {
            'feature': weights.feature * torch.stack(projected).mean(),
            'similarity': weights.similarity * (own - similarity)[off].square().mean(),
            'choice': weights.choice * choice}
        if self.student.identities:
            count = len(labels)
            logits = self.classifier(self.neck(feature[:count]))
            losses['identity'] = weights.identity * functional.cross_entropy(
                logits, labels, label_smoothing=SMOOTHING)
            losses['triplet'] = weights.triplet * _triplet(own[:count, :count], labels)
        return losses


def _triplet(similarity: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    distance = (2 - 2 * similarity).clamp(min=1e-6).sqrt()
    same = labels.view(-1, 1) == labels.view(1, -1)
    farthest = torch.where(same, distance, torch.zeros_like(distance)).amax(1)
    nearest = torch.where(same, torch.full_like(distance, 9.0), distance).amin(1)
    return functional.relu(farthest - nearest + MARGIN).mean()


class Teachers:
    """Networks of OpenVINO's IR that take (N, 3, 256, 128) BGR in 0 to 255."""

    def __init__(self, paths: Sequence[Path], device: torch.device) -> None:
        """Create what it consists of."""
        self._half = device.type == 'cuda'
        self._networks = [load_ir(path).to(device) for path in paths]
        if self._half:
            self._networks = [network.half().to(memory_format=torch.channels_last)
                              for network in self._networks]

    @torch.no_grad()
    def __call__(self, crops: torch.Tensor) -> list[torch.Tensor]:
        """Return the unit features of RGB crops (N, 3, 128, 64) in [0, 1], of each teacher."""
        images = 255 * functional.interpolate(
            crops.flip(1), scale_factor=2, mode='bilinear', align_corners=False)
        if self._half:
            images = images.half()
        images = images.contiguous(memory_format=torch.channels_last)
        return [functional.normalize(network(images).float()) for network in self._networks]


class Average:
    """Moving average of the weights and statistics of networks."""

    def __init__(self, networks: Sequence[nn.Module], decay: float) -> None:
        """Create what it consists of."""
        self.networks = [copy.deepcopy(network).eval() for network in networks]
        self._decay = decay
        self._steps = 0
        self._own = self._tensors(self.networks)
        self._others = self._tensors(networks)

    @staticmethod
    def _tensors(networks: Sequence[nn.Module]) -> list[torch.Tensor]:
        return [value for network in networks for value in network.state_dict().values()
                if value.is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the networks as they are."""
        self._steps += 1
        decay = min(self._decay, self._steps / (self._steps + 10))
        torch._foreach_lerp_(self._own, self._others, 1 - decay)


class Batches:
    """Crops of P people, K of each, and mixtures of others, changed as cameras change them."""

    def __init__(self, crops: CropSet, people: int, each: int, mixed: int,
                 device: torch.device) -> None:
        """Create what it consists of."""
        self._images = torch.from_numpy(crops.images).permute(0, 3, 1, 2).contiguous().to(device)
        labels, identity = np.unique(crops.identity, return_inverse=True)
        self.classes = len(labels)
        counts = np.bincount(identity)
        rows = np.zeros((len(labels), counts.max()), np.int64)
        for label in range(len(labels)):
            rows[label, :counts[label]] = np.flatnonzero(identity == label)
        self._rows = torch.from_numpy(rows).to(device)
        self._counts = torch.from_numpy(counts).to(device)
        self._people, self._each, self._mixed = min(people, len(labels)), each, mixed
        self._device = device

    def draw(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the crops of a batch, the same as the teachers see them, labels of the first."""
        people = torch.randperm(self.classes, device=self._device)[:self._people]
        chance = torch.rand(len(people), self._each, device=self._device)
        place = (chance * self._counts[people].view(-1, 1)).long()
        rows = self._rows[people].gather(1, place).flatten()
        others = torch.randint(
            len(self._images), (2 * self._mixed,), device=self._device)
        crops = self._images[torch.cat((rows, others))].float() / 255
        crops = augmentation.place(crops)
        if self._mixed:
            share = torch.empty(self._mixed, 1, 1, 1, device=self._device).uniform_(0.5, 1)
            count = len(rows)
            mixture = share * crops[count:count + self._mixed]
            mixture = mixture + (1 - share) * crops[count + self._mixed:]
            crops = torch.cat((crops[:count], mixture))
        crops = augmentation.cover(crops, self._each)
        crops = augmentation.recolour(crops)
        worse = augmentation.degrade(crops)
        # Half of the time the teachers see what the degradation took away.
        kept = torch.rand(len(crops), 1, 1, 1, device=self._device) < 0.5
        return worse, torch.where(kept, crops, worse), people.repeat_interleave(self._each)


def normalise(crops: torch.Tensor) -> torch.Tensor:
    """Return crops (N, 3, H, W) in [0, 1] by the mean and deviation of ImageNet."""
    mean = torch.tensor(MEAN, device=crops.device).view(1, 3, 1, 1)
    deviation = torch.tensor(DEVIATION, device=crops.device).view(1, 3, 1, 1)
    return ((crops - mean) / deviation).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def features(network: nn.Module, images: NDArray[np.uint8], device: torch.device,
             ) -> NDArray[np.float32]:
    """Return (N, 128) unit features of (N, H, W, 3) crops."""
    found = []
    for start in range(0, len(images), 512):
        crops = torch.from_numpy(images[start:start + 512]).to(device).permute(0, 3, 1, 2)
        found.append(functional.normalize(network(normalise(crops.float() / 255)).float()))
    return np.asarray(torch.cat(found).cpu().numpy())


def retrieval(feature: NDArray[np.float32], identity: NDArray[np.int64],
              camera: NDArray[np.int64]) -> tuple[float, float]:
    """Return rank-1 and mAP across cameras, one query per identity and camera."""
    _, queries = np.unique(identity * 100 + camera, return_index=True)
    firsts, precisions = [], []
    for query in queries:
        counted = ~((identity == identity[query]) & (camera == camera[query]))
        order = np.argsort(-(feature[counted] @ feature[query]), kind='stable')
        places = np.flatnonzero((identity[counted] == identity[query])[order])
        if len(places):
            firsts.append(places[0] == 0)
            precisions.append(np.mean(np.arange(1, len(places) + 1) / (places + 1)))
    return float(np.mean(firsts)), float(np.mean(precisions))


def train(options: argparse.Namespace) -> None:
    """Train as the command line says, for as long as it says."""
    begin = time.monotonic()
    torch.manual_seed(options.seed)
    device = torch.device(options.device)
    if device.type == 'cuda':
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
    data = CropSet.load(options.data)
    test = data.part('test')
    learnt = data.part('train')
    print(f'{time.monotonic() - begin:.0f} s: {len(learnt.images)} crops to learn, '
          f'{len(test.images)} to test', flush=True)
    teachers = Teachers(options.teacher, device)
    batches = Batches(learnt, options.people, options.each, options.mixed, device)
    sizes = [len(target[0]) for target in teachers(torch.zeros(2, 3, 128, 64, device=device))]
    learners = [Learner(Student.parse(text), sizes, batches.classes).to(device)
                .to(memory_format=torch.channels_last) for text in options.students]
    average = Average([learner.network for learner in learners], options.decay)
    parameters = [p for learner in learners for p in learner.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [{'params': [p for p in parameters if p.ndim > 1], 'weight_decay': options.weight_decay},
         {'params': [p for p in parameters if p.ndim == 1], 'weight_decay': 0.0}],
        lr=options.learning_rate, fused=device.type == 'cuda')
    weights = Weights()
    options.output.mkdir(parents=True, exist_ok=True)
    log = (options.output / 'log.jsonl').open('w')
    start = time.monotonic()
    # Reading the data and writing the networks take their part of the time.
    limit = options.seconds - (start - begin) - options.reserve
    logged = saved = start
    step = 0

    def scores() -> dict[str, Any]:
        found = {}
        for learner, network in zip(learners, average.networks):
            feature = features(network, test.images, device)
            found[learner.student.name] = retrieval(feature, test.identity, test.camera)
        return found

    def save() -> None:
        for learner, network in zip(learners, average.networks):
            state = {name: value.cpu() for name, value in network.state_dict().items()}
            torch.save({'architecture': learner.student.architecture, 'step': step,
                        'state': state}, options.output / f'{learner.student.name}.pt')

    def tell(**values: Any) -> None:
        line = json.dumps(values)
        print(line, flush=True)
        print(line, file=log, flush=True)

    while True:
        now = time.monotonic()
        done = (now - start) / limit
        if done >= 1 or step == options.steps:
            break
        for group in optimizer.param_groups:
            group['lr'] = options.learning_rate * min(
                1.0, (step + 1) / options.warm_up) * (0.5 + 0.5 * math.cos(math.pi * done))
        seen, shown, labels = batches.draw()
        targets = teachers(shown)
        similarity = torch.stack([target @ target.T for target in targets]).mean(0)
        images = normalise(seen)
        optimizer.zero_grad(set_to_none=True)
        losses = []
        for learner in learners:
            own = learner(images, targets, similarity, labels, weights)
            torch.stack(list(own.values())).sum().backward()
            losses.append(own)
        optimizer.step()
        average.update()
        step += 1
        # The host would run ahead of the device without bound, and of the clock.
        if device.type == 'cuda' and step % 4 == 0:
            torch.cuda.synchronize()
        if now - logged > options.tell or step == 1:
            logged = now
            tell(step=step, seconds=round(now - start, 1),
                 crops_per_second=round(step * len(seen) / max(now - start, 1e-3)),
                 losses={learner.student.name: {k: round(v.item(), 4) for k, v in own.items()}
                         for learner, own in zip(learners, losses)})
        if now - saved > options.save:
            saved = now
            save()
            tell(step=step, scores=scores())
    save()
    tell(step=step, seconds=round(time.monotonic() - start, 1), scores=scores())
    if device.type == 'cuda':
        tell(memory=torch.cuda.max_memory_allocated() / 2 ** 30)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data', type=Path, help='of python -m training.data')
    parser.add_argument('output', type=Path)
    parser.add_argument('--teacher', type=Path, nargs='+', required=True, help='OpenVINO IR')
    parser.add_argument('--students', nargs='+', default=['parts'],
                        help=f'of {", ".join(ARCHITECTURES)}; with a - behind: no identities')
    parser.add_argument('--seconds', type=float, default=540, help='from start to end')
    parser.add_argument('--reserve', type=float, default=10, help='of them for what is no step')
    parser.add_argument('--steps', type=int, default=-1, help='ends earlier, after so many')
    parser.add_argument('--people', type=int, default=96)
    parser.add_argument('--each', type=int, default=4)
    parser.add_argument('--mixed', type=int, default=128)
    parser.add_argument('--learning-rate', type=float, default=2e-3)
    parser.add_argument('--weight-decay', type=float, default=0.05)
    parser.add_argument('--warm-up', type=int, default=200)
    parser.add_argument('--decay', type=float, default=0.998)
    parser.add_argument('--tell', type=float, default=10)
    parser.add_argument('--save', type=float, default=60)
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--seed', type=int, default=1)
    train(parser.parse_args())


if __name__ == '__main__':
    main()
