"""
A detector of people for those who have none: histograms of oriented gradients, from OpenCV.

Source: N. Dalal, B. Triggs, Histograms of oriented gradients for human detection, CVPR 2005.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import format_row
from deepsort_ros.tracking import Detections

# Pixels: wider images are reduced, people below 96 pixels are not found anyway.
WIDTH = 640
# The window of the detector has a margin around the person: left, top, width, height.
PERSON = np.array([0.15, 0.08, 0.7, 0.84])


class PeopleDetector:
    """Finds upright people."""

    def __init__(self) -> None:
        """Take the weights that come with OpenCV."""
        self._hog = cv2.HOGDescriptor()
        weights = np.array(cv2.HOGDescriptor.getDefaultPeopleDetector(), np.float32)
        self._hog.setSVMDetector(weights)

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """
        Return the people in an image.

        Scores are the distance from the detector's decision boundary, at most 1.

        :param image: (H, W, 3) uint8 bgr8.
        """
        scale = min(1.0, WIDTH / image.shape[1])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found, weights = self._hog.detectMultiScale(
            small, winStride=(8, 8), padding=(16, 16), scale=1.05)
        windows = np.asarray(found, np.float64).reshape(-1, 4)
        tlwh = np.tile(windows[:, 2:], 2) * PERSON
        tlwh[:, :2] += windows[:, :2]
        score = np.minimum(np.asarray(weights, np.float64).reshape(-1), 1.0)
        return Detections.from_arrays(tlwh / scale, score, ['person'] * len(tlwh))


def detect_people(video: Path, output: Path,
                  progress: Callable[[int, int], None] | None = None) -> int:
    """
    Write the people of a video, or of a sequence folder, as a file of detections.

    :param progress: called with (frames done, frames in all).
    :return: how many were found.
    :raises deepsort_ros.mot.table.MotFileError: not a video, or a frame cannot be read.
    """
    detector, count = PeopleDetector(), 0
    sequence = open_sequence(video, with_detections=False)
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open('w', encoding='utf-8') as file:
        for frame, image in sequence.loaded():
            if image is not None:
                found = detector.detect(image)
                for tlwh, score in zip(found.tlwh, found.score):
                    file.write(format_row(frame.number, -1, tlwh, score=float(score)))
                count += len(found.score)
            if progress is not None:
                progress(frame.number, sequence.length)
    return count
