"""
Images of 16-bit samples: how many of the bits a camera uses.

Cameras of 10, 12 or 14 bits send their values as they are in 16 bits, and nothing in the image
says so. Taken as 16 bits they come out nearly black, and an appearance network sees nothing.
"""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# What cameras have.
BITS = (8, 10, 12, 14, 16)


class Samples:
    """
    Makes 8 bits of the samples of one camera, by the largest value that it has sent so far.

    Never by that of one image alone: images would flicker. Not thread-safe.

    :ivar bits: that the 16-bit samples use, None while there were none.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.bits: int | None = None

    def eight_bit(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        """Return 8-bit samples as they are; 16-bit samples and floats are scaled."""
        if pixels.dtype.itemsize == 1:
            return pixels
        if pixels.dtype.kind == 'f':
            pixels = np.nan_to_num(pixels, posinf=0.0, neginf=0.0)
            # From 0 to 1, as image libraries have it, or what integers would be.
            largest = pixels.max(initial=0.0)
            scale = 255.0 if largest <= 1.0 else 255.0 / 65535.0 if largest > 255.0 else 1.0
            return (pixels * scale).clip(0, 255).astype(np.uint8)
        # The fourth channel is no light.
        seen = pixels[:, :, :3] if pixels.ndim == 3 else pixels
        largest = int(seen.max(initial=0))
        self.bits = max(self.bits or BITS[0], next(bits for bits in BITS if largest < 1 << bits))
        return (pixels >> (self.bits - 8)).astype(np.uint8)

    def words(self) -> str:
        """Return in words what is assumed; empty where all 16 bits are in use."""
        if self.bits in (None, BITS[-1]):
            return ''
        return (f'16-bit samples use {self.bits} bits (none is {1 << self.bits} or more) and are '
                'scaled by that')
