"""
The messages that the code uses have the same fields in every distribution that it is for.

The messages of ROS itself are compared with the definitions that rosbags holds of Humble, Jazzy,
Kilted and Lyrical. It has none of vision_msgs: the table below holds those, and where they were
looked up. A message of ROS refuses to set or to read a field that it does not have: where all
distributions have the same fields, the tests that run the code find a use of another one.
"""
import ast
import functools
import re
from importlib import import_module
from pathlib import Path

import pytest
from rosbags.interfaces import Nodetype
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores

ROOT = Path(__file__).resolve().parents[2]
STORES = {name: get_typestore(getattr(Stores, f'ROS2_{name.upper()}'))
          for name in ('humble', 'jazzy', 'kilted', 'lyrical')}
# Not of ROS itself: in the tables here, or ours.
OTHERS = ('vision_msgs', 'deepsort_ros')
POSE, HEADER = 'geometry_msgs/Pose', 'std_msgs/Header'
# vision_msgs from 4.0.0 on: Humble releases 4.1.1, Jazzy 4.2.0. Its changelog ends with 4.0.0 in
# the documentation of Humble, Jazzy, Kilted and Rolling, which list the same messages. "id" and
# "class_id" are of 3.0.0; Pose2D and Point2D are of 4.0.0, in the place of geometry_msgs/Pose2D,
# which Lyrical lacks. The fields: the pages of Jazzy at docs.ros.org, and what the crates
# ros2-interfaces-iron and -rolling generated from the index of ROS.
VISION_MSGS = {
    'BoundingBox2D': {'center': 'vision_msgs/Pose2D', 'size_x': 'double', 'size_y': 'double'},
    'BoundingBox3D': {'center': POSE, 'size': 'geometry_msgs/Vector3'},
    'Detection2D': {'header': HEADER, 'results': 'sequence<vision_msgs/ObjectHypothesisWithPose>',
                    'bbox': 'vision_msgs/BoundingBox2D', 'id': 'string'},
    'Detection2DArray': {'header': HEADER, 'detections': 'sequence<vision_msgs/Detection2D>'},
    'Detection3D': {'header': HEADER, 'results': 'sequence<vision_msgs/ObjectHypothesisWithPose>',
                    'bbox': 'vision_msgs/BoundingBox3D', 'id': 'string'},
    'Detection3DArray': {'header': HEADER, 'detections': 'sequence<vision_msgs/Detection3D>'},
    'ObjectHypothesis': {'class_id': 'string', 'score': 'double'},
    'ObjectHypothesisWithPose': {'hypothesis': 'vision_msgs/ObjectHypothesis',
                                 'pose': 'geometry_msgs/PoseWithCovariance'},
    'Point2D': {'x': 'double', 'y': 'double'},
    'Pose2D': {'position': 'vision_msgs/Point2D', 'theta': 'double'},
}


def files() -> list[Path]:
    return sorted((ROOT / 'deepsort_ros').rglob('*.py'))


@functools.cache
def tree(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding='utf-8'))


def import_class(name: str):
    package, _, message = name.split('/')
    return getattr(import_module(f'{package}.msg'), message)


def imported() -> set[str]:
    """Return the types of messages that the code imports, except those of ``OTHERS``."""
    text = '\n'.join(path.read_text(encoding='utf-8') for path in files())
    found = re.findall(r'^ *from (\w+)\.msg import (\w+)', text, re.MULTILINE)
    return {f'{package}/msg/{name}' for package, name in found if package not in OTHERS}


def parts(definition) -> set[str]:
    """Return the types of messages that a definition is made of."""
    found = set()
    for _, (kind, detail) in definition[1]:
        if kind in (Nodetype.ARRAY, Nodetype.SEQUENCE):
            kind, detail = detail[0]
        if kind == Nodetype.NAME:
            found.add(detail)
    return found


def ours() -> dict[str, tuple]:
    """Return the definitions of this package and of its vision_msgs."""
    found = {}
    for folder, package in ((ROOT / 'msg', 'deepsort_ros'),
                            (ROOT / 'interfaces' / 'vision_msgs' / 'msg', 'vision_msgs')):
        for path in folder.glob('*.msg'):
            found.update(get_types_from_msg(
                path.read_text(encoding='utf-8'), f'{package}/msg/{path.stem}'))
    return found


def used() -> list[str]:
    """Return all types of ROS itself that the code and its messages use, with their parts."""
    store = STORES['jazzy'].fielddefs
    found: set[str] = set()
    wanted = imported().union(*map(parts, ours().values()))
    while wanted:
        name = wanted.pop()
        if name not in found and name.split('/')[0] not in OTHERS:
            found.add(name)
            wanted |= parts(store[name])
    return sorted(found)


@pytest.mark.parametrize('name', used())
def test_a_message_of_ros_has_the_same_fields_in_all_distributions(name):
    here = list(import_class(name).get_fields_and_field_types())
    fields = {distribution: store.fielddefs[name][1] for distribution, store in STORES.items()}
    assert all(each == fields['humble'] for each in fields.values())
    assert [field for field, _ in fields['humble']] == here


def newer_constants() -> set[str]:
    """Return the constants of messages in use that some distribution lacks."""
    found = set()
    for name in used():
        each = [{constant for constant, *_ in store.fielddefs[name][0]}
                for store in STORES.values()]
        found |= set.union(*each) - set.intersection(*each)
    return found


def test_constants_that_a_distribution_lacks_are_not_used():
    assert 'ARROW_STRIP' in newer_constants()
    attributes = {node.attr for path in files() for node in ast.walk(tree(path))
                  if isinstance(node, ast.Attribute)}
    assert attributes & newer_constants() == set()


def test_messages_are_made_with_fields_that_they_have():
    # Their constructors ignore others without a word.
    classes = {name.rpartition('/')[2]: set(import_class(name).get_fields_and_field_types())
               for name in (*used(), *(f'vision_msgs/msg/{name}' for name in VISION_MSGS),
                            'deepsort_ros/msg/Track', 'deepsort_ros/msg/TrackArray')}
    unknown, made = [], 0
    for path in files():
        here = {alias.name for node in ast.walk(tree(path)) if isinstance(node, ast.ImportFrom)
                and node.module and node.module.endswith(('.msg', 'messages.types'))
                for alias in node.names}
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and getattr(node.func, 'id', '') in here:
                fields = classes.get(node.func.id)
                made += fields is not None
                unknown += [f'{path.name}:{node.lineno}: {node.func.id}({each.arg}=)'
                            for each in node.keywords if fields and each.arg not in fields]
    assert unknown == [] and made > 20


def test_the_messages_in_use_are_found():
    assert {'sensor_msgs/msg/Image', 'geometry_msgs/msg/Vector3', 'visualization_msgs/msg/Marker',
            'std_msgs/msg/Header'} < set(used())


def test_what_a_distribution_lacks_is_seen():
    assert 'geometry_msgs/msg/Pose2D' not in STORES['lyrical'].fielddefs
    fields = {name: [field for field, _ in store.fielddefs['sensor_msgs/msg/Range'][1]]
              for name, store in STORES.items()}
    assert 'variance' in fields['jazzy'] and 'variance' not in fields['humble']


@pytest.mark.parametrize('name', VISION_MSGS)
def test_vision_msgs_has_the_fields_of_its_release(name):
    # With the real package in the place of ours, too.
    message = import_class(f'vision_msgs/msg/{name}')
    assert message.get_fields_and_field_types() == VISION_MSGS[name]
    with pytest.raises(AttributeError):
        message().tracking_id = ''


def test_the_table_of_vision_msgs_is_whole():
    released = {path.stem for path in (ROOT / 'interfaces' / 'vision_msgs' / 'msg').glob('*.msg')}
    assert set(VISION_MSGS) == released
