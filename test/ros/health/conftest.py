"""What tests of diagnostics share."""
import time

import pytest


@pytest.fixture
def clock(monkeypatch):
    """Return a steady clock that the test moves."""
    class Clock:
        now = 1000.0

    monkeypatch.setattr(time, 'monotonic', lambda: Clock.now)
    return Clock
