"""The appearance network as one camera sees it: there, off, or failed, why and until when."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.kept_crops import Crop
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.serving.backoff import Backoff
from deepsort_ros.serving.network import Unavailable
from deepsort_ros.serving.pace import Pace
from deepsort_ros.serving.shared_encoder import SharedEncoder
from deepsort_ros.settings import Settings

# The network is loaded again after this many failures of one camera in a row.
RELOAD_AFTER = 3


class Appearance:
    """
    Stands between the pipeline of a camera and the network, and lives with its failures.

    A network that fails is left alone for a second, then for twice as long each time it fails
    again, up to a minute; the attempt is the features of one frame, so no frame waits for more.

    :meth:`encode`, :meth:`before_frame`, :meth:`retry` and :meth:`leave` run on the thread that
    also runs the pipeline.
    """

    def __init__(self, pipeline: Pipeline, network: SharedEncoder, warn: Callable[[str], object],
                 tell: Callable[[str], object]) -> None:
        """
        Need no network yet.

        :param warn: called with a text when the network fails while running; :param tell: when
            it works again.
        """
        self._pipeline = pipeline
        self._network = network
        self._warn = warn
        self._tell = tell
        self._backoff = Backoff()
        self._pace = Pace()
        self._timed: tuple[int, float] | None = None
        self._failure: str | None = None
        self._failing_since = 0.0
        self._in_a_row = 0
        self._failures = 0
        pipeline.use_encoder(self)

    @property
    def error(self) -> str | None:
        """Why features are missing and what comes next, None when nothing is wrong."""
        why, left = self._network.error, self._network.retry_in
        if why is None:
            why, left = self._failure, self._backoff.left
        if why is None:
            return None
        return f'{why}; tried again in {left:.0f} s, or at once by the reset service'

    @property
    def max_cosine_distance(self) -> float:
        """Return what the network recommends, 0 for nothing."""
        return self._network.max_cosine_distance

    def describe(self) -> dict[str, str]:
        """Return device, model and the like, for people."""
        return {**self._network.describe(), 'failures': str(self._failures)}

    def join(self, settings: Settings) -> threading.Event:
        """
        Have the network loaded if it is needed, else release it.

        One whose memory would not be free then stays: loaded again it would need as much more.

        :returns: an event that is set when that was tried.
        """
        if settings.appearance != 'off':
            return self._network.join(self, settings)
        if self._network.releasable:
            self.leave()
        done = threading.Event()
        done.set()
        return done

    def leave(self) -> None:
        """Release the network."""
        self._network.leave(self)
        self._failure = None
        self._backoff = Backoff()

    def retry(self) -> None:
        """Try a failed network with the next frame, with as many crops at once as ever."""
        self._backoff.reset()
        self._network.retry()

    def before_frame(self, seconds: float | None = None) -> None:
        """
        Let the next frame use the network, if there is one and it is time to.

        :param seconds: that its features may take where images wait for it, None for any time.
        """
        if self._network.timed is not self._timed:
            self._timed = self._network.timed
            self._pace.begin(self._timed)
        self._pipeline.allow_encoder(self._network.ready and self._backoff.due,
                                     None if seconds is None else self._pace.most(seconds))

    def keep(self, image: NDArray[np.uint8], tlwh: NDArray[np.float64],
             encoding: str) -> list[Crop | None]:
        """Return what boxes show, see ``AppearanceEncoder``."""
        return self._network.keep(image, tlwh, encoding)

    def encode(self, image: NDArray[np.uint8], tlwh: NDArray[np.float64], encoding: str,
               kept: Collection[Crop] = ()) -> NDArray[np.float32]:
        """Return the features of the network, see ``AppearanceEncoder``; pass on its errors."""
        started = time.perf_counter()
        try:
            features = self._network.encode(image, tlwh, encoding, kept)
        except Unavailable:
            raise
        except Exception as error:
            self._failed(f'{type(error).__name__}: {error}')
            raise
        self._pace.took(len(features), time.perf_counter() - started)
        if self._failure is not None and np.isfinite(features).any():
            self._failure = None
            self._in_a_row = 0
            self._backoff.recovered()
            self._tell('the appearance network works again')
        return features

    def _failed(self, reason: str) -> None:
        if self._failure is None:
            self._failing_since = time.monotonic()
            self._warn(f'{reason}; tracking by motion and overlap alone until the network works '
                       f'again')
        self._failure = reason
        self._failures += 1
        self._in_a_row += 1
        self._backoff.failed()
        if self._in_a_row % RELOAD_AFTER == 0:
            self._network.reload(self._failing_since)
