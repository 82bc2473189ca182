"""From a pair of messages to a TrackArray; what the node and the bag tool have in common."""
from __future__ import annotations

import time
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import TypeAlias

import numpy as np

from deepsort_ros.pipeline import Frame
from deepsort_ros.pipeline import FrameResult
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.pipeline import publishable
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.conversions import write_tracks
from deepsort_ros.ros.messages.detectors import read_any
from deepsort_ros.ros.messages.detectors import solid_type
from deepsort_ros.ros.messages.images import ImageError
from deepsort_ros.ros.messages.images import read_image
from deepsort_ros.ros.messages.types import CompressedImage
from deepsort_ros.ros.messages.types import Detection2DArray
from deepsort_ros.ros.messages.types import Image
from deepsort_ros.ros.messages.types import TrackArray
from deepsort_ros.ros.messages.world import read_given
from deepsort_ros.ros.messages.world import write_positions
from deepsort_ros.ros.world_inputs import Sight
from deepsort_ros.samples import Samples
from deepsort_ros.tracking import Detections
from deepsort_ros.world.given import Given
from deepsort_ros.world.world import Positions

ImageMessage: TypeAlias = Image | CompressedImage


@dataclass(frozen=True)
class Tracked:
    """
    What came of one pair of messages.

    :param message: the tracks, or None when the frame was dropped for its stamp.
    :param frame: what was tracked; its image is None when the message could not be read.
    :param result: of the pipeline.
    :param image_error: why the image could not be read, naming field and value.
    :param world_problems: why it has no position, or a worse one, by input.
    :param outside: detections whose box lies outside the image.
    :param size: (width, height) of the image in pixels, (0, 0) when unknown.
    :param positions: of the tracks of the message, None without ``world``.
    :param stage_seconds: time spent, by stage: ``read``, ``filter``, ``encode``, ``track``,
        ``write``.
    """

    message: TrackArray | None
    frame: Frame
    result: FrameResult
    image_error: str | None
    stage_seconds: dict[str, float]
    world_problems: dict[str, str] = field(default_factory=dict)
    positions: Positions | None = None
    outside: int = 0
    size: tuple[int, int] = (0, 0)


def track_pair(pipeline: Pipeline, image: ImageMessage, detections: Detection2DArray | None,
               sight: Sight | None = None, samples: Samples | None = None) -> Tracked:
    """
    Track one image with its detections; an unreadable image is tracked by motion alone.

    :param detections: None for an image that the detector skips: tracks are predicted.
    :param sight: what is known of the camera; without, tracks have no position.
    :param samples: what is known of its 16-bit samples, as for :func:`read_image`.
    """
    start = time.perf_counter()
    pixels, encoding, error = None, 'bgr8', None
    try:
        pixels, encoding = read_image(image, samples)
        size = pixels.shape[1], pixels.shape[0]
    except ImageError as problem:
        error = str(problem)
        size = (image.width, image.height) if isinstance(image, Image) else (0, 0)
    view, problems = (None, {}) if sight is None else sight.view(size)
    located = view is not None and pipeline.settings.world != 'off'
    found, given, more = _read(detections, image.header.frame_id, size, sight, located)
    problems = {**problems, **more}
    frame = Frame(nanoseconds(image.header.stamp), found, pixels, encoding, view, given)
    stages = {'read': time.perf_counter() - start}
    result = pipeline.process(frame)
    stages.update(result.stage_seconds)
    message = positions = None
    if result.tracks is not None:
        start = time.perf_counter()
        settings = pipeline.settings
        chosen = publishable(result.tracks, settings)
        message = write_tracks(result.tracks.select(chosen), image.header, size,
                               result.session, settings.frame_rate, settings.publish_features)
        if result.positions is not None:
            positions = result.positions.select(chosen)
            write_positions(message, positions, settings.fixed_frame)
        stages['write'] = time.perf_counter() - start
    return Tracked(message, frame, result, error, stages, problems, positions,
                   0 if found is None or pixels is None else _outside(found, size), size)


def _read(detections: Any, frame: str, size: tuple[int, int], sight: Sight | None, located: bool,
          ) -> tuple[Detections | None, Given | None, dict[str, str]]:
    """
    Return the detections of a message, where they say they are, and problems by input.

    Those in space that no camera can project are none: the tracks are predicted.

    :param located: where they are is of use.
    """
    if detections is None:
        return None, None, {}
    given: Given | None
    solid = solid_type(detections)
    if solid is not None:
        camera, problems = (None, {}) if sight is None else sight.camera_of(size)
        if camera is None:
            why = problems.get('camera_info', 'nothing is known of the camera')
            return None, None, {
                **problems, 'detections': f'detections in space need camera_info, tracks are '
                                          f'predicted without: {why}'}
        found, given, why = solid.read(detections, camera, frame)
    else:
        found, given, why = read_any(detections), None, ''
        if located and isinstance(detections, Detection2DArray):
            given, why = read_given(detections, frame)
    return found, given if located else None, {'detections': why} if why else {}


def _outside(detections: Detections, size: tuple[int, int]) -> int:
    """Return how many boxes show nothing of an image of a width and height in pixels."""
    valid = detections.tlwh[detections.valid()]
    corner, opposite = valid[:, :2], valid[:, :2] + valid[:, 2:]
    return int(np.count_nonzero((opposite <= 0).any(axis=1) | (corner >= size).any(axis=1)))
