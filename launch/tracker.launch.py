"""Start the tracker on an image topic and a detection topic, or on those of several cameras."""
from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.actions import OpaqueFunction
from launch.actions import SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from deepsort_ros.ros.distro import profiles_variable
from deepsort_ros.settings import Settings

PACKAGE = 'deepsort_ros'
# Parameters with an argument of their own; an empty one leaves what params_file says.
OVERRIDES = ('device', 'engine', 'model', 'appearance', 'image_transport', 'autostart', 'world',
             'camera_motion', 'use_sim_time')
SWITCHES = ('autostart', 'use_sim_time')
YES_OR_NO = ['', 'true', 'false', 'True', 'False']
# Loggers that would bury the node's own lines.
LOUD = ('rcl', 'rclpy', 'rmw_fastrtps_cpp', 'rmw_cyclonedds_cpp')


def share(*path):
    """Return the path of a file of this package's share folder."""
    return PathJoinSubstitution([FindPackageShare(PACKAGE), *path])


DEFAULTS = share('config', 'tracker.yaml')


def start_trackers(context):
    """Return the processes, with those of the overriding parameters that were given."""
    given = {name: LaunchConfiguration(name).perform(context) for name in OVERRIDES}
    overrides = {name: value for name, value in given.items() if value}
    for name in SWITCHES:
        if name in overrides:
            overrides[name] = overrides[name].lower() == 'true'
    params_file = LaunchConfiguration('params_file').perform(context)
    if params_file != DEFAULTS.perform(context) and not Path(params_file).is_file():
        raise RuntimeError(f'params_file: there is no file {params_file}')
    log_level = LaunchConfiguration('log_level').perform(context)
    process = {
        'respawn': LaunchConfiguration('respawn').perform(context).lower() == 'true',
        'respawn_delay': 2.0,
        'ros_arguments': ['--log-level', log_level] + [
            part for name in LOUD if log_level == 'debug'
            for part in ('--log-level', f'{name}:=info')]}
    namespace = LaunchConfiguration('namespace').perform(context)
    cameras = [name.strip() for name in LaunchConfiguration('cameras').perform(context).split(',')]
    if cameras == ['']:
        return [tracker(namespace, overrides, process), *rviz(context, overrides)]
    Settings(cameras=cameras)  # refuses what is no name, and names that are there twice
    if LaunchConfiguration('processes').perform(context) == 'one':
        return [tracker(namespace, {**overrides, 'cameras': cameras}, process),
                *rviz(context, overrides)]
    return [*(tracker(f'{namespace}/{camera}' if namespace else camera, overrides, process)
              for camera in cameras), *rviz(context, overrides)]


def rviz(context, overrides):
    """Return RViz where it is asked for."""
    if LaunchConfiguration('rviz').perform(context) != 'true':
        return []
    return [Node(
        package='rviz2', executable='rviz2', name='rviz', output='screen',
        namespace=LaunchConfiguration('namespace'),
        arguments=['-d', share('config', 'tracker.rviz')],
        parameters=[{'use_sim_time': overrides.get('use_sim_time', False)}])]


def tracker(namespace, overrides, process):
    """Return a process; its name is left to it, so that parameters are for all its nodes."""
    image = LaunchConfiguration('image')
    tracks = LaunchConfiguration('tracks')
    return Node(
        package=PACKAGE,
        executable='tracker_node',
        namespace=namespace,
        output='screen',
        parameters=[LaunchConfiguration('params_file'), *([overrides] if overrides else [])],
        remappings=[
            ('image', image),
            ('image/compressed', [image, '/compressed']),
            ('detections', LaunchConfiguration('detections')),
            ('tracks', tracks),
            ('tracks/detections', [tracks, '/detections']),
            ('tracks/annotations', [tracks, '/annotations']),
            ('tracks/world', [tracks, '/world']),
            ('tracks/markers', [tracks, '/markers']),
            ('camera_info', LaunchConfiguration('camera_info')),
            ('depth', LaunchConfiguration('depth')),
        ],
        **process,
    )


def generate_launch_description():
    """Return the arguments, the environment and the node."""
    return LaunchDescription([
        DeclareLaunchArgument(
            'image', default_value='image',
            description='Image topic; its compressed form is this name with /compressed.'),
        DeclareLaunchArgument(
            'detections', default_value='detections',
            description='Topic of the detections, vision_msgs/Detection2DArray with the stamps '
            'of the images.'),
        DeclareLaunchArgument(
            'tracks', default_value='tracks',
            description='Topic the tracks are published on.'),
        DeclareLaunchArgument(
            'camera_info', default_value='camera_info',
            description='Topic of the calibration of the camera, for positions.'),
        DeclareLaunchArgument(
            'depth', default_value='depth',
            description='Topic of depth images registered to the image, for world:=depth.'),
        DeclareLaunchArgument(
            'world', default_value='', choices=['', 'off', 'ground', 'depth'],
            description='Where positions in metres come from; empty: as params_file says.'),
        DeclareLaunchArgument(
            'camera_motion', default_value='', choices=['', 'off', 'flow', 'tf'],
            description='How a camera that moves is followed; empty: as params_file says.'),
        DeclareLaunchArgument(
            'rviz', default_value='false', choices=['true', 'false'],
            description='Show image, overlay and tracks in space in RViz.'),
        DeclareLaunchArgument(
            'namespace', default_value='',
            description='Namespace of the node and of the relative topic names.'),
        DeclareLaunchArgument(
            'cameras', default_value='',
            description='Names of several cameras, as front,rear: each has a node and topics '
            'in a namespace of its name; empty: one node.'),
        DeclareLaunchArgument(
            'processes', default_value='one', choices=['one', 'each'],
            description='One process for all cameras, which share a network, or one for each.'),
        DeclareLaunchArgument(
            'params_file', default_value=DEFAULTS,
            description='Parameters of the node.'),
        DeclareLaunchArgument(
            'device', default_value='',
            choices=['', 'auto', 'Ascend', 'GPU', 'CPU', 'TensorRT', 'OpenVINO'],
            description='Where the appearance network runs; empty: as params_file says.'),
        DeclareLaunchArgument(
            'engine', default_value='',
            choices=['', 'auto', 'mindspore', 'onnxruntime', 'mindspore_lite'],
            description='What runs the appearance model; empty: as params_file says.'),
        DeclareLaunchArgument(
            'model', default_value='',
            description='Appearance model: "bundled", "hub" or the path of a .ckpt, .mindir or '
            '.onnx; empty: as params_file says.'),
        DeclareLaunchArgument(
            'image_transport', default_value='', choices=['', 'raw', 'compressed'],
            description='Kind of image messages; empty: as params_file says.'),
        DeclareLaunchArgument(
            'appearance', default_value='', choices=['', 'always', 'on_demand', 'off'],
            description='When features are computed; empty: as params_file says.'),
        DeclareLaunchArgument(
            'respawn', default_value='false', choices=YES_OR_NO[1:],
            description='Start the process again, after 2 s, when it ends.'),
        DeclareLaunchArgument(
            'autostart', default_value='', choices=YES_OR_NO,
            description='Configure and activate the node at start; false leaves it to a '
            'lifecycle manager; empty: as params_file says.'),
        DeclareLaunchArgument(
            'use_sim_time', default_value='', choices=YES_OR_NO,
            description='Take the time from /clock (bag or simulation).'),
        DeclareLaunchArgument(
            'log_level', default_value='info',
            choices=['debug', 'info', 'warn', 'error', 'fatal'],
            description='Lowest severity that is logged.'),
        DeclareLaunchArgument(
            'large_images', default_value='false', choices=['true', 'false'],
            description='Give this launch the shared memory that images above 512 KB need, VGA in '
            'colour for example; the process that publishes the images needs it as well.'),
        SetEnvironmentVariable(
            profiles_variable(), share('config', 'large_images.xml'),
            condition=IfCondition(LaunchConfiguration('large_images'))),
        OpaqueFunction(function=start_trackers),
    ])
