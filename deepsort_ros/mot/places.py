"""Signs that boxes are not what they are taken for: left, top, width, height in pixels."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.canvas import canvas_of
from deepsort_ros.mot.cells import SHARES
from deepsort_ros.mot.sequence import Sequence
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import MotTable

# Share of boxes outside the image that people at its border explain.
MOST_OUTSIDE = 0.05
# Share of boxes whose third and fourth column are larger than the first two, if they are corners.
ORDERED = 0.99
# Share of the image by which a box may stick out.
MARGIN = 0.01
# Boxes that tell something, all together.
ENOUGH = 50
# Share of the width and of the height that detections of a smaller image keep to.
PART = 0.7
# Share of the sequence, and seconds, without detections at its end that are worth a word.
SILENT_END, SILENT_SECONDS = 0.1, 1.0


def doubt_places(path: Path, tlwh: NDArray[np.float64], size: tuple[int, int]) -> list[str]:
    """
    Return what is strange about the places of boxes, a sentence each.

    :param path: the file that holds them; :param tlwh: (N, 4) pixels.
    :param size: (width, height) of the images, (0, 0) when unknown.
    """
    if not len(tlwh):
        return []
    if tlwh.max() <= SHARES:
        return [f'{path}: no box is larger than {tlwh.max():g}: are these shares of the image '
                'instead of pixels?']
    if reading := _other_reading(tlwh, size):
        return [f'{path}: its boxes fit the image as {reading}; they are read as left, top, '
                'width, height']
    if not all(size):
        return []
    if canvas := canvas_of(tlwh, size):
        return [f'{path}: its boxes are pixels of {canvas}, not of the images of {size[0]} x '
                f'{size[1]}; take bars off and scale them back']
    outside = ((tlwh[:, :2] >= size) | (tlwh[:, :2] + tlwh[:, 2:] <= 0)).any(axis=1)
    share = float(outside.mean())
    if share > MOST_OUTSIDE:
        return [f'{path}: {100 * share:.0f} % of its boxes lie outside the images of {size[0]} x '
                f'{size[1]} pixels; are they of another sequence, or of images of another size?']
    right, bottom = (tlwh[:, :2] + tlwh[:, 2:]).max(axis=0)
    if len(tlwh) >= ENOUGH and right <= PART * size[0] and bottom <= PART * size[1]:
        return [f'{path}: no box reaches beyond the {right:.0f} x {bottom:.0f} pixels at the top '
                f'left of images of {size[0]} x {size[1]}; did the detector see smaller images?']
    return []


def doubt_detections(sequence: Sequence) -> list[str]:
    """Return what is strange about the detections of a sequence, a sentence each."""
    table = sequence.detections
    if table is None or not len(table):
        return [] if table is None else [f'{table.path}: no rows, so there is nothing to track']
    found = doubt_places(table.path, table.tlwh, sequence.size)
    twice = len(table) - len(np.unique(np.column_stack((table.frame, table.tlwh)), axis=0))
    if twice > MOST_OUTSIDE * len(table):
        found.append(f'{table.path}: {twice} of {len(table)} rows are a box that is there before '
                     'in the same frame; was the file written twice?')
    if not table.scored:
        found.append(f'{table.path}: 6 columns, no confidence: 1 is assumed')
    silent = sequence.length - table.last_frame
    if silent >= max(SILENT_END * sequence.length, SILENT_SECONDS * sequence.frame_rate):
        found.append(f'{table.path}: no detections after frame {table.last_frame} of '
                     f'{sequence.length}; is the file complete, and of this sequence?')
    if sequence.skipped:
        found.append(f'{table.path}: detections of every {_ordinal(table)} frame; tracks of the '
                     f'{len(sequence.skipped)} frames that the detector skipped are predicted')
    return found


def check_images(sequence: Sequence) -> None:
    """
    Check that the images of a sequence are there; a few may be missing.

    :raises MotFileError: most of them are missing.
    """
    missing = [number for number, path in sequence.images.items()
               if number <= sequence.length and not path.is_file()]
    if 2 * len(missing) > sequence.length:
        raise MotFileError(
            f'{sequence.path}: {len(missing)} of {sequence.length} images are missing, the first '
            f'is {sequence.images[missing[0]]}; --appearance off tracks without images')


def _ordinal(table: MotTable) -> str:
    step = int(np.median(np.diff(np.unique(table.frame))))
    return {2: '2nd', 3: '3rd'}.get(step, f'{step}th')


def _other_reading(tlwh: NDArray[np.float64], size: tuple[int, int]) -> str:
    """
    Return in words what else the columns of boxes are, if all evidence says so; else nothing.

    Right and bottom are always beyond left and top, widths and heights hardly ever. Boxes that
    leave the image do so at all sides alike; those read by their centre do at the right and the
    bottom only.
    """
    first, second = tlwh[:, :2], tlwh[:, 2:]
    if len(tlwh) < ENOUGH:
        return ''
    if float((second > first).all(axis=1).mean()) >= ORDERED:
        return 'left, top, right, bottom'
    if not all(size):
        return ''
    margin = MARGIN * max(size)

    def leave(low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[float, float]:
        return (float((low < -margin).any(axis=1).mean()),
                float((high > np.array(size) + margin).any(axis=1).mean()))

    before, behind = leave(first, first + second)
    centred = sum(leave(first - second / 2, first + second / 2))
    if before <= MARGIN and behind >= MOST_OUTSIDE and centred <= behind / 3:
        return 'the centre (x, y), width, height'
    return ''
