"""
What the code uses of ROS and OpenCV exists in every distribution that it is for.

The tables hold what was looked up, and how:

* Jazzy and Kilted: the wheels, on which the tests run.
* Humble: the changelog of its rclpy, whole up to 3.3.15 (ros2/rclpy at b488272b). It has one
  line of history, so what came with a release up to 3.3 is in Humble. Beside each group stands
  the release and the change that brought it. Sources were read where the changelog dates them:
  ``clock.py`` at 0582aaf4 (between 861 and 862, both of 3.2.0), ``signals.py`` at 06b3dda1
  (after 830, of 3.1.0, and before 1170, of 3.3.11), ``lifecycle/node.py`` at 041ea6de and
  b2f1437b (drafts of 865, of 3.2.0: there ``trigger_configure`` and ``trigger_activate``
  return the result that the start relies on), ``qos_overriding_options.py`` at 0446d248,
  ``qos_event.py`` at 0a3a2bf8 (before 771, of 2.0.0).
* Lyrical: ``executors.py`` at 01352d68, which is newer than Kilted's. For the rest Kilted, the
  release before it, stands in.
* launch and launch_ros: ``launch_ros/substitutions`` at 0331a2e4, ``launch/actions`` at
  03c79ae9 (newer than Kilted).
* Messages: ``test_message_fields.py``.
* OpenCV: 4.5.4, which Ubuntu 22.04 has; ``make test-oldest`` runs with it.

Neither Humble nor Lyrical was run. What the code uses of ROS and the tables lack has to be looked
up before it is added; what one distribution lacks is for ``ros/distro.py`` alone.
"""
import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
import rclpy.clock
import rclpy.context
import rclpy.executors
import rclpy.lifecycle
import rclpy.parameter
import rclpy.qos
import rclpy.time
import rclpy.timer

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / 'deepsort_ros'
DISTRO = PACKAGE / 'ros' / 'distro.py'

# Module -> names, in Humble, Jazzy, Kilted and Lyrical alike.
EVERYWHERE = {
    'diagnostic_msgs.msg': {'DiagnosticArray', 'DiagnosticStatus', 'KeyValue'},
    'geometry_msgs.msg': {'Point', 'TransformStamped'},
    'launch': {'LaunchDescription'},
    'launch.actions': {'DeclareLaunchArgument', 'OpaqueFunction', 'SetEnvironmentVariable'},
    'launch.conditions': {'IfCondition'},
    'launch.substitutions': {'LaunchConfiguration', 'PathJoinSubstitution'},
    'launch_ros.actions': {'Node'},
    'launch_ros.substitutions': {'FindPackageShare'},
    'lifecycle_msgs.srv': {'ChangeState'},
    'rcl_interfaces.msg': {
        'FloatingPointRange', 'IntegerRange', 'ParameterDescriptor', 'SetParametersResult'},
    # 3.2.0 (868: try_shutdown)
    'rclpy': {'create_node', 'init', 'logging', 'ok', 'try_shutdown'},
    'rclpy.clock': {'Clock', 'ClockType', 'JumpThreshold', 'ROSClock', 'TimeJump'},
    'rclpy.context': {'Context'},
    'rclpy.duration': {'Duration'},
    'rclpy.exceptions': {'ParameterNotDeclaredException'},
    'rclpy.executors': {'ExternalShutdownException', 'SingleThreadedExecutor'},
    # 3.2.0 (865)
    'rclpy.lifecycle': {'LifecycleNode', 'LifecycleState', 'TransitionCallbackReturn'},
    'rclpy.node': {'Node'},
    'rclpy.parameter': {'Parameter'},
    # 1.7.0 (708: qos_check_compatible), 1.3.0 (637: the name of a kind)
    'rclpy.qos': {'qos_check_compatible', 'qos_policy_name_from_kind', 'QoSCompatibility',
                  'QoSDurabilityPolicy', 'QoSPolicyKind', 'QoSProfile', 'QoSReliabilityPolicy'},
    # 1.4.0 (635)
    'rclpy.qos_overriding_options': {'QoSOverridingOptions'},
    # 0.9.0 (495)
    'rclpy.serialization': {'deserialize_message', 'serialize_message'},
    # 3.1.0 (814, 830)
    'rclpy.signals': {'SignalHandlerOptions'},
    # 0.7.0 and before
    'rclpy.utilities': {'get_rmw_implementation_identifier'},
    'sensor_msgs.msg': {'CameraInfo', 'CompressedImage', 'Image'},
    'std_msgs.msg': {'ColorRGBA', 'Header'},
    'std_srvs.srv': {'SetBool', 'Trigger'},
    'tf2_msgs.msg': {'TFMessage'},
    'vision_msgs.msg': {
        'BoundingBox2D', 'Detection2D', 'Detection2DArray', 'Detection3D', 'Detection3DArray',
        'ObjectHypothesisWithPose'},
    'visualization_msgs.msg': {'ImageMarker', 'Marker', 'MarkerArray'},
}
# In some only, the others named: for ros/distro.py.
SOMEWHERE = {
    ('rclpy.event_handler', 'PublisherEventCallbacks'): 'not in Humble',
    ('rclpy.event_handler', 'SubscriptionEventCallbacks'): 'not in Humble',
    ('rclpy.qos_event', 'PublisherEventCallbacks'): 'Humble',
    ('rclpy.qos_event', 'SubscriptionEventCallbacks'): 'Humble',
}
# Members of nodes, clocks and so on, in all distributions: with release and change of rclpy.
MEMBERS = {
    # 0.7.0 and before
    'add_node', 'callback', 'cancel', 'context', 'count_publishers', 'create_jump_callback',
    'create_publisher', 'create_service', 'create_subscription', 'create_timer', 'delta',
    'destroy_node', 'destroy_publisher', 'destroy_service', 'destroy_subscription',
    'destroy_timer', 'get_clock', 'get_logger', 'get_name', 'get_namespace',
    'get_topic_names_and_types', 'nanoseconds', 'now', 'ok', 'publish', 'ros_time_is_active',
    'shutdown', 'spin', 'spin_once', 'to_msg', 'unregister',
    # 0.7.1 (325: parameters; 312: QoS policies)
    'declare_parameter', 'depth', 'has_parameter', 'reliability', 'undeclare_parameter',
    # 0.8.0 (386, 429)
    'get_parameters_by_prefix', 'get_subscription_count',
    # 0.9.0 (454, 457)
    'add_on_set_parameters_callback', 'get_publishers_info_by_topic',
    # 1.1.0 (568, 571), 1.2.0 (598), 1.3.0 (636)
    'get_fully_qualified_name', 'resolve_topic_name', 'topic_name',
    # 3.1.0 (800)
    'try_shutdown',
    # 3.2.0 (865: managed nodes)
    'create_lifecycle_publisher', 'destroy_lifecycle_publisher', 'on_activate', 'on_deactivate',
    'trigger_activate', 'trigger_configure',
    # Of other objects as well, which cannot be distinguished here.
    'init', 'name', 'publishers', 'reset', 'subscriptions', 'value',
}
# Not in the changelog up to 3.3.15.
NOT_IN_HUMBLE = {'add_post_set_parameters_callback', 'add_pre_set_parameters_callback'}
# Keyword arguments of rclpy's classes and functions, in all distributions.
KEYWORDS = {
    # 0.7.0 and before
    'args', 'cli_args', 'clock', 'clock_type', 'context', 'min_backward', 'min_forward',
    'namespace', 'nanoseconds', 'on_clock_change', 'post_callback', 'start_parameter_services',
    'timeout_sec', 'value',
    # 0.7.1 (312), 0.7.2 (316), 0.7.3 (363), 0.8.0 (392)
    'depth', 'durability', 'event_callbacks', 'ignore_override', 'parameter_overrides',
    'reliability',
    # 0.9.0 (459, 469), 1.4.0 (635), 3.1.0 (814)
    'enable_rosout', 'incompatible_qos', 'qos_overriding_options', 'signal_handler_options',
}
CLASSES = (
    rclpy.clock.JumpHandle, rclpy.clock.JumpThreshold, rclpy.clock.ROSClock, rclpy.clock.TimeJump,
    rclpy.context.Context, rclpy.duration.Duration, rclpy.executors.SingleThreadedExecutor,
    rclpy.lifecycle.LifecycleNode, rclpy.lifecycle.LifecyclePublisher, rclpy.node.Node,
    rclpy.parameter.Parameter, rclpy.publisher.Publisher, rclpy.qos.QoSProfile,
    rclpy.subscription.Subscription, rclpy.time.Time, rclpy.timer.Timer)
# What OpenCV 4.11 has of use and 4.5.4 lacks.
NEWER_OPENCV = re.compile(
    'COLOR_(BAYER_)?(Bayer)?(BGGR|GBRG|GRBG|RGGB)2|COLOR_(BGR|RGB)A?2YUV_(UY|Y[4UV])'
    '|IMREAD_COLOR_|RotatedRect|VideoCapture_waitAny|WARP_RELATIVE_MAP|approxPolyN|barcode'
    '|broadcast|findContoursLinkRuns|flipND|hasNonZero|im(de|en)codemulti|im(read|write)animation'
    '|rectangleIntersectionArea|reduceArg|stackBlur|transposeND|typing|undistortImagePoints'
    '|Tracker(Nano|Vit)')


def files() -> list[Path]:
    return [*sorted(PACKAGE.rglob('*.py')), *sorted((ROOT / 'launch').glob('*.py'))]


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the module and the name of everything that a file imports from ROS."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom) and node.module:
            package = node.module.split('.')[0]
            if package in ROS:
                yield from ((node.module, alias.name) for alias in node.names)
        elif (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
                and node.value.id == 'rclpy'):
            yield 'rclpy', node.attr


def members(path: Path) -> set[str]:
    """Return the attributes that a file uses and that objects of rclpy have."""
    text = path.read_text(encoding='utf-8')
    if 'rclpy' not in text and 'Node' not in text:
        return set()
    return {node.attr for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Attribute)} & OF_RCLPY


def keywords(path: Path) -> set[str]:
    """Return the keywords of calls of what rclpy has, by the last name of what is called."""
    text = path.read_text(encoding='utf-8')
    if 'rclpy' not in text:
        return set()
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            called = getattr(node.func, 'attr', getattr(node.func, 'id', ''))
            found |= {k.arg for k in node.keywords if k.arg in SIGNATURES.get(called, ())}
    return found


def signatures() -> dict[str, set[str]]:
    """Return the parameters of every class, method and function of rclpy that is in use."""
    found: dict[str, set[str]] = {}
    for cls in CLASSES:
        for name, member in [(cls.__name__, cls), *inspect.getmembers(cls, callable)]:
            if not name.startswith('_'):
                try:
                    found.setdefault(name, set()).update(inspect.signature(member).parameters)
                except ValueError:
                    continue
    found['init'] = set(inspect.signature(rclpy.init).parameters)
    found['create_node'] = set(inspect.signature(rclpy.create_node).parameters)
    return found


ROS = {module.split('.')[0] for module in EVERYWHERE}
OF_RCLPY = {name for cls in CLASSES for name in dir(cls) if not name.startswith('_')}
SIGNATURES = signatures()


@pytest.mark.parametrize('path', files(), ids=lambda path: path.name)
def test_every_name_of_ros_is_one_that_all_distributions_have(path):
    unknown = {f'{module}.{name}' for module, name in imports(path)
               if name not in EVERYWHERE.get(module, ())
               and not (path == DISTRO and (module, name) in SOMEWHERE)}
    assert unknown == set()


@pytest.mark.parametrize('path', files(), ids=lambda path: path.name)
def test_every_member_and_keyword_is_one_that_all_distributions_have(path):
    allowed = MEMBERS | (NOT_IN_HUMBLE if path == DISTRO else set())
    assert members(path) - allowed == set()
    assert keywords(path) - KEYWORDS == set()


def test_the_table_names_nothing_that_is_not_used():
    used = {pair for path in files() for pair in imports(path)}
    table = {(module, name) for module, names in EVERYWHERE.items() for name in names}
    assert (table | set(SOMEWHERE)) - used == set()


def test_opencv_is_used_by_names_that_ubuntu_22_04_has():
    used = {node.attr for path in files()
            for node in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            and node.value.id == 'cv2'}
    assert [name for name in sorted(used) if NEWER_OPENCV.match(name)] == []


def test_what_humble_lacks_is_found(tmp_path):
    path = tmp_path / 'module.py'
    path.write_text('import rclpy\nfrom rclpy.clock_type import ClockType\n\n'
                    'def late(node, subscription):\n    subscription.get_publisher_count()\n'
                    '    return Node("a", enable_logger_service=True)\n')
    assert list(imports(path)) == [('rclpy.clock_type', 'ClockType')]
    assert members(path) - MEMBERS == {'get_publisher_count'}
    assert keywords(path) - KEYWORDS == {'enable_logger_service'}
