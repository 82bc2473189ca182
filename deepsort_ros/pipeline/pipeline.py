"""A frame's way through the parts: filter, camera, appearance, tracker, world."""
from __future__ import annotations

import logging
import time

import numpy as np

from deepsort_ros.pipeline.frames import AppearanceEncoder
from deepsort_ros.pipeline.frames import Frame
from deepsort_ros.pipeline.frames import FrameResult
from deepsort_ros.pipeline.frames import NANOSECONDS
from deepsort_ros.pipeline.looks import Looks
from deepsort_ros.pipeline.parts import camera_motion
from deepsort_ros.pipeline.parts import tracker_config
from deepsort_ros.pipeline.parts import world_config
from deepsort_ros.pipeline.selection import wanted
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Tracker
from deepsort_ros.tracking import Tracks
from deepsort_ros.tracking import TrackState
from deepsort_ros.world.world import Positions
from deepsort_ros.world.world import World

_log = logging.getLogger(__name__)
# A limit that moved by this share is logged.
MOVED = 0.25
# Share of the velocities' noise that is left where the motion of the camera is known: half of it
# stands for that motion (chosen on either half of KITTI's drives, benchmark/ego_motion.py).
FOLLOWED = 0.5
# Where it is known, predictions are good, and the box of someone half hidden says less: by so much
# its noise grows where all of it is hidden.
HIDDEN = 2.0


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
        self._looks = Looks(settings, encoder)
        self._config = tracker_config(settings, encoder)
        self._tracker = Tracker(self._config)
        self._camera = camera_motion(settings)
        self._world: World | None = None
        self._configure_world()
        self._last_stamp: int | None = None
        self._updated: int | None = None
        self._logged = False
        self.session = session

    @property
    def settings(self) -> Settings:
        """Return the settings in force."""
        return self._settings

    def apply(self, settings: Settings) -> None:
        """Use other settings from the next frame on; tracks live on."""
        if settings.camera_motion != self._settings.camera_motion:
            self._camera = camera_motion(settings)
        self._settings = settings
        self._looks.configure(settings)
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
        self._config = tracker_config(self._settings, self._looks.encoder)
        self._tracker.configure(self._config)

    @property
    def encoder_error(self) -> str | None:
        """Return why the encoder failed; it is left alone until it is allowed again."""
        return self._looks.error

    def use_encoder(self, encoder: AppearanceEncoder | None) -> None:
        """Use another encoder, or none, from the next frame on; tracks live on."""
        self._looks.use(encoder)

    def allow_encoder(self, allowed: bool, most: int | None = None) -> None:
        """
        Let the next frames use the encoder or not; an allowed one may have failed before.

        :param most: features that there is time for in an image, None for any number; it holds
            with ``on_demand`` where the settings set no limit.
        """
        self._looks.allow(allowed, most)

    def reset(self) -> None:
        """Drop all tracks, raise the session, try a failed encoder again; ids go on."""
        self._tracker.reset()
        self._camera = camera_motion(self._settings)
        if self._world is not None:
            self._world.reset()
        self._last_stamp = self._updated = None
        self._logged = False
        self._looks.forget()
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
                known = self._world.steady and settings.noise_rate
                self._tracker.move(
                    transforms, *((FOLLOWED, HIDDEN) if known else (1.0, 0.0)))
            stages['motion'] = time.perf_counter() - start
        start = time.perf_counter()
        if self._looks.limit != self._config.max_cosine_distance:
            # The model was loaded only now, or is another one.
            self._configure()
        features, crops = self._looks.describe(frame, detections, self._tracker, dt)
        stages['encode'] = time.perf_counter() - start
        start = time.perf_counter()
        tracks = self._tracker.update(detections, features, dt, frame.stamp)
        self._looks.keep(tracks)
        self._log_limit()
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
            tracks, self.session, reset, crops, ignored, stages, positions, confirmed,
            self._looks.limited)

    def _log_limit(self) -> None:
        """Log once that another limit of the appearance distance is used than the one given."""
        given, used = self._config.max_cosine_distance, self._tracker.limit
        if not self._logged and abs(used - given) > MOVED * given:
            self._logged = True
            _log.warning(
                'max_cosine_distance %.2f does not lie between the distances of one object and '
                'of two in these images: %.2f is used; adapt_distance: false keeps it',
                given, used)

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
        given = None if frame.given is None else frame.given.select(
            tracks.detection_index[matched])
        return world.update(frame.view, frame.stamp, tracks.id, tracks.class_id, matched,
                            frame.detections.tlwh[place], given)
