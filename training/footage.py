"""
Crops as a camera and a detector give them: coarse, blurred, dark, off the person, half hidden.

Photographs of people are cut by hand and sharp. A tracker compares crops of footage, so a network
learns here to find the feature of the sharp crop in the poor one.
"""
from __future__ import annotations

import cv2
import numpy as np
import torch
from torch.nn import functional

# Share of the crops that are made poor, and of those, the share that each of the ways touches.
POOR, EACH = 0.6, 0.4
# Heights in pixels that a person of a coarse crop had, and quality of its JPEG compression.
HEIGHTS, QUALITIES = (24, 80), (12, 60)


def _uniform(count: int, low: float, high: float) -> torch.Tensor:
    return torch.empty(count).uniform_(low, high)


def shifted(crops: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Return crops of boxes that are off by up to a quarter; others appear beside the person."""
    count = len(crops)
    wide, high = torch.exp(_uniform(count, -0.25, 0.3)), torch.exp(_uniform(count, -0.2, 0.25))
    left, top, none = _uniform(count, -0.3, 0.3), _uniform(count, -0.25, 0.25), torch.zeros(count)
    matrix = torch.stack((torch.stack((wide, none, left), 1),
                          torch.stack((none, high, top), 1)), 1)
    grid = functional.affine_grid(matrix, list(crops.shape), align_corners=False)
    found = functional.grid_sample(crops, grid, padding_mode='border', align_corners=False)
    outside = (grid.abs().amax(3) > 1) & (_uniform(count, 0, 1) < 0.5).view(count, 1, 1)
    return torch.where(outside.unsqueeze(1), others, found)


def hidden(crops: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Return crops with a strip of others before the left, the right or the lower part."""
    count, _, height, width = crops.shape
    side = torch.randint(3, (count,)).view(count, 1, 1)
    share = _uniform(count, 0.12, 0.42).view(count, 1, 1)
    x = ((torch.arange(width) + 0.5) / width).view(1, 1, width)
    y = ((torch.arange(height) + 0.5) / height).view(1, height, 1)
    strip = torch.where(side == 0, x < share, torch.where(side == 1, x > 1 - share, y > 1 - share))
    # The middle of the other person lies at the edge of the crop, or the head within it.
    beside = torch.where(side.unsqueeze(1) == 2, others.roll(height // 2, 2),
                         others.roll(width // 2, 3))
    return torch.where(strip.unsqueeze(1), beside, crops)


def dark(crops: torch.Tensor) -> torch.Tensor:
    """Return crops in little light, with noise."""
    count = len(crops)
    gamma = torch.exp(_uniform(count, 0, 0.6)).view(count, 1, 1, 1)
    light = torch.exp(_uniform(count, -0.9, 0)).view(count, 1, 1, 1)
    crops = crops.clamp(1e-3, 1) ** gamma * light
    return (crops + 0.015 * torch.randn_like(crops)).clamp(0, 1)


def blurred(crops: torch.Tensor, size: int = 9) -> torch.Tensor:
    """Return crops out of focus or moved: each by an elongated Gaussian of its own direction."""
    count, channels = crops.shape[:2]
    along, across, angle = (_uniform(count, 0.6, 2.5), _uniform(count, 0.4, 1.1),
                            _uniform(count, 0, np.pi))
    place = torch.arange(size, dtype=torch.float32) - size // 2
    y, x = torch.meshgrid(place, place, indexing='ij')
    turn, other = (value.view(count, 1, 1) for value in (angle.cos(), angle.sin()))
    kernel = torch.exp(-0.5 * (((x * turn + y * other) / along.view(count, 1, 1)) ** 2
                               + ((y * turn - x * other) / across.view(count, 1, 1)) ** 2))
    kernel = (kernel / kernel.sum((1, 2), keepdim=True)).repeat_interleave(channels, 0)
    pad = size // 2
    rows = functional.pad(crops, (pad, pad, pad, pad), mode='replicate').flatten(0, 1)
    found = functional.conv2d(rows.unsqueeze(0), kernel.unsqueeze(1), groups=count * channels)
    return found.view_as(crops)


def coarse(crops: torch.Tensor) -> torch.Tensor:
    """Return crops that had few pixels, half of them compressed as JPEG at that size."""
    count, _, height, width = crops.shape
    rows = torch.exp(_uniform(count, *np.log(HEIGHTS))).round().int().tolist()
    quality = _uniform(count, *QUALITIES).round().int().tolist()
    compress = (_uniform(count, 0, 1) < 0.5).tolist()
    images = (crops * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    found = np.empty_like(images)
    for number, image in enumerate(images):
        small = cv2.resize(image, (max(rows[number] * width // height, 8), rows[number]),
                           interpolation=cv2.INTER_AREA)
        if compress[number]:
            _, stream = cv2.imencode('.jpg', small, (cv2.IMWRITE_JPEG_QUALITY, quality[number]))
            small = np.asarray(cv2.imdecode(stream, cv2.IMREAD_COLOR))
        found[number] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(found).permute(0, 3, 1, 2).float() / 255


def poor(crops: torch.Tensor, each: int) -> torch.Tensor:
    """
    Return crops (N, 3, H, W) in [0, 1], a share of them made poor.

    :param each: crops of one person that follow each other; others are those of another person.
    """
    crops, count = crops.clone(), len(crops)
    others = crops.roll(each * (1 + int(torch.randint(max(count // each - 1, 1), (1,)))), 0)
    chosen = _uniform(count, 0, 1) < POOR
    for change in (shifted, hidden, dark, blurred, coarse):
        rows = torch.nonzero(chosen & (_uniform(count, 0, 1) < EACH))[:, 0]
        if len(rows):
            crops[rows] = (change(crops[rows], others[rows]) if change in (shifted, hidden)
                           else change(crops[rows]))
    return crops
