"""Many bags: each is tracked once, a bad one stops none, and a run can be resumed."""
import dataclasses
import json
import re
import shutil

import bags
import pytest

from deepsort_ros.bags import fleet
from deepsort_ros.bags.reader import WorldSource
from deepsort_ros.cli import main
from deepsort_ros.commands.common import create_encoder
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.scene.scene import SceneConfig
from deepsort_ros.scene.scene import write_scene
from deepsort_ros.settings import Settings

SETTINGS = Settings(appearance='off', frame_rate=15.0)
OPTIONS = ('--appearance', 'off', '--set', 'frame_rate=15')


@pytest.fixture(scope='module')
def recorded(tmp_path_factory):
    """Return three bags; the last is not one."""
    folder = tmp_path_factory.mktemp('bags')
    write_scene(folder / 'scene', SceneConfig(seconds=1.0, people=3, seed=3))
    sequence = open_sequence(folder / 'scene')
    paths = [bags.write_sequence(folder / name, sequence, 12) for name in ('a', 'b')]
    (folder / 'bad.mcap').write_bytes(b'not a bag')
    return [*paths, folder / 'bad.mcap']


def task(bag, folder):
    return fleet.Task(bag, folder, SETTINGS, create_encoder)


def test_a_bag_that_is_done_is_skipped_until_its_content_changes(recorded, tmp_path):
    first = fleet.track_one(task(recorded[0], tmp_path / 'a'))
    again = fleet.track_one(task(recorded[0], tmp_path / 'a'))
    other = fleet.track_one(task(recorded[1], tmp_path / 'a'))
    assert [r['status'] for r in (first, again)] == ['done', 'skipped']
    assert first['frames'] == again['frames'] == 12 and other['bag'] != first['bag']


def test_a_partial_result_is_tracked_again(recorded, tmp_path):
    fleet.track_one(task(recorded[0], tmp_path / 'a'))
    (tmp_path / 'a' / fleet.RECORD).unlink()
    (tmp_path / 'a' / 'tracks').rename(tmp_path / 'a' / 'tracks.partial')
    assert fleet.track_one(task(recorded[0], tmp_path / 'a'))['status'] == 'done'
    assert not (tmp_path / 'a' / 'tracks.partial').exists()


def test_a_bad_bag_is_a_record_with_its_error(recorded, tmp_path):
    record = fleet.track_one(task(recorded[2], tmp_path / 'bad'))
    assert record['status'] == 'failed' and 'bad.mcap' in record['error']


def test_another_topic_of_the_world_is_another_outcome(recorded, tmp_path):
    one = task(recorded[0], tmp_path / 'a')
    other = dataclasses.replace(one, world=WorldSource(depth='/depth'))
    assert fleet.digest(one) == fleet.digest(task(recorded[0], tmp_path / 'b'))
    assert fleet.digest(one) != fleet.digest(other)


def test_workers_share_the_cores_unless_the_environment_sets_their_threads(monkeypatch):
    for name in fleet.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert set(fleet.share_of_threads(8, 2).values()) == {'4'}
    assert set(fleet.share_of_threads(2, 4).values()) == {'1'}
    monkeypatch.setenv('OMP_NUM_THREADS', '3')
    assert fleet.share_of_threads(8, 2)['OMP_NUM_THREADS'] == '3'


def test_the_page_links_a_bag_to_its_results(tmp_path):
    page = tmp_path / 'index.html'
    fleet.write_page([{'bag': 'a b', 'status': 'done', 'tracks': str(tmp_path / 'a b/tracks')},
                      {'bag': 'c', 'status': 'failed'}], page)
    assert re.findall(r'<a href="([^"]*)">([^<]*)</a>', page.read_text()) == [('a%20b/', 'a b')]


def test_a_damaged_bag_is_tracked_once_as_far_as_it_goes(recorded, tmp_path):
    shutil.copytree(recorded[0], tmp_path / 'cut')
    file = next((tmp_path / 'cut').glob('*.mcap'))
    file.write_bytes(file.read_bytes()[:-file.stat().st_size // 3])
    first, again = (fleet.track_one(task(tmp_path / 'cut', tmp_path / 'a')) for _ in range(2))
    assert (first['status'], again['status']) == ('done', 'skipped')
    assert 0 < first['frames'] < 12 and not first['error']
    assert 'the bag is damaged' in first['damage'] == again['damage']
    fleet.write_page([first], tmp_path / 'index.html')
    assert 'the bag is damaged' in (tmp_path / 'index.html').read_text()


def test_a_bag_in_which_nothing_pairs_is_no_success(recorded, tmp_path):
    other = fleet.Task(recorded[0], tmp_path / 'a', SETTINGS.replace(
        {'sync_tolerance': 0.001, 'detections_delay': 5.0}), create_encoder)
    assert 'no image has detections of its stamp' in fleet.track_one(other)['error']


def test_bags_of_the_same_name_get_folders_of_their_own(tmp_path):
    found = fleet.folders([tmp_path / 'x' / 'a.mcap', tmp_path / 'y' / 'a.mcap'], tmp_path)
    assert len(set(found)) == 2


def test_the_command_tracks_all_bags_and_resumes_on_another_scheduler(
        recorded, tmp_path, capsys):
    from distributed import LocalCluster
    command = ['bags', *map(str, recorded), '--output', str(tmp_path / 'out'), *OPTIONS]
    assert main([*command, '--workers', '1']) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(r['status'] for r in lines) == ['done', 'done', 'failed']
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False,
                      dashboard_address=None) as other:
        assert main([*command, '--scheduler', other.scheduler_address]) == 1
    lines = (tmp_path / 'out' / 'bags.jsonl').read_text().splitlines()
    assert sorted(json.loads(line)['status'] for line in lines) == ['failed', 'skipped', 'skipped']
    assert '3 bags: 1 failed, 2 skipped' in (tmp_path / 'out' / 'index.html').read_text()
