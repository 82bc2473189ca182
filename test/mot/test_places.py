"""Detections that are not what they seem to be are reported, and those in order are not."""
import bz2
import gzip
import lzma
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepsort_ros.cli import main
from deepsort_ros.mot.doubts import doubts
from deepsort_ros.mot.evaluation import find_pairs
from deepsort_ros.mot.places import doubt_detections
from deepsort_ros.mot.places import doubt_places
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.sequence import skipped_frames
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind
from deepsort_ros.scene.scene import SceneConfig
from deepsort_ros.scene.scene import write_scene

FRAMES = 30
FILE = Path('det.txt')
READINGS = {
    'left, top, right, bottom': lambda box: np.hstack((box[:, :2], box[:, :2] + box[:, 2:])),
    'the centre \\(x, y\\), width, height': lambda box: np.hstack(
        (box[:, :2] + box[:, 2:] / 2, box[:, 2:])),
}


@pytest.fixture(scope='module')
def scene(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('scene') / 'scene'
    write_scene(folder, SceneConfig(seconds=FRAMES / 15, people=4, seed=3))
    return folder


@pytest.fixture
def rows(scene: Path) -> list[list[str]]:
    return [line.split(',') for line in (scene / 'det' / 'det.txt').read_text().splitlines()]


def run(capsys, scene: Path, path: Path, *more: str) -> tuple[int, int, str]:
    """Track with a file of detections; return exit code, rows of results, and stderr."""
    output = path.with_name('results.txt')
    code = main(['track', str(scene), '--detections', str(path), '--appearance', 'off',
                 '--output', str(output), *more])
    lines = output.read_text().splitlines() if output.exists() else []
    return code, len(lines), capsys.readouterr().err


def write(tmp_path: Path, rows: list[list[str]], separator: str = ',') -> Path:
    path = tmp_path / 'd.txt'
    path.write_text(''.join(separator.join(row) + '\n' for row in rows))
    return path


@pytest.mark.parametrize('reading', READINGS)
def test_boxes_of_another_reading_are_told(scene, rows, tmp_path, capsys, reading) -> None:
    boxes = READINGS[reading](np.array([row[2:6] for row in rows], float))
    changed = [[*row[:2], *(f'{value:.1f}' for value in box), *row[6:]]
               for row, box in zip(rows, boxes)]
    _, _, err = run(capsys, scene, write(tmp_path, changed))
    assert re.search(f'd.txt: its boxes fit the image as {reading}; they are read as left, '
                     'top, width, height', err)


@pytest.mark.parametrize('name', ['KITTI-17', 'MOT16-09', 'TUD-Campus', 'TUD-Stadtmitte'])
def test_real_detections_raise_no_doubt_and_read_otherwise_they_do(data: Path, name: str) -> None:
    sequence = open_sequence(data / 'mot' / name)
    assert doubt_detections(sequence) == []
    for reading, change in READINGS.items():
        found, = doubt_places(FILE, change(sequence.detections.tlwh), sequence.size)
        assert re.search(reading, found)
    truth = read_table(sequence.truth, TableKind.TRUTH)
    assert doubt_places(FILE, truth.tlwh, sequence.size) == []


def test_detections_of_smaller_images_are_told(scene: Path) -> None:
    sequence = open_sequence(scene)
    found, = doubt_places(FILE, sequence.detections.tlwh / 2, sequence.size)
    assert 'at the top left of images of 960 x 540; did the detector see smaller images?' in found


def test_results_and_truth_of_another_reading_are_named(scene, tmp_path) -> None:
    truth = scene / 'gt' / 'gt.txt'
    lines = [line.split(',') for line in truth.read_text().splitlines()]
    changed = write(tmp_path, [
        [*row[:4], f'{float(row[2]) + float(row[4]):.1f}', f'{float(row[3]) + float(row[5]):.1f}',
         *row[6:]] for row in lines])
    for paths in ([scene, changed], [changed, truth]):
        found = doubts(find_pairs(paths)[0])
        assert f'the boxes of {changed} fit as left, top, right, bottom' in found[0]


def test_results_that_end_early_or_miss_every_second_frame_are_told(scene, tmp_path) -> None:
    lines = [line.split(',') for line in (scene / 'gt' / 'gt.txt').read_text().splitlines()]
    for chosen, says in ((lambda frame: frame <= 15, 'no results after frame 15 of 30'),
                         (lambda frame: frame % 2, 'no results in 15 of 30 frames')):
        path = write(tmp_path, [row for row in lines if chosen(int(row[0]))])
        assert says in ' '.join(doubts(find_pairs([scene, path])[0]))


@pytest.mark.parametrize(('step', 'count'), [(2, 91), (3, 80)])
def test_a_detector_that_skips_frames_has_tracks_in_all_of_them(
        scene, rows, tmp_path, capsys, step, count) -> None:
    path = write(tmp_path, [row for row in rows if int(row[0]) % step == 1])
    code, written, err = run(capsys, scene, path)
    frames = read_table(path.with_name('results.txt'), TableKind.RESULTS).frame
    assert (code, written) == (0, count)
    assert set(range(2 * step + 2, FRAMES + 1)) <= set(frames.tolist())
    assert 'frames that the detector skipped are predicted' in err


def test_skipped_frames_are_told_from_empty_ones() -> None:
    every_third = np.arange(1, 40, 3)
    assert skipped_frames(every_third, 40) == {n for n in range(1, 41) if n % 3 != 1}
    # An answer that was due and did not come is an empty frame.
    assert 10 not in skipped_frames(every_third[every_third != 10], 40)
    # As fast as it can: every second or third one.
    uneven = np.array([1, 3, 6, 8, 11, 13, 15, 18])
    assert skipped_frames(uneven, 18) >= {2, 4, 5, 7, 9, 10, 12, 14, 16, 17} - {5, 10, 17}
    # A detector that misses a lot takes every frame.
    assert skipped_frames(np.array([1, 2, 4, 5, 8, 9, 11, 12, 13, 20]), 20) == set()
    assert skipped_frames(np.array([1, 30, 60]), 60) == set()


@pytest.mark.parametrize(('change', 'says'), [
    (lambda row: [*row[:6], '-1'], '109 of 109 detections were left out: 109 by confidence '
     '(min_confidence: 0.5)'),
    (lambda row: [*row[:4], '9', '9', *row[6:]], '109 by height (min_box_height: 20'),
    (lambda row: ['1', *row[1:]], 'no track was confirmed'),
    (lambda row: ['1', *row[1:]], 'no detections after frame 1 of 30'),
    (lambda row: row[:6], 'd.txt: 6 columns, no confidence: 1 is assumed'),
    (lambda row: row if int(row[0]) < 16 else ['15', *row[1:]],
     'no detections after frame 15 of 30'),
])
def test_detections_of_which_hardly_any_counts_are_told(
        scene, rows, tmp_path, capsys, change, says) -> None:
    _, _, err = run(capsys, scene, write(tmp_path, [change(row) for row in rows]),
                    '--set', 'min_box_height=20')
    assert says in err


def test_a_file_without_rows_is_told(scene, tmp_path, capsys) -> None:
    assert 'no rows, so there is nothing to track' in run(capsys, scene, write(tmp_path, []))[2]


@pytest.mark.parametrize('pack', [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_tables_are_read(scene, rows, tmp_path, capsys, pack) -> None:
    path = write(tmp_path, rows)
    packed = path.with_name('d.txt.packed')
    packed.write_bytes(pack(path.read_bytes()))
    assert run(capsys, scene, packed)[:2] == (0, 98)
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(MotFileError, match='a compressed file that is damaged'):
        read_table(packed, TableKind.DETECTIONS)


@pytest.mark.parametrize('separator', ['\t', '  ', ';'])
def test_decimal_commas_are_read_between_tabs_and_blanks(
        scene, rows, tmp_path, capsys, separator) -> None:
    path = write(tmp_path, [[cell.replace('.', ',') for cell in row] for row in rows], separator)
    assert run(capsys, scene, path)[:2] == (0, 98)
    path.write_text('frame\tid\tx\ty\tw\th\tconf\n1\t-1\t9,5\t8\t20\t30\t0,9\n')
    assert read_table(path, TableKind.DETECTIONS).tlwh.tolist() == [[9.5, 8, 20, 30]]


@pytest.mark.parametrize(('content', 'says'), [
    ('[{"image_id": 1, "bbox": [1, 2, 3, 4]}]', 'JSON, not a table; write a line for each box'),
    ('<?xml version="1.0"?>\n<annotations/>\n', 'XML, not a table'),
    ('1,9,8,20,30,0.9\n', 'the id is missing, write -1 for it'),
    ('1 2001 2 1080 1920 WSV:2d;1O10000O\n', 'a file of MOTS, which holds masks'),
    ('000001.jpg,-1,9,8,20,30,0.9\n', 'must be the number of the frame, not the name'),
    ('0 0.5 0.5 0.1 0.3 0.9\n', 'a label file of YOLO'),
    ('1,-1,9,8,20,30,0.9,Fußgänger\n'.encode('latin-1'), r'd.txt:1: not text in UTF-8 \(byte'),
])
def test_formats_of_other_tools_are_refused_by_name(tmp_path, content, says) -> None:
    path = tmp_path / 'd.txt'
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(MotFileError, match=says):
        read_table(path, TableKind.DETECTIONS)


def test_a_folder_of_detections_is_refused_by_name(scene, tmp_path) -> None:
    with pytest.raises(MotFileError, match='a folder; give the file that holds the detections'):
        open_sequence(scene, tmp_path)


def test_missing_images_are_tracked_by_motion_and_reported(
        sequence_folder: Path, tmp_path: Path, capsys) -> None:
    images = sorted((sequence_folder / 'img1').iterdir())
    images[4].unlink()
    images[6].write_bytes(b'')
    arguments = ['track', str(sequence_folder), '--output', str(tmp_path / 'r.txt'), '--set',
                 'camera_motion=flow', '--appearance', 'off']
    assert main(arguments) == 1
    err = capsys.readouterr().err
    assert '000005.jpg and 1 other: missing or not an image' in err
    assert read_table(tmp_path / 'r.txt', TableKind.RESULTS).last_frame == 12
    for path in images[2:]:
        path.unlink(missing_ok=True)
    assert main(['track', str(sequence_folder), '--output', str(tmp_path / 'r.txt')]) == 2
    assert '10 of 12 images are missing' in capsys.readouterr().err


@pytest.mark.parametrize('lost', ([0, 1], [4, 6, 7], [10, 11]))
def test_results_are_drawn_on_a_folder_with_gaps(
        sequence_folder: Path, tmp_path: Path, capsys, lost) -> None:
    images = sorted((sequence_folder / 'img1').iterdir())
    for index in lost:
        images[index].unlink()
    (tmp_path / 'r.txt').write_text(''.join(
        f'{frame},1,{frame},2,20,20,1,-1,-1,-1\n' for frame in range(1, 13)))
    code = main(['render', str(sequence_folder), str(tmp_path / 'r.txt'), '--output',
                 str(tmp_path / 'v.mp4')])
    err = capsys.readouterr().err
    assert code == 1 and f'{images[lost[0]].name} and {len(lost) - 1} other' in err
    film = [frame.load() for frame in open_sequence(
        tmp_path / 'v.mp4', with_detections=False).frames()]
    assert len(film) == 12
    assert [int(image[-8:].max()) < 40 for image in film] == [i in lost for i in range(12)]


def test_crops_and_a_report_are_made_of_a_folder_with_gaps(
        sequence_folder: Path, tmp_path: Path, capsys) -> None:
    (sequence_folder / 'img1' / '000005.jpg').unlink()
    shutil.copy(sequence_folder / 'gt' / 'gt.txt', tmp_path / 'r.txt')
    for command in (
            ['crops', sequence_folder, '--output', tmp_path / 'crops', '--every', 1,
             '--min-height', 1],
            ['report', tmp_path / 'r.txt', '--gt', sequence_folder, '--output',
             tmp_path / 'page.html']):
        assert main([str(word) for word in command]) == 1
        assert '000005.jpg: missing or not an image' in capsys.readouterr().err
    assert {path.name.split('_')[2] for path in (tmp_path / 'crops').rglob('*.jpg')} == {
        f'{frame:06d}' for frame in range(1, 13) if frame != 5}
    assert (tmp_path / 'page.html').stat().st_size


def test_images_of_another_size_than_the_description_says_are_told(
        sequence_folder: Path, tmp_path: Path) -> None:
    for path in (sequence_folder / 'img1').iterdir():
        cv2.imwrite(str(path), np.zeros((160, 120, 3), np.uint8))
    sequence = open_sequence(sequence_folder)
    assert sequence.size == (120, 160)
    assert '120 x 160 pixels once turned as its EXIF data say' in sequence.notes[0]


@pytest.mark.parametrize(('content', 'says'), [
    ('0 0.5 0.5 0.1 0.2 7\n' * 9, 'id 0.5 is not an integer; this looks like labels of YOLO'),
    ('Pedestrian 0 0 -1.5 1 2 50 60 1 1 1 1 1 1 1 0.9\n', 'a label file of KITTI for one image'),
    (',frame,id,x,y,w,h,score\n0,1,-1,5,5,9,9,1\n', 'pandas writes no numbers of rows with index'),
    ('0.0333,-1,5,5,9,9,1\n', 'frame 0.0333 is not an integer; are these seconds?'),
    ('1.0333,-1,5,5,9,9,1\n', 'frame 1.0333 is not an integer; are these seconds?'),
    (b'\x93NUMPY\x01\0', 'an array of numpy; with features it is for --features'),
    (b'PK\x03\x04\0\0', 'not a text file, but an archive, as of Excel'),
    (b'%PDF-1.4\n', 'not a text file, but PDF'), (b'\x80\x04\x95\0', 'a pickle of Python'),
])
def test_files_of_other_tools_are_refused_by_name(
        scene, tmp_path, capsys, content, says) -> None:
    path = tmp_path / 'd.txt'
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    code, rows, err = run(capsys, scene, path)
    assert (code, rows) == (2, 0) and says in err and len(err.splitlines()) == 1


def test_a_folder_of_labels_is_refused_as_such(scene, tmp_path, capsys) -> None:
    for number in (1, 2):
        (tmp_path / f'{number:06d}.txt').write_text('0 0.5 0.5 0.1 0.2\n')
    code, _, err = run(capsys, scene, tmp_path)
    assert code == 2 and 'the 2 files in it may each be of one image' in err


def test_boxes_that_are_there_twice_are_reported(scene, rows, tmp_path, capsys) -> None:
    code, _, err = run(capsys, scene, write(tmp_path, [*rows, *rows]))
    count = len(rows)
    assert code == 0
    assert f'{count} of {2 * count} rows are a box that is there before' in err


def test_a_truth_whose_flags_are_all_zero_is_refused(scene, rows, tmp_path, capsys) -> None:
    truth = tmp_path / 'gt.txt'
    truth.write_text(''.join(f'{",".join(row[:6])},0,1,1\n'.replace(',-1,', f',{n},', 1)
                             for n, row in enumerate(rows, 1)))
    assert main(['evaluate', str(truth), str(truth)]) == 2
    assert 'all flags are 0: write 1 for the boxes that count' in capsys.readouterr().err
