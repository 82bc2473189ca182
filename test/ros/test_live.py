"""Live tests that run side by side do not hear each other."""
import subprocess
import sys

import live

HOLD = """
import itertools, sys, live
live._numbers = itertools.count(int(sys.argv[1]) - 1)
with live.own_domain() as number:
    print(number)
"""


def of_another_process(number: int) -> int:
    """Return the domain that another process gets, which wants this one."""
    return int(subprocess.run(
        [sys.executable, '-c', HOLD, str(number)], cwd=live.ROOT / 'test' / 'ros', check=True,
        env=live.environment(0), capture_output=True, text=True).stdout)


def test_no_two_processes_have_one_domain():
    with live.own_domain() as one, live.own_domain() as other:
        assert one != other and of_another_process(one) not in (one, other)


def test_a_domain_is_free_again_when_its_process_has_let_go_of_it(monkeypatch):
    with live.own_domain() as number:
        pass
    assert of_another_process(number) == number
