"""The published evaluation: features once, resumed, given; the table beside the published one."""
import contextlib
from pathlib import Path

import numpy as np
import pytest

from deepsort_ros.commands.common import preset
from deepsort_ros.mot.reproduction import format_reproduction
from deepsort_ros.mot.reproduction import Inputs
from deepsort_ros.mot.reproduction import PUBLISHED_SEQUENCES
from deepsort_ros.mot.reproduction import reproduce
from deepsort_ros.mot.reproduction import Reproduction
from deepsort_ros.mot.scores import Scores
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.settings import Settings

SETTINGS = Settings().replace(preset('mot16'))


class Mean:
    """An encoder that sees: 128 numbers from the crop's mean and its box."""

    feature_size = 128

    def __init__(self, fail_at: int = 0, sha256: str = 'a') -> None:
        self.images: list[int] = []
        self._fail_at = fail_at
        self._sha256 = sha256

    def describe(self):
        return {'sha256': self._sha256, 'color_order': 'rgb', 'precision': 'fp32'}

    def encode(self, image, tlwh, encoding, kept=()):
        if len(self.images) + 1 == self._fail_at:
            raise KeyboardInterrupt
        # Frame n of the sequence is of grey 90 + n.
        self.images.append(round(float(image.mean())) - 90)
        raw = np.sin(np.arange(128) * (1 + tlwh[:, 1:2]) / 50)
        return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


def run(inputs: Inputs, output: Path, encoder):
    @contextlib.contextmanager
    def show(label: str, unit: str):
        yield lambda done, total: None

    return reproduce(inputs, output, SETTINGS, lambda: encoder, show)


def test_from_images_to_the_table_and_again_from_the_features(
        sequence_folder: Path, tmp_path: Path) -> None:
    first = run(Inputs(sequence_folder.parent), tmp_path / 'a', Mean())
    assert [(row.sequence, row.IDs, row.FP) for row in first.rows] == [('crossing', 0, 0)]
    features = np.load(tmp_path / 'a' / 'features' / 'crossing.npy')
    assert features.shape == (24, 138) and features.dtype == np.float64
    np.testing.assert_allclose(np.linalg.norm(features[:, 10:], axis=1), 1, atol=1e-6)
    again = run(Inputs(sequence_folder.parent, features=tmp_path / 'a' / 'features'),
                tmp_path / 'b', None)
    assert again == first
    for name in ('results/crossing.txt', 'history/crossing.csv'):
        assert (tmp_path / 'a' / name).read_text() == (tmp_path / 'b' / name).read_text()


def test_an_interrupted_run_goes_on_where_it_was(sequence_folder: Path, tmp_path: Path) -> None:
    whole, part = tmp_path / 'whole', tmp_path / 'part'
    run(Inputs(sequence_folder), whole, Mean())
    with pytest.raises(KeyboardInterrupt):
        run(Inputs(sequence_folder), part, Mean(fail_at=6))
    partial = part / 'features' / 'crossing.npy.partial'
    assert not (part / 'features' / 'crossing.npy').exists()
    # A run that is killed may leave half a row.
    partial.write_bytes(partial.read_bytes()[:-200])
    second = Mean()
    run(Inputs(sequence_folder), part, second)
    assert second.images == list(range(5, 13))
    assert not partial.exists()
    for name in ('features/crossing.npy', 'results/crossing.txt'):
        assert (part / name).read_bytes() == (whole / name).read_bytes()
    third = Mean()
    run(Inputs(sequence_folder), part, third)
    assert third.images == []


def test_a_part_left_for_other_detections_is_computed_anew(
        sequence_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(Inputs(sequence_folder), tmp_path / 'out', Mean(fail_at=6))
    detections = sequence_folder / 'det' / 'det.txt'
    detections.write_text(detections.read_text().replace('20,50,0.9', '20,51,0.9'))
    encoder = Mean()
    run(Inputs(sequence_folder), tmp_path / 'out', encoder)
    assert encoder.images == list(range(1, 13))
    assert (np.load(tmp_path / 'out' / 'features' / 'crossing.npy')[:, 5] == 51).all()


def test_detections_may_come_as_text_or_array(sequence_folder: Path, tmp_path: Path) -> None:
    text = (sequence_folder / 'det' / 'det.txt').read_text()
    rows = np.array([[float(cell) for cell in line.split(',')] for line in text.splitlines()])
    for name in ('text', 'array', 'wide'):
        (tmp_path / name).mkdir()
    (tmp_path / 'text' / 'crossing.txt').write_text(text)
    np.save(tmp_path / 'array' / 'crossing.npy', rows)
    np.save(tmp_path / 'wide' / 'crossing.npy', np.hstack((rows, np.ones((len(rows), 128)))))
    (sequence_folder / 'det' / 'det.txt').unlink()
    for name in ('text', 'array', 'wide'):
        run(Inputs(sequence_folder, detections=tmp_path / name), tmp_path / f'out_{name}', Mean())
    results = [(tmp_path / f'out_{name}' / 'results' / 'crossing.txt').read_text()
               for name in ('text', 'array', 'wide')]
    assert results[0] and results[0] == results[1] == results[2]


def test_other_features_give_other_results_in_the_same_folder(
        sequence_folder: Path, tmp_path: Path) -> None:
    run(Inputs(sequence_folder), tmp_path / 'a', Mean())
    values = np.load(tmp_path / 'a' / 'features' / 'crossing.npy')
    (tmp_path / 'f').mkdir()
    np.save(tmp_path / 'f' / 'crossing.npy', values[values[:, 3] == 60])
    found = run(Inputs(sequence_folder, features=tmp_path / 'f'), tmp_path / 'a', None)
    assert found.rows[0].FN == 12 + 2


def test_features_of_two_models_are_not_mixed(sequence_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(Inputs(sequence_folder), tmp_path, Mean(fail_at=6))
    with pytest.raises(MotFileError, match='holds features of another model'):
        run(Inputs(sequence_folder), tmp_path, Mean(sha256='b'))


def test_what_is_missing_is_named(sequence_folder: Path, tmp_path: Path) -> None:
    (tmp_path / 'empty').mkdir()
    for inputs, says in (
            (Inputs(tmp_path / 'empty'), 'holds no sequence'),
            (Inputs(sequence_folder, features=tmp_path / 'empty'), 'crossing.npy: no such file'),
            (Inputs(sequence_folder, detections=tmp_path / 'empty'), 'neither crossing.txt nor')):
        with pytest.raises(MotFileError, match=says):
            run(inputs, tmp_path / 'out', Mean())


def test_the_original_features_give_the_reference_results(data: Path, tmp_path: Path) -> None:
    golden = data / 'golden' / 'mars128'
    run(Inputs(data / 'mot' / 'TUD-Campus', features=golden), tmp_path, None)
    assert ((tmp_path / 'results' / 'TUD-Campus.txt').read_text()
            == (golden / 'TUD-Campus.reference.txt').read_text())


def scores(name: str) -> Scores:
    return Scores(name, 50.0, 0.2, 1, 2, 3, 4, 5, 6, 50.0, 40.0, 40.0, 40.0)


def test_our_rows_stand_beside_the_published_ones_and_it_says_what_is_missing() -> None:
    text = format_reproduction(Reproduction([scores('MOT16-09')], [scores('MOT16-09')]))
    rows = [line.split() for line in text.splitlines()]
    assert ['MOT16-09', 'published', *PUBLISHED_SEQUENCES['MOT16-09']] in rows
    assert ['MOT16-09', 'ours', '50.0', '0.200', '1', '2', '3', '4', '5', '6'] in rows
    assert 'all seven published 51.8 0.189 210 68 859 1388 19264 33114'.split() in rows
    assert 'MOT16-02, MOT16-04, MOT16-05, MOT16-10, MOT16-11, MOT16-13 are missing' in text
    names = [scores(name) for name in (*PUBLISHED_SEQUENCES, 'OVERALL')]
    text = format_reproduction(Reproduction(names, names))
    assert 'all seven ours' in text and 'missing' not in text


def test_the_published_rows_are_copied_right() -> None:
    columns = list(zip(*PUBLISHED_SEQUENCES.values()))
    # The overall row of the same README; its FP and FN, 19094 and 33190, do not add up there.
    assert [sum(map(int, column)) for column in columns[2:6]] == [211, 70, 852, 1376]


def test_results_on_distractors_count_as_they_did_in_the_published_row(
        sequence_folder: Path, tmp_path: Path) -> None:
    truth = sequence_folder / 'gt' / 'gt.txt'
    lines = [line.rsplit(',', 4)[0] for line in truth.read_text().splitlines()]
    truth.write_text(''.join(
        f'{line},1,1,1\n' if line.split(',')[1] == '1' else f'{line},0,8,1\n'
        for line in lines))
    found = run(Inputs(sequence_folder), tmp_path / 'out', Mean())
    assert (found.rows[0].FP, found.as_published[0].FP) == (0, 10)
