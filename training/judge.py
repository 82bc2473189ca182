"""What a network in PyTorch makes of crops, and how well people are found by it."""
from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

# Of ImageNet, RGB.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


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
        found.append(functional.normalize(network(normalise(crops.float() / 255))))
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
