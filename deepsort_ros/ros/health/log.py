"""What the node logs: warnings that do not repeat too often, and what the library has to say."""
from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from rclpy.lifecycle import LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node

LIBRARY = 'deepsort_ros'
# Seconds after which the same problem may be logged again.
REPEAT = 10.0


class NodeLog:
    """Warnings of one node."""

    def __init__(self, node: Node) -> None:
        """Log on behalf of a node."""
        self._logger = node.get_logger()
        self._logged: dict[str, float] = {}

    def warn(self, reason: str, text: str) -> None:
        """Warn, unless there was a warning for the same reason a short while ago."""
        now = time.monotonic()
        if now - self._logged.get(reason, -REPEAT) >= REPEAT:
            self._logged[reason] = now
            self._logger.warning(text)


def logged(transition: Callable[[Any, LifecycleState], TransitionCallbackReturn],
           ) -> Callable[[Any, LifecycleState], TransitionCallbackReturn]:
    """Have a transition of the lifecycle log what it raises: rclpy passes over it in silence."""
    @wraps(transition)
    def wrapper(node: Any, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except Exception as error:
            if node.context.ok():  # a shutdown in the middle is no news
                node.get_logger().error(f'{transition.__name__[3:]}: {error}')
            raise
    return wrapper


class LibraryLog(logging.Handler):
    """
    Passes what the library says on to a logger of ROS, and so to /rosout.

    Library code knows nothing of ROS: it logs by the standard library.
    """

    def __init__(self, logger: Any) -> None:
        """Log by a logger of ROS until closed."""
        super().__init__()
        self._logger = logger
        library = logging.getLogger(LIBRARY)
        library.addHandler(self)
        library.setLevel(logging.DEBUG)  # the logger of ROS has a level of its own
        library.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record of the library with its severity."""
        # rclpy wants a line of code for each severity.
        try:
            if record.levelno >= logging.ERROR:
                self._logger.error(record.getMessage())
            elif record.levelno >= logging.WARNING:
                self._logger.warning(record.getMessage())
            elif record.levelno >= logging.INFO:
                self._logger.info(record.getMessage())
            else:
                self._logger.debug(record.getMessage())
        except Exception:  # noqa: B902 as every handler: what is logged must not fail for it
            self.handleError(record)

    def close(self) -> None:
        """Take no more records of the library."""
        logging.getLogger(LIBRARY).removeHandler(self)
        super().close()
