"""Whenever the node is asked to end, it ends at once, with exit code 0 and without a traceback."""
import gc
import signal
import sys
import time
from pathlib import Path

import live
import numpy as np
import pytest
import rclpy
from rclpy.context import Context

from deepsort_ros.ros.cameras import Executor

SIGNALS = [signal.SIGINT, signal.SIGTERM]
BUCKETS = '[1, 2, 4]'
# The node gives itself 3 s at most; ros2 launch escalates after 5 s.
PROMPT = 4.0


def takes_signals(node) -> bool:
    """Return whether the process has come to its own first lines: both signals are blocked."""
    status = Path(f'/proc/{node.process.pid}/status').read_text()
    blocked = int(status.split('SigBlk:')[1].split()[0], 16)
    return all(blocked >> (number - 1) & 1 for number in SIGNALS)


def queued(process) -> dict[str, int]:
    """Return for how many nanoseconds each thread of a process has waited for a processor."""
    found = {}
    for path in Path(f'/proc/{process.pid}/task').glob('*/schedstat'):
        try:
            found[path.parent.name] = int(path.read_text().split()[1])
        except OSError:  # it has ended
            continue
    return found


def end(node, number, again=()):
    """
    Send a signal, and others shortly after it; the node must end well and promptly.

    The time in which others had the processors does not count.
    """
    before = queued(node.process)
    start = time.monotonic()
    node.process.send_signal(number)
    for other in again:
        time.sleep(0.05)
        if node.process.poll() is None:
            node.process.send_signal(other)
    waited = 0
    while node.process.poll() is None:
        assert time.monotonic() - start < live.WAIT, node.log()
        waited = max([waited, *(value - before.get(thread, 0)
                                for thread, value in queued(node.process).items())])
        time.sleep(0.01)
    assert time.monotonic() - start - waited / 1e9 < PROMPT
    assert node.process.returncode == 0, node.log()
    assert 'Traceback' not in node.log() and 'terminate' not in node.log()


@pytest.mark.parametrize('delay', [0.0, 0.4])
@pytest.mark.parametrize('number', SIGNALS)
def test_while_it_imports(start_node, number, delay):
    node = start_node()
    while not takes_signals(node):
        assert node.process.poll() is None
    time.sleep(delay)
    end(node, number)


@pytest.mark.parametrize('number, text', [
    (signal.SIGINT, 'loading the appearance network'), (signal.SIGTERM, 'for batches of 1')])
def test_while_it_loads_and_compiles_the_network(start_node, number, text):
    node = start_node('--log-level', 'debug', '--log-level', 'rcl:=info', batch_buckets=BUCKETS)
    node.wait_for(text)
    end(node, number)


@pytest.mark.parametrize('number', SIGNALS)
def test_while_it_is_active(start_node, number):
    node = start_node(appearance='off')
    node.wait_for('active:')
    end(node, number)


def test_while_it_is_not_configured(start_node):
    node = start_node(autostart='false')
    node.wait_for('waiting to be configured')
    end(node, signal.SIGTERM)


def test_when_it_is_told_again_and_again(start_node):
    node = start_node(appearance='off')
    node.wait_for('active:')
    end(node, signal.SIGINT, [signal.SIGINT, signal.SIGTERM, signal.SIGINT])


def test_while_it_makes_its_executor(monkeypatch):
    context = Context()
    rclpy.init(context=context)
    context.shutdown()
    raised = []
    monkeypatch.setattr(sys, 'unraisablehook', raised.append)
    with pytest.raises(Exception, match='context|Context'):
        Executor(context=context)
    gc.collect()
    assert not raised


def test_while_it_computes_features(start_node, graph):
    node = start_node(device='CPU', batch_buckets='[32]')
    node.wait_for('active:')
    tracking = live.Tracking(graph)
    boxes = np.random.default_rng(0).uniform(5, 30, (96, 4))
    for frame in range(1, 4):
        tracking.send(frame * live.STEP, boxes=boxes)
    graph.spin_for(0.2)
    end(node, signal.SIGTERM)
