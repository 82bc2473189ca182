"""
Whatever comes in for however long, the node neither grows nor loses a frame without a word.

``DEEPSORT_SOAK=100000`` sends so many frames, with the same mishaps each time, and tells how far
it is.
Identities and stamps are checked with every ``TrackArray``, see :class:`load.Witness`.
"""
import os
import time

import live
import numpy as np
import pytest
from load import Load
from load import OVERRIDES
from load import QUEUE
from load import Sample
from load import sample
from stream import EVENTS

from deepsort_ros.ros.health.diagnostics import DROPPED

FRAMES = int(os.environ.get('DEEPSORT_SOAK', 4000))
SAMPLES = 60
# MiB per frame: a hundred bytes. Memory is taken in steps, and more of it where frames pile up
# because others keep the processor busy; a network that is loaded again takes its place on the
# heap in steps, too (11 MiB at most, of which 1 came after 2,000 frames of 5,200). Growth of less
# than ROOM [MiB] says nothing: the default run sees four kilobytes per frame, any message kept.
LEAK = 1 / 10_000
ROOM = 8.0
# Of the files and threads of each half, what may not grow by more than so many. A leak that stays
# raises the fewest. One that comes and goes raises the others; a network that is being loaded
# holds a file and a thread for a moment, which a sample may meet in one half and not in the other.
MEASURES = (('fewest', np.min, 0), ('median', np.median, 1), ('most', np.max, 2))
NOT_PAIRED = ('detections_late', 'image_without_detections', 'detections_without_image',
              'duplicates', 'cleared', 'waiting')


def growth(samples: list[Sample]) -> list[str]:
    """Return in words what grew in the second half; the first warms the process up."""
    warm = samples[len(samples) // 2:]
    frames = np.array([s.frame for s in warm])
    span = frames[-1] - frames[0]
    grown = float(np.polyfit(frames, [s.memory for s in warm], 1)[0] * span)
    found = [f'memory: {grown:.1f} MiB in {span} frames'] if grown > max(ROOM, LEAK * span) else []
    early, late = warm[:len(warm) // 2], warm[len(warm) // 2:]
    for name in ('files', 'threads'):
        before, after = (np.array([getattr(s, name) for s in part]) for part in (early, late))
        for kind, of, room in MEASURES:
            if of(after) > of(before) + room:
                found.append(f'{name}, {kind}: {of(before):g}, then {of(after):g}')
    return found


@pytest.fixture(scope='module')
def tell(pytestconfig):
    """Return a print that is seen at once, also of a test that passes."""
    capture = pytestconfig.pluginmanager.getplugin('capturemanager')

    def tell(text):
        with capture.global_and_fixture_disabled():
            print(text, flush=True)
    return tell


@pytest.fixture(scope='module')
def domain():
    """Yield a ROS_DOMAIN_ID for this module."""
    with live.own_domain() as number:
        yield number
        live.kill_all()


@pytest.fixture(scope='module')
def soaked(tmp_path_factory, tell, domain):
    """Send it all to a node; return what sent it, the node's own counts and the samples."""
    samples = []
    node = live.NodeProcess(
        tmp_path_factory.mktemp('soak'), domain, *OVERRIDES, queue_depth=QUEUE, device='CPU',
        appearance='on_demand', appearance_budget=2, batch_buckets='[1, 2]')
    graph = live.Graph(domain)
    try:
        node.wait_for('active:')
        load = Load(graph)
        start = time.monotonic()
        while load.last < FRAMES:
            load.step()
            if load.last * SAMPLES // FRAMES > len(samples):
                samples.append(sample(node.process.pid, load.last))
                if FRAMES > 5000:
                    tell(f'{samples[-1]} {time.monotonic() - start:.0f} s')
        seconds = time.monotonic() - start
        counts = load.finish()
        assert node.stop() == 0
        assert 'Traceback' not in node.log()
    finally:
        graph.close()
        node.stop()
    first, last = samples[len(samples) // 2], samples[-1]
    drops = {why: counts[f'dropped_{why}'] for why in DROPPED} | {
        why: counts[f'pairing_{why}'] for why in NOT_PAIRED}
    tell(f'\n{load.last} frames ({dict(load.modes)}), {load.last / seconds:.0f} frames/s; '
         f'from frame {first.frame} on {first.memory:.1f} to {last.memory:.1f} MiB, '
         f'{first.files} to {last.files} files, {first.threads} to {last.threads} threads; '
         f'{load.witness.frames} TrackArrays, {len(load.witness.ended)} ids, '
         f'{len(load.witness.sessions)} sessions; '
         f'dropped {({why: count for why, count in drops.items() if count})}')
    return load, counts, samples


def test_memory_files_and_threads_stay_as_they_are(soaked):
    _, _, samples = soaked
    assert growth(samples) == []


def test_every_message_is_published_or_counted_with_its_reason(soaked):
    load, counts, _ = soaked
    assert {name: counts[f'{name}_count'] for name in load.sent} == load.sent
    assert counts['frames'] == load.witness.frames
    handed_over = counts['frames'] + counts['queue'] + sum(
        counts[f'dropped_{why}'] for why in DROPPED)
    assert handed_over == counts['pairing_paired'] + counts['pairing_assumed_empty']
    assert load.sent.total() == handed_over + counts['pairing_paired'] + sum(
        counts[f'pairing_{why}'] for why in NOT_PAIRED)


def test_all_that_can_happen_to_a_frame_did(soaked):
    load, counts, _ = soaked
    assert set(load.stream.events) == set(EVENTS) and set(load.modes) == {'off', 'on_demand'}
    for name in ('pairing_image_without_detections', 'pairing_detections_without_image',
                 'pairing_duplicates', 'pairing_jumps', 'dropped_overload', 'dropped_old_stamp',
                 'dropped_reset', 'image_errors'):
        assert counts[name] > 0, name
    assert counts['failures'] == 0
    events = load.stream.events
    assert 1 < len(load.witness.sessions) <= 1 + events['reset'] + events['jump back']
    assert len(load.witness.ended) > load.witness.frames / 20


@pytest.mark.parametrize('kept', [0, 6, 1000])
def test_a_leak_is_seen(kept):
    """``kept``: kilobytes per frame, beside the memory that any process takes in steps."""
    frames = range(25, 4001, 25)
    samples = [Sample(n, 700 + n // 400 * 0.3 + n * kept / 1000, 23, 25) for n in frames]
    assert bool(growth(samples)) == (kept > 0)
    assert growth([Sample(n, 700, 23 + n // 100, 25) for n in frames])
    assert growth([Sample(n, 700, 23, 25 + n // 100) for n in frames])


@pytest.mark.parametrize('name', ['files', 'threads'])
def test_a_leak_that_comes_and_goes_is_seen(name):
    """Samples that each meet more and more of what is cleared away now and then."""
    whole = {'memory': 700.0, 'files': 23, 'threads': 25}
    samples = [Sample(n, **{**whole, name: whole[name]
                            + n // 500 * (n % 100 // 25)}) for n in range(25, 4001, 25)]
    assert growth(samples)


@pytest.mark.parametrize('every', [2, 4, 7, 30])
def test_a_network_that_is_loaded_now_and_then_is_no_leak(every):
    """Whatever share of the samples meets one that holds a file and a thread."""
    for first in range(every):
        samples = [Sample(25 * n, 700.0, 23 + loads, 25 + loads) for n in range(160)
                   for loads in [int(n % every == first and n > 120)]]
        assert growth(samples) == []
