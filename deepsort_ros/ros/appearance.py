"""The appearance network as the node sees it: loaded, off, or failed, why and until when."""
from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.pipeline import Pipeline
from deepsort_ros.settings import Settings

# Seconds until a network that failed is tried again: doubled each time, up to the last.
FIRST_RETRY = 1.0
LAST_RETRY = 60.0
# What drivers, MindSpore, OpenCV and C++ say when memory ran out.
OUT_OF_MEMORY = re.compile(
    r"out ?of ?memory|memory (is not|isn't|not) enough|insufficient memory|bad_?alloc"
    r'|(alloc|allocate|allocation|malloc)\b.*\bfail|fail\w*\b.*\b(alloc|allocate|malloc)\b', re.I)


def out_of_memory(error: Exception) -> bool:
    """Return whether an error says that memory ran out, on the device or here."""
    return isinstance(error, MemoryError) or bool(OUT_OF_MEMORY.search(str(error)))


class Appearance:
    """
    Stands between the pipeline and the network: loads it, and lives with its failures.

    A network that fails is left alone for a second, then for twice as long each time it fails
    again, up to a minute; the attempt is the features of one frame, so no frame waits for more.
    When memory runs out, fewer crops go to the network at once from then on.

    All methods but the properties and :meth:`describe` run on the thread that also runs the
    pipeline.
    """

    def __init__(self, pipeline: Pipeline, warn: Callable[[str], object],
                 tell: Callable[[str], object]) -> None:
        """
        Load nothing yet.

        :param warn: called with a text when the network fails while running; :param tell: when
            it works again.
        """
        self._pipeline = pipeline
        self._warn = warn
        self._tell = tell
        self._encoder: Any = None
        self._load_error: str | None = None
        self._failure: str | None = None
        self._failures = 0
        self._wait = 0.0
        self._retry_at = 0.0
        self._recovered_at = 0.0
        self._limit: int | None = None

    @property
    def error(self) -> str | None:
        """Why features are missing and what comes next, None when nothing is wrong."""
        if self._load_error:
            return f'{self._load_error}; the reset service tries again'
        failure = self._failure
        if failure is None:
            return None
        left = max(0.0, self._retry_at - time.monotonic())
        return f'{failure}; tried again in {left:.0f} s, or at once by the reset service'

    def describe(self) -> dict[str, str]:
        """Return device, model and the like, for people."""
        if self._encoder is None:
            return {}
        facts = {name: str(value) for name, value in self._encoder.describe().items()}
        if self._limit is not None:
            note = f'out of memory: at most {self._limit} crop(s) at once'
            facts['device_note'] = '; '.join(filter(None, (facts.get('device_note'), note)))
        return {**facts, 'failures': str(self._failures)}

    def needed(self, settings: Settings) -> bool:
        """Return whether the settings ask for features and there is no network yet."""
        return settings.appearance != 'off' and self._encoder is None

    def load(self, settings: Settings, progress: Callable[[str], None]) -> bool:
        """
        Load and compile the network if it is needed; False when it failed.

        Imports MindSpore here, on first use: that takes seconds, and `appearance: off` needs
        none of it.

        :param progress: called with a line of text before every long step; what it raises
            ends the loading.
        """
        if not self.needed(settings):
            return True
        progress(f'loading the appearance network ({settings.model})')
        try:
            from deepsort_ros.reid.encoder import Encoder

            encoder = Encoder.create(
                model=settings.model, device=settings.device, device_id=settings.device_id,
                precision=settings.precision, batch_buckets=settings.batch_buckets,
                color_order=settings.color_order)
            encoder.warm_up(progress)
        except Exception as error:  # noqa: B902 whatever a device or a file provokes
            self._load_error = f'{type(error).__name__}: {error}'
            return False
        self._encoder = encoder
        self._load_error = None
        self._pipeline.use_encoder(self)
        return True

    def unload(self) -> None:
        """Let go of the network."""
        self._encoder = None
        self._load_error = self._failure = self._limit = None
        self._wait = 0.0
        self._pipeline.use_encoder(None)

    def retry(self) -> None:
        """Try a failed network with the next frame, with as many crops at once as ever."""
        self._pipeline.encoder_error = self._limit = None
        self._wait = 0.0

    def before_frame(self) -> None:
        """Let the next frame try a failed network, if it is time to."""
        if self._failure is not None and time.monotonic() >= self._retry_at:
            self._pipeline.encoder_error = None

    def encode(self, image: NDArray[np.uint8], tlwh: NDArray[np.float64],
               encoding: str) -> NDArray[np.float32]:
        """Return the features of the network, see ``AppearanceEncoder``; pass on its errors."""
        try:
            features = self._in_parts(image, tlwh, encoding)
        except Exception as error:
            self._failed(f'{type(error).__name__}: {error}')
            raise
        if self._failure is not None and len(tlwh):
            self._failure = None
            self._recovered_at = time.monotonic()
            self._tell('the appearance network works again')
        return features

    def _in_parts(self, image: NDArray[np.uint8], tlwh: NDArray[np.float64],
                  encoding: str) -> NDArray[np.float32]:
        parts: list[NDArray[np.float32]] = []
        start = 0
        while not parts or start < len(tlwh):
            part = tlwh[start:None if self._limit is None else start + self._limit]
            try:
                parts.append(self._encoder.encode(image, part, encoding))
            except Exception as error:
                if len(part) < 2 or not out_of_memory(error):
                    raise
                self._limit = len(part) // 2
                self._warn(f'out of memory with the features of {len(part)} detections: at most '
                           f'{self._limit} at once from now on ({type(error).__name__})')
            else:
                start += len(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _failed(self, reason: str) -> None:
        now = time.monotonic()
        news = self._failure is None
        # One that fails again soon after it recovered is not tried more often than before.
        again = not news or now - self._recovered_at < self._wait
        self._wait = min(2 * self._wait, LAST_RETRY) if again and self._wait else FIRST_RETRY
        self._failure = reason
        self._failures += 1
        self._retry_at = now + self._wait
        if news:
            self._warn(f'{reason}; tracking by motion and overlap alone until the network works '
                       f'again')
