"""Images meet the detections computed from them, and no others."""
import itertools

import pytest

from deepsort_ros.ros.pairing import Pairer

STEP = 33_333_333
FRAMES = 150


def looped_bag(every, lag, loops):
    """
    Yield ('image' | 'detections', stamp, identity) as a looped bag and a live detector send.

    The detector works on every ``every``-th image and answers ``lag`` images later, so the last
    answers of a loop arrive after the stamps jumped back.
    """
    images = [(loop, frame) for loop in range(loops) for frame in range(FRAMES)]
    for sent, (loop, frame) in enumerate(images):
        yield 'image', frame * STEP, (loop, frame)
        if sent >= lag and (sent - lag) % every == 0:
            seen = images[sent - lag]
            yield 'detections', seen[1] * STEP, seen


def run(pairer, messages):
    pairs = []
    for kind, stamp, identity in messages:
        pair = (pairer.add_image if kind == 'image' else pairer.add_detections)(stamp, identity)
        if pair is not None:
            pairs.append(pair)
    return pairs


@pytest.mark.parametrize('every, lag', list(itertools.product((1, 2, 3), (1, 2, 12))))
def test_a_looped_bag_never_pairs_wrongly_and_loses_only_what_is_in_flight(every, lag):
    pairer = Pairer(depth=30)
    messages = list(looped_bag(every, lag, loops=3))
    pairs = run(pairer, messages)
    assert all(image == detections for image, detections in pairs)
    sent = sum(kind == 'detections' for kind, _, _ in messages)
    assert len(pairs) >= sent - 2 * lag  # two jumps, ``lag`` answers in flight at each
    assert pairer.counts.jumps == 4


@pytest.mark.parametrize('patience', [0.0, 2.0, 5.0])
def test_every_message_is_accounted_for(patience):
    pairer = Pairer(depth=5, patience=patience)
    messages = list(looped_bag(every=2, lag=3, loops=2))
    pairs, empty = [], []
    for now, (kind, stamp, identity) in enumerate(messages + messages[-4:]):
        add = pairer.add_image if kind == 'image' else pairer.add_detections
        empty += pairer.overdue(now)
        pairs += filter(None, [add(stamp, identity, now)])
    assert bool(pairer.counts.detections_late) == bool(patience)
    assert pairer.counts.assumed_empty + pairer.counts.skipped == len(empty)
    assert bool(empty) == bool(patience)
    assert all(image == detections for image, detections in pairs)
    counts = pairer.counts
    assert counts.paired == len(pairs)
    assert len(messages) + 4 == (
        2 * counts.paired + counts.assumed_empty + counts.skipped + counts.detections_late
        + counts.image_without_detections + counts.detections_without_image
        + counts.duplicates + counts.cleared + pairer.waiting())


def test_detections_may_come_before_their_image():
    pairer = Pairer(depth=3)
    assert pairer.add_detections(7, 'detections') is None
    assert pairer.add_image(7, 'image') == ('image', 'detections')


def test_the_oldest_arrival_is_evicted_when_an_input_is_full():
    pairer = Pairer(depth=2)
    for stamp in (30, 10, 20):
        pairer.add_image(stamp, stamp)
    assert pairer.add_detections(30, 'late') is None
    assert pairer.add_detections(10, 'kept') == (10, 'kept')
    assert pairer.counts.image_without_detections == 1


def test_the_first_of_two_messages_with_one_stamp_is_kept():
    pairer = Pairer(depth=3)
    pairer.add_image(1, 'first')
    pairer.add_image(1, 'second')
    assert pairer.add_detections(1, 'd') == ('first', 'd')
    assert pairer.counts.duplicates == 1


def test_unequal_stamps_do_not_pair_without_a_tolerance():
    pairer = Pairer(depth=3)
    pairer.add_image(100, 'image')
    assert pairer.add_detections(101, 'd') is None


def test_a_tolerance_takes_the_nearest_stamp_within_it():
    pairer = Pairer(depth=5, tolerance=5)
    for stamp in (90, 103, 96):
        pairer.add_image(stamp, stamp)
    assert pairer.add_detections(100, 'd') == (103, 'd')
    assert pairer.add_detections(109, 'd') is None


def test_a_step_back_within_the_limit_clears_nothing():
    pairer = Pairer(depth=5, jump=1000)
    pairer.add_image(2000, 'new')
    pairer.add_image(1000, 'old')
    assert pairer.counts.jumps == 0
    assert pairer.add_detections(1000, 'd') == ('old', 'd')


def test_detections_of_before_a_jump_do_not_meet_an_image_of_after_it():
    pairer = Pairer(depth=100, jump=10)
    pairer.add_image(50, 'old image')
    pairer.add_detections(20, 'old detections')
    pairer.add_image(15, 'new image')
    assert pairer.add_image(20, 'new image') is None


def test_a_clock_that_went_back_drops_what_is_stamped_later():
    pairer = Pairer(depth=5)
    pairer.add_image(5, 'new')
    pairer.add_image(900, 'old')
    pairer.forget_after(10)
    assert pairer.add_detections(900, 'd') is None
    assert pairer.add_detections(5, 'd') == ('new', 'd')


def test_without_patience_no_image_is_ever_overdue():
    pairer = Pairer(depth=5)
    pairer.add_image(1, 'image', now=0.0)
    assert pairer.overdue(1e9) == []


def test_images_are_overdue_in_the_order_of_their_stamps_and_not_before_their_time():
    pairer = Pairer(depth=5, patience=0.5)
    for stamp, now in ((20, 0.0), (10, 0.1), (30, 0.2)):
        pairer.add_image(stamp, stamp, now)
    assert pairer.overdue(0.5) == []
    assert [image for image, _ in pairer.overdue(0.65)] == [10, 20]
    assert pairer.add_detections(30, 'd', 0.66) == (30, 'd')
    assert pairer.overdue(9.0) == [] and pairer.counts.assumed_empty == 2


def test_detections_of_an_image_that_was_assumed_empty_are_late():
    pairer = Pairer(depth=5, patience=0.5)
    pairer.add_image(10, 'image', 0.0)
    assert pairer.overdue(1.0) == [('image', False)]
    assert pairer.add_detections(10, 'd', 1.1) is None
    assert (pairer.counts.detections_late, pairer.waiting()) == (1, 0)


def test_after_a_jump_back_nothing_is_late():
    pairer = Pairer(depth=5, jump=10, patience=0.5)
    pairer.add_image(1000, 'old', 0.0)
    assert pairer.overdue(1.0) == [('old', False)]
    pairer.add_image(20, 'new', 1.1)
    assert pairer.add_detections(20, 'd', 1.2) == ('new', 'd')
    assert pairer.counts.detections_late == 0
