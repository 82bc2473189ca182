"""The node under a lifecycle manager, under sim time, and with start-up faults."""
import subprocess
import sys

import live
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.qos import QoSReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image

from deepsort_ros.ros.messages.conversions import time_message

CONFIGURE, CLEANUP = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP
ACTIVATE, DEACTIVATE = Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE


def change(graph, *transitions):
    for number in transitions:
        request = ChangeState.Request(transition=Transition(id=number))
        assert graph.call(ChangeState, '/tracker/change_state', request).success


def test_a_manager_drives_it_through_all_states_and_no_id_is_used_twice(start_node, graph):
    node = start_node(appearance='off', n_init=1, autostart='false')
    node.wait_for('waiting to be configured')
    change(graph, CONFIGURE, ACTIVATE)
    tracking = live.Tracking(graph)
    first, = tracking.track()
    change(graph, DEACTIVATE, ACTIVATE)
    graph.spin_until(lambda: tracking.images.get_subscription_count() == 1)
    again, = tracking.track()
    assert [t.id for t in again.tracks] == [t.id for t in first.tracks]
    change(graph, DEACTIVATE, CLEANUP, CONFIGURE, ACTIVATE)
    graph.spin_until(lambda: tracking.images.get_subscription_count() == 1)
    graph.spin_until(lambda: graph.node.count_publishers('/tracks') == 1)
    graph.spin_for(0.3)
    fresh, = tracking.track()
    assert fresh.session == first.session + 1
    assert fresh.tracks[0].id > first.tracks[0].id
    change(graph, DEACTIVATE)
    assert tracking.status('inputs', lambda s: s.message == 'not active')
    assert node.stop() == 0


def under_sim_time(start_node, graph):
    """
    Return the tracking of a node under sim time and a publisher of its clock.

    The publisher comes first, so that its type is known here when the node is discovered. Fast DDS
    3, which Kilted has, asks the other side for types it does not know. The request is volatile
    and sent once: where it is lost, or the other side ends before it answers, everything of this
    type stays undiscovered in this process (TypeLookupManager: it sends no second request while
    one is open). A real publisher of /clock knows its type, too.
    """
    clock = graph.publisher(Clock, '/clock', connected=False)
    node = start_node(appearance='off', n_init=1, use_sim_time='true')
    node.wait_for('active:')
    tracking = live.Tracking(graph)
    graph.spin_until(clock.get_subscription_count, what='a subscription to /clock')
    return tracking, clock


def test_under_sim_time_one_jump_back_is_one_reset_whoever_tells_it_first(start_node, graph):
    tracking, clock = under_sim_time(start_node, graph)

    def tick(stamp):
        clock.publish(Clock(clock=time_message(stamp)))
        graph.spin_for(0.3)

    def at(stamp):
        tracking.stamp = stamp
        return tracking.track()[0].session - tracking.session

    seconds = 10**9
    tick(100 * seconds)
    assert at(100 * seconds) == 0
    # The clock goes back first, the stamps follow.
    tick(10 * seconds)
    assert at(10 * seconds) == 1
    # The stamps go back first, the clock follows.
    tick(60 * seconds)
    assert at(60 * seconds) == 1
    assert at(5 * seconds) == 2
    tick(5 * seconds)
    assert at(5 * seconds + live.STEP) == 2
    # A frame from before the jump that arrives after it is not tracked. It is seen before the next
    # one is sent: images and detections of two frames could overtake each other.
    tracking.send(60 * seconds)
    assert tracking.status('tracking', lambda status: any(
        value.key == 'dropped_other_time' and value.value == '1' for value in status.values))
    assert at(5 * seconds + 2 * live.STEP) == 2


def test_a_publisher_that_cannot_connect_is_told_with_topic_and_policy(start_node, graph):
    node = start_node('-p', 'qos_overrides./image.subscription.reliability:=reliable',
                      appearance='off')
    node.wait_for('active:')
    graph.publisher(Image, '/image', QoSProfile(
        depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT), connected=False)
    node.wait_for('/image: a publisher offers another reliability')


def test_a_publisher_that_cannot_connect_is_an_error_until_it_is_gone(start_node, graph):
    node = start_node('-p', 'qos_overrides./alone/image.subscription.reliability:=reliable',
                      '-r', '__ns:=/alone', appearance='off')
    node.wait_for('active:')
    tracking = live.Tracking(graph, '/alone')
    wrong = graph.node.create_publisher(Image, '/alone/image', QoSProfile(
        depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT))
    tracking.status('inputs', lambda s: 'another reliability' in s.message)
    graph.node.destroy_publisher(wrong)
    tracking.status('inputs', lambda s: 'another reliability' not in s.message)


@pytest.mark.parametrize('key, changed', [
    ('/tracks.publisher', '/tracks'), ('/tracks/detections.publisher', '/tracks/detections'),
    ('/diagnostics.publisher', '/diagnostics')])
def test_a_qos_override_changes_one_publisher_and_no_other(start_node, graph, key, changed):
    node = start_node('-p', f'qos_overrides.{key}.reliability:=best_effort', appearance='off')
    node.wait_for('active:')
    topics = ('/tracks', '/tracks/detections', '/tracks/annotations', '/diagnostics')

    def found():
        return {topic: info.qos_profile.reliability for topic in topics
                for info in graph.node.get_publishers_info_by_topic(topic)
                if info.node_name == 'tracker'}
    graph.spin_until(lambda: len(found()) == len(topics))
    assert {topic for topic, reliability in found().items()
            if reliability == QoSReliabilityPolicy.BEST_EFFORT} == {changed}


def test_a_qos_override_changes_one_subscription_and_no_other(start_node, graph):
    node = start_node('-p', 'qos_overrides./image.subscription.reliability:=best_effort',
                      appearance='off')
    node.wait_for('active:')

    def found():
        return {topic: info.qos_profile.reliability for topic in ('/image', '/detections')
                for info in graph.node.get_subscriptions_info_by_topic(topic)}
    graph.spin_until(lambda: len(found()) == 2)
    assert found() == {'/image': QoSReliabilityPolicy.BEST_EFFORT,
                       '/detections': QoSReliabilityPolicy.RELIABLE}


def test_a_node_that_is_not_configured_loads_no_network(start_node, graph):
    node = start_node(autostart='false', appearance='always')
    node.wait_for('waiting to be configured')
    for name, value in (('max_age', 2.0), ('appearance', 'off')):
        parameter = Parameter(name, value=value).to_parameter_msg()
        answer = graph.call(SetParameters, '/tracker/set_parameters',
                            SetParameters.Request(parameters=[parameter]))
        assert answer.results[0].successful
    change(graph, CONFIGURE)
    assert 'loading' not in node.log()


@pytest.mark.parametrize('name, value, words', [
    ('n_init', 0, 'n_init: 0 is outside 1 to 1000'),
    ('appearance', 'sometimes', "appearance: 'sometimes' is not one of always, on_demand, off")])
def test_a_parameter_that_is_not_acceptable_ends_it_with_one_line(start_node, name, value, words):
    node = start_node(**{name: value})
    assert node.process.wait(live.WAIT) == 1
    assert words in node.log() and len(node.log().splitlines()) == 1


@pytest.mark.parametrize('entity, words', [
    ('/tracks.publisher', 'configure: Unexpected QoS override for policy `reliability`'),
    ('/image.subscription', 'activate: Unexpected QoS override for policy `reliability`')])
def test_a_qos_override_that_is_not_acceptable_ends_it_with_one_line(start_node, entity, words):
    node = start_node('-p', f'qos_overrides.{entity}.reliability:=nonsense', appearance='off')
    assert node.process.wait(live.WAIT) == 1
    assert words in node.log() and len(node.log().splitlines()) == 1


def test_an_unknown_ros_argument_ends_it_with_one_line(start_node):
    node = start_node('--nonsense')
    assert node.process.wait(live.WAIT) == 2
    assert '--nonsense' in node.log() and len(node.log().splitlines()) == 1


def test_namespace_and_remapping_move_its_names_and_compressed_images_follow(start_node, graph):
    start_node('-r', '__ns:=/front', '-r', 'image:=camera/image_raw', appearance='off',
               image_transport='compressed').wait_for('active:')
    graph.spin_until(lambda: graph.node.count_publishers('/front/tracks'))
    graph.spin_until(lambda: graph.node.count_subscribers('/front/detections'))
    graph.spin_until(lambda: graph.node.count_subscribers('/front/camera/image_raw/compressed'))


@pytest.mark.parametrize('offered', [
    [QoSReliabilityPolicy.RELIABLE], [QoSReliabilityPolicy.BEST_EFFORT],
    [QoSReliabilityPolicy.RELIABLE, QoSReliabilityPolicy.BEST_EFFORT]])
@pytest.mark.parametrize('first', ['publisher', 'node'])
def test_an_input_is_as_reliable_as_its_publishers_are(start_node, graph, offered, first):
    namespace = f'/n{len(offered)}{offered[0].value}{first}'
    topic = f'{namespace}/image'

    def publish():
        return [graph.node.create_publisher(Image, topic, QoSProfile(depth=1, reliability=one))
                for one in offered]

    def asked():
        return {info.qos_profile.reliability
                for info in graph.node.get_subscriptions_info_by_topic(topic)}

    publishers = publish() if first == 'publisher' else []
    node = start_node('-r', f'__ns:={namespace}', appearance='off')
    node.wait_for('active:')
    publishers = publishers or publish()
    graph.spin_until(lambda: all(one.get_subscription_count() for one in publishers))
    graph.spin_until(lambda: asked() == {offered[-1]})
    for publisher in publishers[:-1] if len(offered) > 1 else ():
        graph.node.destroy_publisher(publisher)
    graph.node.destroy_publisher(publishers[-1])
    # No best-effort publisher is left.
    graph.spin_until(lambda: asked() == {QoSReliabilityPolicy.RELIABLE})
    assert 'reliability' not in node.log()


@pytest.mark.parametrize('arguments, code, words', [
    (('--help',), 0, '--params-file FILE'), (('--version',), 0, 'tracker_node 0.'),
    (('image:=/camera/image_raw',), 2, 'unrecognized arguments: image:=/camera/image_raw'),
    (('--max-age', '--ros-args', '-p', 'n_init:=1'), 2, 'unrecognized arguments: --max-age'),
    (('--ros-args', '-p', 'n_init:=1', '--', 'front'), 2, 'unrecognized arguments: front')])
def test_what_is_not_for_ros_is_answered_or_refused(tmp_path, arguments, code, words):
    done = subprocess.run(
        [sys.executable, '-m', 'deepsort_ros.ros.main', *arguments], cwd=live.ROOT,
        capture_output=True, text=True, timeout=60)
    assert done.returncode == code and words in done.stdout + done.stderr


def test_parameters_and_overrides_that_do_not_exist_are_told_with_the_closest(
        start_node, tmp_path):
    file = tmp_path / 'my.yaml'
    file.write_text("""/**:
  ros__parameters:
    min_confidense: 0.3
    n_init: 1
    qos_overrides:
      /trakcs: {publisher: {reliability: best_effort}}
      /camera_info: {subscription: {reliability: best_effort}}
""")
    node = start_node('--params-file', str(file), '-p', 'max_aeg:=2.0', '-p', 'zzz:=1',
                      '-p', 'use_sim_tiem:=true', appearance='off')
    node.wait_for('active:')
    ignored, overrides = (line for line in node.log().splitlines() if 'WARN' in line)
    assert ('max_aeg (did you mean max_age?), min_confidense (did you mean min_confidence?), '
            'use_sim_tiem (did you mean use_sim_time?), zzz') in ignored
    assert overrides.endswith('qos_overrides./trakcs.publisher.reliability (did you mean '
                              'qos_overrides./tracks.publisher.reliability?)')


def test_remapping_tracks_moves_all_that_is_derived_from_them(start_node, graph):
    start_node('-r', '__ns:=/moved', '-r', 'tracks:=people', appearance='off',
               world='ground').wait_for('active:')
    for derived in ('', '/detections', '/annotations', '/world', '/markers'):
        topic = f'/moved/people{derived}'
        graph.spin_until(lambda topic=topic: graph.node.count_publishers(topic))
    assert not graph.node.count_publishers('/moved/tracks')
