"""The examples, run as a user runs them: counting, a detector, a replay test."""
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys

import bags
import live
import numpy as np
import pytest
import yaml
from std_msgs.msg import Header
from std_msgs.msg import String
from vision_msgs.msg import Detection2DArray

from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.video import VideoWriter
from deepsort_ros.msg import Track
from deepsort_ros.msg import TrackArray
from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.ros.messages.images import write_image
from deepsort_ros.scene.scene import SceneConfig
from deepsort_ros.scene.scene import write_scene

EXAMPLES = live.ROOT / 'examples'


@pytest.fixture(scope='module')
def count():
    spec = importlib.util.spec_from_file_location('count_people', EXAMPLES / 'count_people.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def start(domain):
    """Return a function that starts an example; all are stopped as by Ctrl-C."""
    processes = []

    def run(name, *arguments):
        processes.append(subprocess.Popen(
            [sys.executable, str(EXAMPLES / name), '--ros-args', *arguments],
            env=live.environment(domain)))
    yield run
    for process in processes:
        process.send_signal(signal.SIGINT)
    for process in processes:
        try:
            assert process.wait(live.WAIT) == 0
        finally:
            process.kill()


@pytest.mark.parametrize('name', [path.name for path in sorted(EXAMPLES.glob('*.py'))])
def test_an_example_says_what_it_is_for(name):
    done = subprocess.run([sys.executable, str(EXAMPLES / name), '--help'], capture_output=True,
                          text=True, check=True, timeout=live.WAIT)
    assert done.stdout.startswith(f'usage: {name}')
    assert any(f'``{topic}``' in done.stdout for topic in ('image', 'tracks'))


def walk(seconds, x, removed=(), number=1):
    """Return the tracks of an image: a person whose box is 20 x 40 and stands at (x, 100)."""
    message = TrackArray(header=Header(stamp=time_message(round(seconds * 1e9))), session=5)
    if x is not None:
        track = Track(id=number, state=Track.STATE_CONFIRMED)
        track.bbox.center.position.x, track.bbox.center.position.y = float(x), 80.0
        track.bbox.size_x, track.bbox.size_y = 20.0, 40.0
        message.tracks.append(track)
    message.removed_ids.extend(removed)
    return message


def test_a_step_across_the_line_has_a_direction_and_one_beside_it_counts_nothing(count):
    line = [(100.0, 200.0), (100.0, 0.0)]  # upwards: its right is where x is larger
    assert count.crosses(line, (90, 100), (110, 100)) == 1
    assert count.crosses(line, (110, 100), (90, 100)) == -1
    assert count.crosses(line, (90, 100), (95, 100)) == 0
    assert count.crosses(line, (90, 300), (110, 300)) == 0


def test_a_zone_may_have_any_shape(count):
    zone = [(0, 0), (10, 0), (10, 10), (5, 5), (0, 10)]
    assert count.inside(zone, (2, 5)) and count.inside(zone, (9, 7))
    assert not count.inside(zone, (5, 8)) and not count.inside(zone, (11, 5))


def test_people_are_counted_once_and_their_stay_is_measured_by_stamps(graph, start):
    start('count_people.py', '-p', 'line:=[100.0, 200.0, 100.0, 0.0]',
          '-p', 'zone:=[150.0, 0.0, 250.0, 0.0, 250.0, 200.0, 150.0, 200.0]')
    counts = graph.collect(String, 'counts')
    tracks = graph.publisher(TrackArray, 'tracks')
    steps = [walk(0, 50), walk(1, 90), walk(2, 120), walk(3, 160), walk(4, 200), walk(6, 260),
             walk(7, 90), walk(8, 160), walk(9, None), walk(10.5, None, removed=[1])]
    for message in steps:
        before = len(counts)
        tracks.publish(message)
        graph.spin_until(lambda before=before: len(counts) > before, what='counts')
    found = [json.loads(message.data) for message in counts[-len(steps):]]
    assert [f['inside'] for f in found] == [0, 0, 0, 1, 1, 0, 0, 1, 1, 0]
    assert {k: found[-1][k] for k in ('in', 'out', 'stays')} == {'in': 2, 'out': 1, 'stays': 2}
    assert found[-1]['mean_stay_s'] == pytest.approx((3 + 2.5) / 2)


def test_the_detector_answers_each_image_under_its_header(graph, start):
    start('hog_detector.py')
    answers = graph.collect(Detection2DArray, 'detections')
    images = graph.publisher(type(write_image(np.zeros((1, 1, 3), np.uint8), 'bgr8', Header())),
                             'image')
    header = Header(stamp=time_message(123_456_789), frame_id='webcam')
    picture = write_image(np.full((240, 320, 3), 128, np.uint8), 'bgr8', header)

    def answered():
        images.publish(picture)  # best effort may lose one
        graph.spin_for(0.2)
        return answers

    graph.spin_until(answered, what='detections')
    assert answers[0].header == header and not answers[0].detections


@pytest.fixture(scope='module')
def replayed(tmp_path_factory, domain):
    """Return a function that runs the replay test of a user's bag with changed expectations."""
    folder = tmp_path_factory.mktemp('user')
    write_scene(folder / 'scene', SceneConfig(seconds=2.0, people=4, seed=3))
    bag = bags.write_sequence(folder / 'walk', open_sequence(folder / 'scene'), 20)
    shutil.copytree(EXAMPLES / 'replay_test', folder / 'tests')

    def run(**changes):
        path = folder / 'tests' / 'expectations.yaml'
        found = yaml.safe_load((EXAMPLES / 'replay_test' / path.name).read_text())
        path.write_text(yaml.safe_dump({**found, **changes}))
        return subprocess.run(
            [sys.executable, '-m', 'pytest', '-q', '-rs', '-p', 'no:cacheprovider',
             'test_replay.py'], cwd=folder / 'tests', capture_output=True, text=True,
            env={**os.environ, **live.environment(domain), 'REPLAY_BAG': str(bag)})
    return run


def test_the_replay_test_passes_with_a_bag_as_expected(replayed):
    done = replayed(node={'appearance': 'off', 'frame_rate': 15.0},
                    boxes_within=[-50, -50, 1010, 590])
    assert done.returncode == 0, done.stdout
    assert '3 passed, 2 skipped' in done.stdout


def test_the_replay_test_names_what_is_not_as_expected(replayed):
    done = replayed(node={'appearance': 'off', 'frame_rate': 15.0}, at_most_ids=1,
                    boxes_within=[0, 0, 10, 10])
    assert done.returncode == 1 and '2 failed, 1 passed' in done.stdout
    assert 'test_there_are_no_more_ids_than_people' in done.stdout


def test_a_video_alone_is_shown_with_tracks(data, tmp_path, domain):
    street = open_sequence(data / 'mot' / 'TUD-Stadtmitte')
    with VideoWriter(tmp_path / 'street.mp4', 25.0) as video:
        for _, (_, image) in zip(range(20), street.loaded()):
            video.write(image)
    done = subprocess.run(
        [sys.executable, '-m', 'deepsort_ros.cli', 'demo', '--video', str(tmp_path / 'street.mp4'),
         '--output', str(tmp_path / 'out'), '--engine', 'onnxruntime', '--json'],
        env=live.environment(domain), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary['frames'] == 20 and summary['ids'] >= 2
    assert (tmp_path / 'out' / 'tracks.mp4').stat().st_size > 10_000
