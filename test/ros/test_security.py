"""The policy file is the node's graph; no name in a message is a path; no security, no start."""
import itertools
from xml.etree import ElementTree

import cv2
import live
import numpy as np
import pytest
from rcl_interfaces.msg import Parameter
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import SetParameters
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray

from deepsort_ros.ros.interface import SERVICES
from deepsort_ros.ros.interface import TOPICS
from deepsort_ros.ros.main import MAX_PIXELS
from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.ros.messages.conversions import write_detections
from deepsort_ros.ros.messages.images import write_image
from deepsort_ros.tracking import Detections

POLICY = live.ROOT / 'config' / 'sros2' / 'tracker.policy.xml'
# Only with settings other than the defaults.
OPTIONAL = {'/image/compressed', '/camera_info', '/depth', '/tf', '/tf_static'}
KEYS = ('identity_ca.cert.pem', 'cert.pem', 'key.pem', 'permissions_ca.cert.pem',
        'governance.p7s', 'permissions.p7s')
PATH = '/tmp/../etc/planted'


@pytest.fixture(scope='module')
def node(tmp_path_factory, domain):
    """Start a node that reports the files it opens; under sim time, which adds /clock."""
    process = live.NodeProcess(
        tmp_path_factory.mktemp('security'), domain, appearance='off', n_init=1,
        use_sim_time='true', program=(str(live.ROOT / 'test' / 'ros' / 'audited_node.py'),))
    process.wait_for('active:')
    yield process
    assert process.stop() == 0


def allowed(attribute):
    """Return the full names that the policy allows to publish, subscribe or reply."""
    profile, = ElementTree.parse(POLICY).getroot().iter('profile')
    assert profile.get('ns') == '/' and profile.get('node') == 'tracker'
    names = [full(entry.text) for group in profile if group.get(attribute) == 'ALLOW'
             for entry in group]
    assert len(names) == len(set(names))
    return set(names)


def full(name):
    return name.replace('~', '/tracker') if name[0] in '~/' else f'/{name}'


def test_the_policy_allows_what_the_running_node_does_and_no_more(node, graph):
    graph.spin_until(lambda: 'tracker' in graph.node.get_node_names())
    present = {
        'subscribe': graph.node.get_subscriber_names_and_types_by_node('tracker', '/'),
        'publish': graph.node.get_publisher_names_and_types_by_node('tracker', '/'),
        'reply': graph.node.get_service_names_and_types_by_node('tracker', '/')}
    assert not graph.node.get_client_names_and_types_by_node('tracker', '/')
    for attribute, found in present.items():
        assert allowed(attribute) - OPTIONAL == {name for name, _ in found}


def test_the_policy_has_every_topic_and_service_of_the_table():
    listed = {direction: {full(t.name) for t in TOPICS if t.direction == direction}
              for direction in ('in', 'out')}
    assert listed['in'] <= allowed('subscribe') and listed['out'] <= allowed('publish')
    assert {full(s.name) for s in SERVICES} <= allowed('reply')
    assert allowed('request') == set()


def test_no_path_in_a_message_reaches_the_file_system(node, graph):
    tracking = live.Tracking(graph)
    tracking.track()
    before = len(node.log())
    for encoding in (PATH, 'bgr8'):
        tracking.stamp += live.STEP
        header = Header(stamp=time_message(tracking.stamp), frame_id=PATH)
        found = write_detections(Detections.from_arrays(np.array([(30.0, 10, 8, 16)])), header)
        found.detections[0].id = found.detections[0].header.frame_id = PATH
        found.detections[0].results[0].hypothesis.class_id = PATH
        image = write_image(tracking.picture(), 'bgr8', header)
        image.encoding = encoding
        tracking.images.publish(image)
        tracking.detections.publish(found)
        graph.spin_until(lambda header=header: tracking.tracks[-1].header == header)
    assert PATH in {track.class_id for track in tracking.tracks[-1].tracks}
    wanted = [
        Parameter(name='model', value=ParameterValue(
            type=ParameterType.PARAMETER_STRING, string_value=PATH)),
        Parameter(name='classes', value=ParameterValue(
            type=ParameterType.PARAMETER_STRING_ARRAY, string_array_value=[PATH]))]
    answer = graph.call(SetParameters, '/tracker/set_parameters',
                        SetParameters.Request(parameters=wanted))
    assert [result.successful for result in answer.results] == [False, True]
    assert 'AUDIT open' in node.log()  # the modules of the node
    asked = [line for line in node.log()[before:].splitlines() if line.startswith('AUDIT')]
    assert [line for line in asked if PATH.rsplit('/')[-1] in line] == []


def test_a_compressed_image_that_claims_to_be_huge_is_not_decoded(start_node, graph):
    node = start_node('-r', '__ns:=/other', appearance='off', image_transport='compressed')
    node.wait_for('active:')
    pixels = np.zeros((MAX_PIXELS // 2**13 + 1, 2**13), np.uint8)
    data = cv2.imencode('.png', pixels)[1].tobytes()
    images = graph.publisher(CompressedImage, '/other/image/compressed')
    detections = graph.publisher(Detection2DArray, '/other/detections')
    stamps = itertools.count(live.STEP, live.STEP)

    def refused():  # again and again: a subscription may be announced early
        header = Header(stamp=time_message(next(stamps)))
        images.publish(CompressedImage(header=header, format='png', data=data))
        detections.publish(Detection2DArray(header=header))
        graph.spin_for(0.2)
        return 'that OpenCV refuses to decode' in node.log()
    graph.spin_until(refused)


# A Fast DDS that is built with security refuses empty keys, one without it any.
@pytest.mark.parametrize('keys', [False, True], ids=['no keys', 'empty keys'])
def test_a_node_that_cannot_be_secured_as_told_does_not_start(tmp_path, domain, keys):
    if keys:
        folder = tmp_path / 'enclaves' / 'tracker'
        folder.mkdir(parents=True)
        for name in KEYS:
            (folder / name).touch()
    node = live.NodeProcess(tmp_path, domain, '--enclave', '/tracker', changes={
        'ROS_SECURITY_ENABLE': 'true', 'ROS_SECURITY_STRATEGY': 'Enforce',
        'ROS_SECURITY_KEYSTORE': str(tmp_path)}, appearance='off')
    assert node.process.wait(live.WAIT) in (1, 2)
    assert 'active:' not in node.log()
    assert keys or 'does not exist' in node.log()
