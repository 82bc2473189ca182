"""The appearance network of a process, on a thread of its own, shared by all its cameras."""
from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Collection
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.kept_crops import Crop
from deepsort_ros.reid.preprocess import crop_bounds
from deepsort_ros.reid.preprocess import cut
from deepsort_ros.reid.preprocess import keep
from deepsort_ros.reid.preprocess import put
from deepsort_ros.reid.preprocess import showing
from deepsort_ros.serving.backoff import Backoff
from deepsort_ros.serving.batching import Request
from deepsort_ros.serving.loading import Loading
from deepsort_ros.serving.network import check_same_network
from deepsort_ros.serving.network import load_encoder
from deepsort_ros.serving.network import Progress
from deepsort_ros.serving.network import Unavailable
from deepsort_ros.serving.queue import Queue
from deepsort_ros.settings import Settings

_log = logging.getLogger(__name__)


class SharedEncoder:
    """
    Loads the network once and puts the crops of all cameras that wait into one batch.

    Crops do not wait for more to come: those there when the network is free go together, as
    far as they fit into the largest of ``batch_buckets``; a camera with more crops than that
    takes turns with the others. A batch that fails is tried camera by camera, so that each gets
    its own error. When memory runs out, fewer crops go at once from then on.

    A network that cannot be loaded is retried at growing intervals. Loading keeps no
    camera from tracking: meanwhile :meth:`encode` raises :class:`Unavailable`.

    All methods may be called from any thread.
    """

    def __init__(self, load: Callable[[Settings, Progress], Any] = load_encoder) -> None:
        """
        Load nothing yet.

        :param load: returns an ``AppearanceEncoder`` that also has ``describe()``,
            ``input_size`` and ``feature_size``; called on the one thread that uses it.
        """
        self._load_encoder = load
        self._settings: Settings | None = None
        self._users: set[object] = set()
        self._encoder: Any = None
        self._load_error: str | None = None
        self._backoff = Backoff()
        self._attempted: list[threading.Event] = []
        self._distance = 0.0
        self._loading = Loading(_log.info)
        self._worked_at = 0.0
        self._changed = threading.Condition()
        self._queue = Queue(self._changed)
        self._stopping = False
        # A daemon: a device that blocks for ever must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name='encoder', daemon=True)
        self._thread.start()

    # For the cameras

    @property
    def ready(self) -> bool:
        """Whether there is a network."""
        return self._encoder is not None

    @property
    def error(self) -> str | None:
        """Why the network could not be loaded, None when it was, or was not tried yet."""
        return self._load_error

    @property
    def retry_in(self) -> float:
        """Seconds until a network that could not be loaded is tried again."""
        return self._backoff.left

    @property
    def max_cosine_distance(self) -> float:
        """Return what the network loaded last recommends, 0 for nothing."""
        return self._distance

    @property
    def releasable(self) -> bool:
        """Whether dropping the network frees its memory."""
        return bool(getattr(self._encoder, 'gives_memory_back', True))

    @property
    def timed(self) -> tuple[int, float] | None:
        """Return how many crops took how long when the network was loaded, None for unknown."""
        timed: tuple[int, float] | None = getattr(self._encoder, 'timed', None)
        return timed

    @property
    def loading(self) -> str:
        """Return what is loaded or compiled and how long it has taken, '' when nothing is."""
        return self._loading.text

    def describe(self) -> dict[str, str]:
        """Return device, model and the like, for people."""
        encoder, limit = self._encoder, self._queue.limit
        if encoder is None:
            return {'loading': self.loading} if self.loading else {}
        facts = {name: str(value) for name, value in encoder.describe().items()}
        if limit is not None:
            note = f'out of memory: at most {limit} crop(s) at once'
            facts['device_note'] = '; '.join(filter(None, (facts.get('device_note'), note)))
        return facts

    def agree(self, settings: Settings) -> None:
        """
        Check the settings of a camera against those of the first one.

        :raises SettingError: they ask for another network.
        """
        self._settings = self._settings or settings
        check_same_network(settings, self._settings)

    def join(self, user: object, settings: Settings) -> threading.Event:
        """Need the network from now on; the event is set when it was loaded, or could not be."""
        self.agree(settings)
        done = threading.Event()
        with self._changed:
            self._users.add(user)
            if self._load_due():
                self._attempted.append(done)
            else:
                done.set()
            self._changed.notify()
        return done

    def leave(self, user: object) -> None:
        """Need the network no more; without users it is released."""
        with self._changed:
            self._users.discard(user)
            self._changed.notify()

    def retry(self) -> None:
        """Load a network that could not be loaded now; use as many crops at once as ever."""
        with self._changed:
            self._queue.limit = None
            self._backoff.reset()
            self._changed.notify()

    def reload(self, failing_since: float) -> None:
        """
        Reload the network, unless it has worked for some camera.

        :param failing_since: steady-clock seconds.
        """
        with self._changed:
            if self._encoder is None or self._worked_at >= failing_since:
                return
            _log.warning('the appearance network keeps failing: it is reloaded')
            self._encoder = None
            self._changed.notify()

    def encode(self, image: NDArray[np.uint8], tlwh: NDArray[np.float64], encoding: str,
               kept: Collection[Crop] = ()) -> NDArray[np.float32]:
        """
        Return features as ``AppearanceEncoder`` does, computed together with those of others.

        :raises Unavailable: there is no network now.
        :raises Exception: what the network raised for these crops.
        """
        encoder = self._loaded()
        bounds = crop_bounds(tlwh, image.shape[0], image.shape[1])
        shown = showing(bounds)
        features = np.full(
            (len(tlwh) + len(kept), encoder.feature_size), np.nan, dtype=np.float32)
        order = np.append(shown, np.arange(len(tlwh), len(features)))
        if len(order):
            crops = np.empty((len(order), *encoder.input_size, 3), np.uint8)
            cut(image, bounds[shown], encoding, crops[:len(shown)])
            put(kept, crops[len(shown):])
            features[order] = self._wait_for(Request(crops))
        return features

    def keep(self, image: NDArray[np.uint8], tlwh: NDArray[np.float64],
             encoding: str) -> list[Crop | None]:
        """
        Return what boxes show, as ``AppearanceEncoder`` does.

        :raises Unavailable: there is no network now.
        """
        return keep(image, tlwh, encoding, self._loaded().input_size)

    def _loaded(self) -> Any:
        encoder = self._encoder
        if encoder is None:
            raise Unavailable('the network is not loaded')
        return encoder

    def stop(self, timeout: float = 2.0) -> bool:
        """End the thread after what it does; False when it did not end in time [s]."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _wait_for(self, request: Request) -> NDArray[np.float32]:
        with self._changed:
            if self._encoder is None:
                raise Unavailable('the network is not loaded')
            self._queue.add(request)
        # A device that blocks for ever must not keep its cameras from ending.
        while not request.finished.wait(0.1):
            if self._stopping:
                raise Unavailable('the process ends')
        if request.error is not None:
            raise request.error
        return request.features

    # On the thread of the network

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work, self._patience())
                if self._stopping:
                    return
                if not self._users:
                    self._encoder = self._load_error = self._queue.limit = None
                    self._backoff = Backoff()
                if self._encoder is None:
                    self._queue.refuse(Unavailable('the network is reloaded'))
                encoder = self._encoder
                batch = (self._queue.next(self._settings.batch_buckets[-1])
                         if self._settings else [])
                load = self._load_due()
            if batch:
                if self._queue.serve(encoder, batch):
                    self._worked_at = time.monotonic()
            elif load:
                self._load()

    def _has_work(self) -> bool:
        return bool(self._stopping or self._queue or self._load_due()
                    or not self._users and (self._encoder or self._load_error))

    def _load_due(self) -> bool:
        return bool(self._users and self._encoder is None and self._backoff.due)

    def _patience(self) -> float | None:
        """Return the seconds until there may be work that arrives without a notification."""
        return self._backoff.left if self._users and self._load_error else None

    def _load(self) -> None:
        level = logging.DEBUG if self._load_error else logging.INFO

        def progress(text: str) -> None:
            if self._stopping:
                raise SystemExit  # ends this thread, without a word
            self._loading.step(text)

        self._loading = Loading(partial(_log.log, level, '%s'), partial(_log.debug, '%s'))
        assert self._settings is not None
        encoder, error = None, None
        try:
            with self._loading:
                progress(f'loading the appearance network ({self._settings.model})')
                encoder = self._load_encoder(self._settings, progress)
        except Exception as problem:  # noqa: B902 whatever a device or a file provokes
            error = f'{type(problem).__name__}: {problem}'
            self._backoff.failed()
            if error != self._load_error:
                _log.error('tracking by motion and overlap alone: %s', error)
        else:
            self._backoff.recovered()
            if self._load_error:
                _log.info('the appearance network is loaded')
        with self._changed:
            self._encoder, self._load_error = encoder, error
            if encoder is not None:
                self._distance = getattr(encoder, 'max_cosine_distance', 0.0)
            attempted, self._attempted = self._attempted, []
        for event in attempted:
            event.set()
