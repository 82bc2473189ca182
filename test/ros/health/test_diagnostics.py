"""Diagnostics say in words what is wrong, and OK only when nothing is."""
import dataclasses

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from deepsort_ros.pipeline import Frame
from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.ros.health.diagnostics import DROPPED
from deepsort_ros.ros.health.diagnostics import Monitor
from deepsort_ros.ros.health.diagnostics import Situation
from deepsort_ros.ros.pairing import PairingCounts

FINE = Situation(
    name='front/tracker', active=True, enabled=True,
    topics={'image': '/camera/image', 'detections': '/detections'},
    publishers={'image': 1, 'detections': 1}, pairing=PairingCounts(), waiting_pairs=0, queue=0,
    session=0, appearance_mode='always', appearance={'device': 'CPU', 'model': 'bundled'},
    appearance_error=None)


def running(monitor, clock, seconds):
    """Let both inputs deliver and pair for some seconds."""
    pairing = PairingCounts()
    for _ in range(round(seconds * 10)):
        clock.now += 0.1
        for entry in monitor.inputs.values():
            entry.arrived()
        pairing.paired += 1
    return dataclasses.replace(FINE, pairing=pairing)


def report(monitor, situation):
    statuses = monitor.report(situation)
    return {status.name.split(': ')[1]: status for status in statuses}


def values(status):
    return {value.key: value.value for value in status.values}


def test_a_running_node_is_ok_and_says_how_fast_it_is(clock):
    monitor = Monitor()
    statuses = report(monitor, running(monitor, clock, 6))
    assert {s.level for s in statuses.values()} == {DiagnosticStatus.OK}
    assert statuses['inputs'].message == 'image 10.0 Hz, detections 10.0 Hz'
    assert statuses['inputs'].name == 'front/tracker: inputs'
    assert statuses['appearance'].message == 'always on CPU'


def test_images_of_one_colour_are_told_while_looks_count(clock):
    monitor = Monitor()
    situation = running(monitor, clock, 6)
    for second in range(5):
        monitor.looked(Frame(second * NANOSECONDS, None, np.zeros((48, 64, 3), np.uint8)),
                       'always')
    inputs = report(monitor, situation)['inputs']
    assert inputs.level == DiagnosticStatus.WARN
    assert inputs.message.startswith('images are of one colour (black) for 4 s')
    assert values(inputs)['image_blank'] == '5'
    assert list(monitor.lasting) == ['images are of one colour']  # what is logged, once
    off = dataclasses.replace(situation, appearance_mode='off')
    assert report(monitor, off)['inputs'].level == DiagnosticStatus.OK


def test_images_are_not_looked_at_where_looks_do_not_count():
    monitor = Monitor()
    for second in range(5):
        monitor.looked(Frame(second * NANOSECONDS, None, np.zeros((48, 64, 3), np.uint8)), 'off')
        monitor.looked(Frame(second * NANOSECONDS, None, None), 'always')
    assert monitor.blank.count == 0


@pytest.mark.parametrize('publishers, words', [
    (0, 'no image for 7 s on /camera/image: it has no publisher'),
    (2, 'no image for 7 s on /camera/image: 2 publisher(s), but nothing arrives')])
def test_silence_of_five_seconds_is_told_with_topic_and_reason(clock, publishers, words):
    monitor = Monitor()
    situation = dataclasses.replace(
        running(monitor, clock, 1), publishers={'image': publishers, 'detections': 1})
    clock.now += 4
    monitor.inputs['detections'].arrived()
    assert report(monitor, situation)['inputs'].level == DiagnosticStatus.OK
    clock.now += 3
    inputs = report(monitor, situation)['inputs']
    assert (inputs.level, inputs.message) == (DiagnosticStatus.WARN, words)


def test_stamps_that_never_meet_are_told(clock):
    monitor = Monitor()
    running(monitor, clock, 6)
    inputs = report(monitor, FINE)['inputs']
    assert inputs.level == DiagnosticStatus.WARN
    assert 'same stamp for 6 s' in inputs.message


def test_incompatible_qos_is_an_error_with_its_topic(clock):
    monitor = Monitor()
    monitor.inputs['image'].qos_problem = 'a publisher offers another reliability'
    inputs = report(monitor, FINE)['inputs']
    assert inputs.level == DiagnosticStatus.ERROR
    assert '/camera/image: a publisher offers another reliability' in inputs.message


@pytest.mark.parametrize('reason', [r for r in DROPPED if r != 'disabled'])
def test_a_dropped_frame_warns_once_with_its_reason_and_stays_counted(clock, reason):
    monitor = Monitor()
    situation = running(monitor, clock, 1)
    monitor.drop(reason)
    tracking = report(monitor, situation)['tracking']
    assert (tracking.level, tracking.message) == (
        DiagnosticStatus.WARN, f'1 frame(s) dropped: {DROPPED[reason]}')
    tracking = report(monitor, situation)['tracking']
    assert tracking.level == DiagnosticStatus.OK
    assert values(tracking)[f'dropped_{reason}'] == '1'


def test_a_failed_network_is_an_error_and_says_why_and_what_to_do(clock):
    situation = dataclasses.replace(
        FINE, appearance_error='CheckpointError: x.ckpt: no such file; reset tries again')
    appearance = report(Monitor(), situation)['appearance']
    assert appearance.level == DiagnosticStatus.ERROR
    for words in ('x.ckpt: no such file', 'motion and overlap alone', 'reset'):
        assert words in appearance.message


def test_a_device_that_was_not_there_is_a_warning(clock):
    situation = dataclasses.replace(
        FINE, appearance={'device': 'CPU', 'device_note': 'no Ascend here, using the CPU'})
    appearance = report(Monitor(), situation)['appearance']
    assert (appearance.level, appearance.message) == (
        DiagnosticStatus.WARN, 'no Ascend here, using the CPU')


def test_a_node_that_is_not_active_is_stale(clock):
    statuses = report(Monitor(), dataclasses.replace(FINE, active=False))
    assert {s.level for s in statuses.values()} == {DiagnosticStatus.STALE}


def test_latency_is_given_in_percentiles(clock):
    monitor = Monitor()
    for milliseconds in range(1, 101):
        monitor.sample({'latency': milliseconds / 1000})
    tracking = values(report(monitor, FINE)['tracking'])
    assert (tracking['latency_p50_ms'], tracking['latency_p95_ms']) == ('50.50', '95.05')
    assert tracking['latency_p99_ms'] == '99.01'


def test_ignored_detections_are_counted_by_reason(clock):
    monitor = Monitor()
    monitor.tracked(2, 0, {'invalid': 3})
    monitor.tracked(2, 0, {'invalid': 1, 'class': 2})
    tracking = values(report(monitor, FINE)['tracking'])
    assert (tracking['ignored_invalid'], tracking['ignored_class']) == ('4', '2')


def test_late_detections_are_told_with_the_setting_to_change(clock):
    monitor = Monitor()
    situation = running(monitor, clock, 1)
    situation.pairing.detections_late = 2
    inputs = report(monitor, situation)['inputs']
    assert inputs.level == DiagnosticStatus.WARN
    assert '2 detections came later than assume_empty_after' in inputs.message
    assert report(monitor, situation)['inputs'].level == DiagnosticStatus.OK


@pytest.mark.parametrize('publishers, level', [
    (1, DiagnosticStatus.OK), (0, DiagnosticStatus.WARN)])
def test_a_detector_may_be_silent_while_images_are_assumed_empty(clock, publishers, level):
    monitor = Monitor()
    situation = dataclasses.replace(
        running(monitor, clock, 1), publishers={'image': 1, 'detections': publishers})
    clock.now += 6
    monitor.inputs['image'].arrived()
    situation.pairing.assumed_empty = 60
    assert report(monitor, situation)['inputs'].level == level


def test_missing_stamps_and_a_missing_clock_are_told(clock):
    monitor = Monitor()
    situation = running(monitor, clock, 1)
    monitor.inputs['image'].unstamped = 3
    monitor.inputs['image'].stamp_problem = 'no stamps, published by /driver'
    inputs = report(monitor, situation)['inputs']
    assert (inputs.level, inputs.message) == (
        DiagnosticStatus.WARN, '/camera/image: no stamps, published by /driver')
    assert values(inputs)['image_unstamped'] == '3'
    inputs = report(monitor, dataclasses.replace(situation, clock_problem='no clock'))['inputs']
    assert (inputs.level, inputs.message) == (DiagnosticStatus.WARN, 'no clock')


def test_what_keeps_tracks_from_coming_is_logged_only_while_the_node_is_active(clock) -> None:
    monitor = Monitor()
    clock.now += 7
    for active, count in ((True, 2), (False, 0)):
        monitor.report(dataclasses.replace(FINE, active=active))
        assert len(monitor.lasting) == count
