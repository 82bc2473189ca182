"""Sequences: folders and videos, and what is wrong with those that are refused."""
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepsort_ros.cli import main
from deepsort_ros.mot.footage import open_footage
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


def rename_images(folder: Path, name: str, first: int = 1) -> None:
    """Give the images of a sequence other names."""
    for number, path in enumerate(sorted((folder / 'img1').iterdir()), first):
        path.rename(path.with_name(name.format(number)))


def means(folder: Path) -> list[int]:
    """Return the mean of each image: 91 for the first one, then one more each."""
    return [round(float(frame.load().mean())) for frame in open_sequence(folder).frames()]


ALL = list(range(91, 103))


@pytest.mark.parametrize(('name', 'first', 'note'), [
    ('{:08d}.jpg', 1, None),  # DanceTrack
    ('{:07d}.jpg', 1, None),  # VisDrone
    ('img{:05d}.jpg', 1, None),  # UA-DETRAC
    ('{}.jpg', 1, None),  # not padded: 10 comes after 9
    ('{:06d}.JPG', 1, None),
    ('frame_{:06d}.jpg', 0, 'frame 1 is frame_000000.jpg'),  # CVAT
    ('{:010d}.jpg', 0, 'frame 1 is 0000000000.jpg'),  # KITTI
    ('scene-2_{:04d}.jpg', 151, 'frame 1 is scene-2_0151.jpg'),  # cut out of a longer one
    ('frame_{:04d}_left.jpg', 1, None),  # a stereo camera
    ('seq3_{:05d}_rgb8.jpg', 1, None),
])
def test_images_are_found_whatever_their_names(
        sequence_folder: Path, name: str, first: int, note: str | None) -> None:
    rename_images(sequence_folder, name, first)
    assert means(sequence_folder) == ALL
    notes = open_sequence(sequence_folder).notes
    assert note is None and notes == () or note is not None and note in notes[0]


@pytest.mark.parametrize('line', ['imExt=jpg', 'imExt=.png', 'imExt=', ''])
def test_the_extension_in_the_description_is_no_obstacle(
        sequence_folder: Path, line: str) -> None:
    change(sequence_folder, 'seqinfo.ini', 'imExt=.jpg', line)
    assert means(sequence_folder) == ALL


def test_the_extension_in_the_description_chooses_among_several(sequence_folder: Path) -> None:
    for path in (sequence_folder / 'img1').iterdir():
        path.with_suffix('.png').write_bytes(b'a mask')
    assert means(sequence_folder) == ALL


def test_images_may_be_png(sequence_folder: Path) -> None:
    for path in list((sequence_folder / 'img1').iterdir()):
        cv2.imwrite(str(path.with_suffix('.png')), cv2.imread(str(path)))
        path.unlink()
    assert means(sequence_folder) == ALL


@pytest.mark.parametrize(('spoil', 'notes'), [
    (lambda f: change(f, 'seqinfo.ini', 'frameRate=10', ''), ['no frameRate, 30 Hz is assumed']),
    (lambda f: (f / 'seqinfo.ini').unlink(),
     ['no seqinfo.ini', 'no frameRate, 30 Hz is assumed']),
    (lambda f: change(f, 'seqinfo.ini', 'seqLength=12', ''), []),
    (lambda f: change(f, 'seqinfo.ini', 'imWidth=160', ''), []),
    (lambda f: (f / 'seqinfo.ini').rename(f / 'SeqInfo.ini'), []),
    (lambda f: (f / 'seqinfo.ini').write_bytes(
        b'\xef\xbb\xbf' + (f / 'seqinfo.ini').read_bytes()), []),
])
def test_a_description_that_is_not_complete_is_completed_from_the_images(
        sequence_folder: Path, spoil, notes: list[str]) -> None:
    spoil(sequence_folder)
    sequence = open_sequence(sequence_folder)
    assert (sequence.length, sequence.size, sequence.name) == (12, (160, 120), 'crossing')
    assert sequence.frame_rate == (30.0 if notes else 10.0)
    assert len(sequence.notes) == len(notes)
    assert all(says in note for says, note in zip(notes, sequence.notes))


def test_a_folder_of_images_alone_is_a_sequence_of_them(
        sequence_folder: Path, tmp_path: Path) -> None:
    (sequence_folder / 'img1').rename(tmp_path / 'frames')
    sequence = open_sequence(tmp_path / 'frames', sequence_folder / 'det' / 'det.txt')
    assert (sequence.name, sequence.length, len(next(sequence.frames()).detections)) == (
        'frames', 12, 2)
    assert [round(float(frame.load().mean())) for frame in sequence.frames()] == ALL


def test_tables_alone_are_a_sequence_as_long_as_they_are(sequence_folder: Path) -> None:
    (sequence_folder / 'seqinfo.ini').unlink()
    (sequence_folder / 'img1').rename(sequence_folder / 'elsewhere')
    sequence = open_sequence(sequence_folder)
    assert (sequence.length, sequence.has_length, sequence.has_images) == (12, False, False)


def test_images_behind_the_end_of_the_description_are_told(sequence_folder: Path) -> None:
    change(sequence_folder, 'seqinfo.ini', 'seqLength=12', 'seqLength=9')
    sequence = open_sequence(sequence_folder, with_detections=False)
    assert sequence.length == len(list(sequence.frames())) == 9
    assert 'holds images up to frame 12, only the 9 of seqLength are used' in sequence.notes[0]


def test_what_is_no_sequence_is_refused_with_what_would_be_one(tmp_path: Path) -> None:
    (tmp_path / 'notes.txt').write_text('nothing')
    with pytest.raises(MotFileError, match='not a sequence, it has no seqinfo.ini, no images'):
        open_sequence(tmp_path)


def test_detections_counted_from_zero_are_read_when_said(sequence_folder: Path) -> None:
    path = sequence_folder / 'det' / 'det.txt'
    lines = path.read_text().splitlines()
    path.write_text('\n'.join(re.sub(r'^\d+', lambda n: str(int(n[0]) - 1), line)
                              for line in lines))
    with pytest.raises(MotFileError, match='frame 0 is below 1; .* --first-frame 0 says so'):
        open_sequence(sequence_folder)
    counts = [len(frame.detections) for frame in
              open_sequence(sequence_folder, first_frame=0).frames()]
    assert counts == [2] * 12


def change(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(('spoil', 'says'), [
    (lambda f: change(f, 'seqinfo.ini', '[Sequence]', '[Other]'), 'not a sequence description'),
    (lambda f: change(f, 'seqinfo.ini', '[Sequence]', ''), 'not a sequence description'),
    (lambda f: change(f, 'seqinfo.ini', 'frameRate=10', 'frameRate=ten'),
     'not a sequence description'),
    (lambda f: change(f, 'seqinfo.ini', 'frameRate=10', 'frameRate=nan'),
     'frameRate nan is not a rate'),
    (lambda f: change(f, 'seqinfo.ini', 'seqLength=12', 'seqLength=many'),
     "seqlength 'many' is not a whole number"),
    (lambda f: change(f, 'seqinfo.ini', 'seqLength=12', 'seqLength=0'), 'seqLength 0'),
    (lambda f: change(f, 'seqinfo.ini', 'seqLength=12', 'seqLength=8'),
     'det.txt:17: frame 9 is behind the end of the sequence'),
    (lambda f: (f / 'det' / 'det.txt').unlink(), 'no such detections file'),
    (lambda f: (f / 'img1' / 'other_000001.jpg').write_bytes(b''), 'images of several series'),
    (lambda f: (f / 'img1' / '1.jpg').write_bytes(b''), 'images of several series'),
])
def test_a_broken_folder_is_refused_in_one_line(sequence_folder: Path, spoil, says: str) -> None:
    spoil(sequence_folder)
    with pytest.raises(MotFileError, match=re.escape(says)) as error:
        open_sequence(sequence_folder)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(('name', 'first'), [
    ('{:d}.jpg', 1532402927612), ('{:d}.jpg', 1532402927612460),
    ('cam_{:d}.jpg', 1403636579763555584), ('{0[0]}.{0[1]:06d}.jpg', 1305031102.9),
    ('frame_{0[0]}_{0[1]:06d}.jpg', 1305031102.9)])
def test_images_named_by_time_stamps_are_frames_in_their_order(
        sequence_folder: Path, name: str, first: float) -> None:
    (sequence_folder / 'seqinfo.ini').unlink()
    for number, path in enumerate(sorted((sequence_folder / 'img1').iterdir())):
        step = 0.1 if number < 6 else 0.2
        late = 0.1 * number + max(0, number - 6) * (step - 0.1)
        if isinstance(first, int):
            stamp = first + round(late * 10 ** (len(str(first)) - 10))
        else:
            stamp = divmod(round((first + late) * 1e6), 10**6)
        path.rename(path.with_name(name.format(stamp)))
    sequence = open_sequence(sequence_folder)
    assert means(sequence_folder) == ALL and sequence.length == 12
    times = [frame.time for frame in sequence.frames()]
    np.testing.assert_allclose(times[:3] + times[-2:], [0.0, 0.1, 0.2, 1.4, 1.6], atol=2e-3)
    assert abs(sequence.frame_rate - 10) < 0.2 or abs(sequence.frame_rate - 5) < 0.1
    assert 'named by time stamps' in sequence.notes[1]


def test_images_whose_numbers_are_far_apart_are_frames_in_their_order(
        sequence_folder: Path) -> None:
    for number, path in enumerate(sorted((sequence_folder / 'img1').iterdir())):
        path.rename(path.with_name(f'{5_000_000 + 7_001 * number**2}.jpg'))
    assert means(sequence_folder) == ALL
    assert 'far apart' in open_sequence(sequence_folder).notes[0]


def test_images_that_cannot_be_read_are_named(sequence_folder: Path) -> None:
    (sequence_folder / 'seqinfo.ini').unlink()
    for path in (sequence_folder / 'img1').iterdir():
        path.rename(path.with_suffix('.heic'))
    assert '12 files like 000001.heic are no images that are read: convert them' in ' '.join(
        open_sequence(sequence_folder).notes)


def test_a_folder_of_sequences_is_refused_with_one_of_them(sequence_folder: Path) -> None:
    with pytest.raises(MotFileError, match='1 folders in it are sequences, crossing for one'):
        open_sequence(sequence_folder.parent)


@pytest.mark.parametrize(('text', 'rate'), [('30000/1001', 29.97), ('12,5', 12.5)])
def test_a_rate_is_read_as_tools_write_it(sequence_folder: Path, text: str, rate: float) -> None:
    change(sequence_folder, 'seqinfo.ini', 'frameRate=10', f'frameRate={text}')
    assert abs(open_sequence(sequence_folder).frame_rate - rate) < 1e-3


@pytest.mark.parametrize('content', [None, b'no image'])
def test_an_image_that_cannot_be_read_is_named(sequence_folder: Path, content) -> None:
    path = sequence_folder / 'img1' / '000003.jpg'
    path.unlink() if content is None else path.write_bytes(content)
    frames = open_sequence(sequence_folder).frames()
    third = [next(frames) for _ in range(3)][2]
    with pytest.raises(MotFileError, match='000003.jpg: frame 3'):
        third.load()


def test_an_image_that_is_cut_off_is_used_and_reported(
        sequence_folder: Path, tmp_path: Path, capsys) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    for path in list((sequence_folder / 'img1').iterdir()):
        cv2.imwrite(str(path), noise)
    for number in (3, 7):
        path = sequence_folder / 'img1' / f'{number:06d}.jpg'
        path.write_bytes(path.read_bytes()[:-9000])
    (tmp_path / 'none.txt').write_text('')
    code = main(['render', str(sequence_folder), str(tmp_path / 'none.txt'), '--output',
                 str(tmp_path / 'v.mp4')])
    err = capsys.readouterr().err.splitlines()[-1]
    assert code == 1 and '000003.jpg and 1 other: the end of the image is missing' in err
    assert open_footage(tmp_path / 'v.mp4').length == 12


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
    assert cv2.imread(str(sequence.images[sequence.length])) is not None
    assert sequence.notes == ()
