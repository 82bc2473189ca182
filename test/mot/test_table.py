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


@pytest.mark.parametrize('text', ['', '\n  \n'])
def test_an_empty_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(MotFileError, match='file.txt: empty'):
        table(tmp_path, text)


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
