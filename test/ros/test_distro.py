"""One source for all distributions: what is missing in one of them is done another way."""
import importlib.util
from importlib import metadata

import live
import older_ros
import pytest
import rclpy
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.parameter import Parameter

from deepsort_ros.ros import distro

PROGRAM = (str(live.ROOT / 'test' / 'ros' / 'older_ros.py'),)


@pytest.fixture
def node(domain):
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    made = Node('parameters', context=context)
    made.declare_parameter('size', 1.0)
    yield made
    made.destroy_node()
    context.try_shutdown()


@pytest.mark.parametrize(('sourced', 'version', 'expected'), [
    ('humble', '7.1.5', 'humble'), ('kilted', '7.1.5', 'kilted'), ('', '3.3.13', 'humble'),
    ('', '7.1.5', 'jazzy'), ('', '9.1.2', 'kilted'), ('', '11.0.0', 'lyrical'),
    ('rolling', '12.0.0', 'lyrical'), ('', 'unknown', 'lyrical')])
def test_the_distribution_is_what_was_sourced_else_what_is_installed(
        monkeypatch, sourced, version, expected):
    monkeypatch.setenv('ROS_DISTRO', sourced)
    monkeypatch.setattr(metadata, 'version', lambda name: version)
    assert distro.distribution() == expected


@pytest.mark.parametrize(('name', 'version', 'variable', 'local'), [
    ('humble', 8, 'FASTRTPS_DEFAULT_PROFILES_FILE', 'ROS_LOCALHOST_ONLY'),
    ('jazzy', 9, 'FASTRTPS_DEFAULT_PROFILES_FILE', 'ROS_AUTOMATIC_DISCOVERY_RANGE'),
    ('kilted', 9, 'FASTDDS_DEFAULT_PROFILES_FILE', 'ROS_AUTOMATIC_DISCOVERY_RANGE'),
    ('lyrical', 9, 'FASTDDS_DEFAULT_PROFILES_FILE', 'ROS_AUTOMATIC_DISCOVERY_RANGE')])
def test_each_distribution_has_its_bags_and_variables(
        monkeypatch, name, version, variable, local):
    monkeypatch.setenv('ROS_DISTRO', name)
    assert distro.bag_version() == version
    assert distro.profiles_variable() == variable
    assert list(distro.isolation()) == [local]


@pytest.mark.parametrize(('sourced', 'expected'), [
    ('Humble', 8), ('iron', 8), ('galactic', 8), ('rolling', 9), ('mango', 9), ('', 9)])
def test_bags_have_the_version_of_any_distribution(monkeypatch, sourced, expected):
    monkeypatch.setenv('ROS_DISTRO', sourced)
    monkeypatch.setattr(metadata, 'version', lambda name: '12.0.0')
    assert distro.bag_version() == expected


def test_event_callbacks_are_found_under_their_name_in_humble():
    spec = importlib.util.spec_from_file_location('deepsort_ros.older_distro', distro.__file__)
    module = importlib.util.module_from_spec(spec)
    with older_ros.humble():
        spec.loader.exec_module(module)
    assert module.PublisherEventCallbacks is PublisherEventCallbacks
    assert module.SubscriptionEventCallbacks is SubscriptionEventCallbacks


def changes(node):
    """Watch a node whose parameters are halved, at most 4 after that; return what is used."""
    used = []
    distro.on_parameters(
        node, lambda given: given,
        lambda given: [Parameter(p.name, value=p.value / 2) for p in given],
        lambda given: SetParametersResult(successful=all(p.value <= 4 for p in given)),
        lambda given: used.extend(p.value for p in given))
    return used


def test_parameters_are_normalised_then_checked_then_used(node):
    used = changes(node)
    results = node.set_parameters([Parameter('size', value=value) for value in (8.0, 9.0)])
    assert [result.successful for result in results] == [True, False]
    assert used == [4.0]


def test_where_there_is_only_a_check_it_does_all_three(node):
    with older_ros.humble():
        used = changes(node)
        results = node.set_parameters([Parameter('size', value=value) for value in (8.0, 9.0)])
    assert [result.successful for result in results] == [True, False]
    assert used == [4.0]


def test_the_node_tracks_and_takes_parameters_without_what_humble_lacks(start_node, graph):
    tracker = start_node(program=PROGRAM, appearance='off')
    tracker.wait_for('active')
    tracking = live.Tracking(graph)
    assert len(tracking.track(4)[-1].tracks) == 1

    def set_parameter(name, value):
        wanted = [Parameter(name, value=value).to_parameter_msg()]
        request = SetParameters.Request(parameters=wanted)
        return graph.call(SetParameters, '/tracker/set_parameters', request).results[0]

    assert 'max_age' in set_parameter('max_age', -1.0).reason
    assert set_parameter('publish_lost', False).successful
    assert tracking.track(boxes=())[0].tracks == []
    assert tracker.stop() == 0
