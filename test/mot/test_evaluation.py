"""Evaluation: tiny cases counted by hand, the MOTChallenge rules, and real truth."""
import contextlib
import csv
import io
import json
import re
from pathlib import Path

import pytest

from deepsort_ros.mot.doubts import doubts
from deepsort_ros.mot.evaluation import evaluate
from deepsort_ros.mot.evaluation import find_pairs
from deepsort_ros.mot.evaluation import OVERALL
from deepsort_ros.mot.scores import format_scores
from deepsort_ros.mot.scores import NOTE
from deepsort_ros.mot.table import MotFileError

BOX = '10,10,20,40'


def write(path: Path, rows: list[str]) -> Path:
    path.write_text(''.join(f'{row}\n' for row in rows))
    return path


def scores(tmp_path: Path, truth: list[str], results: list[str], rules: str | None = None):
    paths = [write(tmp_path / 'truth.txt', truth), write(tmp_path / 'results.txt', results)]
    return evaluate(find_pairs(paths, rules))[0]


def mot15(frame: int, number: int, box: str = BOX, flag: int = 1) -> str:
    return f'{frame},{number},{box},{flag},-1,-1,-1'


def test_results_equal_to_the_truth_are_perfect(tmp_path: Path) -> None:
    rows = [mot15(frame, number, f'{100 * number},0,20,40')
            for frame in range(1, 6) for number in (1, 2)]
    found = scores(tmp_path, rows, rows)
    assert (found.MOTA, found.IDF1, found.MOTP) == (100, 100, 0)
    assert (found.HOTA, found.DetA, found.AssA) == pytest.approx((100, 100, 100))
    assert (found.MT, found.ML, found.IDs, found.FM, found.FP, found.FN) == (2, 0, 0, 0, 0, 0)


def test_an_identity_switch_is_counted_by_hand(tmp_path: Path) -> None:
    truth = [mot15(frame, 1) for frame in range(1, 11)]
    results = [mot15(frame, 1 if frame <= 6 else 2) for frame in range(1, 11)]
    found = scores(tmp_path, truth, results)
    assert (found.IDs, found.FP, found.FN, found.FM, found.MT) == (1, 0, 0, 0, 1)
    assert found.MOTA == pytest.approx(100 * (1 - 1 / 10))
    # Identity 1 explains six of ten boxes on either side.
    assert found.IDF1 == pytest.approx(100 * 2 * 6 / 20)
    assert found.DetA == pytest.approx(100)
    assert found.AssA == pytest.approx(100 * (6 * 6 / 10 + 4 * 4 / 10) / 10)


def test_misses_false_alarms_and_fragments_are_counted_by_hand(tmp_path: Path) -> None:
    truth = [mot15(frame, 1) for frame in range(1, 11)]
    truth += [mot15(frame, 2, '200,0,20,40') for frame in range(1, 11)]
    results = [mot15(frame, 1) for frame in range(1, 11) if frame not in (4, 5)]
    results += [mot15(frame, 9, '500,500,20,40') for frame in (1, 2, 3)]
    # A second row keeps frames 4 and 5 from being empty.
    results += [mot15(frame, 8, '700,500,20,40') for frame in (4, 5)]
    found = scores(tmp_path, truth, results)
    assert (found.FP, found.FN, found.IDs, found.FM) == (5, 12, 0, 1)
    assert (found.MT, found.ML) == (0, 1)
    assert found.MOTA == pytest.approx(100 * (1 - (5 + 12) / 20))


def test_motp_is_one_minus_the_mean_overlap(tmp_path: Path) -> None:
    found = scores(tmp_path, [mot15(1, 1, '0,0,10,40')], [mot15(1, 1, '0,0,10,30')])
    assert found.MOTP == pytest.approx(0.25)


def test_mot15_leaves_out_truth_by_its_flag_alone(tmp_path: Path) -> None:
    truth = [mot15(1, 1), mot15(1, 2, '200,0,20,40', flag=0)]
    found = scores(tmp_path, truth, [mot15(1, 1), mot15(1, 2, '200,0,20,40')])
    assert (found.FN, found.FP) == (0, 1)


@pytest.mark.parametrize(('klass', 'flag', 'false_alarms'), [
    (2, 0, 0), (7, 1, 0), (8, 0, 0), (12, 0, 0), (3, 0, 1), (1, 0, 1)])
def test_mot16_leaves_out_results_on_distractors_only(
        tmp_path: Path, klass: int, flag: int, false_alarms: int) -> None:
    truth = [f'1,1,{BOX},1,1,1', f'1,2,200,0,20,40,{flag},{klass},1']
    found = scores(tmp_path, truth, [mot15(1, 1), mot15(1, 5, '200,0,20,40')])
    assert (found.FP, found.FN) == (false_alarms, 0)


@pytest.mark.parametrize(('rules', 'false_alarms'), [('MOT16', 1), ('MOT20', 0)])
def test_only_mot20_takes_non_motorised_vehicles_for_distractors(
        tmp_path: Path, rules: str, false_alarms: int) -> None:
    truth = [f'1,1,{BOX},1,1,1', '1,2,200,0,20,40,0,6,1']
    found = scores(tmp_path, truth, [mot15(1, 1), mot15(1, 5, '200,0,20,40')], rules)
    assert found.FP == false_alarms


def by_class(tmp_path: Path, truth: list[str], results: list[str], class_id: int, **changes):
    paths = [write(tmp_path / 'truth.txt', truth), write(tmp_path / 'results.txt', results)]
    return evaluate(find_pairs(paths, class_id=class_id, **changes))[0]


# Two pedestrians, a car with and a car without the flag, a person on a vehicle, a thing unknown.
MIXED = [f'1,1,{BOX},1,1,1', '1,2,100,0,20,40,1,1,1', '1,3,200,0,50,40,1,3,1',
         '1,4,300,0,50,40,0,3,1', '1,5,400,0,20,40,0,2,1', '1,6,500,0,20,40,1,99,1']


def test_cars_are_judged_by_the_truth_of_cars(tmp_path: Path) -> None:
    on = {number: '1,{},{},1,-1,-1,-1'.format(number, ','.join(row.split(',')[2:6]))
          for number, row in enumerate(MIXED, 1)}
    found = by_class(tmp_path, MIXED, [on[3], on[5]], 3)
    assert (found.FN, found.FP) == (0, 1)  # the person on a vehicle is no distractor of cars
    found = by_class(tmp_path, MIXED, [on[1], on[5]], 1)
    assert (found.FN, found.FP) == (1, 0)
    found = by_class(tmp_path, MIXED, [on[6]], 99)
    assert (found.FN, found.FP) == (0, 0)


def test_a_class_the_benchmark_never_flags_counts_whole(tmp_path: Path) -> None:
    truth = [f'1,1,{BOX},1,1,1', '1,4,300,0,50,40,0,3,1', '1,5,400,0,50,40,0,3,1']
    found = by_class(tmp_path, truth, ['1,7,300,0,50,40,1,-1,-1,-1'], 3)
    assert (found.FN, found.FP, found.MOTA) == (1, 0, 50)


def test_of_results_with_classes_those_of_the_class_are_judged(tmp_path: Path) -> None:
    results = ['1,7,200,0,50,40,0.9,3,-1,-1', f'1,8,{BOX},0.9,1,-1,-1']
    found = by_class(tmp_path, MIXED, results, 3)
    assert (found.FN, found.FP) == (0, 0)
    with pytest.raises(MotFileError, match=r'no row is of class 99; it has class 1 \(1 rows\), '):
        by_class(tmp_path, MIXED, results, 99)


def test_truth_as_visdrone_writes_it_is_judged_by_class_or_whole(tmp_path: Path) -> None:
    truth = [f'1,1,{BOX},1,1,0,0', '1,2,100,0,20,40,1,4,0,1', '1,3,200,0,20,40,0,0,0,0']
    results = [f'1,9,{BOX},1,-1,-1,-1', '1,8,100,0,20,40,1,-1,-1,-1']
    found = by_class(tmp_path, truth, results, 4)
    assert (found.FN, found.FP) == (0, 1)
    found = scores(tmp_path, truth, results, 'MOT15')
    assert (found.FN, found.FP) == (0, 0)


def test_a_class_of_a_truth_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MotFileError, match='truth.txt: it has no classes .* to choose 3 from'):
        by_class(tmp_path, [mot15(1, 1)], [mot15(1, 1)], 3)


def test_results_without_rows_miss_all(tmp_path: Path) -> None:
    found = scores(tmp_path, [mot15(frame, 1) for frame in range(1, 6)], [])
    assert (found.MOTA, found.IDF1, found.HOTA, found.FN, found.FP, found.ML) == (0, 0, 0, 5, 0, 1)


def test_files_that_count_from_zero_are_read_when_said(tmp_path: Path) -> None:
    from_one = [mot15(frame, 1, f'{10 * frame},0,20,40') for frame in range(1, 6)]
    from_zero = [mot15(frame - 1, 1, f'{10 * frame},0,20,40') for frame in range(1, 6)]
    for truth, results, changes in (
            (from_one, from_zero, {'first_frame': 0}),
            (from_zero, from_one, {'truth_first_frame': 0}),
            (from_zero, from_zero, {'first_frame': 0, 'truth_first_frame': 0})):
        paths = [write(tmp_path / 'truth.txt', truth), write(tmp_path / 'results.txt', results)]
        assert evaluate(find_pairs(paths, **changes))[0].MOTA == 100


def walk(shift: int = 0, left: float = 0.0) -> list[str]:
    """Return someone who walks by a twentieth of the width per frame, ``shift`` frames later."""
    return [mot15(frame, 1, f'{left + frame - shift},0,20,40') for frame in range(3, 40)]


@pytest.mark.parametrize(('truth', 'results', 'says'), [
    (walk(), walk(), None),
    (walk(), [], 'no rows, so every box of the truth is missed'),
    (walk(), walk(left=500), 'only 0 % of its boxes lie on a truth .* of another sequence'),
    (walk(), walk(shift=-1), 'one frame later .* --first-frame 0'),
    (walk(), walk(shift=1), 'one frame earlier .* --truth-first-frame 0'),
    (walk(), [row.replace(',1,-1,', ',1,2,') for row in walk()] + ['3,9,0,0,20,40,1,0,-1,-1'],
     'has rows of classes 0, 2 and all of them are counted; --class N'),
])
def test_results_that_do_not_fit_are_doubted(tmp_path: Path, truth, results, says) -> None:
    paths = [write(tmp_path / 'truth.txt', truth), write(tmp_path / 'results.txt', results)]
    found = doubts(find_pairs(paths)[0])
    if says is None:
        assert found == []
    else:
        assert len(found) == 1 and re.search(says, found[0])


@pytest.mark.parametrize('name', ['TUD-Campus', 'TUD-Stadtmitte'])
def test_results_of_the_reference_raise_no_doubt_but_those_of_the_other_sequence_do(
        data: Path, name: str) -> None:
    def found(truth: str) -> list[str]:
        return doubts(find_pairs([data / 'mot' / truth / 'gt' / 'gt.txt',
                                  data / 'golden' / 'mars128' / f'{name}.reference.txt'])[0])
    assert found(name) == []
    other, = {'TUD-Campus', 'TUD-Stadtmitte'} - {name}
    results = data / 'golden' / 'mars128' / f'{name}.reference.txt'
    with pytest.raises(MotFileError, match='behind the end') if name == 'TUD-Stadtmitte' else (
            contextlib.nullcontext()):
        pair = find_pairs([data / 'mot' / other, results])[0]
        pair.results.check_length(pair.length)
        assert 'of another sequence' in doubts(pair)[0]


def test_ids_of_any_size_are_fine(tmp_path: Path) -> None:
    truth = [mot15(frame, 1) for frame in (1, 2)]
    assert scores(tmp_path, truth, [mot15(frame, 2 ** 50) for frame in (1, 2)]).IDF1 == 100


def test_overall_sums_the_sequences(tmp_path: Path) -> None:
    truths, results = [], []
    for name, found in (('a', 4), ('b', 1)):
        truths.append(write(tmp_path / f'{name}.txt', [mot15(f, 1) for f in range(1, 5)]))
        results.append(
            write(tmp_path / f'{name}_r.txt', [mot15(f, 1) for f in range(1, found + 1)]))
    rows = evaluate(find_pairs([*truths, *results]))
    assert [row.sequence for row in rows] == ['a', 'b', OVERALL]
    assert rows[2].FN == rows[0].FN + rows[1].FN == 3
    assert rows[2].MOTA == pytest.approx(100 * 5 / 8)


def test_a_folder_of_sequences_meets_a_folder_of_results(
        sequence_folder: Path, tmp_path: Path) -> None:
    (tmp_path / 'results').mkdir()
    truth = (sequence_folder / 'gt' / 'gt.txt').read_text()
    (tmp_path / 'results' / 'crossing.txt').write_text(truth)
    rows = evaluate(find_pairs([sequence_folder.parent, tmp_path / 'results']))
    assert [(row.sequence, row.MOTA) for row in rows] == [('crossing', 100.0)]


@pytest.mark.parametrize(('truth', 'results', 'rules', 'says'), [
    ([mot15(1, 1)], ['1,1,10'], None, 'results.txt:1: 3 columns'),
    ([f'1,1,{BOX},1,1,1', f'1,2,{BOX},1,99,1'], [mot15(1, 1)], None,
     'truth.txt: .*invalid gt classes.*; --class N counts one class'),
    ([f'1,1,{BOX},1,3,1'], [mot15(1, 1)], None, r'truth.txt: no box counts, none has flag 1 in '
     r'column 7 and class 1 in column 8; it has class 3 \(1 rows\): --class N'),
    ([mot15(1, 1, flag=0)], [mot15(1, 1)], None, 'truth.txt: no box counts, none has flag 1'),
    ([], [mot15(1, 1)], None, 'truth.txt: empty, a truth without boxes judges nothing'),
    ([f'1,1,{BOX},1,4,0,1'], [mot15(1, 1)], None, r'truth.txt: column 8 of 10 seems to be a '
     r'class \(class 4 \(1 rows\)\).*--class N .* --rules MOT15'),
    ([mot15(0, 1)], [mot15(1, 1)], None, 'truth.txt:1: frame 0 .*--truth-first-frame 0'),
    ([mot15(1, 1)], [mot15(0, 1)], None, 'results.txt:1: frame 0 .*--first-frame 0'),
    ([mot15(1, 1)], [mot15(1, 1)], 'MOT16', 'the rules of MOT16 need a class'),
])
def test_what_cannot_be_judged_is_refused_by_file(
        tmp_path: Path, truth, results, rules, says: str) -> None:
    with pytest.raises(MotFileError, match=says):
        scores(tmp_path, truth, results, rules)


def test_results_longer_than_the_sequence_are_refused_by_line(
        sequence_folder: Path, tmp_path: Path) -> None:
    results = write(tmp_path / 'r.txt', [mot15(1, 1), mot15(13, 1)])
    with pytest.raises(MotFileError, match='r.txt:2: frame 13 is behind the end'):
        evaluate(find_pairs([sequence_folder, results]))


def test_the_table_says_what_motp_is_and_machines_get_exact_values(tmp_path: Path) -> None:
    truth = [mot15(frame, 1) for frame in (1, 2, 3)]
    rows = [scores(tmp_path, truth, truth[:2])]
    text, markdown = format_scores(rows), format_scores(rows, 'markdown')
    assert NOTE in text and '66.7' in text
    assert markdown.splitlines()[0].startswith('| sequence') and NOTE in markdown
    read = list(csv.DictReader(io.StringIO(format_scores(rows, 'csv'))))
    assert float(read[0]['MOTA']) == pytest.approx(200 / 3)
    assert json.loads(format_scores(rows, 'json'))['rows'][0]['MOTA'] == pytest.approx(200 / 3)


@pytest.mark.parametrize('name', ['TUD-Campus', 'KITTI-17', 'MOT16-09'])
def test_real_truth_against_its_evaluated_part_is_perfect(
        data: Path, tmp_path: Path, name: str) -> None:
    lines = (data / 'mot' / name / 'gt' / 'gt.txt').read_text().splitlines()
    cells = [line.split(',') for line in lines]
    counted = [','.join(c[:6]) + ',1,-1,-1,-1' for c in cells
               if c[6] == '1' and (len(c) != 9 or c[7] == '1')]
    results = write(tmp_path / 'results.txt', counted)
    row = evaluate(find_pairs([data / 'mot' / name, results]))[0]
    assert (row.MOTA, row.IDF1, row.FP, row.FN, row.IDs, row.ML) == (100, 100, 0, 0, 0, 0)
    assert row.HOTA == pytest.approx(100)


def test_the_reference_output_scores_as_known(data: Path) -> None:
    # Computed once with motmetrics 1.4.0 as well: MOTA, FP, FN, IDs and IDF1 agree.
    row = evaluate(find_pairs([data / 'mot' / 'TUD-Campus',
                               data / 'golden' / 'mars128' / 'TUD-Campus.reference.txt']))[0]
    assert (round(row.MOTA, 1), round(row.IDF1, 1)) == (49.9, 56.1)
    assert (row.FP, row.FN, row.IDs, row.MT, row.ML) == (32, 137, 11, 1, 0)
