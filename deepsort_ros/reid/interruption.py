"""Ctrl-C and SIGTERM between steps: never in the middle of what must be done as a whole."""
from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from types import TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """
    Notes a signal and raises at :meth:`check`; a context manager.

    An exception that Python raises within foreign code, an import of MindSpore or a training
    step, can abort the process or leave half a step behind. Outside the main thread, where no
    handler can be set, it does nothing.
    """

    def __init__(self) -> None:
        """Take nothing over yet."""
        self._requested = False
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], Any]
                           | int | signal.Handlers | None] = {}

    def check(self) -> None:
        """
        Go on, or end where a signal came.

        :raises KeyboardInterrupt: it came since the last check.
        """
        if self._requested:
            self._requested = False
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._requested = True

    def __enter__(self) -> Interruption:
        """Take the signals over."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Give the signals back; one that came since the last check is not lost."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is None:
            self.check()
