"""Cut people out of MOTChallenge sequences, for training and testing the appearance network."""
from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Sequence as Many
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deepsort_ros.mot.evaluation import PEDESTRIAN
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import MotTable
from deepsort_ros.mot.table import NO_CLASS
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind
from deepsort_ros.reid.preprocess import crop_bounds

JPEG_QUALITY = 95


def is_identity(path: Path) -> bool:
    """Whether a folder is one that :func:`write_crops` writes, of crops alone."""
    return bool(re.fullmatch(r'\d{4,}', path.name)) and path.is_dir() and all(
        re.fullmatch(r'\d{4,}_c\d+s1_\d{6,}_00\.jpg', entry.name) for entry in path.iterdir())


@dataclass
class CropSummary:
    """
    What was written.

    :param sequences: read; :param identities: folders; :param crops: images.
    :param notes: what was strange about the sequences, a sentence each.
    :param damage: what of them could not be read, empty when all was.
    """

    output: str
    sequences: int = 0
    identities: int = 0
    crops: int = 0
    notes: list[str] = field(default_factory=list)
    damage: str = ''


def write_crops(sequences: Many[Path], output: Path, every: int = 1, min_height: float = 0.0,
                min_visibility: float = 0.0,
                progress: Callable[[int, int], None] | None = None,
                class_id: int = PEDESTRIAN) -> CropSummary:
    """
    Write ``OUTPUT/0001/0001_c1s1_000001_00.jpg``: identity, sequence as camera, frame.

    Identities of different sequences get different numbers: whether they meet is unknown
    again.

    :param sequences: MOTChallenge folders with images and truth.
    :param every: take every n-th frame; :param min_height: of the box, pixels.
    :param min_visibility: share of the person that is seen, where the truth tells it.
    :param progress: called with frames done and all, of each sequence.
    :param class_id: of the truth, where it has classes.
    :raises MotFileError: a sequence without images or truth, a damaged file, or nothing to cut
        out.
    :raises OSError: a crop cannot be written.
    """
    summary = CropSummary(str(output))
    people: set[int] = set()
    base = 0
    for camera, path in enumerate(sequences, 1):
        sequence = open_sequence(path, with_detections=False)
        if sequence.truth is None or not sequence.has_images:
            raise MotFileError(f'{path}: cropping needs images and gt/gt.txt')
        truth = read_table(sequence.truth, TableKind.TRUTH)
        counts = _counting(truth, class_id)
        highest = base
        for frame in sequence.frames():
            rows = truth.rows(frame.number)
            if (frame.number - 1) % every or rows.start == rows.stop:
                continue
            image = frame.shown()
            if image is None:
                continue
            ids, tlwh = base + truth.id[rows], truth.tlwh[rows]
            wanted = (tlwh[:, 3] >= min_height) & (truth.visibility[rows] >= min_visibility)
            wanted &= counts[rows]
            bounds = crop_bounds(tlwh, *image.shape[:2])
            wanted &= (bounds[:, 2] > bounds[:, 0]) & (bounds[:, 3] > bounds[:, 1])
            for row in np.flatnonzero(wanted):
                left, top, right, bottom = bounds[row]
                name = f'{ids[row]:04d}'
                file = output / name / f'{name}_c{camera}s1_{frame.number:06d}_00.jpg'
                file.parent.mkdir(parents=True, exist_ok=True)
                encoded = cv2.imencode('.jpg', image[top:bottom, left:right],
                                       [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
                file.write_bytes(encoded.tobytes())
                people.add(int(ids[row]))
                summary.crops += 1
            highest = max(highest, int(ids.max()))
            if progress is not None:
                progress(frame.number, sequence.length)
        base = highest
        summary.notes += sequence.remarks()
        summary.damage = '; '.join(text for text in (summary.damage, sequence.damage) if text)
        summary.sequences += 1
    if not summary.crops:
        raise MotFileError(
            f'{", ".join(map(str, sequences))}: nothing to cut out, no box of the truth is of '
            f'class {class_id}, high enough and seen enough')
    summary.identities = len(people)
    return summary


def _counting(truth: MotTable, class_id: int) -> NDArray[np.bool_]:
    """Return (N,) bool, rows of the class that count; of a class without a flag, all of it."""
    chosen = np.isin(truth.class_id, (NO_CLASS, class_id))
    flagged = chosen & (truth.confidence == 1)
    return chosen if class_id != PEDESTRIAN and not flagged.any() else flagged
