"""How many features can be computed in a given time, by what earlier ones took."""
from __future__ import annotations

from collections import deque

# Images whose times count.
REMEMBERED = 30


class Pace:
    """
    A batch takes a fixed time and so much for each crop; both come from the latest images.

    Not thread-safe.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._batches: deque[tuple[int, float]] = deque(maxlen=REMEMBERED)

    def begin(self, timed: tuple[int, float] | None) -> None:
        """Forget all but how many crops of another network took how long, None for unknown."""
        self._batches.clear()
        if timed is not None:
            self._batches.append(timed)

    def took(self, crops: int, seconds: float) -> None:
        """Remember what the features of an image took."""
        if crops:
            self._batches.append((crops, seconds))

    def most(self, seconds: float) -> int | None:
        """
        Return how many features fit into a time, at least 1; None while nothing is known.

        Where all images had equally many, each crop counts as taking its share of the time.
        """
        if not self._batches:
            return None
        count = len(self._batches)
        crops = sum(n for n, _ in self._batches) / count
        took = sum(s for _, s in self._batches) / count
        spread = sum((n - crops) ** 2 for n, _ in self._batches)
        each = took / crops
        if spread:
            slope = sum((n - crops) * (s - took) for n, s in self._batches) / spread
            # No batch is free of crops that cost nothing, nor of a fixed time below nothing.
            each = min(max(slope, 0.1 * each), each)
        fixed = took - each * crops
        return max(1, int((seconds - fixed) / each))
