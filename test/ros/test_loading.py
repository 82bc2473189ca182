"""A network that cannot be loaded: one clear message, and tracking goes on without it."""
import shutil

import live
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from lifecycle_msgs.srv import GetState
from std_srvs.srv import Trigger

from deepsort_ros.resources import share_path

MODEL = 'models/deepsort_omni.ckpt'


def lines(node, *levels):
    return [line for line in node.log().splitlines()
            if any(f'[{level}]' in line for level in levels)]


def test_a_missing_checkpoint_is_told_once_tracked_without_and_loaded_when_it_is_there(
        start_node, graph, tmp_path):
    path = tmp_path / 'mine.ckpt'
    node = start_node(model=path, device='CPU', batch_buckets='[1]', n_init=1,
                      publish_features='true')
    node.wait_for('active: by motion and overlap alone')
    error, = lines(node, 'ERROR', 'FATAL')
    assert f'{path} is not a file' in error and 'motion and overlap alone' in error
    tracking = live.Tracking(graph)
    first, second = tracking.track(2)
    assert [t.id for t in first.tracks] == [t.id for t in second.tracks] != []
    status = tracking.status('appearance')
    assert status.level == DiagnosticStatus.ERROR
    assert str(path) in status.message and 'tried again in' in status.message
    assert len(lines(node, 'ERROR', 'FATAL')) == 1

    shutil.copy(share_path(MODEL), path)
    status = tracking.status('appearance', lambda s: s.level == DiagnosticStatus.OK, live.LOADING)
    assert status.message == 'always on CPU'
    third, = tracking.track()
    assert [t.id for t in third.tracks] == [t.id for t in first.tracks]
    assert third.session == first.session and len(third.tracks[0].feature) == 128


def test_a_corrupt_checkpoint_is_told_by_name_and_replaced_by_reset(start_node, graph, tmp_path):
    path = tmp_path / 'corrupt.ckpt'
    path.write_bytes(share_path(MODEL).read_bytes()[:100_000])
    node = start_node(model=path, device='CPU', batch_buckets='[1]', n_init=1)
    node.wait_for('active: by motion and overlap alone')
    error, = lines(node, 'ERROR', 'FATAL')
    assert str(path) in error
    tracking = live.Tracking(graph)
    assert len(tracking.track()[0].tracks) == 1
    assert 'Traceback' not in node.log()

    path.write_bytes(share_path(MODEL).read_bytes())
    assert graph.call(Trigger, '/tracker/reset', Trigger.Request()).success
    node.wait_for('the appearance network is loaded')
    assert len(lines(node, 'ERROR', 'FATAL')) == 1


def test_an_ascend_that_is_not_there_is_told_once_and_the_cpu_stands_in(start_node, graph):
    node = start_node(device='Ascend', batch_buckets='[1]', n_init=1, publish_features='true')
    node.wait_for('active: device CPU')
    warning, = lines(node, 'WARN', 'ERROR', 'FATAL')
    assert 'Ascend' in warning and 'CPU' in warning
    tracking = live.Tracking(graph)
    assert len(tracking.track()[0].tracks[0].feature) == 128
    status = tracking.status('appearance')
    assert status.level == DiagnosticStatus.WARN and 'Ascend' in status.message
    values = {value.key: value.value for value in status.values}
    assert values['device'] == 'CPU' and values['model'].endswith('.ckpt')


def test_a_start_that_does_not_wait_tracks_by_motion_until_the_network_is_there(
        start_node, graph):
    node = start_node(device='CPU', batch_buckets='[1]', n_init=1, load_wait=0.0)
    node.wait_for('tracking by motion and overlap until the network is there')
    node.wait_for('active: ')
    tracking = live.Tracking(graph)
    assert len(tracking.track()[0].tracks) == 1
    tracking.status('appearance', lambda status: status.message == 'always on CPU', live.LOADING)
    assert node.stop() == 0


def test_while_the_network_loads_the_lifecycle_answers(start_node, graph):
    node = start_node(device='CPU')
    node.wait_for('loading the appearance network')
    state = graph.call(GetState, '/tracker/get_state', GetState.Request()).current_state.label
    assert 'active: ' not in node.log() and state == 'inactive'
    node.wait_for('active: ')


def test_a_manager_has_its_answer_before_the_network_is_loaded(start_node, graph):
    node = start_node(device='CPU', autostart='false', n_init=1)
    node.wait_for('waiting to be configured')
    for number in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        assert graph.call(ChangeState, '/tracker/change_state', ChangeState.Request(
            transition=Transition(id=number))).success
    assert 'tracking by motion and overlap until the network is there' in node.log()
    tracking = live.Tracking(graph)
    assert len(tracking.track()[0].tracks) == 1
    tracking.status('appearance', lambda status: status.message == 'always on CPU', live.LOADING)


def test_a_start_takes_two_lines(start_node):
    node = start_node(device='CPU')
    node.wait_for('active: ')
    # A slow machine says more: how long it has taken so far.
    first, last = (line for line in node.log().splitlines() if ' s so far' not in line)
    assert 'loading the appearance network (bundled)' in first and 'active: device CPU' in last
