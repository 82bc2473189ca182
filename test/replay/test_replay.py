"""
A recorded bag, replayed over DDS into the node, gives the tracks that ``deepsort bag`` gives.

The bag is made of a real sequence where there is one, else of a drawn one. It is played twice in
a row, as ``ros2 bag play --loop`` does.
"""
import copy
import dataclasses
import json

import bags
import live
import numpy as np
import pytest
import rclpy
from rclpy.context import Context
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import Reader

from deepsort_ros.bags.bag import convert
from deepsort_ros.bags.player import Player
from deepsort_ros.bags.reader import BagReader
from deepsort_ros.bags.writer import TrackWriter
from deepsort_ros.cli import main
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.msg import TrackArray
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.overlay import boxes
from deepsort_ros.scene.scene import SceneConfig
from deepsort_ros.scene.scene import write_scene
from deepsort_ros.settings import Settings

FRAMES = 45


@pytest.fixture(scope='module', params=['always', 'on_demand'])
def settings(request):
    # Small batches compile quickly; what they hold does not change a feature.
    # And the node is not to save features where this machine is slow.
    return Settings(appearance=request.param, batch_buckets=(1, 8), frame_rate=25.0,
                    publish_features=True, appearance_budget=100000)


@pytest.fixture(scope='module')
def bag(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp('replay')
    try:
        path = request.getfixturevalue('data') / 'mot' / 'TUD-Campus'
    except pytest.skip.Exception:
        path = folder / 'scene'
        write_scene(path, SceneConfig(seconds=FRAMES / 15 + 0.1, people=6, seed=5))
    return bags.write_sequence(folder / 'bag', open_sequence(path), FRAMES)


@pytest.fixture(scope='module')
def images(bag):
    """Return the image messages of the bag."""
    with BagReader(bag) as reader:
        return [m for _, m in reader.messages() if type(m).__name__ == 'Image']


@pytest.fixture(scope='module')
def offline_bag(bag, settings, tmp_path_factory):
    """Return the bag that ``deepsort bag`` makes of the bag."""
    from deepsort_ros.reid.encoder import Encoder
    encoder = Encoder.create(model=settings.model, device='CPU',
                             batch_buckets=settings.batch_buckets)
    output = tmp_path_factory.mktemp('offline') / 'tracks'
    summary = convert(bag, output, settings, encoder)
    assert summary.encoder_error is None and summary.crops > FRAMES
    return output


@pytest.fixture(scope='module')
def offline(offline_bag):
    with Reader(offline_bag) as reader:
        return [deserialize_message(bytes(data), TrackArray)
                for _, _, data in reader.messages()]


@pytest.fixture(scope='module')
def passes(bag, settings, tmp_path_factory, domain):
    """Return what the node publishes while the bag is played to it twice."""
    changed = {name: value for name, value in dataclasses.asdict(settings).items()
               if value != getattr(Settings(), name)}
    changed['batch_buckets'] = list(settings.batch_buckets)
    node = live.NodeProcess(tmp_path_factory.mktemp('node'), domain, device='CPU',
                            **{k: str(v).lower() for k, v in changed.items()})
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    player = Player(context=context)
    try:
        node.wait_for('active:')
        player.wait_for_tracker(live.WAIT)
        played = []
        for _ in range(2):
            with BagReader(bag) as reader:
                played.append(player.play(message for _, message in reader.messages()).tracks)
        return played
    finally:
        player.close()
        context.try_shutdown()
        assert node.stop() == 0, node.log()
        assert 'Traceback' not in node.log()


def ids(arrays):
    return [[track.id for track in array.tracks] for array in arrays]


def test_there_is_one_array_for_every_image_with_its_exact_header(passes, images):
    for arrays in passes:
        assert [array.header for array in arrays] == [image.header for image in images]
        assert {(a.image_width, a.image_height) for a in arrays} == {
            (image.width, image.height) for image in images}


def test_ids_and_boxes_are_those_of_the_offline_run(passes, offline):
    assert ids(passes[0]) == ids(offline)
    assert sum(map(len, ids(offline))) > 2 * FRAMES
    for live_array, offline_array in zip(passes[0], offline):
        np.testing.assert_array_equal(boxes(live_array), boxes(offline_array))


def test_deepsort_diff_says_that_all_agrees(passes, offline_bag, tmp_path, capsys):
    with TrackWriter(tmp_path / 'live') as writer:
        for array in passes[0]:
            writer.write(array, nanoseconds(array.header.stamp))
    command = ['diff', str(tmp_path / 'live'), str(offline_bag), '--tolerance', '0', '--json']
    assert main([*command, '--fail-below', '100']) == 0
    found = json.loads(capsys.readouterr().out)
    assert found['percent'] == 100.0 and found['images'] == FRAMES and not found['difference']


def test_every_field_is_that_of_the_offline_run(passes, offline):
    expected = copy.deepcopy(offline)
    for array in expected:
        # The node begins with another session each time it is started, offline it is 0.
        array.session += passes[0][0].session
    assert passes[0] == expected


def test_the_second_pass_raises_the_session_by_one_and_reuses_no_id(passes):
    first, second = passes
    session, = {array.session for array in first}
    assert {array.session for array in second} == {session + 1}
    assert min(min(row) for row in ids(second) if row) > max(max(row) for row in ids(first) if row)


def test_the_second_pass_tracks_as_the_first_did(passes):
    first, second = passes
    assert [len(array.tracks) for array in first] == [len(array.tracks) for array in second]
    for one, other in zip(first, second):
        np.testing.assert_array_equal(boxes(one), boxes(other))


def test_features_are_unit_vectors(passes, settings):
    seen = [track.feature for array in passes[0] for track in array.tracks
            if track.time_since_update == 0]
    features = [feature for feature in seen if len(feature)]
    assert len(features) > FRAMES
    # On demand a new track has none at first.
    assert settings.appearance == 'on_demand' or len(features) == len(seen)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1.0, atol=1e-5)
