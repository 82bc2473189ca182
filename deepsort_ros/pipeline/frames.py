"""What goes into the pipeline, what comes out, and what it needs of the appearance network."""
from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from dataclasses import field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.kept_crops import Crop
from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import Tracks
from deepsort_ros.world.given import Given
from deepsort_ros.world.view import View
from deepsort_ros.world.world import Positions

NANOSECONDS = 1_000_000_000


class AppearanceEncoder(Protocol):
    """
    What the pipeline needs of the appearance network.

    It may also have an attribute ``max_cosine_distance``, what it recommends, 0 for nothing.
    """

    def encode(self, image: NDArray[np.uint8], tlwh: NDArray[np.float64], encoding: str,
               kept: Collection[Crop] = ()) -> NDArray[np.float32]:
        """
        Return (N + K, D) unit rows for (N, 4) boxes, then for K crops kept of other images.

        A NaN row stands for a box that shows no pixel.

        :param image: (H, W, 3); :param encoding: ``bgr8`` or ``rgb8``, its channel order.
        """

    def keep(self, image: NDArray[np.uint8], tlwh: NDArray[np.float64],
             encoding: str) -> list[Crop | None]:
        """Return what (N, 4) boxes show, to be encoded later; None for no pixel."""


@dataclass(frozen=True)
class Frame:
    """
    An image and its detections.

    :param stamp: nanoseconds.
    :param detections: None when no detector looked at this image: tracks are predicted.
    :param image: (H, W, 3) uint8, or None where there is none (motion only).
    :param encoding: ``bgr8`` or ``rgb8``, the channel order of the image.
    :param view: where the camera was, None where that is not known or not wanted.
    :param given: what the detections say of where they are, None for nothing.
    """

    stamp: int
    detections: Detections | None
    image: NDArray[np.uint8] | None
    encoding: str = 'bgr8'
    view: View | None = None
    given: Given | None = None


@dataclass(frozen=True)
class FrameResult:
    """
    What came of one frame.

    :param tracks: all tracks, or None when the frame was dropped for its stamp.
    :param session: raised by one at each reset.
    :param reset: this frame's stamp made the tracker start over.
    :param crops: features computed; :param limited: there was no time for more.
    :param ignored: detections left out, by reason: ``invalid`` (NaN, no area), ``class``,
        ``confidence``, ``height``, ``overlap``, ``max_detections``.
    :param stage_seconds: time spent, by stage: ``filter``, ``motion`` (with ``camera_motion``),
        ``encode``, ``track``, ``world`` (with ``world``).
    :param confirmed: tracks confirmed in this image.
    :param positions: where the tracks are in metres, row by row; None without ``world``.
    """

    tracks: Tracks | None
    session: int
    reset: bool = False
    crops: int = 0
    ignored: dict[str, int] = field(default_factory=dict)
    stage_seconds: dict[str, float] = field(default_factory=dict)
    positions: Positions | None = None
    confirmed: int = 0
    limited: bool = False
