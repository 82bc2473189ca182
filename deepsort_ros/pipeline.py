"""
One frame's way from detections to tracks.

The live node, ``deepsort bag`` and ``deepsort track`` are shells around :class:`Pipeline`: what
one computes, the others compute bit for bit.
"""
from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from dataclasses import field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from deepsort_ros import kept_crops
from deepsort_ros.kept_crops import Crop
from deepsort_ros.kept_crops import KeptCrops
from deepsort_ros.motion import CameraMotion
from deepsort_ros.motion import SparseFlow
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import Tracker
from deepsort_ros.tracking import TrackerConfig
from deepsort_ros.tracking import Tracks
from deepsort_ros.tracking import TrackState
from deepsort_ros.tracking.detections import non_max_suppression
from deepsort_ros.world.view import View
from deepsort_ros.world.world import Positions
from deepsort_ros.world.world import World
from deepsort_ros.world.world import WorldConfig

NANOSECONDS = 1_000_000_000


# Largest appearance distance of a match where neither settings nor model say one: the paper's.
DEFAULT_DISTANCE = 0.2


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
    :param detections: None when nobody looked for objects in this image: tracks are predicted.
    :param image: (H, W, 3) uint8, or None where there is none (motion only).
    :param encoding: ``bgr8`` or ``rgb8``, the channel order of the image.
    :param view: where the camera was, None where that is not known or not wanted.
    """

    stamp: int
    detections: Detections | None
    image: NDArray[np.uint8] | None
    encoding: str = 'bgr8'
    view: View | None = None


@dataclass(frozen=True)
class FrameResult:
    """
    What came of one frame.

    :param tracks: all tracks, or None when the frame was dropped for its stamp.
    :param session: raised by one at each reset.
    :param reset: this frame's stamp made the tracker start over.
    :param crops: features computed.
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


def appearance_limit(settings: Settings, encoder: AppearanceEncoder | None) -> float:
    """Return the largest appearance distance of a match, as settings or model say."""
    recommended = float(getattr(encoder, 'max_cosine_distance', 0.0))
    return settings.max_cosine_distance or recommended or DEFAULT_DISTANCE


def tracker_config(settings: Settings,
                   encoder: AppearanceEncoder | None = None) -> TrackerConfig:
    """Return the tracker's part of the settings, times in steps of 1/frame_rate."""
    return TrackerConfig(
        max_cosine_distance=appearance_limit(settings, encoder),
        nn_budget=settings.nn_budget,
        max_iou_distance=settings.max_iou_distance,
        max_age=settings.max_age * settings.frame_rate,
        n_init=settings.n_init,
        class_gating=settings.class_gating,
        class_change_overlap=settings.class_change_overlap,
        high_score=settings.min_confidence,
        reid_window=settings.reid_window * settings.frame_rate,
        score_noise=settings.score_noise,
        size_state=settings.size_state,
        feature_momentum=settings.feature_momentum,
        motion_weight=settings.motion_weight,
        nearest_features=settings.nearest_features,
        by_age=settings.cascade,
        second_look=settings.second_look,
        covered_share=settings.covered_share,
        rejoin=settings.rejoin,
        reach=settings.reach,
        pace=settings.noise_rate / settings.frame_rate if settings.noise_rate else 1.0,
        feature_interval=(
            settings.appearance_interval if settings.appearance == 'on_demand' else 0),
        feature_budget=settings.appearance_budget,
    )


def _camera(settings: Settings) -> CameraMotion | None:
    return SparseFlow() if settings.camera_motion == 'flow' else None


def world_config(settings: Settings) -> WorldConfig | None:
    """Return the world's part of the settings, None when nothing asks for it."""
    if settings.world == 'off' and settings.camera_motion != 'tf':
        return None
    return WorldConfig(
        positions=settings.world != 'off', depth=settings.world == 'depth',
        ego_motion=settings.camera_motion == 'tf', plane=settings.ground,
        max_ego_speed=settings.max_ego_speed, kinds=settings.class_kinds)


def _spacing(settings: Settings) -> int:
    """Return the images between kept crops: those of a track reach back to its last feature."""
    return max(settings.appearance_interval // (kept_crops.MOST + 1), 1)


def wanted(detections: Detections, settings: Settings) -> tuple[Detections, dict[str, int]]:
    """
    Return the detections worth tracking, best score first, and how many were left out and why.

    Invalid boxes, other classes, low scores and low boxes go first. Of the others those that
    overlap with a better one are left out until ``max_detections`` are found.
    """
    ignored: dict[str, int] = {}

    def keep(reason: str, mask: NDArray[np.bool_]) -> None:
        nonlocal detections
        count = int(len(mask) - np.count_nonzero(mask))
        if count:
            ignored[reason] = count
            detections = detections.select(mask)

    keep('invalid', detections.valid())
    if settings.classes:
        keep('class', np.isin(detections.class_id.astype(str), settings.classes))
    keep('confidence', detections.score >= min(settings.low_confidence, settings.min_confidence))
    keep('height', detections.tlwh[:, 3] >= settings.min_box_height)
    order, hidden = non_max_suppression(
        detections, settings.nms_max_overlap, settings.duplicate_overlap, settings.max_detections)
    for reason, lost in (('overlap', hidden),
                         ('max_detections', len(detections) - hidden - len(order))):
        if lost:
            ignored[reason] = lost
    return detections.select(order), ignored


class Pipeline:
    """
    Filter, encode, track; one call per frame, in stamp order.

    Not thread-safe: one thread calls it, the node's worker or an offline tool.

    :param settings: may be replaced between frames through :meth:`apply`.
    :param encoder: None tracks by motion and overlap alone.
    :param session: number of the first session.
    """

    def __init__(self, settings: Settings, encoder: AppearanceEncoder | None,
                 session: int = 0) -> None:
        """Start with no tracks."""
        self._settings = settings
        self._encoder = encoder
        self._config = tracker_config(settings, encoder)
        self._tracker = Tracker(self._config)
        self._camera = _camera(settings)
        self._world: World | None = None
        self._configure_world()
        self._last_stamp: int | None = None
        self._updated: int | None = None
        self._kept = KeptCrops(_spacing(settings))
        self.session = session
        self.encoder_error: str | None = None
        self._encoder_allowed = True

    @property
    def settings(self) -> Settings:
        """Return the settings in force."""
        return self._settings

    def apply(self, settings: Settings) -> None:
        """Use other settings from the next frame on; tracks live on."""
        if settings.camera_motion != self._settings.camera_motion:
            self._camera = _camera(settings)
        self._settings = settings
        self._kept.spacing = _spacing(settings)
        self._configure()
        self._configure_world()

    def _configure_world(self) -> None:
        config = world_config(self._settings)
        if config is None:
            self._world = None
        elif self._world is None:
            self._world = World(config)
        else:
            self._world.configure(config)

    @property
    def world(self) -> World | None:
        """Return what follows the camera's pose, None when nothing asks for it."""
        return self._world

    def _configure(self) -> None:
        self._config = tracker_config(self._settings, self._encoder)
        self._tracker.configure(self._config)

    def use_encoder(self, encoder: AppearanceEncoder | None) -> None:
        """Use another encoder, or none, from the next frame on; tracks live on."""
        self._encoder = encoder
        self._kept.clear()
        self.encoder_error = None

    def allow_encoder(self, allowed: bool) -> None:
        """Let the next frames use the encoder or not; an allowed one may have failed before."""
        self._encoder_allowed = allowed
        self.encoder_error = None

    def reset(self) -> None:
        """Drop all tracks, raise the session, try a failed encoder again; ids go on."""
        self._tracker.reset()
        self._camera = _camera(self._settings)
        if self._world is not None:
            self._world.reset()
        self._last_stamp = self._updated = None
        self._kept.clear()
        self.encoder_error = None
        self.session += 1

    def process(self, frame: Frame) -> FrameResult:
        """
        Track one frame.

        A stamp further back than ``time_jump_reset`` resets first. A smaller step back, or the
        same stamp again, drops the frame: ``tracks`` is None and nothing changes.
        """
        settings = self._settings
        reset = False
        if self._last_stamp is not None and frame.stamp <= self._last_stamp:
            if self._last_stamp - frame.stamp <= settings.time_jump_reset * NANOSECONDS:
                return FrameResult(None, self.session)
            self.reset()
            reset = True
        dt = 1.0
        if self._updated is not None:
            # Rounded to a microstep: stamps in nanoseconds cannot hold 1/30 s exactly.
            dt = round((frame.stamp - self._updated) / NANOSECONDS * settings.frame_rate, 6)
            dt = max(dt, 1e-6)
        if frame.detections is None:
            return self._ahead(frame, dt, reset)
        start = time.perf_counter()
        detections, ignored = wanted(frame.detections, settings)
        stages = {'filter': time.perf_counter() - start}
        if self._camera is not None and frame.image is not None and frame.image.size:
            start = time.perf_counter()
            self._tracker.move(self._camera.transform(frame.image))
            stages['motion'] = time.perf_counter() - start
        if self._world is not None:
            start = time.perf_counter()
            transforms = self._world.move(frame.view, frame.stamp, *self._tracker.boxes())
            if transforms is not None:
                self._tracker.move(transforms)
            stages['motion'] = time.perf_counter() - start
        start = time.perf_counter()
        features, crops, looks = self._features(frame, detections, dt)
        stages['encode'] = time.perf_counter() - start
        start = time.perf_counter()
        ground = self._on_the_ground(frame, detections)
        tracks = self._tracker.update(detections, features, dt, frame.stamp, ground)
        self._keep(tracks, detections, features, looks)
        stages['track'] = time.perf_counter() - start
        positions = None
        if self._world is not None:
            start = time.perf_counter()
            positions = self._positions(self._world, frame, tracks)
            stages['world'] = time.perf_counter() - start
        self._last_stamp = self._updated = frame.stamp
        confirmed = int(np.count_nonzero(
            (tracks.state == TrackState.CONFIRMED) & (tracks.hits == settings.n_init)))
        return FrameResult(
            tracks, self.session, reset, crops, ignored, stages, positions, confirmed)

    def _on_the_ground(self, frame: Frame, detections: Detections) -> NDArray[np.float64] | None:
        """Return how far tracks and detections are apart on the ground, where that is wanted."""
        if self._world is None or not self._settings.ground_matching:
            return None
        ids, _, classes = self._tracker.boxes()
        return self._world.distances(frame.view, frame.stamp, ids, classes, detections.tlwh,
                                     detections.class_id)

    def _ahead(self, frame: Frame, dt: float, reset: bool) -> FrameResult:
        """Predict the tracks into an image without detections; only the camera is followed."""
        stages = {}
        start = time.perf_counter()
        if self._camera is not None and frame.image is not None and frame.image.size:
            self._tracker.move(self._camera.transform(frame.image))
            stages['motion'] = time.perf_counter() - start
            start = time.perf_counter()
        tracks = self._tracker.ahead(dt)
        stages['track'] = time.perf_counter() - start
        self._last_stamp = frame.stamp
        return FrameResult(tracks, self.session, reset, stage_seconds=stages)

    @staticmethod
    def _positions(world: World, frame: Frame, tracks: Tracks) -> Positions | None:
        """Return where the tracks are, by the boxes of their detections."""
        assert frame.detections is not None
        matched = tracks.detection_index >= 0
        order = np.argsort(frame.detections.index, kind='stable')
        place = order[np.searchsorted(
            frame.detections.index[order], tracks.detection_index[matched])]
        return world.update(frame.view, frame.stamp, tracks.id, tracks.class_id, matched,
                            frame.detections.tlwh[place])

    def _features(self, frame: Frame, detections: Detections, dt: float,
                  ) -> tuple[NDArray[np.float32] | None, int, dict[int, Crop | None]]:
        """
        Return the (N, D) features, NaN rows for those not needed, and how many were computed.

        Last come the crops of those not needed, by ``Detections.index``.
        """
        if (self._encoder is None or frame.image is None or self._settings.appearance == 'off'
                or not self._encoder_allowed or self.encoder_error is not None
                or len(detections) == 0):
            return None, 0, {}
        if appearance_limit(self._settings, self._encoder) != self._config.max_cosine_distance:
            # Its model was loaded only now, or is another one.
            self._configure()
        demand = self._tracker.demand(detections, dt, self._kept.counts())
        chosen = demand.detections
        spared = ~chosen & (detections.score >= self._settings.min_confidence)
        tracks, kept = self._kept.newest(demand.kept)
        try:
            encoded = self._encoder.encode(
                frame.image, detections.tlwh[chosen], frame.encoding, kept)
            looks = (self._encoder.keep(frame.image, detections.tlwh[spared], frame.encoding)
                     if spared.any() else [])
        except Exception as error:  # noqa: B902 whatever a device throws, tracking goes on
            self.encoder_error = f'{type(error).__name__}: {error}'
            return None, 0, {}
        count = int(np.count_nonzero(chosen))
        if self._tracker.feature_length not in (0, encoded.shape[1]):
            # Another model was loaded: what it makes cannot be compared with what is there.
            self._tracker.forget_features()
        self._tracker.describe(tracks, encoded[count:])
        self._kept.drop_newest(demand.kept)
        features = np.full((len(detections), encoded.shape[1]), np.nan, dtype=np.float32)
        features[chosen] = encoded[:count]
        return features, count + len(kept), dict(zip(detections.index[spared].tolist(), looks))

    def _keep(self, tracks: Tracks, detections: Detections,
              features: NDArray[np.float32] | None, looks: dict[int, Crop | None]) -> None:
        """Keep what tracks looked like; let go of those that ended or have a newer feature."""
        if not looks and not len(self._kept):
            return
        described = (detections.index[np.isfinite(features).all(axis=1)]
                     if features is not None else detections.index[:0])
        self._kept.retain(tracks.id[~np.isin(tracks.detection_index, described)].tolist())
        seen = [(track, looks[index]) for track, index in zip(
            tracks.id.tolist(), tracks.detection_index.tolist()) if index in looks]
        self._kept.add(seen)


def publishable(tracks: Tracks, settings: Settings) -> NDArray[np.bool_]:
    """Return which tracks ``publish_lost`` and ``publish_tentative`` ask for."""
    chosen: NDArray[np.bool_] = tracks.state == TrackState.CONFIRMED
    if settings.publish_lost:
        chosen |= tracks.state == TrackState.LOST
    if settings.publish_tentative:
        chosen |= tracks.state == TrackState.TENTATIVE
    return chosen


def published(tracks: Tracks, settings: Settings) -> Tracks:
    """Return the tracks a consumer asked for, see :func:`publishable`."""
    return tracks.select(publishable(tracks, settings))
