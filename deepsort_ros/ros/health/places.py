"""Whether boxes are pixels of their image, by many of them; and whether that has one size."""
from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.canvas import canvas_of
from deepsort_ros.tracking import Detections

# Boxes that are looked at together, the newest.
MOST = 1000


class Places:
    """
    Looks at the boxes of one camera; not thread-safe.

    :ivar resized: images of another size than the one before; :ivar sizes: the last two.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.resized = 0
        self.sizes: tuple[tuple[int, int], ...] = ()
        self._boxes: deque[NDArray[np.float64]] = deque()
        self._count = 0
        self._judged = ''
        self._changed = False

    def take(self, detections: Detections | None, size: tuple[int, int]) -> None:
        """
        Take the detections of an image.

        :param size: (width, height) of the image in pixels, with a 0 where it is not known.
        """
        if not all(size):
            return
        if self.sizes and self.sizes[-1] != size:
            self.resized += 1
            self._boxes.clear()
            self._count, self._judged, self._changed = 0, '', False
        if not self.sizes or self.sizes[-1] != size:
            self.sizes = (*self.sizes[-1:], size)
        if detections is None or not len(detections):
            return
        self._boxes.append(detections.tlwh[detections.valid()])
        self._count += len(self._boxes[-1])
        self._changed = True
        while self._count - len(self._boxes[0]) >= MOST:
            self._count -= len(self._boxes.popleft())

    def problem(self) -> str:
        """Return in words what the boxes are pixels of, if not of the image."""
        if self._changed:
            self._changed = False
            canvas = canvas_of(np.concatenate(list(self._boxes)), self.sizes[-1])
            self._judged = (f'detections are pixels of {canvas}, not of their image: the detector '
                            f'must take bars off and scale its boxes back') if canvas else ''
        return self._judged

    def changes(self) -> str:
        """Return in words what became of the size of the images."""
        if not self.resized:
            return ''
        (width, height), (now_width, now_height) = self.sizes
        return (f'images changed from {width} x {height} to {now_width} x {now_height} pixels: '
                'boxes before and after are not of the same pixels, and ids change; keep one size')
