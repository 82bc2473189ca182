"""From boxes to pixels, and from 8-bit crops to the numbers the network is fed."""
from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

# ImageNet mean and standard deviation of red, green, blue in [0, 1].
MEAN = np.array([0.485, 0.456, 0.406])
STD = np.array([0.229, 0.224, 0.225])


def scaling(mean: ArrayLike, std: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (3,) scale and (3,) offset: (x / 255 - mean) / std is x * scale + offset."""
    deviation = np.asarray(std, dtype=np.float64)
    return ((1.0 / (255.0 * deviation)).astype(np.float32),
            (-np.asarray(mean, dtype=np.float64) / deviation).astype(np.float32))


SCALE, OFFSET = scaling(MEAN, STD)


def crop_bounds(tlwh: NDArray[np.float64], height: int, width: int) -> NDArray[np.int64]:
    """
    Return the pixels boxes cover in an image, as (N, 4) left, top, right, bottom (exclusive).

    Right <= left or bottom <= top means none; so it is for boxes that are not finite.
    """
    finite = np.isfinite(tlwh).all(axis=1, keepdims=True)
    boxes = np.where(finite, tlwh, 0.0)
    # Pixel p has its centre at p + 0.5.
    edges = np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1)
    size = np.array([width, height, width, height], dtype=np.float64)
    return np.clip(np.ceil(edges - 0.5), 0.0, size).astype(np.int64)


def showing(bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which of (N, 4) bounds hold a pixel, ascending."""
    return np.flatnonzero((bounds[:, 2] > bounds[:, 0]) & (bounds[:, 3] > bounds[:, 1]))


def resize(image: NDArray[np.uint8], bounds: NDArray[np.int64],
           crops: NDArray[np.uint8]) -> None:
    """
    Fill (N, H, W, 3) crops from an image, all of one size, channels in the order of the image.

    :param bounds: (N, 4) of :func:`crop_bounds`, none of them empty.
    :param crops: C-contiguous, overwritten.
    """
    height, width = crops.shape[1:3]
    for (left, top, right, bottom), place in zip(bounds.tolist(), crops):
        crop = image[top:bottom, left:right]
        # OpenCV takes rows of any length, but no other strides.
        if crop.strides[1:] != (3, 1):
            crop = np.ascontiguousarray(crop)
        # Averaging keeps the detail of large boxes from aliasing; enlarging needs interpolation.
        large = bottom - top > height and right - left > width
        cv2.resize(crop, (width, height), dst=place,
                   interpolation=cv2.INTER_AREA if large else cv2.INTER_LINEAR)


def cut(image: NDArray[np.uint8], bounds: NDArray[np.int64], encoding: str,
        crops: NDArray[np.uint8]) -> None:
    """
    Fill crops as :func:`resize` does, channels in RGB order.

    :param encoding: ``bgr8`` or ``rgb8``, the channel order of the image.
    """
    resize(image, bounds, crops)
    if encoding == 'bgr8' and len(crops):
        rows = crops.reshape(-1, *crops.shape[2:])
        cv2.cvtColor(rows, cv2.COLOR_BGR2RGB, dst=rows)


def keep(image: NDArray[np.uint8], tlwh: NDArray[np.float64], encoding: str,
         size: tuple[int, int]) -> list[NDArray[np.uint8] | None]:
    """
    Return the crops of (N, 4) boxes, (H, W, 3) uint8 in RGB order each; None for no pixel.

    They share no memory, so that each goes when it is released.

    :param size: H, W.
    """
    bounds = crop_bounds(tlwh, image.shape[0], image.shape[1])
    crops: list[NDArray[np.uint8] | None] = [None] * len(tlwh)
    for row in showing(bounds).tolist():
        crop = np.empty((1, *size, 3), np.uint8)
        cut(image, bounds[row:row + 1], encoding, crop)
        crops[row] = crop[0]
    return crops


def put(kept: Iterable[NDArray[np.uint8]], places: NDArray[np.uint8]) -> None:
    """Copy kept crops into (N, H, W, 3) places; those of another size are resized."""
    for crop, place in zip(kept, places):
        if crop.shape == place.shape:
            place[:] = crop
        else:
            cv2.resize(crop, (place.shape[1], place.shape[0]), dst=place)


def normalise(crops: NDArray[np.uint8], swap: bool = False,
              out: NDArray[np.float32] | None = None, scale: NDArray[np.float32] = SCALE,
              offset: NDArray[np.float32] = OFFSET) -> NDArray[np.float32]:
    """
    Return (N, 3, H, W) normalised float32 from (N, H, W, 3) uint8, channels in RGB order.

    :param swap: the channels of the crops are in BGR order.
    :param out: of that shape, any strides, filled and returned; made when None.
    :param scale: (3,), :param offset: (3,): x becomes x * scale + offset, by channel of the
        outcome; by default what :func:`scaling` gives for ``MEAN`` and ``STD``.
    """
    planes = np.empty((len(crops), 3, *crops.shape[1:3]), np.float32) if out is None else out
    for channel in range(3):
        np.multiply(crops[..., 2 - channel if swap else channel], scale[channel],
                    out=planes[:, channel])
        planes[:, channel] += offset[channel]
    return planes
