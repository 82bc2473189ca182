"""
Nothing that the node does not understand passes without a word.

A walk over all its inputs: every topic it subscribes to, every parameter and every service. What
is malformed is counted in the diagnostics or refused with a reason, and the node goes on.
"""
from __future__ import annotations

import copy

import drives
import live
import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import GetParameters
from rcl_interfaces.srv import SetParameters
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from test_world_node import Drive
from test_world_node import SETTINGS
from test_world_node import START
from vision_msgs.msg import Detection2DArray

from deepsort_ros.ros import parameters
from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.ros.messages.conversions import write_detections
from deepsort_ros.settings import default
from deepsort_ros.settings import SettingError
from deepsort_ros.settings import SPECS
from deepsort_ros.settings import TYPES
from deepsort_ros.tracking import Detections


def fields(**values):
    """Return a change that overwrites fields of a message."""
    def change(message):
        for name, value in values.items():
            setattr(message, name, value)
    return change


def unstamped(message):
    message.header.stamp = time_message(0)


def strange_stamp(message):
    message.header.stamp.nanosec += 7_000


def twice(message):
    return [message, message]


def boxes(tlwh, scores=None):
    """Return a change that leaves these detections alone."""
    def change(message):
        detections = Detections.from_arrays(tlwh, scores, ['person'] * len(tlwh))
        message.detections = write_detections(detections, message.header).detections
    return change


def no_hypothesis(message):
    message.detections[0].results = []


def of_12_bits(message):
    """Make a grey image of it as a camera of 12 bits sends it."""
    grey = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)[:, :, 0]
    message.encoding, message.step = 'mono16', 2 * message.width
    message.data = (grey.astype(np.uint16) << 4 | 0x80F).astype('<u2').tobytes()


def of_transform(change):
    def change_all(message):
        for transform in message.transforms:
            change(transform)
    return change_all


def set_rotation(transform):
    transform.transform.rotation.w = transform.transform.rotation.z = 0.0


def set_translation(transform):
    transform.transform.translation.x = float('nan')


def too_old(message):
    for transform in message.transforms:
        transform.header.stamp = time_message(START - 50 * 10**9)


ZEROS, NANS = np.zeros(9), np.full(9, np.nan)
GRID = [(8.0 * (n % 40), 16.0 * (n // 40), 6, 12) for n in range(400)]
# Topic, part of the diagnostics, what is counted there, malformed messages.
MESSAGES = [
    ('image', 'inputs', 'image_errors', [
        fields(encoding='cmyk8'), fields(encoding=''), fields(width=0, height=0, step=0, data=b''),
        fields(data=b'\0' * 10), fields(step=3), fields(width=4_000_000_000)]),
    ('image', 'tracking', 'image_resized', [fields(width=64, height=48)]),
    ('image', 'inputs', 'image_unstamped', [unstamped]),
    ('image', 'inputs', 'pairing_duplicates', [twice]),
    ('image', 'inputs', 'pairing_image_without_detections', [strange_stamp]),
    ('image', 'world', 'without_transforms', [
        lambda message: setattr(message.header, 'frame_id', 'nowhere')]),
    ('detections', 'tracking', 'ignored_invalid', [
        boxes([(np.nan, 1, 2, 3)]), boxes([(1, 1, np.inf, 5)]), boxes([(1, 1, 0, 5)]),
        boxes([(9, 9, -3, 5)]), boxes([(9, 9, 5, 5)], [np.nan]), boxes([(1e300, 1, 5, 5)]),
        no_hypothesis]),
    ('detections', 'tracking', 'ignored_normalised', [
        boxes([(0.4, 0.5, 0.1, 0.3)]), boxes([(0, 0, 1, 1)])]),
    ('detections', 'tracking', 'outside_image', [
        boxes([(640, 20, 50, 90)]), boxes([(-80, 20, 50, 90)])]),
    ('detections', 'tracking', 'ignored_confidence', [boxes([(9, 9, 20, 40)], [-5.0])]),
    ('detections', 'tracking', 'ignored_overlap', [boxes([(9, 9, 20, 40), (9, 9, 20, 40)])]),
    ('detections', 'tracking', 'ignored_max_detections', [boxes(GRID)]),
    ('detections', 'tracking', 'scores_above_one', [boxes([(9, 9, 20, 40)], [87.0])]),
    ('detections', 'inputs', 'other_frame', [
        lambda message: setattr(message.header, 'frame_id', 'rear')]),
    ('detections', 'inputs', 'detections_unstamped', [unstamped]),
    ('detections', 'inputs', 'pairing_duplicate_detections', [twice]),
    ('detections', 'inputs', 'pairing_detections_without_image', [strange_stamp]),
    ('camera_info', 'world', 'without_camera_info', [
        fields(k=ZEROS, p=np.zeros(12)), fields(k=NANS, p=np.full(12, np.nan)),
        fields(width=0, height=0), fields(width=64, height=48),
        fields(distortion_model='of_my_own', d=[0.1, 0.2])]),
    ('depth', 'world', 'without_depth', [
        fields(encoding='rgb8'), fields(data=b'\0' * 10), fields(width=64, height=48), unstamped]),
    ('/tf', 'world', 'transforms_ignored', [
        of_transform(set_rotation), of_transform(set_translation),
        of_transform(lambda one: setattr(one, 'child_frame_id', '')),
        of_transform(lambda one: setattr(one, 'child_frame_id', one.header.frame_id))]),
    ('/tf', 'world', 'without_transforms', [too_old]),
    ('/tf_static', 'world', 'transforms_ignored', [
        of_transform(set_rotation), of_transform(set_translation)]),
]
# Services: those of rclpy that only read have no request that could be wrong.
SERVICES = {
    '~/reset', '~/enable', '~/change_state', '~/set_parameters', '~/set_parameters_atomically'}
READING = {
    '~/get_state', '~/get_available_states', '~/get_available_transitions',
    '~/get_transition_graph', '~/describe_parameters', '~/get_parameter_types',
    '~/get_parameters', '~/list_parameters', '~/get_type_description'}


class Walk(Drive):
    """A drive in which messages of one topic are malformed."""

    def inject(self, topic, change) -> None:
        """Send a frame with all that goes with it, one message of it changed."""
        self.number += 1
        stamp = START + self.number * drives.STEP
        image, detections = drives.frame(stamp)
        for name, publisher, message in (
                ('/tf_static', self.static, drives.mounting()),
                ('/tf', self.tf, drives.odometry(stamp)),
                ('camera_info', self.info, drives.camera_info(stamp)),
                ('depth', self.depth, drives.depth(stamp)),
                ('image', self.images, image), ('detections', self.detections, detections)):
            # Image and detections share their header.
            message = copy.deepcopy(message)
            for one in (change(message) if name == topic else None) or [message]:
                publisher.publish(one)
        self.graph.spin_for(0.15)

    def counts(self) -> dict[tuple[str, str], int]:
        """Return all numbers of the next diagnostics, by part and key."""
        self.diagnostics.clear()
        self.graph.spin_until(lambda: any(
            status.name.startswith('tracker') for message in self.diagnostics
            for status in message.status), 10.0, 'diagnostics')
        return {(status.name.split(': ')[1], value.key): int(value.value)
                for message in self.diagnostics for status in message.status
                for value in status.values
                if status.name.startswith('tracker') and value.value.isdigit()}


@pytest.fixture(scope='module')
def walk(tmp_path_factory, graph, domain):
    node = live.NodeProcess(tmp_path_factory.mktemp('walk'), domain, **SETTINGS)
    node.wait_for('active:')
    drive = Walk(graph)
    drive.log = node.log
    yield drive
    assert node.stop() == 0
    assert 'Traceback' not in node.log()


def own(name: str) -> str:
    return name.replace('/tracker/', '~/')


@pytest.mark.parametrize('topic, part, key, changes', MESSAGES,
                         ids=[f'{topic} {key}' for topic, _, key, _ in MESSAGES])
def test_what_is_malformed_on_a_topic_is_counted(walk, topic, part, key, changes):
    walk.settle()
    before = walk.counts().get((part, key), 0)
    for change in changes:
        # The image may be looked at before the message that goes with it.
        for _ in range(1 if topic in ('image', 'detections') else 2):
            walk.inject(topic, change)
    walk.settle()
    walk.graph.spin_until(
        lambda: walk.counts().get((part, key), 0) >= before + len(changes), 30.0,
        f'{key} of {part} growing by {len(changes)}')


def test_images_of_12_bits_in_16_are_reported_once(walk):
    walk.settle()
    for _ in range(3):
        walk.inject('image', of_12_bits)
    walk.settle()
    said = '/image: 16-bit samples use 12 bits (none is 4096 or more) and are scaled by that'
    walk.graph.spin_until(lambda: said in walk.log(), 30.0, 'a warning in the log')
    walk.inject('image', of_12_bits)
    walk.settle()
    assert walk.log().count(said) == 1


def test_boxes_of_the_letterbox_of_the_network_are_reported(walk):
    walk.settle()
    walk.inject('image', fields(width=64, height=48))  # what was before counts no more
    for step in range(40):
        # One walks past, one away, one leaves, one comes.
        walk.inject('detections', boxes([
            (12 * step, 90, 80, 200), (300, 100 + 6 * step, 90, 460 - 6 * step),
            (540 + 2 * step, 90, 100 - 2 * step, 300), (0, 95, 20 + 2 * step, 280)]))
    said = 'detections are pixels of a letterbox of 640 x 640, not of their image'
    walk.graph.spin_until(lambda: any(said in status.message for message in walk.diagnostics
                                      for status in message.status), 30.0, said)


def test_the_walk_has_every_topic_the_node_subscribes_to(walk):
    present = {name for name, _ in walk.graph.node.get_subscriber_names_and_types_by_node(
        'tracker', '/')} - {'/parameter_events', '/clock'}
    assert present == {name if name[0] == '/' else f'/{name}' for name, *_ in MESSAGES}


@pytest.mark.parametrize('data, format', [
    (b'', 'jpeg'), (b'garbage', 'jpeg'), (b'\x89PNG\r\n\x1a\n' + b'\0' * 20, 'png'),
    (b'\xff\xd8\xff\xe0\0\x10JFIF', 'no format')])
def test_a_compressed_image_that_is_none_is_counted(compressed, data, format):
    before = int(compressed.values('inputs')['image_errors'])
    compressed.stamp += live.STEP
    message = CompressedImage(format=format)
    message.header.stamp, message.header.frame_id = time_message(compressed.stamp), 'camera'
    message.data = data
    compressed.images.publish(message)
    compressed.detections.publish(write_detections(
        Detections.from_arrays([(10, 10, 8, 16)]), message.header))
    compressed.status('inputs', lambda status: any(
        value.key == 'image_errors' and int(value.value) == before + 1
        for value in status.values))


class Compressed(live.Tracking):
    """Feeds a node with compressed images."""

    def __init__(self, graph) -> None:
        self.graph, self.name = graph, '/squeezed/tracker'
        self.diagnostics = graph.collect(live.DiagnosticArray, '/diagnostics')
        self.images = graph.publisher(CompressedImage, '/squeezed/image/compressed')
        self.detections = graph.publisher(Detection2DArray, '/squeezed/detections')
        self.stamp = 10**9


@pytest.fixture(scope='module')
def compressed(tmp_path_factory, graph, domain):
    node = live.NodeProcess(
        tmp_path_factory.mktemp('squeezed'), domain, '-r', '__ns:=/squeezed', appearance='off',
        image_transport='compressed')
    node.wait_for('active:')
    graph.spin_for(0.5)
    yield Compressed(graph)
    assert node.stop() == 0


# Parameters

def wrong_values(name):
    """Return values that a setting does not accept, each of a type that ROS has."""
    spec, kind = SPECS[name], TYPES[name]
    if kind is bool:
        return ['perhaps', 3]
    if kind in (int, float):
        values = ['three', True] + ([float('nan'), float('inf')] if kind is float else [2.5])
        values += [] if spec.minimum is None else [kind(spec.minimum - 1)]
        return values + ([] if spec.maximum is None else [kind(spec.maximum + 1)])
    if kind is str:
        return [3, 2.5] + (['toaster'] if spec.choices else [])
    return ['no list', 2.5, [0.5, 1.5]] + ([['a', 'b']] if kind == tuple[int, ...] else [])


WRONG = [(name, value) for name in SPECS for value in wrong_values(name)]


@pytest.fixture(scope='module')
def context():
    import rclpy
    context = Context()
    with live.own_domain() as domain:
        rclpy.init(context=context, domain_id=domain)
        yield context
        context.try_shutdown()


@pytest.mark.parametrize('name', SPECS)
def test_a_start_with_a_wrong_value_is_refused_by_name(context, name):
    for value in wrong_values(name):
        node = Node('tracker', context=context, start_parameter_services=False,
                    enable_rosout=False, parameter_overrides=[Parameter(name, value=value)])
        try:
            with pytest.raises(SettingError, match=name):
                parameters.declare(node)
        finally:
            node.destroy_node()


def test_a_wrong_value_is_refused_while_running_and_changes_nothing(walk):
    def values():
        return walk.graph.call(GetParameters, '/tracker/get_parameters',
                               GetParameters.Request(names=list(SPECS))).values

    before = values()
    answer = walk.graph.call(SetParameters, '/tracker/set_parameters', SetParameters.Request(
        parameters=[Parameter(name, value=value).to_parameter_msg() for name, value in WRONG]))
    taken = [wrong for wrong, result in zip(WRONG, answer.results) if result.successful]
    unnamed = [(wrong, result.reason) for wrong, result in zip(WRONG, answer.results)
               if wrong[0] not in result.reason]
    assert len(answer.results) == len(WRONG) and taken == [] and unnamed == []
    assert values() == before


def test_what_is_read_only_is_refused_by_name(walk):
    fixed = [name for name, spec in SPECS.items() if not spec.dynamic]
    answer = walk.graph.call(SetParameters, '/tracker/set_parameters', SetParameters.Request(
        parameters=[Parameter(name, value=parameters.ros_value(default(name))).to_parameter_msg()
                    for name in fixed]))
    assert [(name, r.successful, name in r.reason) for name, r in zip(fixed, answer.results)] == [
        (name, False, True) for name in fixed]


@pytest.mark.parametrize('kind, service', [
    (SetParameters, 'set_parameters'), (SetParametersAtomically, 'set_parameters_atomically')])
def test_a_parameter_that_does_not_exist_is_refused_by_name(walk, kind, service):
    answer = walk.graph.call(kind, f'/tracker/{service}', kind.Request(
        parameters=[Parameter('max_aeg', value=2.0).to_parameter_msg()]))
    result = answer.results[0] if kind is SetParameters else answer.result
    assert not result.successful and 'max_aeg' in result.reason


# Services

def test_the_walk_has_every_service_of_the_node(walk):
    present = {own(name) for name, _ in walk.graph.node.get_service_names_and_types_by_node(
        'tracker', '/')}
    assert SERVICES <= present <= SERVICES | READING


@pytest.mark.parametrize('number', [0, 250, *sorted({
    Transition.TRANSITION_CREATE, Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP,
    Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_UNCONFIGURED_SHUTDOWN,
    Transition.TRANSITION_DESTROY} - {0})])
def test_a_transition_that_an_active_node_does_not_have_is_refused(walk, number):
    assert not walk.graph.call(ChangeState, '/tracker/change_state', ChangeState.Request(
        transition=Transition(id=number))).success
    assert walk.frame().tracks is not None


def test_a_transition_with_an_unknown_name_is_refused(walk):
    assert not walk.graph.call(ChangeState, '/tracker/change_state', ChangeState.Request(
        transition=Transition(label='acctivate'))).success


def test_reset_and_enable_say_what_they_did_again_and_again(walk):
    for _ in range(2):
        answer = walk.graph.call(Trigger, '/tracker/reset', Trigger.Request())
        assert answer.success and 'begins' in answer.message
    for data, words in ((False, 'disabled'), (False, 'disabled'), (True, 'tracking')):
        answer = walk.graph.call(SetBool, '/tracker/enable', SetBool.Request(data=data))
        assert answer.success and words in answer.message
    assert walk.settle().tracks is not None
