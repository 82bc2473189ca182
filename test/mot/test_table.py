"""MOTChallenge text tables: what is read, and what is refused with file and line."""
from pathlib import Path

import numpy as np
import pytest

from deepsort_ros.mot.table import format_row
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import NO_CLASS
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind

GOOD = '1,1,10,20,30,40,1,-1,-1,-1\n'


def table(tmp_path: Path, text: str, kind: TableKind = TableKind.RESULTS):
    path = tmp_path / 'file.txt'
    path.write_text(text)
    return read_table(path, kind)


@pytest.mark.parametrize(('text', 'line', 'says'), [
    (GOOD + '2,1,10,20,30\n', 2, '5 columns, at least 7 are needed'),
    (GOOD + '\n2,1,10,20,30,40,1\n', 3, '7 columns, the first row has 10'),
    (GOOD + '2,1,x,20,30,40,1,-1,-1,-1\n', 2, "'x' is not a number"),
    (GOOD + '2.5,1,10,20,30,40,1,-1,-1,-1\n', 2, 'frame 2.5 is not an integer'),
    (GOOD + '0,1,10,20,30,40,1,-1,-1,-1\n', 2, 'frame 0 is below 1'),
    (GOOD + '2,1.5,10,20,30,40,1,-1,-1,-1\n', 2, 'id 1.5 is not an integer'),
    (GOOD + '2,-1,10,20,30,40,1,-1,-1,-1\n', 2, 'id -1 is negative'),
    (GOOD + '2,1,10,20,-30,40,1,-1,-1,-1\n', 2, 'width -30 is negative'),
    (GOOD + '2,1,10,20,30,-4,1,-1,-1,-1\n', 2, 'height -4 is negative'),
    (GOOD + '2,1,nan,20,30,40,1,-1,-1,-1\n', 2, 'left nan is not finite'),
    (GOOD + '2,1,10,20,30,40,1,-1,-1,-1\n' + GOOD, 3,
     'id 1 again in frame 1, first on line 1'),
])
def test_a_malformed_row_is_refused_by_file_and_line(tmp_path, text, line, says) -> None:
    with pytest.raises(MotFileError) as error:
        table(tmp_path, text)
    assert str(error.value).startswith(f'{tmp_path / "file.txt"}:{line}: {says}')
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('text', [
    '', '\n  \n', '\ufeff', '# nothing was found\n', 'frame,id,x,y,w,h,score\n'])
@pytest.mark.parametrize('kind', TableKind)
def test_a_file_without_rows_is_a_table_without_rows(
        tmp_path: Path, text: str, kind: TableKind) -> None:
    read = table(tmp_path, text, kind)
    assert (len(read), read.last_frame, read.has_classes) == (0, 0, False)
    assert len(read.detections(1)) == 0


@pytest.mark.parametrize('text', [
    '1 1 10.5 20 30 40 1 -1 -1 -1 \n2 1 11 20 30 40 1 -1 -1 -1 \n',  # YOLO trackers, %g and blank
    '1\t1\t10.5\t20\t30\t40\t1\n2\t1\t11\t20\t30\t40\t1\n',
    '1, 1, 10.5, 20, 30, 40, 1\r\n2, 1, 11, 20, 30, 40, 1\r\n',
    '1;1;10,5;20;30;40;1\n2;1;11,0;20;30;40;1\n',  # a spreadsheet with decimal commas
    '1,1,10.5,20,30,40,1,\n2,1,11,20,30,40,1,\n',
    '"1","1","10.5","20","30","40","1"\n"2","1","11","20","30","40","1"\n',
    '1.000e+00,1.000e+00,1.05e+01,2.0e+01,3.0e+01,4.0e+01,1.0e+00\n2,1,11,20,30,40,1\n',  # savetxt
    'FrameId,Id,X,Y,Width,Height,Confidence\n1,1,10.5,20,30,40,1\n2,1,11,20,30,40,1\n',  # pandas
    'frame,track_id,bb_left,bb_top,bb_width,bb_height,conf\n1,1,10.5,20,30,40,1\n'
    '2,1,11,20,30,40,1\n',
    '# frame id x y w h s\n1 1 10.5 20 30 40 1\n2 1 11 20 30 40 1\n',
    '1,1,10.5,20,30,40,1,-1,-1,-1,0.5,car\n2,1,11,20,30,40,1,-1,-1,-1,0.5,car\n',
])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_what_other_tools_write_reads_as_the_same_table(
        tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / 'file.txt'
    path.write_bytes(text.encode(encoding))
    read = read_table(path, TableKind.RESULTS)
    assert (read.frame.tolist(), read.id.tolist()) == ([1, 2], [1, 1])
    assert read.tlwh.tolist() == [[10.5, 20, 30, 40], [11, 20, 30, 40]]
    assert read.confidence.tolist() == [1, 1]


@pytest.mark.parametrize(('text', 'says'), [
    ('frame,id,x1,y1,x2,y2,score\n1,1,10,20,40,60,1\n',
     ":1: the column 'x2' is in the place of width"),
    ('class,id,x,y,w,h,score\n1,1,10,20,40,60,1\n', ":1: the column 'class' is in the place of"),
    ('0 1 Car 0 0 -1.5 296.7 161.7 455.2 292.3 2.0 1.8 4.4 -4.5 1.8 13.4 -2.1\n',
     "'Car' is not a number; this looks like a label file of KITTI"),
    ('0 0.5 0.5 0.1 0.2\n', '5 columns, .* this looks like a label file of YOLO'),
])
def test_a_format_that_is_another_one_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(MotFileError, match=says):
        table(tmp_path, text)


def test_frames_count_from_where_it_is_said(tmp_path: Path) -> None:
    rows = '0,1,1,2,3,4,1\n7,1,1,2,3,4,1\n'
    with pytest.raises(MotFileError, match='frame 0 is below 1; if the file counts from 0, '
                                           '--first-frame 0 says so'):
        table(tmp_path, rows)
    with pytest.raises(MotFileError, match='--truth-first-frame 0 says so'):
        table(tmp_path, rows, TableKind.TRUTH)
    assert read_table(tmp_path / 'file.txt', TableKind.RESULTS, 0).frame.tolist() == [1, 8]
    with pytest.raises(MotFileError, match=':1: frame 0 is below 5'):
        read_table(tmp_path / 'file.txt', TableKind.RESULTS, 5)


@pytest.mark.parametrize(('tail', 'labels'), [
    ('', ['', '']), (',-1,-1,-1', ['', '']), (',2,-1,-1', ['2', '2']), (',0', ['0', '0']),
    (',person', ['person', 'person']), (',4.13,1.87,0', ['', '']), (',2.0,x', ['2', '2'])])
def test_detections_have_the_class_of_column_8(
        tmp_path: Path, tail: str, labels: list[str]) -> None:
    read = table(tmp_path, ''.join(f'1,-1,{x},2,3,4,0.7{tail}\n' for x in (1, 9)),
                 TableKind.DETECTIONS)
    found = read.detections(1)
    assert found.class_id.tolist() == labels and found.score.tolist() == [0.7, 0.7]


def test_truth_of_ten_columns_has_classes_only_where_they_can_be_some(tmp_path: Path) -> None:
    for tail, classes in (('4,0,1', [4]), ('-1,-1,-1', [NO_CLASS]), ('0,0,0', [NO_CLASS]),
                          ('4.5,5.5,0', [NO_CLASS])):
        read = table(tmp_path, f'1,1,1,2,3,4,1,{tail}\n', TableKind.TRUTH)
        assert read.class_id.tolist() == classes


def test_a_binary_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / 'file.txt'
    path.write_bytes(bytes(range(256)))
    with pytest.raises(MotFileError, match='file.txt: not a text file'):
        read_table(path, TableKind.RESULTS)


def test_rows_are_found_by_frame_whatever_their_order(tmp_path: Path) -> None:
    read = table(tmp_path, '3,7,1,2,3,4,1\n1,5,5,6,7,8,1\n3,2,9,9,9,9,1\n')
    assert read.frame.tolist() == [1, 3, 3]
    assert read.id[read.rows(3)].tolist() == [7, 2]
    assert read.line.tolist() == [2, 1, 3]
    assert len(read.id[read.rows(2)]) == 0
    assert read.last_frame == 3


def test_detections_repeat_their_id_and_keep_their_score(tmp_path: Path) -> None:
    read = table(tmp_path, '1,-1,1,2,3,4,0.7,-1,-1,-1\n1,-1,5,6,7,8,42.5,-1,-1,-1\n',
                 TableKind.DETECTIONS)
    assert read.detections(1).score.tolist() == [0.7, 42.5]
    np.testing.assert_array_equal(read.detections(1).tlwh, [[1, 2, 3, 4], [5, 6, 7, 8]])
    assert len(read.detections(9)) == 0


def test_mot16_truth_has_classes_and_mot15_truth_has_none(tmp_path: Path) -> None:
    mot16 = table(tmp_path, '1,1,1,2,3,4,1,7,0.5\n', TableKind.TRUTH)
    assert mot16.has_classes and mot16.class_id.tolist() == [7]
    mot15 = table(tmp_path, '1,1,1,2,3,4,1,4.48,5.5,0\n', TableKind.TRUTH)
    assert not mot15.has_classes and mot15.class_id.tolist() == [NO_CLASS]


@pytest.mark.parametrize(('text', 'says'), [
    ('1,1,1,2,3,4,0.5,1,1\n', ':1: confidence 0.5 is not the flag 0 or 1'),
    ('1,1,1,2,3,4,1,1.5,1\n', ':1: class 1.5 is not an integer'),
])
def test_malformed_truth_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(MotFileError, match=says):
        table(tmp_path, text, TableKind.TRUTH)


def test_a_written_row_reads_back_to_the_written_precision(tmp_path: Path) -> None:
    line = format_row(12, 3, np.array([1.004, -2.5, 30.0, 41.239]))
    assert line == '12,3,1.00,-2.50,30.00,41.24,1,-1,-1,-1\n'
    read = table(tmp_path, line)
    assert (read.frame[0], read.id[0]) == (12, 3)
    assert read.tlwh[0].tolist() == [1.0, -2.5, 30.0, 41.24]


def test_a_row_behind_the_end_of_the_sequence_is_named(tmp_path: Path) -> None:
    read = table(tmp_path, '9,1,1,1,1,1,1\n1,1,1,1,1,1,1\n8,1,1,1,1,1,1\n')
    read.check_length(9)
    with pytest.raises(MotFileError, match=r'file.txt:1: frame 9 is behind the end .*7 frames'):
        read.check_length(7)
