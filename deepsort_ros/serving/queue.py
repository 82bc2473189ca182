"""Crops of all cameras that wait for the network: what goes next, and what fails together."""
from __future__ import annotations

import logging
import threading
from collections import deque

from deepsort_ros.pipeline import AppearanceEncoder
from deepsort_ros.serving.batching import Batch
from deepsort_ros.serving.batching import compute
from deepsort_ros.serving.batching import first_batch
from deepsort_ros.serving.batching import Request
from deepsort_ros.serving.network import out_of_memory

_log = logging.getLogger(__name__)


class Queue:
    """
    Requests in the order of their arrival; a camera with crops left goes behind the others.

    :meth:`add` may be called from any thread, the other methods by the thread of the network.

    :ivar limit: crops that may go at once since memory ran out, None where it did not.
    """

    def __init__(self, changed: threading.Condition) -> None:
        """Wait for nothing yet; ``changed`` guards the requests and is notified of new ones."""
        self.limit: int | None = None
        self._changed = changed
        self._waiting: deque[Request] = deque()

    def __bool__(self) -> bool:
        """Whether a request waits."""
        return bool(self._waiting)

    def add(self, request: Request) -> None:
        """Take a request."""
        with self._changed:
            self._waiting.append(request)
            self._changed.notify()

    def refuse(self, reason: Exception) -> None:
        """Fail all that wait."""
        with self._changed:
            while self._waiting:
                self._waiting.popleft().fail(reason)

    def next(self, most: int) -> Batch:
        """Take out what goes together now, no more than ``most`` crops; empty for nothing."""
        with self._changed:
            batch = first_batch(
                self._waiting, most if self.limit is None else min(most, self.limit))
            for request, _ in batch:
                self._waiting.remove(request)
        return batch

    def serve(self, encoder: AppearanceEncoder, batch: Batch) -> bool:
        """
        Compute a batch and return whether any of it worked.

        One that fails is tried camera by camera, so that each gets its own error. When memory
        runs out, all of it waits again, and fewer crops go at once from then on.
        """
        try:
            compute(encoder, batch)
        except Exception as error:  # noqa: B902 whatever a device throws, the others go on
            crops = sum(count for _, count in batch)
            if out_of_memory(error) and crops > 1:
                self.limit = crops // 2
                _log.warning('out of memory with the features of %d detections: at most %d at '
                             'once from now on (%s)', crops, self.limit, type(error).__name__)
                with self._changed:
                    self._waiting.extendleft(request for request, _ in reversed(batch))
            elif len(batch) > 1:
                worked = [self.serve(encoder, [part]) for part in batch]
                return any(worked)
            else:
                batch[0][0].fail(error)
            return False
        with self._changed:
            self._waiting.extend(r for r, _ in batch if not r.finished.is_set())
        return True
