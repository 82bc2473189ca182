"""Random changes to batches of crops on the device they are on: what detectors and cameras do."""
from __future__ import annotations

import math

import torch
from torch.nn import functional

# Standard tables of JPEG (ITU-T T.81, annex K) for brightness and colour.
LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113,
    92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99)
CHROMINANCE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, *(99,) * 32)
# RGB to brightness and two colour differences, and back.
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
FROM_YCC = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


def place(crops: torch.Tensor) -> torch.Tensor:
    """
    Return crops as looser, tighter and shifted boxes would show them, half of them mirrored.

    :param crops: (N, 3, H, W) in [0, 1].
    """
    n, device = len(crops), crops.device

    def uniform(low: float, high: float) -> torch.Tensor:
        return torch.empty(n, device=device).uniform_(low, high)

    zoom, aspect, angle = uniform(0.82, 1.18), uniform(-0.12, 0.12), uniform(-0.07, 0.07)
    angle = angle * (uniform(0, 1) < 0.3)
    wide, high = zoom * torch.exp(aspect), zoom * torch.exp(-aspect)
    left, top = uniform(-0.12, 0.12), uniform(-0.1, 0.1)
    # Some boxes end above the feet.
    cut = torch.where(uniform(0, 1) < 0.1, uniform(0.6, 0.9), torch.ones(n, device=device))
    high, top = high * cut, top - (1 - cut)
    wide = torch.where(uniform(0, 1) < 0.5, -wide, wide)
    height, width = crops.shape[2:]
    ratio = height / width
    sine, cosine = torch.sin(angle), torch.cos(angle)
    matrix = torch.stack((
        torch.stack((wide * cosine, -high * sine * ratio, left), 1),
        torch.stack((wide * sine / ratio, high * cosine, top), 1)), 1)
    grid = functional.affine_grid(matrix, list(crops.shape), align_corners=False)
    return functional.grid_sample(crops, grid, padding_mode='border', align_corners=False)


def recolour(crops: torch.Tensor) -> torch.Tensor:
    """Return crops under other light, with other cameras; a few without colour."""
    n, device = len(crops), crops.device

    def spread(size: float, share: float) -> torch.Tensor:
        value = torch.empty(n, 1, 1, 1, device=device).uniform_(-size, size)
        return value * (torch.rand(n, 1, 1, 1, device=device) < share)

    crops = crops.clamp(1e-3, 1) ** torch.exp(spread(0.4, 0.5))
    crops = crops * torch.exp(spread(0.4, 0.7))
    crops = crops * torch.exp(0.06 * torch.randn(n, 3, 1, 1, device=device))
    mean = crops.mean((1, 2, 3), keepdim=True)
    crops = mean + (crops - mean) * torch.exp(spread(0.35, 0.7))
    ycc = torch.einsum('ij,njhw->nihw', torch.tensor(TO_YCC, device=device), crops)
    turn = spread(0.2, 0.4).view(n)
    colour = torch.exp(spread(0.45, 0.7)).view(n)
    colour = colour * (torch.rand(n, device=device) >= 0.03)
    sine, cosine = torch.sin(turn) * colour, torch.cos(turn) * colour
    blue = ycc[:, 1] * cosine.view(n, 1, 1) - ycc[:, 2] * sine.view(n, 1, 1)
    red = ycc[:, 1] * sine.view(n, 1, 1) + ycc[:, 2] * cosine.view(n, 1, 1)
    ycc = torch.stack((ycc[:, 0], blue, red), 1)
    crops = torch.einsum('ij,njhw->nihw', torch.tensor(FROM_YCC, device=device), ycc)
    return crops.clamp(0, 1)


def cover(crops: torch.Tensor, distance: int) -> torch.Tensor:
    """
    Return crops, some of them covered from below or from one side by part of another crop.

    :param distance: the other crop is so many rows further on in the batch.
    """
    n, _, height, width = crops.shape
    device = crops.device
    y = torch.arange(height, device=device).view(1, 1, height, 1) / height
    x = torch.arange(width, device=device).view(1, 1, 1, width) / width
    kind = torch.rand(n, 1, 1, 1, device=device)
    below = torch.empty(n, 1, 1, 1, device=device).uniform_(0.55, 0.95)
    side = torch.empty(n, 1, 1, 1, device=device).uniform_(0.6, 0.95)
    mask = (kind < 0.1) & (y >= below)
    mask = mask | ((kind >= 0.1) & (kind < 0.15) & (x >= side))
    mask = mask | ((kind >= 0.15) & (kind < 0.2) & (x < 1 - side))
    return torch.where(mask, crops.roll(distance, 0), crops)


def degrade(crops: torch.Tensor) -> torch.Tensor:
    """Return crops, some of them of fewer pixels, moved while exposed, noisy, compressed."""
    n, device = len(crops), crops.device
    height, width = crops.shape[2:]
    crops = crops.clone()
    order = torch.randperm(n, device=device)
    share = n // 10
    for part, factor in enumerate((1.5, 2.0, 3.0)):
        rows = order[part * share:(part + 1) * share]
        small = functional.interpolate(
            crops[rows], (round(height / factor), round(width / factor)), mode='area')
        crops[rows] = functional.interpolate(
            small, (height, width), mode='bilinear', align_corners=False)
    for part, size in enumerate((3, 5), 3):
        rows = order[part * share:part * share + share // 2]
        crops[rows] = functional.avg_pool2d(
            crops[rows], (1, size), 1, (0, size // 2), count_include_pad=False)
    noise = torch.empty(n, 1, 1, 1, device=device).uniform_(0, 0.04)
    noise = noise * (torch.rand(n, 1, 1, 1, device=device) < 0.3)
    crops = crops + noise * torch.randn_like(crops)
    rows = torch.randperm(n, device=device)[:2 * n // 5]
    crops[rows] = compress(
        crops[rows], torch.empty(len(rows), device=device).uniform_(0.2, 1.5))
    return crops.clamp(0, 1)


def compress(crops: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """
    Return crops after JPEG with its standard tables times ``strength`` (N,).

    :param crops: (N, 3, H, W) in [0, 1], H and W multiples of 8.
    """
    n, _, height, width = crops.shape
    device = crops.device
    k = torch.arange(8, device=device, dtype=torch.float32)
    basis = torch.cos(math.pi * (2 * k.view(1, 8) + 1) * k.view(8, 1) / 16) / 2
    basis[0] /= math.sqrt(2)
    table = torch.tensor((LUMINANCE, CHROMINANCE, CHROMINANCE), device=device).float()
    table = table.view(1, 3, 1, 1, 8, 8) * strength.view(n, 1, 1, 1, 1, 1)
    ycc = 255 * torch.einsum('ij,njhw->nihw', torch.tensor(TO_YCC, device=device), crops)
    blocks = ycc.view(n, 3, height // 8, 8, width // 8, 8).transpose(3, 4)
    coefficients = basis @ blocks @ basis.T
    coefficients = torch.round(coefficients / table) * table
    ycc = (basis.T @ coefficients @ basis).transpose(3, 4).reshape(n, 3, height, width) / 255
    return torch.einsum('ij,njhw->nihw', torch.tensor(FROM_YCC, device=device), ycc)
