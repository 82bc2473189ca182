"""tracker.launch.py: what it starts for which arguments."""
import dataclasses
import json
import re
import sys
from pathlib import Path

import pytest
import stand_ins
import yaml

from deepsort_ros.ros.distro import profiles_variable
from deepsort_ros.settings import Settings
from deepsort_ros.settings import SPECS

LAUNCH_FILE = Path(__file__).resolve().parents[2] / 'launch' / 'tracker.launch.py'
PROFILE = '/share/deepsort_ros/config/large_images.xml'


@pytest.fixture
def description(monkeypatch):
    for name, module in stand_ins.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return stand_ins.load(LAUNCH_FILE)


@pytest.fixture
def launch(description):
    return lambda **arguments: stand_ins.run(description, arguments)


def declared(description):
    return {entity.name: entity for entity in description.entities
            if isinstance(entity, stand_ins.DeclareLaunchArgument)}


def test_starts_one_tracker_with_the_installed_parameters(launch):
    started = launch()
    assert started.environment == {}
    assert started.nodes == [{
        'package': 'deepsort_ros', 'executable': 'tracker_node', 'name': '', 'namespace': '',
        'parameters': ['/share/deepsort_ros/config/tracker.yaml'],
        'respawn': False,
        'remappings': {
            'image': 'image', 'image/compressed': 'image/compressed',
            'detections': 'detections', 'tracks': 'tracks',
            'tracks/detections': 'tracks/detections',
            'tracks/annotations': 'tracks/annotations', 'tracks/world': 'tracks/world',
            'tracks/markers': 'tracks/markers', 'camera_info': 'camera_info', 'depth': 'depth'},
        'ros_arguments': ['--log-level', 'info']}]


def test_compressed_images_and_labelled_detections_follow_their_topics(launch):
    node, = launch(image='/camera/image_raw', tracks='/people').nodes
    assert node['remappings']['image'] == '/camera/image_raw'
    assert node['remappings']['image/compressed'] == '/camera/image_raw/compressed'
    assert node['remappings']['tracks'] == '/people'
    for derived in ('detections', 'annotations', 'world', 'markers'):
        assert node['remappings'][f'tracks/{derived}'] == f'/people/{derived}'


@pytest.mark.parametrize(('argument', 'value'), [
    ('device', 'CPU'), ('model', '/models/mine.ckpt'), ('image_transport', 'compressed'),
    ('autostart', False), ('appearance', 'on_demand'), ('use_sim_time', True)])
def test_a_given_parameter_overrides_the_file_and_no_other(launch, tmp_path, argument, value):
    given = str(value) if isinstance(value, bool) else value
    mine = tmp_path / 'my.yaml'
    mine.write_text('')
    node, = launch(**{argument: given, 'params_file': str(mine)}).nodes
    assert node['parameters'] == [str(mine), {argument: value}]
    if argument != 'use_sim_time':
        Settings().replace({argument: value})


@pytest.mark.parametrize('given, taken', [
    ('true', True), ('True', True), ('false', False), ('False', False)])
@pytest.mark.parametrize('name', ['autostart', 'use_sim_time'])
def test_switches_are_taken_as_yaml_and_python_write_them(launch, name, given, taken):
    assert launch(**{name: given}).nodes[0]['parameters'][-1] == {name: taken}


@pytest.mark.parametrize('cameras', ['front,1rear', 'front,front', 'front,', 'front,,rear', 'a-b'])
@pytest.mark.parametrize('processes', ['one', 'each'])
def test_cameras_that_are_no_names_or_twice_there_start_nothing(launch, cameras, processes):
    with pytest.raises(ValueError, match='cameras: '):
        launch(cameras=cameras, processes=processes)


@pytest.mark.parametrize('path', ['/nowhere/my.yaml', 'my.yml', '/tmp'])
def test_a_params_file_that_is_not_there_starts_nothing(launch, path):
    with pytest.raises(RuntimeError, match='params_file: there is no file ' + path):
        launch(params_file=path)


def test_the_process_starts_again_when_that_is_asked_for(launch):
    assert launch(respawn='true').nodes[0]['respawn'] is True


def test_debug_shows_the_lines_of_the_node_and_not_those_of_the_middleware(launch):
    arguments = launch(log_level='debug').nodes[0]['ros_arguments']
    assert arguments[:2] == ['--log-level', 'debug'] and 'rcl:=info' in arguments


def test_namespace_log_level_and_time_reach_the_node(launch):
    node, = launch(namespace='robot', log_level='debug', use_sim_time='true').nodes
    assert node['namespace'] == 'robot'
    assert node['ros_arguments'][:2] == ['--log-level', 'debug']
    assert node['parameters'][-1] == {'use_sim_time': True}


def test_several_cameras_are_nodes_of_one_process(launch):
    node, = launch(cameras='front, rear', device='CPU', namespace='robot').nodes
    assert node['namespace'] == 'robot'
    assert node['parameters'][-1] == {
        'device': 'CPU', 'cameras': ['front', 'rear']}


def test_parameters_reach_all_nodes_of_the_process(launch):
    # launch_ros writes them below the full name of the node, or /** when it knows none.
    assert not any(node['name'] for node in launch(cameras='front,rear').nodes)


def test_or_each_camera_has_a_process_with_the_same_names(launch):
    for namespace, names in (('robot', ['robot/front', 'robot/rear']), ('', ['front', 'rear'])):
        nodes = launch(cameras='front,rear', processes='each', namespace=namespace).nodes
        assert [node['namespace'] for node in nodes] == names
        assert all('cameras' not in node['parameters'][-1] for node in nodes)
        assert nodes[0]['remappings'] == launch(cameras='front,rear').nodes[0]['remappings']


def test_large_images_sets_the_profile_under_the_name_that_this_ros_reads(launch):
    assert launch(large_images='true').environment == {profiles_variable(): PROFILE}
    assert launch(large_images='false').environment == {}


def test_the_environment_is_set_before_the_node_starts(description):
    kinds = [type(entity) for entity in description.entities]
    assert kinds.index(stand_ins.OpaqueFunction) > max(
        index for index, kind in enumerate(kinds) if kind is stand_ins.SetEnvironmentVariable)


@pytest.mark.parametrize(
    'argument', ['device', 'engine', 'image_transport', 'autostart', 'log_level', 'processes'])
def test_a_value_that_does_not_exist_is_refused(launch, argument):
    with pytest.raises(stand_ins.LaunchError, match=argument):
        launch(**{argument: 'toaster'})


def test_every_argument_is_described_and_has_a_default(description):
    for argument in declared(description).values():
        assert argument.description.endswith('.')
        assert argument.default_value is not None


def test_choices_are_those_of_the_settings(description):
    fields = {field.name for field in dataclasses.fields(Settings)}
    checked = 0
    for argument in declared(description).values():
        if argument.name in fields and SPECS[argument.name].choices:
            assert argument.choices == ['', *SPECS[argument.name].choices]
            checked += 1
    assert checked == 6


def test_the_real_launch_accepts_the_file():
    pytest.importorskip('launch_ros', reason='no launch here: no package registry has it')
    namespace = {}
    exec(compile(LAUNCH_FILE.read_text(), str(LAUNCH_FILE), 'exec'), namespace)
    arguments = namespace['generate_launch_description']().get_launch_arguments()
    assert {'image', 'detections', 'params_file'} <= {argument.name for argument in arguments}


def test_positions_are_asked_for_by_arguments(launch):
    node, = launch(world='depth', camera_motion='tf', camera_info='/cam/info', depth='/cam/depth',
                   tracks='/people').nodes
    assert node['parameters'][1]['world'] == 'depth'
    assert node['parameters'][1]['camera_motion'] == 'tf'
    assert node['remappings']['camera_info'] == '/cam/info'
    assert node['remappings']['depth'] == '/cam/depth'
    assert node['remappings']['tracks/markers'] == '/people/markers'


def test_rviz_is_started_on_request_with_a_view_of_the_tracks(launch):
    _, rviz = launch(rviz='true', namespace='robot').nodes
    assert rviz['executable'] == 'rviz2' and rviz['namespace'] == 'robot'
    assert rviz['arguments'] == ['-d', '/share/deepsort_ros/config/tracker.rviz']


def types_of_the_node():
    """Return the type of every topic, as its documentation, generated from the node, has it."""
    text = (LAUNCH_FILE.parents[1] / 'docs' / 'topics.md').read_text()
    rows = re.findall(r'^\| \w+ \| `([^`]+)` \| `([^`]+)`', text, re.MULTILINE)
    return {topic.replace('~/', 'tracker/').lstrip('/'): kind for topic, kind in rows}


def test_the_view_of_rviz_shows_topics_of_the_node_by_displays_of_their_types():
    rviz = yaml.safe_load((LAUNCH_FILE.parents[1] / 'config' / 'tracker.rviz').read_text())
    shown = {one['Topic']['Value']: one['Class'].rpartition('/')[2]
             for one in rviz['Visualization Manager']['Displays'] if 'Topic' in one}
    assert set(shown) == {'tracks/markers', 'tracker/overlay', 'image'}
    types = types_of_the_node()
    assert {topic: types[topic].rpartition('/')[2] for topic in shown} == shown


# What RViz reads of each class of plugin we use, as the sources of rviz_common and
# rviz_default_plugins name it, the same for Humble and Jazzy.
DISPLAY = {'Class', 'Name', 'Enabled', 'Value'}
RVIZ = {
    'Grid': {'Reference Frame', 'Plane Cell Count', 'Normal Cell Count', 'Cell Size', 'Line Style',
             'Color', 'Alpha', 'Plane', 'Offset'},
    'TF': {'Show Names', 'Show Axes', 'Show Arrows', 'Marker Scale', 'Update Interval',
           'Frame Timeout', 'Frames', 'Tree'},
    'MarkerArray': {'Topic', 'Namespaces'},
    'Image': {'Topic', 'Normalize Range', 'Min Value', 'Max Value', 'Median window'},
    'Orbit': {'Target Frame', 'Distance', 'Focal Point', 'Pitch', 'Yaw', 'Near Clip Distance'}}
TOOLS = {'Interact', 'MoveCamera', 'Select', 'FocusCamera', 'Measure', 'SetInitialPose', 'SetGoal',
         'PublishPoint'}
POLICIES = {'Depth': None, 'Value': None, 'Durability Policy': {'Volatile', 'Transient Local'},
            'History Policy': {'Keep Last', 'Keep All'},
            'Reliability Policy': {'Reliable', 'Best Effort'}}


@pytest.fixture
def manager():
    """Return what the view of RViz shows."""
    path = LAUNCH_FILE.parents[1] / 'config' / 'tracker.rviz'
    return yaml.safe_load(path.read_text())['Visualization Manager']


def test_the_view_of_rviz_has_only_plugins_and_properties_that_rviz_has(manager):
    view = manager['Views']['Current']
    for part in (*manager['Displays'], view):
        package, _, name = part['Class'].partition('/')
        assert package == 'rviz_default_plugins'
        assert part.keys() <= DISPLAY | RVIZ[name], name
        for key, value in part.get('Topic', {}).items():
            assert POLICIES[key] is None or value in POLICIES[key]
    assert {tool['Class'] for tool in manager['Tools']} <= {
        f'rviz_default_plugins/{name}' for name in TOOLS}
    assert manager['Transformation'] == {'Current': {'Class': 'rviz_default_plugins/TF'}}
    assert manager['Global Options'].keys() <= {'Background Color', 'Fixed Frame', 'Frame Rate'}


def test_the_view_of_rviz_is_in_the_frames_of_the_settings(manager):
    assert manager['Global Options']['Fixed Frame'] == Settings().fixed_frame
    assert manager['Views']['Current']['Target Frame'] == Settings().base_frame


def test_the_view_of_rviz_asks_for_no_more_than_publishers_offer(manager):
    from deepsort_ros.ros.health.qos import reliable_qos
    offered = reliable_qos()
    topics = {one['Topic']['Value']: one['Topic'] for one in manager['Displays'] if 'Topic' in one}
    for topic in ('tracks/markers', 'tracker/overlay'):
        assert offered.reliability.name == 'RELIABLE' and offered.durability.name == 'VOLATILE'
        assert topics[topic]['Durability Policy'] == 'Volatile'
        assert topics[topic]['Reliability Policy'] == 'Reliable'
    # Of a camera one asks for as little as there is.
    assert topics['image']['Reliability Policy'] == 'Best Effort'


# What the panels of Foxglove Studio 1.x, and of Lichtblick, read of a layout.
PANELS = {
    'Image': {'cameraState', 'followTf', 'followMode', 'scene', 'transforms', 'topics', 'layers',
              'publish', 'imageMode'},
    'DiagnosticSummary': {'minLevel', 'pinnedIds', 'hardwareIdFilter', 'topicToRender',
                          'sortByLevel'}}
PANELS['3D'] = PANELS['Image']


def test_the_layout_of_foxglove_has_only_panels_and_fields_that_foxglove_has():
    layout = json.loads((LAUNCH_FILE.parents[1] / 'config' / 'foxglove.json').read_text())
    assert layout.keys() == {
        'configById', 'globalVariables', 'userNodes', 'playbackConfig', 'layout'}
    for name, panel in layout['configById'].items():
        assert panel.keys() <= PANELS[name.partition('!')[0]], name
        assert panel.get('imageMode', {}).keys() <= {
            'imageTopic', 'calibrationTopic', 'annotations'}
        assert panel.get('followMode', 'follow-none') in {
            'follow-pose', 'follow-position', 'follow-none'}
        assert panel.get('scene', {}).keys() <= {'transforms'}
        assert panel.get('scene', {}).get('transforms', {}).keys() <= {'showLabel', 'axisScale'}
        for layer in panel.get('layers', {}).values():
            assert layer['layerId'] == 'foxglove.Grid'
            assert layer['frameId'] == Settings().fixed_frame
    assert layout['configById']['3D!world']['followTf'] == Settings().base_frame


def test_the_layout_of_foxglove_shows_topics_of_the_node_in_panels_of_their_types():
    layout = json.loads((LAUNCH_FILE.parents[1] / 'config' / 'foxglove.json').read_text())
    panels = layout['configById']
    types = {f'/{topic}': kind.rpartition('/')[2] for topic, kind in types_of_the_node().items()}
    for name in ('Image!overlay', 'Image!annotated'):
        assert types[panels[name]['imageMode']['imageTopic']] == 'Image'
    annotated = panels['Image!annotated']['imageMode']
    assert types[annotated['calibrationTopic']] == 'CameraInfo'
    assert {types[topic] for topic in annotated['annotations']} == {'ImageMarker'}
    assert {types[topic] for topic in panels['3D!world']['topics']} == {'MarkerArray'}
    assert types[panels['DiagnosticSummary!health']['topicToRender']] == 'DiagnosticArray'

    def leaves(part):
        return {part} if isinstance(part, str) else (
            leaves(part['first']) | leaves(part['second']))

    assert leaves(layout['layout']) == set(panels)
