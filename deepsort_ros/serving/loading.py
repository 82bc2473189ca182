"""What the loading of the network does, and how long it has taken: on a board it takes minutes."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable

# Seconds between two lines of the log about a step that takes long.
REPEAT = 10.0


class Loading:
    """
    The step of loading that runs; safe to read from any thread.

    Used as a context manager it logs, every ``REPEAT`` seconds, how long the step has taken.
    """

    def __init__(self, log: Callable[[str], object],
                 detail: Callable[[str], object] | None = None) -> None:
        """
        Log by a function that takes a line of text.

        :param detail: takes the steps after the first, unless they take long.
        """
        self._log = log
        self._detail = detail or log
        self._step: tuple[str, float] | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def text(self) -> str:
        """Return the step in words with its seconds, '' when nothing is loaded."""
        step = self._step
        return f'{step[0]}: {time.monotonic() - step[1]:.0f} s so far' if step else ''

    def step(self, text: str) -> None:
        """Begin a step and log it."""
        first = self._step is None
        self._step = text, time.monotonic()
        (self._log if first else self._detail)(text)

    def __enter__(self) -> Loading:
        """Start to log."""
        self._ended.clear()
        self._thread = threading.Thread(target=self._repeat, name='loading', daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop to log."""
        self._step = None
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _repeat(self) -> None:
        logged = ''
        while not self._ended.wait(REPEAT):
            step = self._step
            # A step that has only begun has just been logged.
            if step and time.monotonic() - step[1] >= REPEAT / 2:
                text = self.text
                if text and text != logged:
                    self._log(text)
                logged = text
