"""Tracking a sequence through the pipeline: parity, stamps, stored features, interruption."""
from pathlib import Path

import numpy as np
import pytest

from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind
from deepsort_ros.mot.tracking import frame_stamp
from deepsort_ros.mot.tracking import StoredFeatures
from deepsort_ros.mot.tracking import track
from deepsort_ros.settings import Settings

OFF = Settings(appearance='off', frame_rate=10.0)


class Recorder:
    """An encoder that keeps what it was given and tells the boxes apart by their height."""

    def __init__(self, fail_at: int = 0) -> None:
        self.calls: list[tuple[float, int]] = []
        self._fail_at = fail_at

    def encode(self, image, tlwh, encoding, kept=()):
        self.calls.append((float(image.mean()), len(tlwh)))
        if len(self.calls) == self._fail_at:
            raise RuntimeError('device lost')
        return np.tile(np.array([[1, 0]], dtype=np.float32), (len(tlwh), 1))


def test_every_frame_is_tracked_and_confirmed_tracks_are_written(
        sequence_folder: Path, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    summary = track(open_sequence(sequence_folder), OFF, None, tmp_path / 'new' / 'r.txt',
                    progress=lambda count, total: done.append((count, total)))
    results = read_table(tmp_path / 'new' / 'r.txt', TableKind.RESULTS)
    # Confirmed by the third image, two tracks in each of the ten from there.
    assert (summary.frames, summary.rows, summary.ids, summary.crops) == (12, 20, 2, 0)
    assert results.frame.min() == 3 and len(results) == 20
    assert done[-1] == (12, 12)
    truth = read_table(sequence_folder / 'gt' / 'gt.txt', TableKind.TRUTH)
    last, expected = results.tlwh[results.rows(12)], truth.tlwh[truth.rows(12)]
    assert np.abs(last[np.argsort(last[:, 1])] - expected).max() < 1.0


def test_the_encoder_sees_the_images_in_order(sequence_folder: Path, tmp_path: Path) -> None:
    encoder = Recorder()
    summary = track(open_sequence(sequence_folder), Settings(frame_rate=10.0), encoder,
                    tmp_path / 'r.txt')
    assert [round(mean) for mean, _ in encoder.calls] == list(range(91, 103))
    assert summary.crops == 24


def test_a_failing_encoder_leaves_motion_and_is_reported(
        sequence_folder: Path, tmp_path: Path) -> None:
    summary = track(open_sequence(sequence_folder), Settings(frame_rate=10.0),
                    Recorder(fail_at=4), tmp_path / 'r.txt')
    assert summary.encoder_error == 'RuntimeError: device lost'
    assert (summary.frames, summary.rows, summary.ids, summary.crops) == (12, 22, 2, 6)


@pytest.mark.parametrize(('lost', 'frames'), [
    ('none', [2, 3, 4, 5, 9, 10, 11, 12]), ('recent', [2, 3, 4, 5, 6, 9, 10, 11, 12]),
    ('all', list(range(2, 13)))])
def test_predicted_boxes_are_written_as_chosen(
        sequence_folder: Path, tmp_path: Path, lost: str, frames: list[int]) -> None:
    path = sequence_folder / 'det' / 'det.txt'
    rows = [row for row in path.read_text().splitlines()
            if int(row.split(',')[0]) not in (6, 7, 8)]
    path.write_text('\n'.join(rows))
    # Stored features let the tracks be found again after three missing images.
    values = np.array([[float(cell) for cell in row.split(',')] for row in rows])
    features = np.array([[1, 0], [0, 1]])[np.arange(len(rows)) % 2]
    np.save(tmp_path / 'f.npy', np.hstack([values, features]))
    stored = StoredFeatures(tmp_path / 'f.npy')
    summary = track(open_sequence(sequence_folder, stored.table), Settings(frame_rate=10.0),
                    stored, tmp_path / 'r.txt', lost)
    results = read_table(tmp_path / 'r.txt', TableKind.RESULTS)
    assert np.unique(results.frame).tolist() == frames
    assert summary.ids == 2


def test_an_interrupted_run_keeps_its_results(sequence_folder: Path, tmp_path: Path) -> None:
    def interrupt(count: int, total: int) -> None:
        if count == 5:
            raise KeyboardInterrupt

    summary = track(open_sequence(sequence_folder), OFF, None, tmp_path / 'r.txt',
                    progress=interrupt)
    assert summary.interrupted and summary.frames == 5
    results = read_table(tmp_path / 'r.txt', TableKind.RESULTS)
    assert results.last_frame == 5 and len(results) == summary.rows == 6


@pytest.mark.parametrize('frame_rate', [7.0, 10.0, 25.0, 29.97, 30.0])
def test_one_frame_is_one_step_of_the_filter(frame_rate: float) -> None:
    stamps = np.array([frame_stamp(number, frame_rate) for number in range(1, 10000)])
    steps = np.round(np.diff(stamps) / 1e9 * frame_rate, 6)
    assert (steps == 1).all()


def test_stored_features_are_found_by_frame_and_box(tmp_path: Path) -> None:
    values = np.zeros((3, 12))
    values[:, 0] = 2, 1, 1
    values[:, 1] = -1
    values[:, 2:6] = [[5, 5, 5, 5], [1, 2, 3, 4], [5, 5, 5, 5]]
    values[:, 10:] = [[1, 0], [0, 1], [0.6, 0.8]]
    np.save(tmp_path / 'f.npy', values)
    stored = StoredFeatures(tmp_path / 'f.npy')
    image = np.empty((0, 0, 3), dtype=np.uint8)
    stored.seek(1)
    found = stored.encode(image, np.array([[5.0, 5, 5, 5], [1, 2, 3, 4]]), 'bgr8')
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 1]], rtol=1e-6)
    kept = stored.keep(image, np.full((1, 4), 5.0), 'bgr8')
    stored.seek(2)
    np.testing.assert_array_equal(stored.encode(image, np.full((1, 4), 5.0), 'bgr8'), [[1, 0]])
    later = stored.encode(image, np.full((1, 4), 5.0), 'bgr8', kept)
    np.testing.assert_allclose(later, [[1, 0], [0.6, 0.8]], rtol=1e-6)
    with pytest.raises(MotFileError, match='no feature for a box'):
        stored.encode(image, np.array([[1.0, 2, 3, 4]]), 'bgr8')


@pytest.mark.parametrize(('content', 'says'), [
    (np.zeros((3, 10)), 'is not .N, 10 columns and a feature'),
    (np.zeros(12), 'is not .N, 10 columns and a feature'),
    (np.array([['a'] * 12]), 'not an array of floats'),
    (np.array([[{}] * 12]), 'not a .npy array'),
    (np.zeros((2, 12)), ':1: frame 0 is below 1'),
    (b'text', 'not a .npy array'), (b'PK\3\4', 'not a .npy array'),
    (b"\x93NUMPY\1\0\x20\0{'descr': '<f8', 'shape': (3 \x1c\n", 'not a .npy array'),
    (b"\x93NUMPY\1\0\x40\0{'descr': '<f8', 'fortran_order': False, 'shape': (1" + b'0' * 30,
     'not a .npy array'),
])
def test_a_feature_file_of_another_shape_is_refused(tmp_path: Path, content, says: str) -> None:
    path = tmp_path / 'f.npy'
    path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
    with pytest.raises(MotFileError, match=says):
        StoredFeatures(path)
