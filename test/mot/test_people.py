"""People are found without a model, in the pixels of the image and in a file of detections."""
import numpy as np
import pytest

from deepsort_ros.mot.people import detect_people
from deepsort_ros.mot.people import PeopleDetector
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind
from deepsort_ros.tracking.boxes import iou


def test_an_empty_image_has_no_people():
    found = PeopleDetector().detect(np.full((240, 320, 3), 128, np.uint8))
    assert found.tlwh.shape == (0, 4) and found.score.shape == (0,)


@pytest.fixture(scope='module')
def street(data):
    return open_sequence(data / 'mot' / 'TUD-Campus')


def test_half_of_what_is_found_are_people_and_a_third_of_the_people_are_found(data):
    sequence = open_sequence(data / 'mot' / 'TUD-Stadtmitte')
    truth = read_table(sequence.truth, TableKind.TRUTH)
    right = boxes = people = 0
    for frame, image in sequence.loaded():
        if frame.number in (1, 60, 120):
            found = PeopleDetector().detect(image)
            overlap = iou(found.tlwh, truth.tlwh[truth.rows(frame.number)])
            right += int((overlap.max(axis=1) > 0.5).sum())
            boxes, people = boxes + overlap.shape[0], people + overlap.shape[1]
            assert (found.score <= 1.0).all() and set(found.class_id) == {'person'}
    assert right * 2 > boxes and right * 3 > people


def test_boxes_are_in_pixels_of_the_image_whatever_its_size(street):
    _, image = next(street.loaded())
    large = image.repeat(3, axis=0).repeat(3, axis=1)
    one, other = (PeopleDetector().detect(i) for i in (image, large))
    np.testing.assert_allclose(other.tlwh, one.tlwh * 3, rtol=0.1, atol=12)


def test_the_file_is_one_of_detections(street, tmp_path):
    from deepsort_ros.mot.video import VideoWriter
    with VideoWriter(tmp_path / 'v.mp4', 25.0) as video:
        for _, (_, image) in zip(range(3), street.loaded()):
            video.write(image)
    count = detect_people(tmp_path / 'v.mp4', tmp_path / 'det.txt')
    sequence = open_sequence(tmp_path / 'v.mp4', tmp_path / 'det.txt')
    assert count == sum(len(frame.detections.score) for frame in sequence.frames()) > 0
