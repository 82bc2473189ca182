"""One frame's way: filters, stamps, appearance and its failures."""
import numpy as np
import pytest

from deepsort_ros.pipeline import Frame
from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.pipeline import published
from deepsort_ros.pipeline import wanted
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Detections
from deepsort_ros.tracking import TrackState

IMAGE = np.zeros((100, 100, 3), dtype=np.uint8)
STEP = NANOSECONDS // 10
# Ten images a second are as good as thirty.
SETTINGS = Settings(frame_rate=10.0, noise_rate=10.0, max_age=1.0)


class Encoder:
    """Gives every box the same feature; fails on request."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.broken = False
        self.kept = 0

    def encode(self, image, tlwh, encoding, kept=()):
        self.calls.append(len(tlwh))
        self.kept = len(kept)
        if self.broken:
            raise RuntimeError('device lost')
        return np.tile(np.array([[1, 0]], dtype=np.float32), (len(tlwh) + len(kept), 1))

    def keep(self, image, tlwh, encoding):
        return list(tlwh)


def frame(number: int, boxes=((10, 10, 20, 40),), image=IMAGE) -> Frame:
    return Frame(number * STEP, Detections.from_arrays(boxes), image)


def run(pipeline: Pipeline, numbers, **kwargs):
    return [pipeline.process(frame(number, **kwargs)) for number in numbers]


def test_detections_are_left_out_by_reason_and_counted() -> None:
    detections = Detections.from_arrays(
        [(0, 0, 20, 40), (1, 0, 20, 40), (50, 0, 20, 40), (90, 0, 20, 40), (50, 50, 20, 8),
         (np.nan, 0, 1, 1), (0, 0, 0, 40), (300, 0, 20, 40), (400, 0, 20, 40)],
        [0.9, 0.8, 0.2, 0.7, 0.9, 0.9, 0.9, 0.6, 0.5],
        ['person', 'person', 'person', 'car', 'person', 'person', 'person', 'person', 'person'])
    settings = Settings(classes=('person',), low_confidence=0.3, min_box_height=10.0,
                        nms_max_overlap=0.5, max_detections=2)
    kept, ignored = wanted(detections, settings)
    assert kept.index.tolist() == [0, 7]
    assert ignored == {'invalid': 2, 'class': 1, 'confidence': 1, 'height': 1, 'overlap': 1,
                       'max_detections': 1}


def test_without_limits_all_detections_stay_best_first() -> None:
    detections = Detections.from_arrays([(0, 0, 5, 5)] * 3, [0.5, 0.9, 0.7])
    kept, ignored = wanted(detections, Settings(duplicate_overlap=1.0))
    assert kept.index.tolist() == [1, 2, 0] and ignored == {}


def test_the_filter_gets_the_true_time_step() -> None:
    pipeline = Pipeline(SETTINGS, None)
    for number in (0, 1, 2, 3, 5, 8, 9, 12, 13, 17, 18, 19, 22, 26):
        result = pipeline.process(frame(number, [(10 + 5 * number, 10, 20, 40)]))
    # Five pixels per step whatever images are missing.
    assert result.tracks.velocity[0, 0] == pytest.approx(5, abs=0.1)
    assert (result.tracks.first_seen[0], result.tracks.last_seen[0]) == (0, 26 * STEP)


def test_max_age_is_a_time_not_a_number_of_images() -> None:
    pipeline = Pipeline(SETTINGS, None)
    run(pipeline, range(4))
    assert len(pipeline.process(frame(12, ())).tracks) == 1
    removed = pipeline.process(frame(15, ())).tracks
    assert len(removed) == 0 and removed.removed_ids.tolist() == [1]


@pytest.mark.parametrize('stamp', [5 * STEP, 5 * STEP - 1, 0])
def test_an_old_stamp_drops_the_frame_and_changes_nothing(stamp: int) -> None:
    pipeline, undisturbed = Pipeline(SETTINGS, None), Pipeline(SETTINGS, None)
    run(pipeline, range(6))
    run(undisturbed, range(6))
    result = pipeline.process(Frame(stamp, Detections.from_arrays([(70, 70, 20, 20)]), None))
    assert result.tracks is None and not result.reset and result.session == 0
    after, expected = (p.process(frame(6)).tracks for p in (pipeline, undisturbed))
    assert after.id.tolist() == expected.id.tolist() == [1]
    np.testing.assert_array_equal(after.tlwh, expected.tlwh)


def test_a_jump_back_starts_over_with_new_ids() -> None:
    pipeline = Pipeline(SETTINGS, None)
    run(pipeline, range(20, 25))
    result = pipeline.process(frame(1))
    assert result.reset and result.session == pipeline.session == 1
    assert result.tracks.id.tolist() == [2]
    assert not pipeline.process(frame(2)).reset


def test_a_frame_without_detections_or_image_is_tracked() -> None:
    pipeline = Pipeline(SETTINGS, Encoder())
    run(pipeline, range(3))
    result = pipeline.process(frame(3, (), None))
    assert result.tracks.state.tolist() == [TrackState.LOST] and result.crops == 0


def test_a_failed_encoder_leaves_motion_until_a_reset_tries_it_again() -> None:
    encoder = Encoder()
    pipeline = Pipeline(SETTINGS, encoder)
    run(pipeline, range(3))
    encoder.broken = True
    results = run(pipeline, range(3, 6))
    assert pipeline.encoder_error == 'RuntimeError: device lost'
    assert [result.tracks.id.tolist() for result in results] == [[1]] * 3
    assert encoder.calls == [1] * 4, 'asked once more after the failure'
    encoder.broken = False
    pipeline.reset()
    assert pipeline.encoder_error is None
    assert pipeline.process(frame(6)).crops == 1


def test_on_demand_asks_only_for_features_motion_cannot_do_without() -> None:
    encoder = Encoder()
    pipeline = Pipeline(SETTINGS.replace({
        'appearance': 'on_demand', 'appearance_interval': 5}), encoder)
    far = ((0, 0, 20, 40), (300, 0, 20, 40))
    crops = [result.crops for result in run(pipeline, range(25), boxes=far)]
    # Once confirmed, one after the other, then each in every fifth image.
    assert crops[:10] == [0, 0, 0, 1, 1, 0, 0, 0, 1, 1] and sum(crops[15:]) == 4
    # A third box appears where no track could claim it.
    assert pipeline.process(frame(25, (*far, (600, 0, 20, 40)))).crops == 0
    # Two boxes overlap a track nearly alike: appearance decides, and what the track looked like
    # last counts.
    boxes = (*far, (304, 0, 20, 40), (600, 0, 20, 40))
    assert pipeline.process(frame(26, boxes)).crops == 3 and encoder.kept == 1
    # And each gets a new one now and then, no more than the budget at once.
    pipeline.apply(pipeline.settings.replace({'appearance_budget': 1}))
    assert [result.crops for result in run(pipeline, range(27, 49), boxes=far)].count(1) >= 2
    assert max(encoder.calls[-10:]) == 1


def test_in_few_images_new_ones_are_compared_at_once_so_that_they_are_confirmed() -> None:
    encoder = Encoder()
    pipeline = Pipeline(
        SETTINGS.replace({'appearance': 'on_demand', 'noise_rate': 30.0}), encoder)
    results = run(pipeline, range(3), boxes=((0, 0, 20, 40), (300, 0, 20, 40)))
    # Those of the first image were kept, and are described with those of the second.
    assert [result.crops for result in results] == [0, 4, 0]
    assert [result.confirmed for result in results] == [0, 2, 0]


def opened(**changes) -> Pipeline:
    """Return a pipeline whose next image, :data:`MEETING`, leaves six people open."""
    pipeline = Pipeline(SETTINGS.replace({'appearance': 'on_demand', **changes}), Encoder())
    run(pipeline, range(5), boxes=[(100 * n, 0, 20, 40) for n in range(3)])
    return pipeline


# Two beside each of three tracks.
MEETING = [(100 * n + shift, 0, 20, 40) for n in range(3) for shift in (-2, 2)]


def test_no_more_features_than_there_is_time_for() -> None:
    pipeline = opened()
    pipeline.allow_encoder(True, 2)
    result = pipeline.process(frame(5, MEETING))
    assert result.crops == 2 and result.limited
    assert (result.tracks.detection_index >= 0).all(), 'the others match by overlap'
    pipeline.allow_encoder(True)
    result = pipeline.process(frame(6, MEETING))
    assert result.crops > 2 and not result.limited


def test_a_budget_of_the_settings_does_not_ask_for_the_time() -> None:
    pipeline = opened(appearance_budget=4)
    pipeline.allow_encoder(True, 2)
    assert pipeline.process(frame(5, MEETING)).crops == 4


def test_always_means_a_feature_for_each_whatever_the_time() -> None:
    pipeline = opened(appearance='always')
    pipeline.allow_encoder(True, 2)
    assert pipeline.process(frame(5, MEETING)).crops == 6


class Seer(Encoder):
    """Tells apart the grey of what boxes show."""

    def encode(self, image, tlwh, encoding, kept=()):
        super().encode(image, tlwh, encoding, kept)
        greys = [*(crop[0] for crop in self.keep(image, tlwh, encoding)),
                 *(crop[0] for crop in kept)]
        return np.eye(256, dtype=np.float32)[greys]

    def keep(self, image, tlwh, encoding):
        return [image[int(top), int(left), :1].copy() for left, top in tlwh[:, :2]]


def lost_after_turning(encoder: Seer) -> Pipeline:
    """Return what has seen a person in one grey, then in another, then not at all."""
    pipeline = Pipeline(SETTINGS.replace({
        'appearance': 'on_demand', 'appearance_interval': 30}), encoder)
    for number in range(10):
        grey = np.full((100, 100, 3), 10 if number < 4 else 20, dtype=np.uint8)
        assert pipeline.process(frame(number, image=grey)).tracks.id.tolist() == [1]
    pipeline.process(frame(10, boxes=()))
    return pipeline


BACK = frame(11, ((14, 10, 20, 40), (6, 10, 20, 40)), np.full((100, 100, 3), 20, dtype=np.uint8))
BACK.image[:, :10] = 99


def test_a_lost_person_is_known_by_looks_no_feature_was_computed_of() -> None:
    encoder = Seer()
    result = lost_after_turning(encoder).process(BACK)
    assert sum(encoder.calls) == 1 + 2 and encoder.kept == 2 and result.crops == 2 + 2
    assert result.tracks.detection_index[result.tracks.id == 1] == [0]


def test_kept_looks_outlast_a_failure_but_no_reset_nor_another_encoder() -> None:
    encoder = Seer()
    pipeline = lost_after_turning(encoder)
    encoder.broken = True
    assert pipeline.process(frame(10.5, ((300, 10, 20, 40),))).crops == 0
    encoder.broken = False
    pipeline.allow_encoder(True)
    assert pipeline.process(BACK).crops == 2 + 2
    pipeline = lost_after_turning(encoder)
    pipeline.reset()
    assert pipeline.process(BACK).crops == 0
    pipeline = lost_after_turning(encoder)
    pipeline.use_encoder(Seer())
    assert pipeline.process(BACK).crops == 2


def test_looks_are_forgotten_once_there_is_a_newer_feature() -> None:
    encoder = Seer()
    pipeline = Pipeline(SETTINGS.replace({
        'appearance': 'on_demand', 'appearance_interval': 4}), encoder)
    crops = [result.crops for result in run(pipeline, range(8))]
    assert crops == [0, 0, 0, 1, 0, 0, 0, 1]
    assert pipeline.process(frame(8, ((12, 10, 20, 40), (8, 10, 20, 40)))).crops == 2
    assert encoder.kept == 0


def test_off_never_asks_the_encoder() -> None:
    encoder = Encoder()
    pipeline = Pipeline(SETTINGS.replace({'appearance': 'off'}), encoder)
    assert [result.crops for result in run(pipeline, range(3))] == [0] * 3
    assert encoder.calls == []


def test_settings_change_between_frames_and_tracks_live_on() -> None:
    pipeline = Pipeline(SETTINGS, None)
    run(pipeline, range(4))
    pipeline.apply(SETTINGS.replace({'min_confidence': 2.0, 'low_confidence': 2.0}))
    result = pipeline.process(frame(4))
    assert result.ignored == {'confidence': 1}
    assert result.tracks.id.tolist() == [1]


@pytest.mark.parametrize(('changes', 'states'), [
    ({}, {TrackState.CONFIRMED, TrackState.LOST}),
    ({'publish_lost': False}, {TrackState.CONFIRMED}),
    ({'publish_tentative': True}, set(TrackState)),
])
def test_only_the_tracks_asked_for_are_published(changes, states) -> None:
    pipeline = Pipeline(SETTINGS, None)
    both = ((0, 0, 20, 40), (300, 0, 20, 40))
    run(pipeline, range(4), boxes=both)
    tracks = pipeline.process(frame(4, (both[0], (600, 0, 20, 40)))).tracks
    assert set(tracks.state.tolist()) == set(TrackState)
    assert set(published(tracks, SETTINGS.replace(changes)).state.tolist()) == states


def in_two_colours(settings, recommended):
    """Return the ids of a person who comes back, in the meantime, in other clothes."""
    encoder = Encoder()
    if recommended is not None:
        encoder.max_cosine_distance = recommended
    pipeline = Pipeline(settings, encoder)
    ids = [pipeline.process(frame(number)).tracks.id for number in range(1, 5)]
    # 1 - cosine of 0.29, far from where motion and overlap would take it for the same.
    encoder.encode = lambda *_, **__: np.array([[0.7071, 0.7071]], np.float32)
    pipeline.process(frame(5, boxes=()))
    tracks = pipeline.process(frame(6, boxes=((22, 10, 20, 40),))).tracks
    seen = tracks.select(tracks.time_since_update == 0)
    return ids[-1][0] == seen.id[0]


@pytest.mark.parametrize('setting, recommended, same', [
    (0.0, 0.4, True), (0.0, 0.25, False), (0.0, None, False), (0.0, 0.0, False),
    (0.4, 0.25, True), (0.25, 0.4, False)])
def test_the_limit_of_appearance_is_that_of_the_model_unless_set(setting, recommended, same):
    settings = SETTINGS.replace({
        'max_cosine_distance': setting, 'max_iou_distance': 0.0, 'n_init': 2})
    assert in_two_colours(settings, recommended) == same


def test_a_model_that_comes_late_brings_its_limit():
    encoder = Encoder()
    pipeline = Pipeline(SETTINGS, encoder)
    run(pipeline, (1, 2))
    assert pipeline._tracker._config.max_cosine_distance == 0.2
    encoder.max_cosine_distance = 0.35
    run(pipeline, (3,))
    assert pipeline._tracker._config.max_cosine_distance == 0.35


def test_a_model_of_another_feature_length_loses_no_track():
    encoder = Encoder()
    pipeline = Pipeline(SETTINGS.replace({'publish_features': True}), encoder)
    before = run(pipeline, (1, 2, 3))[-1].tracks
    encoder.encode = lambda image, tlwh, encoding, kept=(): np.tile(
        np.array([[0, 1, 0]], np.float32), (len(tlwh) + len(kept), 1))
    after = run(pipeline, (4, 5))[-1].tracks
    assert after.id.tolist() == before.id.tolist()
    assert after.feature.shape == (1, 3) and pipeline.encoder_error is None


@pytest.mark.parametrize('names', [('0:person', '2:car'), ('person', 'bicycle', 'car'),
                                   (' 0 : person', '2: car')])
@pytest.mark.parametrize('classes', [('0', '2'), ('person', 'car'), ('person', '2')])
def test_classes_are_chosen_by_number_or_name_and_have_their_names(names, classes):
    settings = Settings(classes=classes, class_names=names)
    found, ignored = wanted(Detections.from_arrays(
        [(10, 10, 20, 40), (90, 10, 20, 40), (190, 10, 20, 40)], [0.9, 0.8, 0.7],
        ['0', '1', '2']), settings)
    assert found.class_id.tolist() == ['person', 'car'] and ignored == {'class': 1}


def test_two_classes_of_one_name_are_one_class():
    pipeline = Pipeline(Settings(appearance='off', n_init=1, class_change_overlap=1.0,
                                 class_names=('person:person', 'rider:person')), None)
    ids = set()
    for number in range(4):
        detections = Detections.from_arrays(
            [(10.0 + number, 10, 20, 40)], [0.9], [('person', 'rider')[number % 2]])
        tracks = pipeline.process(Frame(number * STEP, detections, None)).tracks
        ids |= {(one, name) for one, name in zip(tracks.id.tolist(), tracks.class_id)}
    assert ids == {(1, 'person')}


@pytest.mark.parametrize('box', [(0.4, 0.5, 0.1, 0.3), (0, 0, 1, 1), (-0.1, 0.9, 0.3, 0.3)])
def test_boxes_in_shares_of_the_image_are_not_tracked(box):
    found, ignored = wanted(Detections.from_arrays([box, (0, 0, 1.5, 2)]), Settings())
    assert found.tlwh.tolist() == [[0, 0, 1.5, 2]] and ignored == {'normalised': 1}


def test_confirmed_counts_objects_and_not_the_ids_that_tentative_tracks_take():
    pipeline = Pipeline(Settings(appearance='off', frame_rate=10.0, n_init=3), None)
    count, ids = 0, set()
    for number in range(30):
        boxes = [(10.0 + 4 * number, 10, 20, 40), (200.0, 100, 20, 40)]
        if 12 <= number < 15:
            boxes = boxes[:1]  # the second one is lost for a while, and found again
        # What the detector takes for a person in one image only, anywhere.
        boxes.append((400.0 + 37 * (number % 7), 10.0 + 61 * (number % 5), 20, 40))
        result = pipeline.process(Frame(number * STEP, Detections.from_arrays(boxes), None))
        count += result.confirmed
        ids |= set(published(result.tracks, pipeline.settings).id.tolist())
    assert count == len(ids) == 2
    assert result.tracks.id.max() > 20


def test_a_track_that_is_found_again_under_a_new_number_is_counted_once():
    pipeline = Pipeline(Settings(frame_rate=10.0, n_init=3, max_age=5.0), Encoder())
    count, ids = 0, set()
    for number in range(30):
        left = 10.0 if number < 10 else 400.0
        boxes = [] if 10 <= number < 15 else [(left, 10, 20, 40)]
        result = pipeline.process(Frame(number * STEP, Detections.from_arrays(boxes), IMAGE))
        count += result.confirmed
        ids |= set(published(result.tracks, pipeline.settings).id.tolist())
    assert (count, ids) == (1, {1})


class Vague(Encoder):
    """Tells objects apart by where they are, and hardly knows one again."""

    def encode(self, image, tlwh, encoding, kept=()):
        rng = np.random.default_rng(len(self.calls))
        self.calls.append(len(tlwh))
        blur = rng.normal(size=(len(tlwh), 64))
        own = np.eye(64)[(tlwh[:, 0] // 100).astype(int)]
        seen = own + 1.2 * blur / np.linalg.norm(blur, axis=1, keepdims=True)
        return (seen / np.linalg.norm(seen, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize('adapt, words', [(True, 1), (False, 0)])
def test_a_limit_that_moves_is_logged_once(adapt: bool, words: int, caplog) -> None:
    pipeline = Pipeline(
        SETTINGS.replace({'adapt_distance': adapt, 'max_cosine_distance': 0.3}), Vague())
    run(pipeline, range(1, 60), boxes=[(10 + 100 * k, 10, 20, 40) for k in range(6)])
    found = [record.message for record in caplog.records]
    assert len(found) == words
    assert all(line.startswith('max_cosine_distance 0.30 does not lie') for line in found)
