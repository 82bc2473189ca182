"""Sequences: folders and videos, and what is wrong with those that are refused."""
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.video import VideoWriter

SEQUENCES = ('TUD-Campus', 'TUD-Stadtmitte', 'KITTI-17', 'MOT16-09')


def test_a_folder_gives_its_frames_images_and_detections(sequence_folder: Path) -> None:
    sequence = open_sequence(sequence_folder)
    assert (sequence.name, sequence.frame_rate, sequence.length, sequence.size) == (
        'crossing', 10.0, 12, (160, 120))
    assert sequence.truth == sequence_folder / 'gt' / 'gt.txt'
    frames = [(frame.number, frame.load(), len(frame.detections)) for frame in sequence.frames()]
    assert [number for number, _, _ in frames] == list(range(1, 13))
    assert {count for _, _, count in frames} == {2}
    assert [round(float(image.mean())) for _, image, _ in frames] == list(range(91, 103))


def test_a_folder_name_with_a_percent_sign_is_no_pattern(sequence_folder: Path) -> None:
    odd = sequence_folder.rename(sequence_folder.with_name('50%d'))
    assert next(open_sequence(odd).frames()).load() is not None


def test_a_folder_without_images_has_none(sequence_folder: Path) -> None:
    (sequence_folder / 'img1').rename(sequence_folder / 'elsewhere')
    sequence = open_sequence(sequence_folder)
    assert not sequence.has_images
    assert [frame.load() for frame in sequence.frames()] == [None] * 12


def test_a_video_gives_its_frames_with_the_detections_of_a_file(
        sequence_folder: Path, tmp_path: Path) -> None:
    video = tmp_path / 'film.mp4'
    with VideoWriter(video, 10.0) as writer:
        for number in range(12):
            writer.write(np.full((120, 160, 3), 20 * number, dtype=np.uint8))
    sequence = open_sequence(video, sequence_folder / 'det' / 'det.txt')
    assert (sequence.name, sequence.frame_rate, sequence.length, sequence.size) == (
        'film', 10.0, 12, (160, 120))
    frames = [(frame.number, frame.load(), len(frame.detections)) for frame in sequence.frames()]
    assert [(number, count) for number, _, count in frames] == [
        (number, 2) for number in range(1, 13)]
    for number, image, _ in frames:
        assert abs(float(image.mean()) - 20 * (number - 1)) < 4


def change(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(('spoil', 'says'), [
    (lambda f: (f / 'seqinfo.ini').unlink(), 'it has no seqinfo.ini'),
    (lambda f: change(f, 'seqinfo.ini', '[Sequence]', '[Other]'), 'not a sequence description'),
    (lambda f: change(f, 'seqinfo.ini', '[Sequence]', ''), 'not a sequence description'),
    (lambda f: change(f, 'seqinfo.ini', 'frameRate=10', 'frameRate=ten'),
     'not a sequence description'),
    (lambda f: change(f, 'seqinfo.ini', 'frameRate=10', ''), 'frameRate nan is not a rate'),
    (lambda f: change(f, 'seqinfo.ini', 'seqLength=12', 'seqLength=0'), 'seqLength 0'),
    (lambda f: change(f, 'seqinfo.ini', 'seqLength=12', 'seqLength=8'),
     'det.txt:17: frame 9 is behind the end of the sequence'),
    (lambda f: (f / 'det' / 'det.txt').unlink(), 'no such detections file'),
    (lambda f: (f / 'det' / 'det.txt').write_text(''), 'det.txt: empty'),
])
def test_a_broken_folder_is_refused_in_one_line(sequence_folder: Path, spoil, says: str) -> None:
    spoil(sequence_folder)
    with pytest.raises(MotFileError, match=re.escape(says)) as error:
        open_sequence(sequence_folder)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('content', [None, b'no image'])
def test_an_image_that_cannot_be_read_is_named(sequence_folder: Path, content) -> None:
    path = sequence_folder / 'img1' / '000003.jpg'
    path.unlink() if content is None else path.write_bytes(content)
    frames = open_sequence(sequence_folder).frames()
    third = [next(frames) for _ in range(3)][2]
    with pytest.raises(MotFileError, match='000003.jpg: frame 3'):
        third.load()


def test_what_is_no_video_or_has_no_detections_is_refused(
        sequence_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MotFileError, match='not a video'):
        open_sequence(sequence_folder / 'seqinfo.ini', with_detections=False)
    with pytest.raises(MotFileError, match='no such file or folder'):
        open_sequence(tmp_path / 'nowhere')
    video = tmp_path / 'film.mp4'
    with VideoWriter(video, 10.0) as writer:
        writer.write(np.zeros((64, 64, 3), dtype=np.uint8))
    with pytest.raises(MotFileError, match='a video needs a detections file'):
        open_sequence(video)


@pytest.mark.parametrize('name', SEQUENCES)
def test_real_sequences_read_as_their_description_says(data: Path, name: str) -> None:
    sequence = open_sequence(data / 'mot' / name)
    first = next(sequence.frames())
    image = first.load()
    assert image is not None and image.dtype == np.uint8
    assert sequence.size == (image.shape[1], image.shape[0])
    assert len(first.detections) > 0
    assert cv2.imread(sequence.images % sequence.length) is not None
