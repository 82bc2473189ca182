"""The processes that this one has started, and theirs, read from /proc."""
from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path


def descendants(process: int) -> list[int]:
    """Return the processes below one, the nearest first; none where there is no /proc."""
    below: dict[int, list[int]] = {}
    for path in Path('/proc').glob('[0-9]*'):
        parent = _parent(path)
        if parent is not None:
            below.setdefault(parent, []).append(int(path.name))
    found = list(below.get(process, ()))
    for child in found:  # grows while it is read
        found += below.get(child, ())
    return found


def end_children(grace: float = 0.5) -> int:
    """
    End all processes below this one, and return how many there were.

    The compilers of CANN are such processes, and outlive one that leaves without a word.

    :param grace: seconds between asking them to end and ending them.
    """
    found = descendants(os.getpid())
    for child in found:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGTERM)
    end = time.monotonic() + grace
    while any(map(_runs, found)) and time.monotonic() < end:
        time.sleep(0.01)
    for child in filter(_runs, found):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGKILL)
    return len(found)


def _stat(path: Path) -> list[str]:
    """Return state, parent and so on of a process, nothing when it has ended."""
    try:
        # The name before them may hold anything.
        return (path / 'stat').read_text(errors='replace').rpartition(')')[2].split()
    except OSError:
        return []


def _parent(path: Path) -> int | None:
    fields = _stat(path)
    return int(fields[1]) if len(fields) > 1 else None


def _runs(process: int) -> bool:
    return _stat(Path('/proc', str(process)))[:1] not in ([], ['Z'])
