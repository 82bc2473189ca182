"""
Faults by name, each a function that injects it into a running node and checks what it says.

``docs/node.md`` lists them all with what happens.
"""
from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import live
import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Parameter
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import GetParameters
from rcl_interfaces.srv import SetParameters
from rclpy.qos import QoSDurabilityPolicy
from rclpy.qos import QoSProfile
from std_msgs.msg import Header
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from vision_msgs.msg import Detection2DArray

from deepsort_ros.msg import TrackArray
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.ros.messages.conversions import write_detections
from deepsort_ros.ros.messages.images import write_image
from deepsort_ros.tracking import Detections

HERE = Path(__file__).resolve().parent
PATIENCE = 1.0
BOXES = ((5, 10, 12, 24), (40, 12, 12, 24))
PLAIN = {'appearance': 'always'}
FAULTS: dict[str, Callable[[Bench], None]] = {}


class Bench:
    """A node process with a network that can be made to fail, and the graph around it."""

    def __init__(self, folder: Path, domain: int, graph: live.Graph) -> None:
        self.folder, self.domain, self.graph = folder, domain, graph
        self.device = folder / 'fault'
        self.keys: set[str] = set()
        self.start(**PLAIN)

    def ready(self) -> None:
        """Have a node as it is at first, whatever the fault before did."""
        if not self.plain:
            self.node.stop()
            self.start(**PLAIN)
        self.device.unlink(missing_ok=True)
        (self.folder / 'at work').unlink(missing_ok=True)
        self._begins = len(self.node.log())
        self.tracking.stamp += 10 * 10**9

    def log(self) -> str:
        """Return what the node has logged since the fault began."""
        return self.node.log()[self._begins:]

    def hold(self) -> None:
        """Have the device hang with a frame at work, until the file is gone."""
        self.device.write_text('hold')
        self.tracking.send(self.next(), boxes=BOXES)
        self.graph.spin_until((self.folder / 'at work').exists, what='a frame at work')

    def reconnected(self) -> TrackArray:
        """Send frames until one of them is answered, and return its tracks."""
        begin = self.tracking.stamp

        def answers():
            self.tracking.send(self.next(), boxes=BOXES)
            self.graph.spin_for(0.2)
            return self.tracking.tracks and nanoseconds(
                self.tracking.tracks[-1].header.stamp) > begin
        self.graph.spin_until(answers, what='tracks')
        return self.tracking.tracks[-1]

    def change(self, number: int) -> bool:
        """Ask for a transition of the lifecycle; return whether it succeeded."""
        return bool(self.graph.call(ChangeState, '/tracker/change_state', ChangeState.Request(
            transition=Transition(id=number))).success)

    def start(self, **parameters: object) -> None:
        """Start a node and connect to it."""
        self.features = parameters['appearance'] != 'off'
        self.plain = parameters == PLAIN
        self._begins = 0
        self.node = live.NodeProcess(
            self.folder, self.domain, program=(str(HERE / 'failing_node.py'),),
            changes={'FAULT': str(self.device)}, device='CPU', batch_buckets='[1, 2, 4]',
            n_init=1, max_detections=6, publish_features='true',
            **{'assume_empty_after': PATIENCE, **parameters})
        self.node.wait_for('active:')
        self.tracking = live.Tracking(self.graph)

    def check(self) -> None:
        """Two people who walk are tracked: their ids stay, their boxes follow, with features."""
        self.keys |= {value.key for message in self.tracking.diagnostics
                      for status in message.status for value in status.values}
        self.tracking.stamp += 2 * 10**9  # what the fault left behind is older than max_age
        arrays = [self.tracking.track(boxes=[(x + step, *rest) for x, *rest in BOXES])[0]
                  for step in range(4)]
        ids = [{t.id for t in array.tracks if t.detection_index >= 0} for array in arrays]
        assert len(ids[0]) == 2 and ids == [ids[0]] * 4
        assert len({array.session for array in arrays}) == 1
        for track in arrays[-1].tracks:
            if track.detection_index >= 0:
                x, y, width, height = BOXES[track.detection_index]
                assert abs(track.bbox.center.position.x - (x + 3 + width / 2)) < 2
                assert abs(track.bbox.center.position.y - (y + height / 2)) < 2
                assert len(track.feature) == (128 if self.features else 0)

    def count(self, part: str, key: str) -> int:
        """Return a count as the newest diagnostics have it."""
        if not self.tracking.diagnostics:
            self.tracking.status(part)
        return next((int(value.value) for status in self.tracking.diagnostics[-1].status
                     for value in status.values
                     if status.name.endswith(part) and value.key == key), 0)

    def send(self, kind: str, stamp: int) -> None:
        """Send an image or detections alone."""
        header = Header(stamp=time_message(stamp), frame_id='camera')
        if kind == 'image':
            self.tracking.images.publish(
                write_image(self.tracking.picture(), 'bgr8', header))
        else:
            self.tracking.detections.publish(write_detections(
                Detections.from_arrays(np.array(BOXES, float)), header))

    def next(self) -> int:
        self.tracking.stamp += live.STEP
        return self.tracking.stamp

    def answered(self, stamp: int) -> TrackArray:
        """Return the tracks of a stamp as soon as they are there."""
        def found():
            return [a for a in self.tracking.tracks if nanoseconds(a.header.stamp) == stamp]
        self.graph.spin_until(found, what=f'the TrackArray of {stamp}')
        return found()[0]

    def set(self, **values: object) -> bool:
        """Set parameters of type double or string; return whether the node took them."""
        parameters = [Parameter(name=name, value=ParameterValue(
            type=ParameterType.PARAMETER_DOUBLE if isinstance(value, float)
            else ParameterType.PARAMETER_STRING,
            double_value=value if isinstance(value, float) else 0.0,
            string_value=value if isinstance(value, str) else ''))
            for name, value in values.items()]
        return self._set(parameters).successful

    def set_answer(self, **values: float):
        """Set one parameter of type double; return what the node answers."""
        return self._set([Parameter(name=name, value=ParameterValue(
            type=ParameterType.PARAMETER_DOUBLE, double_value=value))
            for name, value in values.items()])

    def _set(self, parameters: list[Parameter]):
        answer = self.graph.call(SetParameters, '/tracker/set_parameters',
                                 SetParameters.Request(parameters=parameters))
        return min(answer.results, key=lambda result: result.successful)

    def peer(self, role: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, str(HERE / 'peer.py'), role],
                                env=live.environment(self.domain))

    def grown(self, part: str, key: str, inject: Callable[[], object], by: int = 1) -> None:
        """Check that a count of the diagnostics grows by so many, or by some number for 0."""
        before = self.count(part, key)
        inject()

        def grown(status):
            counts = {value.key: value.value for value in status.values}
            count = int(counts.get(key, 0))
            return count == before + by if by else count > before
        self.tracking.status(part, grown)


def fault(name: str):
    def register(inject: Callable[[Bench], None]) -> Callable[[Bench], None]:
        FAULTS[name] = inject
        return inject
    return register


def unreadable(**changes: object) -> Callable[[Bench], None]:
    def inject(bench: Bench) -> None:
        def send():
            array, = bench.tracking.track(boxes=BOXES, changes=changes)
            assert sum(t.detection_index >= 0 for t in array.tracks) == 2
        bench.grown('inputs', 'image_errors', send)
    return inject


fault('image of an unknown encoding')(unreadable(encoding='cmyk8'))
fault('empty image')(unreadable(width=0, height=0, step=0, data=b''))
fault('truncated image')(unreadable(data=b'\0' * 10))
fault('step shorter than a row')(unreadable(step=3))
fault('impossible image size')(unreadable(width=4_000_000_000, height=4_000_000_000))


@fault('image size and encoding change')
def resized(bench: Bench) -> None:
    image = np.full((30, 80, 3), 50, np.uint8)
    array, = bench.tracking.track(boxes=BOXES, image=image, changes={'encoding': 'rgb8'})
    assert (array.image_width, array.image_height, len(array.tracks[0].feature)) == (80, 30, 128)


@fault('images of one colour')
def dark(bench: Bench) -> None:
    def send(image):
        bench.tracking.stamp += 10**9
        bench.tracking.track(boxes=BOXES, image=image)
    said = 'images are of one colour (black)'

    def inject():
        for _ in range(5):
            send(np.zeros((48, 64, 3), np.uint8))
    bench.grown('inputs', 'image_blank', inject, 0)
    bench.tracking.status('inputs', lambda s: said in s.message)
    send(None)
    bench.tracking.status('inputs', lambda s: said not in s.message)
    assert bench.log().count(said) == 1


def ignored(reason: str, boxes, scores=None, count: int = 1) -> Callable[[Bench], None]:
    def inject(bench: Bench) -> None:
        bench.grown('tracking', f'ignored_{reason}',
                    lambda: bench.tracking.track(boxes=boxes, scores=scores), count)
    return inject


fault('NaN and infinite boxes')(
    ignored('invalid', [*BOXES, (np.nan, 1, 2, 3), (1, 1, np.inf, 5)], None, 2))
fault('boxes without area')(
    ignored('invalid', [*BOXES, (1, 1, 0, 5), (1, 1, -3, 5)], None, 2))
fault('NaN scores')(ignored('invalid', BOXES, [0.9, np.nan]))
fault('negative scores')(ignored('confidence', BOXES, [0.9, -5.0]))
fault('a thousand detections')(ignored('max_detections', [
    (n % 50, n % 30, 8, 16) for n in range(1000)], np.linspace(0.5, 0.9, 1000), 994))


@fault('detection without a hypothesis')
def no_hypothesis(bench: Bench) -> None:
    def send():
        header = Header(stamp=time_message(bench.next()), frame_id='camera')
        bench.send('image', bench.tracking.stamp)
        message = write_detections(Detections.from_arrays(np.array(BOXES, float)), header)
        message.detections[0].results = []
        bench.tracking.detections.publish(message)
        bench.answered(bench.tracking.stamp)
    bench.grown('tracking', 'ignored_invalid', send)


@fault('boxes outside the image')
def outside(bench: Bench) -> None:
    def send():
        array, = bench.tracking.track(boxes=[(-500, -500, 20, 40), (5000, 10, 20, 40)])
        assert all(len(t.feature) == 0 for t in array.tracks if t.detection_index >= 0)
    bench.grown('tracking', 'outside_image', send, 2)


@fault('boxes in shares of the image')
def shares(bench: Bench) -> None:
    bench.grown('tracking', 'ignored_normalised', lambda: bench.tracking.track(
        boxes=[(x / 64, y / 48, w / 64, h / 48) for x, y, w, h in BOXES]), 2)


@fault('several detections messages for an image')
def several(bench: Bench) -> None:
    def send():
        bench.tracking.track(boxes=BOXES[:1])
        bench.send('detections', bench.tracking.stamp)
    bench.grown('inputs', 'pairing_duplicate_detections', send)


@fault('a transition that the state does not allow')
def impossible(bench: Bench) -> None:
    assert not bench.graph.call(ChangeState, '/tracker/change_state', ChangeState.Request(
        transition=Transition(id=Transition.TRANSITION_CONFIGURE))).success
    bench.graph.spin_until(lambda: live.refused(bench.log(), Transition.TRANSITION_CONFIGURE))


def twice(kind: str) -> Callable[[Bench], None]:
    def inject(bench: Bench) -> None:
        def send():
            stamp = bench.next()
            other = 'detections' if kind == 'image' else 'image'
            for each in (kind, kind, other):
                bench.send(each, stamp)
                bench.graph.spin_for(0.1)
            bench.answered(stamp)
        bench.grown('inputs', 'pairing_duplicates', send)
    return inject


fault('duplicate images')(twice('image'))
fault('duplicate detections')(twice('detections'))


@fault('detections before their image')
def early(bench: Bench) -> None:
    stamp = bench.next()
    bench.send('detections', stamp)
    bench.graph.spin_for(0.2)
    bench.send('image', stamp)
    assert len([t for t in bench.answered(stamp).tracks if t.detection_index >= 0]) == 2


@fault('detections without an image')
def orphan(bench: Bench) -> None:
    def send():
        bench.send('detections', bench.next())
        bench.tracking.track(boxes=BOXES)
    bench.grown('inputs', 'pairing_detections_without_image', send)


@fault('the detector changes the stamps')
def restamped(bench: Bench) -> None:
    bench.node.stop()
    bench.start(appearance='off', assume_empty_after=0.0, sync_depth=3)
    keys = ('pairing_image_without_detections', 'pairing_detections_without_image')
    before = [bench.count('inputs', key) for key in keys]

    def reported():
        bench.send('image', bench.next())
        bench.send('detections', bench.tracking.stamp + 1000)
        bench.graph.spin_for(0.1)
        return any('none have had the same stamp' in status.message
                   and 'the detector must copy the stamp of its image' in status.message
                   for message in bench.tracking.diagnostics for status in message.status)
    bench.tracking.tracks.clear()
    bench.graph.spin_until(reported)
    bench.tracking.diagnostics.clear()
    assert all(bench.count('inputs', key) > count for key, count in zip(keys, before))
    assert not bench.tracking.tracks


@fault('silent detector')
def silent(bench: Bench) -> None:
    def send():
        stamp = bench.next()
        bench.send('image', stamp)
        assert all(t.detection_index == -1 for t in bench.answered(stamp).tracks)
    bench.grown('inputs', 'pairing_assumed_empty', send)


@fault('detector later than assume_empty_after')
def late(bench: Bench) -> None:
    silent(bench)
    bench.grown('inputs', 'pairing_detections_late',
                lambda: bench.send('detections', bench.tracking.stamp))


@fault('stamps step back a little')
def step_back(bench: Bench) -> None:
    bench.tracking.track(3, boxes=BOXES)
    bench.grown('tracking', 'dropped_old_stamp',
                lambda: bench.tracking.send(bench.tracking.stamp - 10 * 10**6, boxes=BOXES))


@fault('stamps jump back')
def jump_back(bench: Bench) -> None:
    before, = bench.tracking.track(boxes=BOXES)
    bench.tracking.stamp -= 5 * 10**9
    after, = bench.tracking.track(boxes=BOXES)
    assert after.session == before.session + 1
    assert min(t.id for t in after.tracks) > max(t.id for t in before.tracks)


@fault('no frames for a minute')
def gap(bench: Bench) -> None:
    before, = bench.tracking.track(boxes=BOXES[:1])
    bench.tracking.stamp += 60 * 10**9
    after, = bench.tracking.track(boxes=BOXES[1:])
    assert after.session == before.session
    assert {t.id for t in before.tracks} <= set(after.removed_ids)


@fault('stamps of zero')
def unstamped(bench: Bench) -> None:
    start = time.time_ns()
    for _ in range(3):
        known = len(bench.tracking.tracks)
        bench.send('image', 0)
        bench.graph.spin_for(0.1)
        bench.send('detections', 0)
        bench.graph.spin_until(lambda known=known: len(bench.tracking.tracks) > known)
        array = bench.tracking.tracks[-1]
        assert start <= nanoseconds(array.header.stamp) <= time.time_ns()
        assert {t.detection_index for t in array.tracks} >= {0, 1}
    assert bench.log().count('/image: messages with a stamp of zero, published by /test') == 1
    bench.tracking.status('inputs', lambda s: 'stamp of zero' in s.message or int(
        {v.key: v.value for v in s.values}['image_unstamped']) >= 3)


@fault('frames faster than the network')
def burst(bench: Bench) -> None:
    def send():
        for _ in range(30):
            bench.tracking.send(bench.next(), boxes=BOXES)
        bench.answered(bench.tracking.stamp)
    bench.grown('tracking', 'dropped_overload', send, by=0)


@fault('the network fails')
def lost(bench: Bench) -> None:
    bench.device.write_text('lost')
    array, = bench.tracking.track(boxes=BOXES)
    assert sum(t.detection_index >= 0 for t in array.tracks) == 2
    status = bench.tracking.status('appearance', lambda s: s.level == DiagnosticStatus.ERROR)
    assert 'device lost' in status.message and 'tried again in' in status.message
    bench.device.unlink()

    def recovered():
        bench.tracking.track(boxes=BOXES)
        return 'the appearance network works again' in bench.log()
    bench.graph.spin_until(recovered)
    assert bench.log().count('RuntimeError: device lost') == 1
    bench.tracking.status('appearance', lambda s: s.level == DiagnosticStatus.OK)


@fault('the network fails until it is reloaded')
def dead(bench: Bench) -> None:
    bench.tracking.diagnostics.clear()
    empty, lacking = bench.count('inputs', 'pairing_assumed_empty'), 0
    bench.device.write_text('dead')
    bench.tracking.track(boxes=BOXES)
    bench.device.unlink()

    def recovered():
        nonlocal lacking
        array, = bench.tracking.track(boxes=BOXES)
        tracked = sum(t.detection_index >= 0 for t in array.tracks) == 2
        lacking += not tracked
        return tracked and bench.log().count('the appearance network works again') > before
    before = bench.log().count('the appearance network works again')
    bench.graph.spin_until(recovered, live.LOADING)
    assert 'it is reloaded' in bench.log()
    # No frame lacked people, but those whose detections a busy machine brought too late.
    bench.tracking.diagnostics.clear()
    assert lacking <= bench.count('inputs', 'pairing_assumed_empty') - empty
    bench.tracking.status('appearance', lambda s: s.level == DiagnosticStatus.OK)


@fault('out of memory')
def no_memory(bench: Bench) -> None:
    bench.device.write_text('room 1')
    array, = bench.tracking.track(boxes=BOXES)
    assert [len(t.feature) for t in array.tracks if t.detection_index >= 0] == [128, 128]
    status = bench.tracking.status('appearance', lambda s: s.level == DiagnosticStatus.WARN)
    assert 'at most 1 crop(s) at once' in status.message
    bench.device.unlink()
    bench.graph.call(Trigger, '/tracker/reset', Trigger.Request())
    bench.tracking.status('appearance', lambda s: s.level == DiagnosticStatus.OK)


@fault('parameter out of range')
def wrong_parameter(bench: Bench) -> None:
    refused = bench.set_answer(max_iou_distance=7.0)
    assert not refused.successful
    assert all(word in refused.reason for word in ('max_iou_distance', '7', '0', '1'))
    value = bench.graph.call(GetParameters, '/tracker/get_parameters', GetParameters.Request(
        names=['max_iou_distance'])).values[0]
    assert value.double_value == 0.7


@fault('appearance switched off and on')
def switched(bench: Bench) -> None:
    assert bench.set(appearance='off')
    array, = bench.tracking.track(boxes=BOXES)
    assert sum(t.detection_index >= 0 for t in array.tracks) == 2
    # The network is released.
    bench.tracking.status('appearance', lambda s: s.message == 'off' and not any(
        value.key == 'model' for value in s.values))
    assert bench.set(appearance='always')
    bench.tracking.status('appearance', lambda s: s.message == 'always on CPU', live.LOADING)


@fault('reset among frames')
def reset(bench: Bench) -> None:
    before = bench.tracking.track(boxes=BOXES)[0]
    dropped = bench.count('tracking', 'dropped_reset')
    bench.hold()
    for _ in range(2):
        bench.tracking.send(bench.next(), boxes=BOXES)
    bench.tracking.status('tracking', lambda s: any(
        value.key == 'queue' and value.value == '2' for value in s.values))
    answer = bench.graph.call(Trigger, '/tracker/reset', Trigger.Request())
    assert answer.message == (
        'all tracks will be dropped after the frame at work, the next session begins')
    bench.device.unlink()
    bench.tracking.status('tracking', lambda s: any(
        value.key == 'dropped_reset' and int(value.value) == dropped + 2 for value in s.values))
    after = bench.tracking.track(boxes=BOXES)[0]
    assert after.session == before.session + 1
    assert min(t.id for t in after.tracks) > max(t.id for t in before.tracks)


@fault('two resets during one slow frame')
def resets(bench: Bench) -> None:
    before = bench.tracking.track(boxes=BOXES)[0].session
    bench.device.write_text('slow')
    bench.tracking.send(bench.next(), boxes=BOXES)
    bench.graph.spin_until(lambda: (bench.folder / 'at work').exists())
    bench.device.unlink()
    answers = [bench.graph.call(Trigger, '/tracker/reset', Trigger.Request()).message
               for _ in range(2)]
    assert answers == [f'all tracks dropped, session {before + more} begins' for more in (1, 2)]
    assert bench.tracking.track(boxes=BOXES)[0].session == before + 2
    (bench.folder / 'at work').unlink()


@fault('disabled for a while')
def disabled(bench: Bench) -> None:
    bench.graph.call(SetBool, '/tracker/enable', SetBool.Request(data=False))
    bench.grown('tracking', 'dropped_disabled', lambda: bench.send('image', bench.next()))
    bench.graph.call(SetBool, '/tracker/enable', SetBool.Request(data=True))


@fault('deactivated and activated')
def deactivated(bench: Bench) -> None:
    before = bench.tracking.track(boxes=BOXES)[0]
    dropped = [bench.count('tracking', f'dropped_{why}') for why in ('inactive', 'reset')]
    bench.hold()
    bench.tracking.send(bench.next(), boxes=BOXES)
    bench.tracking.status('tracking', lambda s: any(
        value.key == 'queue' and value.value == '1' for value in s.values))
    assert bench.change(Transition.TRANSITION_DEACTIVATE)
    status = bench.tracking.status('tracking', lambda s: s.message == 'not active')
    counts = {value.key: value.value for value in status.values}
    assert [int(counts[f'dropped_{why}']) for why in ('inactive', 'reset')] == [
        dropped[0] + 1, dropped[1]]
    bench.device.unlink()
    assert bench.change(Transition.TRANSITION_ACTIVATE)
    after = bench.reconnected()
    assert after.session == before.session
    assert {t.id for t in after.tracks} == {t.id for t in before.tracks}


@fault('clean-up while the device hangs')
def hung(bench: Bench) -> None:
    session = bench.tracking.track(boxes=BOXES)[0].session
    bench.hold()
    assert bench.change(Transition.TRANSITION_DEACTIVATE)
    begun = time.monotonic()
    assert not bench.change(Transition.TRANSITION_CLEANUP)
    assert time.monotonic() - begun < 20
    assert 'clean-up: the frame at work has not ended within 5 s' in bench.log()
    bench.device.unlink()
    bench.graph.spin_until(lambda: bench.change(Transition.TRANSITION_CLEANUP))
    assert bench.change(Transition.TRANSITION_CONFIGURE)
    assert bench.change(Transition.TRANSITION_ACTIVATE)
    bench.graph.spin_until(lambda: bench.graph.node.count_publishers('/tracks') == 1)
    bench.reconnected()
    bench.tracking.status('appearance', lambda s: s.message == 'always on CPU', live.LOADING)
    assert bench.tracking.track(boxes=BOXES)[0].session > session


@fault('subscriber that cannot connect')
def incompatible(bench: Bench) -> None:
    wrong = bench.graph.node.create_subscription(
        Detection2DArray, '/tracks/detections', print, QoSProfile(
            depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL))
    bench.node.wait_for('/tracks/detections: a subscriber asks for another durability')
    bench.graph.node.destroy_subscription(wrong)


@fault('the node is stopped for a second')
def stopped(bench: Bench) -> None:
    bench.node.process.send_signal(signal.SIGSTOP)
    for _ in range(5):
        bench.tracking.send(bench.next(), boxes=BOXES)
        bench.graph.spin_for(0.2)
    bench.node.process.send_signal(signal.SIGCONT)
    bench.reconnected()


@fault('camera and detector are killed')
def peers_killed(bench: Bench) -> None:
    def tracked(found: bool):
        """Wait for three new arrays with both people in them, or without them."""
        bench.tracking.tracks.clear()
        bench.graph.spin_until(lambda: sum(
            any(t.detection_index >= 0 for t in a.tracks) == found
            for a in bench.tracking.tracks) >= 3)
        return bench.tracking.tracks[-1].session

    peers = {role: bench.peer(role) for role in ('camera', 'detector')}
    try:
        session = tracked(True)
        for role, found in (('detector', False), ('camera', None)):
            peers[role].kill()
            peers[role].wait()
            if found is not None:
                tracked(found)
            peers[role] = bench.peer(role)
            assert tracked(True) == session
    finally:
        for peer in peers.values():
            peer.kill()
            peer.wait()
    bench.graph.spin_for(2 * PATIENCE)


@fault('the node is killed')
def killed(bench: Bench) -> None:
    before, = bench.tracking.track(boxes=BOXES)
    bench.node.process.kill()
    bench.node.process.wait()
    bench.start(appearance='off')
    after, = bench.tracking.track(boxes=BOXES)
    assert abs(after.session - before.session) > 10
    assert {(before.session, t.id) for t in before.tracks}.isdisjoint(
        (after.session, t.id) for t in after.tracks)


@fault('sim time without a clock')
def no_clock(bench: Bench) -> None:
    assert bench.node.stop() == 0
    bench.start(appearance='off', use_sim_time='true')
    bench.tracking.status('inputs', lambda s: 'no time has come on /clock' in s.message)
    bench.tracking.track(3, boxes=BOXES)
    assert not any(key.startswith('latency') for key in bench.tracking.values('tracking'))
