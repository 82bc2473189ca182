"""Two sets of tracks agree when boxes and ids do, whatever the ids are called."""
import json

import numpy as np
import pytest
from rosbags.interfaces import Nodetype
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores

from deepsort_ros.bags.agreement import compare
from deepsort_ros.bags.agreement import read_recording
from deepsort_ros.bags.storage import BagError
from deepsort_ros.bags.writer import TRACKS_TYPE
from deepsort_ros.cli import main
from deepsort_ros.resources import share_path


@pytest.fixture
def recording(tmp_path):
    def make(*rows):
        path = tmp_path / f'{len(list(tmp_path.iterdir()))}.txt'
        path.write_text(''.join(f'{f},{i},{x},10,20,40,1,-1,-1,-1\n' for f, i, x in rows))
        return path
    return make


def difference(first, second, **options):
    return compare(read_recording(first), read_recording(second), **options)


def test_other_names_of_ids_agree(recording):
    a = recording((1, 1, 0), (1, 2, 100), (2, 1, 5), (2, 2, 105))
    b = recording((1, 7, 0), (1, 3, 100), (2, 7, 5), (2, 3, 105))
    found = difference(a, b)
    assert (found.percent, found.difference, found.images) == (100.0, '', 2)


def older_types():
    """Return the types of a version whose tracks do not have today's visibility."""
    store = get_typestore(Stores.ROS2_JAZZY)
    types = {}
    for package in ('vision_msgs', 'deepsort_ros'):
        for path in share_path('msg', package).glob('*.msg'):
            text = path.read_text().replace('float32 visibility\n', '')
            types.update(get_types_from_msg(text, f'{package}/msg/{path.stem}'))
    store.register(types)
    return store


@pytest.mark.parametrize('plugin', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_a_bag_of_an_older_version_is_read(tmp_path, plugin):
    store = older_types()

    def blank(name, **given):
        kinds = dict(store.fielddefs[name][1])
        return store.types[name](**{field: given[field] if field in given else default(kind)
                                    for field, kind in kinds.items()})

    def default(kind):
        node, detail = kind
        if node == Nodetype.NAME:
            return blank(detail)
        if node == Nodetype.BASE:
            return '' if detail[0] == 'string' else 0
        (_, (name, _)), length = detail
        return np.zeros(length if node == Nodetype.ARRAY else 0, name)

    with Writer(tmp_path / 'old', version=9, storage_plugin=plugin) as writer:
        topic = writer.add_connection('/tracks', TRACKS_TYPE, typestore=store)
        box = blank('vision_msgs/msg/BoundingBox2D', size_x=20.0, size_y=40.0)
        track = blank('deepsort_ros/msg/Track', id=7, bbox=box)
        array = blank(TRACKS_TYPE, tracks=[track], removed_ids=np.zeros(0, np.uint64))
        writer.write(topic, 5, store.serialize_cdr(array, TRACKS_TYPE))
    found = read_recording(tmp_path / 'old')
    (ids, boxes), = found.images.values()
    assert (ids.tolist(), boxes.tolist(), found.damage) == ([7], [[-10.0, -20.0, 20.0, 40.0]], '')


def test_a_swap_is_found_and_explained(recording):
    a = recording((1, 1, 0), (1, 2, 100), (2, 1, 5), (2, 2, 105), (3, 1, 9), (3, 2, 109))
    b = recording((1, 1, 0), (1, 2, 100), (2, 1, 5), (2, 2, 105), (3, 2, 9), (3, 1, 109))
    found = difference(a, b)
    assert found.percent == pytest.approx(100 * 4 / 6)
    assert found.difference == (
        'frame 3: id 1 of the first is usually 1 in the second, here it is 2')


def test_boxes_may_differ_by_the_tolerance(recording):
    a, b = recording((1, 1, 0)), recording((1, 1, 2))
    assert difference(a, b, tolerance=2.0).percent == 100.0
    found = difference(a, b, tolerance=1.0)
    assert found.percent == 0.0 and 'has no box of the other in its place' in found.difference


def test_boxes_may_be_compared_by_their_overlap(recording):
    a, b = recording((1, 1, 0), (1, 2, 100)), recording((1, 5, 104), (1, 6, 4))
    # 16 of 24 columns are common: an IoU of two thirds.
    assert difference(a, b, overlap=0.66).percent == 100.0
    assert difference(a, b, overlap=0.67).percent == 0.0


def test_a_missing_image_is_a_difference(recording):
    found = difference(recording((1, 1, 0), (2, 1, 0)), recording((1, 1, 0)))
    assert (found.percent, found.only_first) == (50.0, 1)
    assert found.difference == 'frame 2 is in the first alone'


def test_the_exit_code_is_1_below_the_limit(recording, capsys):
    a, b = recording((1, 1, 0), (2, 1, 0)), recording((1, 1, 0))
    assert main(['diff', str(a), str(b), '--fail-below', '50', '--json']) == 0
    assert json.loads(capsys.readouterr().out)['percent'] == 50.0
    assert main(['diff', str(a), str(b), '--fail-below', '51']) == 1


def test_a_bag_without_tracks_is_refused(tmp_path):
    with pytest.raises(BagError, match='none'):
        read_recording(tmp_path / 'none.mcap')
