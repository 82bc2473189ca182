"""
Whether images show anything: those of a covered lens or a broken camera are of one colour.

What an appearance network computes from them is the same for everyone.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Seconds from one look to the next, and of one colour that are worth a warning.
LOOK, LONG = 0.5, 3.0
# Rows and columns of pixels that are looked at, at least.
GRID = 16
# Largest difference of two pixels of one colour: noise of a sensor in the dark.
NOISE = 10
# What is black and white.
DARK, BRIGHT = 16, 239


class Blank:
    """
    Looks at a few pixels of the images of one camera, twice a second; not thread-safe.

    :ivar count: images that were looked at and are of one colour.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.count = 0
        self._looked = 0
        self._last: float | None = None
        self._since: float | None = None
        self._longest = 0.0
        self._level = 0

    def take(self, image: NDArray[np.uint8], time: float) -> None:
        """
        Take an image, and look at it if the last look was long ago.

        :param image: (H, W, 3) uint8; :param time: of its stamp, in seconds.
        """
        if self._last is not None and 0 <= time - self._last < LOOK or not image.size:
            return
        if self._last is not None and time < self._last:
            self._since = None
        self._last = time
        self._looked += 1
        height, width = image.shape[:2]
        pixels = image[::max(1, height // GRID), ::max(1, width // GRID)]
        low, high = pixels.min(axis=(0, 1)), pixels.max(axis=(0, 1))
        if (high - low).max() > NOISE:
            self._since = None
            return
        self.count += 1
        self._level = int(pixels.mean())
        self._since = time if self._since is None else self._since
        self._longest = max(self._longest, time - self._since)

    def problem(self) -> str:
        """Return in words since when images are of one colour, or nothing."""
        if self._since is None or self._last is None or self._last - self._since < LONG:
            return ''
        return (f'images are of one colour ({self._colour()}) for '
                f'{self._last - self._since:.0f} s, so looks cannot tell objects '
                'apart: is the lens covered, or the exposure wrong?')

    def words(self) -> str:
        """Return in words how many images are of one colour, once all were taken; or nothing."""
        if not self.count or self._longest < LONG and self.count < self._looked:
            return ''
        return (f'{self.count} of {self._looked} images that were looked at are of one colour '
                f'({self._colour()}), so looks cannot tell objects apart there')

    def _colour(self) -> str:
        if self._level <= DARK:
            return 'black'
        return 'white' if self._level >= BRIGHT else f'a brightness of {self._level} in 255'
