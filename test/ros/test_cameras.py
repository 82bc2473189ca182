"""Two cameras in one process: each is tracked as if it were alone, whatever the other does."""
import live
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger

from deepsort_ros.pipeline import Frame
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.pipeline import published
from deepsort_ros.serving.network import load_encoder
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Detections

SETTINGS = Settings(device='CPU', batch_buckets=(4, 8), n_init=1, publish_features=True)
FRONT, REAR = '/robot/front', '/robot/rear'
FRAMES = 6


class Process:
    """A node process with two cameras and a network that can be made to fail."""

    def __init__(self, folder, domain, graph):
        self.fault, self.graph = folder / 'fault', graph
        parameters = folder / 'cameras.yaml'
        parameters.write_text("""
/**: {ros__parameters: {cameras: [front, rear], device: CPU, batch_buckets: [4, 8]}}
/robot/front/tracker: {ros__parameters: {n_init: 1, publish_features: true}}
/robot/rear/tracker: {ros__parameters: {n_init: 1, publish_features: true}}
""")
        self.node = live.NodeProcess(
            folder, domain, '--params-file', str(parameters), '-r', '__ns:=/robot',
            program=(str(live.ROOT / 'test' / 'ros' / 'failing_node.py'),),
            changes={'FAULT': str(self.fault)})
        self.node.wait_for('[robot.rear.tracker]: active:')
        self.cameras = {name: live.Tracking(graph, name) for name in (FRONT, REAR)}

    def walk(self, seed, meanwhile=lambda step: None, cameras=(FRONT, REAR)):
        """Send people who walk to cameras at the same time; return what each of them tracked."""
        for name in cameras:
            self.graph.call(Trigger, f'{name}/tracker/reset', Trigger.Request())
            self.cameras[name].restart()
        sent = {name: scene(seed + number) for number, name in enumerate(cameras)}
        for step in range(FRAMES):
            meanwhile(step)
            for name in cameras:
                image, boxes = sent[name][step]
                self.cameras[name].stamp += live.STEP
                self.cameras[name].send(self.cameras[name].stamp, boxes=boxes, image=image)
            self.graph.spin_until(lambda step=step: all(
                len(self.cameras[name].tracks) == step + 1 for name in cameras))
        return {name: self.cameras[name].tracks[:] for name in cameras}

    def change(self, name, *transitions):
        for number in transitions:
            request = ChangeState.Request(transition=Transition(id=number))
            assert self.graph.call(ChangeState, f'{name}/tracker/change_state', request).success


def scene(seed):
    """Return images with the boxes of three people who walk through them."""
    random = np.random.default_rng(seed)
    image = random.integers(0, 255, (120, 160, 3), np.uint8)
    start, step = random.uniform((0, 0), (130, 70), (3, 2)), random.uniform(-2, 2, (3, 2))
    return [(image, np.concatenate([start + step * n, np.tile([14.0, 34], (3, 1))], 1))
            for n in range(FRAMES)]


@pytest.fixture(scope='module')
def process(tmp_path_factory, domain, graph):
    process = Process(tmp_path_factory.mktemp('cameras'), domain, graph)
    yield process
    assert process.node.stop() == 0 and 'Traceback' not in process.node.log()


@pytest.fixture(scope='module')
def alone():
    """Return a function that tracks a scene without the others."""
    encoder = load_encoder(SETTINGS, lambda text: None)

    def track(seed):
        pipeline = Pipeline(SETTINGS, encoder)
        return [published(pipeline.process(Frame(
            10**9 + n * live.STEP, Detections.from_arrays(boxes), image)).tracks, SETTINGS)
            for n, (image, boxes) in enumerate(scene(seed))]
    return track


def same(arrays, expected):
    """Return whether a camera's messages are what it tracks alone, in one session."""
    first = min(t.id for t in arrays[0].tracks) - 1  # ids go on after a reset
    for array, tracks in zip(arrays, expected, strict=True):
        assert [t.id - first for t in array.tracks] == tracks.id.tolist()
        assert [t.detection_index for t in array.tracks] == tracks.detection_index.tolist()
        centres = tracks.tlwh[:, :2] + tracks.tlwh[:, 2:] / 2
        np.testing.assert_allclose([(t.bbox.center.position.x, t.bbox.center.position.y)
                                    for t in array.tracks], centres, rtol=0, atol=1e-9)
        np.testing.assert_allclose([t.feature for t in array.tracks], tracks.feature, rtol=0,
                                   atol=1e-6)
    return len({array.session for array in arrays}) == 1


def test_both_are_tracked_as_each_alone_with_one_network_loaded_once(process, alone):
    found = process.walk(1)
    assert same(found[FRONT], alone(1)) and same(found[REAR], alone(2))
    loads = [line for line in process.node.log().splitlines()
             if 'loading the appearance network' in line and 'so far' not in line]
    assert len(loads) == 1


def test_each_says_for_itself_how_it_is(process):
    for name, camera in process.cameras.items():
        assert camera.status('appearance').message == 'always on CPU'
        assert camera.values('inputs')['image_topic'] == f'{name}/image'


# What is done to the front camera before every frame of the rear one; its stamps jump back.

def unreadable(process, step):
    process.cameras[FRONT].send(live.STEP * (step + 1), changes={'encoding': 'cmyk8'})


def reset(process, step):
    process.cameras[FRONT].send(live.STEP * (step + 1))
    process.graph.call(Trigger, f'{FRONT}/tracker/reset', Trigger.Request())


def disabled(process, step):
    process.cameras[FRONT].send(live.STEP * (step + 1))
    process.graph.call(SetBool, f'{FRONT}/tracker/enable', SetBool.Request(data=step % 2 == 1))


def flood(process, step):
    boxes = np.random.default_rng(step).uniform(0, 40, (12, 4))
    for number in range(2):
        process.cameras[FRONT].send(live.STEP * (10 * step + number), boxes=boxes)


def cleaned_up(process, step):
    if step == 1:
        process.change(FRONT, Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)
    if step == 4:
        process.change(FRONT, Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)


@pytest.mark.parametrize('fault', [unreadable, reset, disabled, flood, cleaned_up])
def test_what_happens_to_one_changes_nothing_for_the_other(process, alone, fault):
    found = process.walk(3, lambda step: fault(process, step), cameras=(REAR,))
    assert same(found[REAR], alone(3))


def test_what_happened_to_one_is_counted_by_that_one(process):
    front, rear = ({**camera.values('inputs'), **camera.values('tracking')}
                   for camera in process.cameras.values())
    for count in ('image_errors', 'dropped_disabled'):
        assert int(front[count]) > 0 and int(rear[count]) == 0


def test_a_reset_of_one_leaves_the_session_of_the_other(process):
    for camera in process.cameras.values():
        camera.connect()
    process.graph.call(Trigger, f'{FRONT}/tracker/reset', Trigger.Request())
    for name, camera in process.cameras.items():
        session = camera.session
        camera.connect()
        assert camera.session == session + (name == FRONT)


def test_when_the_network_fails_both_go_on_by_motion_and_recover(process):
    for camera in process.cameras.values():
        camera.connect()
    process.fault.write_text('lost')
    for array in (arrays[-1] for arrays in process.walk(5).values()):
        assert sum(t.detection_index >= 0 for t in array.tracks) == 3
    for camera in process.cameras.values():
        camera.status('appearance', lambda s: s.level == DiagnosticStatus.ERROR)
    process.fault.unlink()
    found = process.walk(6)  # a reset has the network tried at once
    assert all(len(t.feature) == 128 for arrays in found.values() for t in arrays[-1].tracks)


def test_a_faulty_name_ends_the_process_with_one_line(start_node):
    node = start_node(cameras="[front, '']")
    assert node.process.wait(live.WAIT) == 1
    assert "cameras: '' is not a name" in node.log() and len(node.log().splitlines()) == 1


def test_cameras_that_ask_for_different_networks_end_it_with_one_line(start_node, tmp_path):
    parameters = tmp_path / 'cameras.yaml'
    parameters.write_text('/rear/tracker: {ros__parameters: {model: hub}}')
    node = start_node('--params-file', str(parameters), cameras='[front, rear]')
    assert node.process.wait(live.WAIT) == 1
    assert "camera rear: model: 'hub' is not 'bundled'" in node.log()
    assert len(node.log().splitlines()) == 1
