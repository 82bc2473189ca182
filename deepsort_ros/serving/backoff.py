"""When to try again what has failed: at growing intervals."""
from __future__ import annotations

import math
import time

# Seconds until the first attempt after a failure; doubled each time, up to the last.
FIRST_RETRY = 1.0
LAST_RETRY = 60.0


class Backoff:
    """Waits that double with every failure, on the steady clock."""

    def __init__(self) -> None:
        """Start before the first failure."""
        self._wait = 0.0
        self._retry_at = 0.0
        self._recovered_at = -math.inf
        self._failing = False

    @property
    def due(self) -> bool:
        """Whether it is time for an attempt."""
        return self.left == 0.0

    @property
    def left(self) -> float:
        """Seconds until the next attempt."""
        return max(0.0, self._retry_at - time.monotonic()) if self._failing else 0.0

    def failed(self) -> None:
        """Put off the next attempt."""
        now = time.monotonic()
        # What fails again soon after it recovered is not tried more often than before.
        again = self._failing or now - self._recovered_at < self._wait
        self._wait = min(2 * self._wait, LAST_RETRY) if again and self._wait else FIRST_RETRY
        self._retry_at = now + self._wait
        self._failing = True

    def recovered(self) -> None:
        """Take note of a success."""
        if self._failing:
            self._recovered_at = time.monotonic()
        self._failing = False

    def reset(self) -> None:
        """Allow an attempt at once; waits start from the shortest."""
        self._wait = self._retry_at = 0.0
