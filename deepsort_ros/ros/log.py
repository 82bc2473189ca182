"""What the node logs: warnings that do not repeat too often, and what the library has to say."""
from __future__ import annotations

import logging
import time

from rclpy.node import Node

LIBRARY = 'deepsort_ros'
# Seconds after which the same problem may be told again.
REPEAT = 10.0


class NodeLog(logging.Handler):
    """
    Passes warnings and errors of the library on to a node's logger, and so to /rosout.

    Library code knows nothing of ROS: it logs by the standard library.
    """

    def __init__(self, node: Node) -> None:
        """Log on behalf of a node until closed."""
        super().__init__(logging.WARNING)
        self._logger = node.get_logger()
        self._told: dict[str, float] = {}
        library = logging.getLogger(LIBRARY)
        library.addHandler(self)
        library.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record of the library, errors as errors and all else as warnings."""
        log = self._logger.error if record.levelno >= logging.ERROR else self._logger.warning
        log(record.getMessage())

    def warn(self, reason: str, text: str) -> None:
        """Warn, unless there was a warning for the same reason a short while ago."""
        now = time.monotonic()
        if now - self._told.get(reason, -REPEAT) >= REPEAT:
            self._told[reason] = now
            self._logger.warning(text)

    def close(self) -> None:
        """Take no more records of the library."""
        logging.getLogger(LIBRARY).removeHandler(self)
        super().close()
