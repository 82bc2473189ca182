"""What the running node does with messages, services, parameters and bad input."""
import live
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Parameter
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import DescribeParameters
from rcl_interfaces.srv import SetParameters
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.qos import QoSDurabilityPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import QoSReliabilityPolicy
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from vision_msgs.msg import Detection2DArray
from visualization_msgs.msg import ImageMarker

from deepsort_ros.ros.interface import SERVICES
from deepsort_ros.ros.interface import TOPICS
from deepsort_ros.ros.messages.conversions import write_detections
from deepsort_ros.settings import SPECS
from deepsort_ros.tracking import Detections

STEP_BACK = 100_000_000
DOUBLE, STRING = ParameterType.PARAMETER_DOUBLE, ParameterType.PARAMETER_STRING


@pytest.fixture(scope='module')
def node(tmp_path_factory, domain):
    """Start one node without the network for all tests of this module."""
    process = live.NodeProcess(tmp_path_factory.mktemp('node'), domain, appearance='off',
                               n_init=1, duplicate_overlap=1.0)
    process.wait_for('active:')
    yield process
    assert process.stop() == 0


@pytest.fixture(scope='module')
def feed(node, graph):
    """Connect to the node once."""
    return live.Tracking(graph)


@pytest.fixture
def tracking(feed, graph):
    """Return the feed, after a reset: stamps may start over."""
    assert graph.call(Trigger, '/tracker/reset', Trigger.Request()).success
    feed.restart()
    return feed


def set_parameters(graph, atomically=False, **values):
    parameters = [Parameter(name=name, value=ParameterValue(
        type=DOUBLE if isinstance(value, float) else STRING,
        double_value=value if isinstance(value, float) else 0.0,
        string_value=value if isinstance(value, str) else '')) for name, value in values.items()]
    if atomically:
        return graph.call(SetParametersAtomically, '/tracker/set_parameters_atomically',
                          SetParametersAtomically.Request(parameters=parameters)).result
    return graph.call(SetParameters, '/tracker/set_parameters',
                      SetParameters.Request(parameters=parameters)).results[0]


def test_every_image_with_detections_gets_tracks_under_its_own_header(tracking):
    arrays = tracking.track(5)
    assert [len(array.tracks) for array in arrays] == [1] * 5
    assert len({array.tracks[0].id for array in arrays}) == 1
    assert {(a.image_width, a.image_height, a.header.frame_id) for a in arrays} == {
        (64, 48, 'camera')}


def test_an_image_with_no_detections_gets_an_array_too(tracking):
    tracking.track(2)
    array, = tracking.track(1, boxes=())
    assert [track.state for track in array.tracks] == [3]


def test_reset_raises_the_session_and_ids_go_on(tracking, graph):
    before, = tracking.track()
    graph.call(Trigger, '/tracker/reset', Trigger.Request())
    after, = tracking.track()
    assert after.session == before.session + 1
    assert after.tracks[0].id > before.tracks[0].id


def test_a_jump_back_of_the_stamps_raises_the_session(tracking):
    tracking.stamp = 10**11
    before, = tracking.track()
    tracking.stamp = 10**10
    after, = tracking.track()
    assert after.session == before.session + 1
    assert after.tracks[0].id > before.tracks[0].id


def test_a_small_step_back_drops_the_frame_and_counts_it(tracking, graph):
    tracking.track(2)
    dropped = int(tracking.values('tracking')['dropped_old_stamp'])
    tracking.send(tracking.stamp - STEP_BACK)
    arrays = tracking.track()
    assert len(tracking.tracks) == 3 and arrays[0].session == tracking.tracks[0].session
    assert int(tracking.values('tracking')['dropped_old_stamp']) == dropped + 1


def test_enable_false_ignores_messages_until_true(tracking, graph):
    first, = tracking.track()
    assert graph.call(SetBool, '/tracker/enable', SetBool.Request(data=False)).success
    tracking.send(tracking.stamp + live.STEP)
    status = tracking.status('tracking', lambda s: 'disabled' in s.message)
    assert status.level == DiagnosticStatus.WARN
    assert graph.call(SetBool, '/tracker/enable', SetBool.Request(data=True)).success
    tracking.stamp += live.STEP
    second, = tracking.track()
    assert len(tracking.tracks) == 2 and second.tracks[0].id == first.tracks[0].id


@pytest.mark.parametrize('reliability', [
    QoSReliabilityPolicy.RELIABLE, QoSReliabilityPolicy.BEST_EFFORT])
@pytest.mark.parametrize('durability', [
    QoSDurabilityPolicy.VOLATILE, QoSDurabilityPolicy.TRANSIENT_LOCAL])
def test_every_kind_of_publisher_connects(tracking, graph, reliability, durability):
    qos = QoSProfile(depth=10, reliability=reliability, durability=durability)
    tracking.images, tracking.detections = publishers = [
        graph.node.create_publisher(kind, topic, qos)
        for kind, topic in ((Image, '/image'), (Detection2DArray, '/detections'))]
    tracking.connect()
    assert len(tracking.track()[0].tracks) == 1
    for publisher in publishers:
        graph.node.destroy_publisher(publisher)
    # The node subscribes again, to ask for reliable messages: what is sent meanwhile is lost.
    graph.spin_until(lambda: all(
        info.qos_profile.reliability == QoSReliabilityPolicy.RELIABLE
        for topic in ('/image', '/detections')
        for info in graph.node.get_subscriptions_info_by_topic(topic)))
    tracking.restart()
    tracking.connect()


def test_mirror_annotations_and_overlay_are_published_while_somebody_listens(tracking, graph):
    mirror = graph.collect(Detection2DArray, '/tracks/detections')
    lines = graph.collect(ImageMarker, '/tracks/annotations')
    overlay = graph.collect(Image, '/tracker/overlay')
    array = None
    while not (mirror and lines and overlay):  # the node has to notice the subscriptions
        array, = tracking.track()
        graph.spin_for(0.05)
    graph.spin_until(lambda: mirror[-1].header == lines[-1].header == overlay[-1].header
                     == array.header)
    assert [d.id for d in mirror[-1].detections] == [str(t.id) for t in array.tracks]
    box = array.tracks[0].bbox
    corner = lines[-1].points[0]
    assert len(lines[-1].points) == len(lines[-1].outline_colors) == 8 * len(array.tracks)
    assert corner.x == box.center.position.x - box.size_x / 2
    assert corner.y == box.center.position.y - box.size_y / 2
    drawn = np.frombuffer(overlay[-1].data, np.uint8).reshape(48, 64, 3)
    assert overlay[-1].encoding == 'bgr8' and (drawn != tracking.picture()).any()


def test_dynamic_parameters_take_effect_with_the_next_image(tracking, graph):
    assert len(tracking.track(1, scores=[0.5])[0].tracks) == 1
    assert set_parameters(graph, min_confidence=0.9, low_confidence=0.9).successful
    array, = tracking.track(1, scores=[0.5])
    assert set_parameters(graph, min_confidence=0.5, low_confidence=0.1).successful
    assert [track.state for track in array.tracks] == [3]


def test_a_read_only_parameter_is_refused_by_name(graph, node):
    result = set_parameters(graph, device='CPU')
    assert not result.successful and 'device' in result.reason


def test_a_value_that_is_not_acceptable_is_refused_with_field_and_value(graph, node):
    result = set_parameters(graph, appearance='sometimes')
    assert not result.successful
    assert 'appearance' in result.reason and 'sometimes' in result.reason


def test_of_several_changes_all_or_none_are_taken(tracking, graph):
    result = set_parameters(graph, atomically=True, min_confidence=0.9, max_age=-1.0)
    assert not result.successful and 'max_age' in result.reason
    assert len(tracking.track(1, scores=[0.5])[0].tracks) == 1


def test_every_parameter_describes_itself(graph, node):
    answer = graph.call(DescribeParameters, '/tracker/describe_parameters',
                        DescribeParameters.Request(names=list(SPECS)))
    for described in answer.descriptors:
        spec = SPECS[described.name]
        assert spec.description in described.description and spec.unit in described.description
        assert described.read_only is not spec.dynamic
        assert described.type != ParameterType.PARAMETER_NOT_SET
    ranges = {d.name: d.integer_range for d in answer.descriptors}
    assert ranges['n_init'][0].from_value == 1


def test_topics_and_services_are_those_of_the_table(graph, node):
    def full(name):
        return name.replace('~', '/tracker') if name[0] in '~/' else f'/{name}'

    graph.spin_until(lambda: 'tracker' in graph.node.get_node_names())
    ours = {
        'in': dict(graph.node.get_subscriber_names_and_types_by_node('tracker', '/')),
        'out': dict(graph.node.get_publisher_names_and_types_by_node('tracker', '/'))}
    compressed = '/image/compressed'
    for direction, present in ours.items():
        listed = {full(t.name): [t.type] for t in TOPICS if t.direction == direction
                  and not (direction == 'in' and 'only with `world' in t.meaning)}
        listed.pop(compressed, None)
        added_by_rclpy = {'/rosout', '/parameter_events', '/tracker/transition_event', '/clock'}
        assert listed == {k: v for k, v in present.items() if k not in added_by_rclpy}
    services = dict(graph.node.get_service_names_and_types_by_node('tracker', '/'))
    assert {full(s.name): [s.type] for s in SERVICES}.items() <= services.items()


# Bad input: one clear message, and the node goes on.

@pytest.mark.parametrize('changes, words', [
    ({'encoding': 'cmyk8'}, "encoding: 'cmyk8'"),
    ({'width': 0, 'height': 0, 'step': 0, 'data': b''}, '0 x 0'),
    ({'data': b'\0' * 10}, 'data: 10 bytes'),
    ({'step': 3}, 'step: 3'),
], ids=['wrong encoding', 'empty image', 'truncated data', 'wrong step'])
def test_a_frame_whose_image_cannot_be_read_is_tracked_by_motion(tracking, changes, words):
    first, = tracking.track()
    errors = int(tracking.values('inputs')['image_errors'])
    arrays = tracking.track(2, changes=changes)
    assert [a.tracks[0].id for a in arrays] == [first.tracks[0].id] * 2
    warned = tracking.status('inputs', lambda s: words in s.message)
    assert warned.level == DiagnosticStatus.WARN
    assert int({v.key: v.value for v in warned.values}['image_errors']) == errors + 2


def test_an_unreadable_image_is_logged_once_and_not_for_every_frame(tracking, node):
    tracking.track(3, changes={'encoding': 'cmyk8'})
    assert 1 <= node.log().count('image not readable') <= 3


def test_nan_boxes_are_ignored_counted_and_told(tracking, node):
    before = int(tracking.values('tracking').get('ignored_invalid', 0))
    array, = tracking.track(1, boxes=((10, 10, 8, 16), (np.nan, 1, 2, 3), (1, 1, 0, 5)))
    assert len(array.tracks) == 1
    assert int(tracking.values('tracking')['ignored_invalid']) == before + 2
    assert '2 of 3 detections ignored' in node.log()


def test_boxes_in_shares_of_the_image_are_ignored_counted_and_told(tracking, node):
    before = int(tracking.values('tracking').get('ignored_normalised', 0))
    array, = tracking.track(1, boxes=((10, 10, 8, 16), (0.4, 0.5, 0.1, 0.3), (0, 0, 1, 1)))
    assert len(array.tracks) == 1
    status = tracking.status('tracking', lambda s: 'shares of the image' in s.message or int({
        v.key: v.value for v in s.values}.get('ignored_normalised', 0)) == before + 2)
    assert int({v.key: v.value for v in status.values}['ignored_normalised']) == before + 2
    assert '2 of 3 detections ignored: their boxes are no pixels' in node.log()


def test_boxes_outside_the_image_are_counted_and_told(tracking, node):
    before = int(tracking.values('tracking')['outside_image'])
    tracking.track(1, boxes=((10, 10, 8, 16), (640, 100, 80, 160), (-30, 5, 20, 20)))
    assert int(tracking.values('tracking')['outside_image']) == before + 2
    assert 'detections lie outside their image' in node.log()


def test_a_second_message_for_an_image_is_counted_and_told(tracking, graph):
    before = int(tracking.values('inputs')['pairing_duplicate_detections'])
    tracking.track()
    tracking.detections.publish(write_detections(
        Detections.from_arrays([(30, 10, 8, 16)]), tracking.tracks[-1].header))
    status = tracking.status('inputs', lambda s: 'send all in one message' in s.message)
    assert status.level == DiagnosticStatus.WARN
    assert int({v.key: v.value for v in status.values}[
        'pairing_duplicate_detections']) == before + 1


@pytest.mark.parametrize('transition', [
    Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_CLEANUP, 250])
def test_a_transition_that_is_not_possible_is_refused_and_told(tracking, graph, node, transition):
    answer = graph.call(ChangeState, '/tracker/change_state', ChangeState.Request(
        transition=Transition(id=transition)))
    assert not answer.success
    graph.spin_until(lambda: live.refused(node.log(), transition))
    assert len(tracking.track()[0].tracks) == 1


def test_of_ten_thousand_detections_the_best_are_used_and_it_is_told(tracking, node):
    boxes = np.random.default_rng(1).uniform(1, 40, (10_000, 4))
    scores = np.linspace(0.4, 0.9, 10_000)
    array, = tracking.track(1, boxes=boxes, scores=scores)
    assert len(array.tracks) == 300
    assert {t.detection_index for t in array.tracks} == set(range(9_700, 10_000))
    assert node.log().count('10000 detections in one image') == 1


def test_every_pair_of_a_burst_is_tracked_or_counted_as_dropped(tracking, graph):
    def counts():
        tracking.diagnostics.clear()
        graph.spin_until(lambda: tracking.diagnostics, what='diagnostics')
        values = {value.key: value.value for status in tracking.diagnostics[-1].status
                  for value in status.values}
        return np.array([int(values[name]) for name in (
            'pairing_paired', 'frames', 'dropped_overload')])

    before = counts()
    boxes = np.random.default_rng(1).uniform(1, 40, (100, 4))
    for _ in range(30):
        tracking.stamp += live.STEP
        tracking.send(tracking.stamp, boxes=boxes)
    graph.spin_for(1.0)
    tracking.track()

    def settled():
        # The last frame may be counted only after its tracks have come.
        paired, frames, dropped = counts() - before
        return frames == len(tracking.tracks) > 1 and frames + dropped == paired
    graph.spin_until(settled, what='a count of every pair')


# Diagnostics in words.

def test_diagnostics_report_rates_pairing_and_latency(tracking):
    tracking.track(3)
    inputs = tracking.values('inputs')
    assert int(inputs['image_count']) >= 3 and int(inputs['pairing_paired']) >= 3
    assert inputs['image_topic'] == '/image'
    values = tracking.values('tracking')
    for stage in ('read', 'filter', 'encode', 'track', 'write', 'pair_to_tracks', 'latency'):
        assert {f'{stage}_p50_ms', f'{stage}_p95_ms', f'{stage}_p99_ms'} <= set(values)
    assert tracking.status('appearance').message == 'off'
