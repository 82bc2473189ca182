"""Decoded frames of a video as upright images."""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.samples import Samples

Image = NDArray[np.uint8]

# Formats of 16 bits that cameras of fewer bits are recorded in -> what they are read as.
WIDE = {'gray16le': 'gray16le', 'gray16be': 'gray16le', 'rgb48le': 'rgb48le',
        'rgb48be': 'rgb48le', 'bgr48le': 'rgb48le', 'bgr48be': 'rgb48le', 'gbrp16le': 'rgb48le',
        'gbrp16be': 'rgb48le', 'rgba64le': 'rgb48le', 'rgba64be': 'rgb48le'}


def matrix_of(frame: Any) -> NDArray[np.int64] | None:
    """Return the (2, 2) display matrix that takes pixels to where they are shown, if any."""
    for data in frame.side_data:
        if getattr(data.type, 'name', '') == 'DISPLAYMATRIX':
            matrix = np.frombuffer(data, dtype=np.int32)[:9].reshape(3, 3)[:2, :2].T
            signs = np.sign(matrix.astype(np.int64) * (np.abs(matrix) >= np.abs(matrix).max() / 2))
            return signs if not np.array_equal(signs, np.eye(2)) and signs.any() else None
    return None


def upright(frame: Any, samples: Samples) -> Image:
    """
    Return a decoded frame as (H, W, 3) uint8 bgr8, turned as its display matrix says.

    :param samples: what is known of the 16-bit samples of the video.
    """
    wide = WIDE.get(frame.format.name)
    if wide is None:
        image: Image = frame.to_ndarray(format='bgr24')
    else:
        narrow = samples.eight_bit(frame.to_ndarray(format=wide))
        image = np.ascontiguousarray(np.repeat(narrow[:, :, None], 3, axis=2)
                                     if narrow.ndim == 2 else narrow[:, :, ::-1])
    matrix = matrix_of(frame)
    if matrix is None:
        return image
    if not matrix[0, 0]:
        # The columns of the picture are shown as rows.
        image = image.transpose(1, 0, 2)
        matrix = matrix[:, ::-1]
    rows, columns = (slice(None, None, int(matrix[i, i]) or 1) for i in (1, 0))
    return np.ascontiguousarray(image[rows, columns])
