"""
Compute the features of all detections of a sequence, once, into a file.

The file is that of the reference implementation: an (N, 10 + D) float64 array, the ten columns of
a detections file and a feature, for every detection whatever its score. A run that ends early
leaves its part behind, and the next one goes on from there.
"""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.mot.sequence import Sequence
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import MotTable
from deepsort_ros.mot.tracking import MOT_COLUMNS
from deepsort_ros.pipeline import AppearanceEncoder


def write_features(sequence: Sequence, encoder: AppearanceEncoder, dimensions: int, output: Path,
                   progress: Callable[[int], None]) -> None:
    """
    Compute and write the features of a sequence's detections.

    Frames found in ``NAME.npy.partial``, left by a run that was killed, are not computed again.

    :param dimensions: D, of a feature.
    :param output: ``NAME.npy``, which appears only when it is complete.
    :param progress: called with the number of detections done.
    :raises MotFileError: the sequence has no images or one cannot be read.
    """
    table = sequence.detections
    assert table is not None, 'a sequence with detections'
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f'{output.name}.partial')
    rows = _columns(table)
    done = _rows_done(partial, rows, dimensions)
    progress(done)
    with partial.open('ab') as file:
        for frame in sequence.frames():
            chosen = table.rows(frame.number)
            if chosen.start == chosen.stop or chosen.stop <= done:
                continue
            image = frame.load()
            if image is None:
                raise MotFileError(f'{sequence.path}: no images to compute features from')
            feature = encoder.encode(image, table.tlwh[chosen], 'bgr8')
            file.write(np.hstack((rows[chosen], feature)).tobytes())
            file.flush()
            progress(chosen.stop)
    values = np.fromfile(partial).reshape(-1, MOT_COLUMNS + dimensions)
    complete = output.with_name(f'{output.name}.complete')
    with complete.open('wb') as file:
        np.save(file, values)
    os.replace(complete, output)
    partial.unlink()


def _columns(table: MotTable) -> NDArray[np.float64]:
    """Return the (N, 10) columns of a detections file; world coordinates, unused, are -1."""
    rows = np.full((len(table), MOT_COLUMNS), -1.0)
    rows[:, 0], rows[:, 1] = table.frame, table.id
    rows[:, 2:6], rows[:, 6] = table.tlwh, table.confidence
    return rows


def _rows_done(partial: Path, rows: NDArray[np.float64], dimensions: int) -> int:
    """Return how many rows a killed run left, cut back to whole frames; 0 for other rows."""
    if not partial.is_file():
        return 0
    width = MOT_COLUMNS + dimensions
    content = np.fromfile(partial)
    found = content[:len(content) // width * width].reshape(-1, width)
    done = min(len(found), len(rows))
    # The last frame may have been cut off within: it is computed again.
    if done < len(rows):
        done = int(np.searchsorted(rows[:, 0], rows[done, 0]))
    if not np.array_equal(found[:done, :MOT_COLUMNS], rows[:done]):
        done = 0
    os.truncate(partial, done * width * content.itemsize)
    return done
