"""
Your bag, replayed into the node, gives the tracks that you expect.

``REPLAY_BAG=walk.mcap REPLAY_EXPECTATIONS=walk.yaml pytest test_replay.py``
"""
import os
from pathlib import Path

import pytest
import replay
import yaml

HERE = Path(__file__).parent
BAG = os.environ.get('REPLAY_BAG', HERE / 'walk.mcap')
EXPECTED = yaml.safe_load(
    Path(os.environ.get('REPLAY_EXPECTATIONS', HERE / 'expectations.yaml')).read_text())


@pytest.fixture(scope='module')
def output(tmp_path_factory):
    return tmp_path_factory.mktemp('replay') / 'tracks'


@pytest.fixture(scope='module')
def arrays(output):
    log = output.parent / 'node.log'
    node = replay.start_node(EXPECTED.get('node', {}), log)
    try:
        found = replay.play(BAG, output)
    finally:
        code = replay.stop_node(node)
    assert code == 0, log.read_text()
    return found


def expected(name):
    if name not in EXPECTED:
        pytest.skip(f'expectations.yaml has no {name}')
    return EXPECTED[name]


def test_there_are_no_more_ids_than_people(arrays):
    found = replay.ids(arrays)
    assert 0 < len(found) <= expected('at_most_ids'), found


def test_no_id_is_lost_in_view(arrays):
    lost = replay.lost_in_view(arrays, EXPECTED.get('edge_px', 40))
    assert len(lost) <= expected('lost_in_view'), lost


def test_boxes_stay_within_bounds(arrays):
    assert replay.boxes_outside(arrays, expected('boxes_within')) == []


def test_positions_stay_within_bounds(arrays):
    assert replay.positions_outside(arrays, expected('positions_within')) == []


def test_tracks_are_those_of_the_run_that_was_looked_at(arrays, output):
    found = replay.agreement(HERE / expected('same_as'), output)
    assert found.percent >= EXPECTED.get('same_percent', 100.0), found.difference
