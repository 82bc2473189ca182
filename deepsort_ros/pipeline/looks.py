"""What detections look like: features of those that need one, and crops kept of the others."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.kept_crops import Crop
from deepsort_ros.kept_crops import KeptCrops
from deepsort_ros.pipeline.frames import AppearanceEncoder
from deepsort_ros.pipeline.frames import Frame
from deepsort_ros.pipeline.parts import appearance_limit
from deepsort_ros.pipeline.parts import crop_spacing
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import Tracker
from deepsort_ros.tracking import Tracks


class Looks:
    """
    The appearance of one frame after the other: :meth:`describe`, then :meth:`keep`.

    :ivar encoder: None for none.
    :ivar error: why it failed; it is not asked again until it is allowed again.
    :ivar limited: whether there was no time for more features in the last frame.
    """

    def __init__(self, settings: Settings, encoder: AppearanceEncoder | None) -> None:
        """Keep no crops yet."""
        self.encoder = encoder
        self.error: str | None = None
        self.limited = False
        self._settings = settings
        self._allowed = True
        self._most: int | None = None
        self._kept = KeptCrops(crop_spacing(settings))
        self._spared: dict[int, Crop | None] = {}
        self._described: set[int] = set()

    @property
    def limit(self) -> float:
        """Return the largest appearance distance of a match, as settings or model say."""
        return appearance_limit(self._settings, self.encoder)

    def configure(self, settings: Settings) -> None:
        """Use other settings from the next frame on."""
        self._settings = settings
        self._kept.spacing = crop_spacing(settings)

    def use(self, encoder: AppearanceEncoder | None) -> None:
        """Use another encoder, or none, from the next frame on."""
        self.encoder = encoder
        self.forget()

    def allow(self, allowed: bool, most: int | None = None) -> None:
        """
        Let the next frames use the encoder or not; an allowed one may have failed before.

        :param most: features that there is time for in an image, None for any number; it holds
            with ``on_demand`` where the settings set no limit.
        """
        self._allowed = allowed
        self._most = most
        self.error = None

    def forget(self) -> None:
        """Drop the crops kept; try a failed encoder again."""
        self._kept.clear()
        self.error = None

    def describe(self, frame: Frame, detections: Detections, tracker: Tracker, dt: float,
                 ) -> tuple[NDArray[np.float32] | None, int]:
        """
        Return the (N, D) features, NaN rows for those not computed, and how many were.

        The tracker gets the features of crops kept of its tracks by itself. No features where
        there is no encoder, no image or no detection, and where the encoder fails.

        :param dt: time steps since the last update of the tracker.
        """
        self._spared, self._described, self.limited = {}, set(), False
        if (self.encoder is None or frame.image is None or self._settings.appearance == 'off'
                or not self._allowed or self.error is not None or len(detections) == 0):
            return None, 0
        most = None if self._settings.appearance_budget else self._most
        demand = tracker.demand(detections, dt, self._kept.counts(), most)
        chosen = demand.detections
        spared = ~chosen & demand.remembered
        tracks, kept = self._kept.newest(demand.kept)
        try:
            encoded = self.encoder.encode(
                frame.image, detections.tlwh[chosen], frame.encoding, kept)
            looks = (self.encoder.keep(frame.image, detections.tlwh[spared], frame.encoding)
                     if spared.any() else [])
        except Exception as error:  # noqa: B902 whatever a device throws, tracking goes on
            self.error = f'{type(error).__name__}: {error}'
            return None, 0
        count = int(np.count_nonzero(chosen))
        if tracker.feature_length not in (0, encoded.shape[1]):
            # Another model was loaded: what it makes cannot be compared with what is there.
            tracker.forget_features()
        tracker.describe(tracks, encoded[count:])
        self._kept.drop_newest(demand.kept)
        features = np.full((len(detections), encoded.shape[1]), np.nan, dtype=np.float32)
        features[chosen] = encoded[:count]
        self.limited = most is not None and count + len(kept) >= most
        self._spared = dict(zip(detections.index[spared].tolist(), looks))
        self._described = set(detections.index[np.isfinite(features).all(axis=1)].tolist())
        return features, count + len(kept)

    def keep(self, tracks: Tracks) -> None:
        """Keep what tracks looked like; drop those that ended or have a newer feature."""
        if not self._spared and not len(self._kept):
            return
        seen = list(zip(tracks.id.tolist(), tracks.detection_index.tolist()))
        self._kept.retain(track for track, index in seen if index not in self._described)
        self._kept.add((track, self._spared[index]) for track, index in seen
                       if index in self._spared)
