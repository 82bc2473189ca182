"""The steps of loading are logged, and how long they take."""
import threading

from deepsort_ros.serving import loading
from deepsort_ros.serving.loading import Loading


def test_a_step_is_logged_when_it_begins_and_while_it_takes_long(monkeypatch):
    monkeypatch.setattr(loading, 'REPEAT', 0.01)
    lines, repeated = [], threading.Event()

    def log(text):
        lines.append(text)
        if 's so far' in text:
            repeated.set()

    state = Loading(log)
    assert state.text == ''
    with state:
        state.step('compiling for batches of 4')
        assert repeated.wait(60)
        assert state.text.startswith('compiling for batches of 4: ')
    assert state.text == ''
    assert lines[0] == 'compiling for batches of 4'
    assert lines[1].startswith('compiling for batches of 4: ')
