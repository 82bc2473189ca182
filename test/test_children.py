"""Processes below this one are found and ended."""
import subprocess
import sys
import time
from pathlib import Path

from deepsort_ros.children import descendants

NESTED = """
import subprocess, sys, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(997)'])
print(child.pid, flush=True)
child.wait()
"""
PARENT = """
import os, subprocess, sys
from deepsort_ros.children import descendants, end_children
child = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE, text=True)
grandchild = int(child.stdout.readline())
assert descendants(os.getpid()) == [child.pid, grandchild]
print(grandchild, end_children(0.1), flush=True)
os._exit(0)
"""


def test_children_of_children_are_ended_even_when_they_take_no_signal():
    done = subprocess.run([sys.executable, '-c', PARENT, NESTED], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    grandchild, count = done.stdout.split()
    assert count == '2'
    end = time.monotonic() + 20
    while alive(grandchild):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_process_without_children_has_none():
    child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)
    try:
        assert descendants(child.pid) == []
    finally:
        child.communicate(b'\n', timeout=60)


def alive(process):
    try:
        return Path(f'/proc/{process}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False
