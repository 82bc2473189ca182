"""What the commands say of inputs that are in order and yet not what was meant."""
import json
import logging
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepsort_ros.cli import main
from deepsort_ros.mot.folder import read_folder
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.scene.scene import SceneConfig
from deepsort_ros.scene.scene import write_scene
from deepsort_ros.version import version


@pytest.fixture(scope='module')
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('commands') / 'scene'
    write_scene(folder, SceneConfig(seconds=1.0))
    return folder


def run(capsys, *args: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in args])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_shorter_scene_never_mixes_with_the_longer_one_before_it(
        tmp_path: Path, capsys) -> None:
    folder = tmp_path / 'sample'
    assert run(capsys, 'sample', folder, '--seconds', 1)[0] == 0
    code, _, err = run(capsys, 'sample', folder, '--seconds', 0.4)
    assert code == 2 and 'is not empty' in err and '--overwrite' in err
    assert len(list((folder / 'img1').iterdir())) == 15
    code, _, err = run(capsys, 'sample', folder, '--seconds', 0.4, '--overwrite')
    assert code == 0 and len(list((folder / 'img1').iterdir())) == 6
    assert read_folder(folder).length == 6 and read_folder(folder).notes == ()


def test_crops_of_an_earlier_run_are_never_among_the_new_ones(
        scene: Path, tmp_path: Path, capsys) -> None:
    code, out, _ = run(capsys, 'crops', scene, '--output', tmp_path / 'c', '--every', 1, '--json')
    many = json.loads(out)['crops']
    assert code == 0 and len(list((tmp_path / 'c').rglob('*.jpg'))) == many
    assert run(capsys, 'crops', scene, '--output', tmp_path / 'c', '--every', 5)[0] == 2
    code, out, _ = run(capsys, 'crops', scene, '--output', tmp_path / 'c', '--every', 5, '--json',
                       '--overwrite')
    few = json.loads(out)['crops']
    assert code == 0 and len(list((tmp_path / 'c').rglob('*.jpg'))) == few < many


@pytest.mark.parametrize('command', ['sample', 'crops'])
def test_overwrite_removes_nothing_that_the_command_did_not_write(
        scene: Path, tmp_path: Path, capsys, command: str) -> None:
    mine = tmp_path / 'mine'
    shutil.copytree(scene, mine)
    (mine / 'seqinfo.ini').write_text('[Sequence]\nname=MOT16-09\nframeRate=30\n')
    args = (mine,) if command == 'sample' else (scene, '--output', mine)
    before = sorted(mine.rglob('*'))
    code, _, err = run(capsys, command, *args, '--overwrite')
    assert code == 2 and 'does not remove' in err and sorted(mine.rglob('*')) == before


def shifted(path: Path, target: Path, left: float, factor: float = 1.0) -> Path:
    """Write a table with its boxes moved, and made larger or smaller."""
    rows = [line.split(',') for line in path.read_text().splitlines()]
    target.write_text('\n'.join(','.join((
        *row[:2], str(factor * float(row[2]) + left), *(str(factor * float(v)) for v in row[3:6]),
        *row[6:])) for row in rows))
    return target


@pytest.mark.parametrize(('left', 'factor', 'says'), [
    (3000.0, 1.0, '100 % of its boxes lie outside the images of 960 x 540 pixels'),
    (0.0, 3.0, 'of its boxes lie outside the images'), (-5000.0, 1.0, 'outside the images'),
    (0.0, 1 / 960, 'shares of the image instead of pixels')])
def test_boxes_that_cannot_be_of_these_images_are_doubted(
        scene: Path, tmp_path: Path, capsys, left: float, factor: float, says: str) -> None:
    wrong = shifted(scene / 'det' / 'det.txt', tmp_path / 'd.txt', left, factor)
    code, _, err = run(capsys, 'track', scene, '--detections', wrong, '--appearance', 'off',
                       '--output', tmp_path / 'r.txt')
    assert code == 0 and f'note: {wrong}: ' in err and says in err
    truth = shifted(scene / 'gt' / 'gt.txt', tmp_path / 't.txt', left, factor)
    code, _, err = run(capsys, 'render', scene, truth, '--output', tmp_path / 'v.mp4')
    assert code == 0 and says in err


def test_boxes_of_the_right_images_are_not_doubted(scene: Path, tmp_path: Path, capsys) -> None:
    assert run(capsys, 'track', scene, '--appearance', 'off', '--output',
               tmp_path / 'r.txt')[2] == ''
    assert run(capsys, 'render', scene, tmp_path / 'r.txt', '--output',
               tmp_path / 'v.mp4')[2] == ''


@pytest.mark.parametrize(('factor', 'more', 'says'), [
    (100, (), 'scores are above 1, the highest is 9'),
    (100, ('--set', 'min_confidence=50', '--set', 'low_confidence=10'), ''),
    (255, (), 'min_confidence 0.5 and low_confidence 0.1 apply to them as they are'),
    (100, ('--preset', 'reference'), ''), (1, (), '')])
def test_scores_of_another_scale_are_reported(
        scene: Path, tmp_path: Path, capsys, factor: float, more: tuple, says: str) -> None:
    rows = [line.split(',') for line in (scene / 'det' / 'det.txt').read_text().splitlines()]
    wrong = tmp_path / 'd.txt'
    wrong.write_text('\n'.join(','.join((*row[:6], str(factor * float(row[6])), *row[7:]))
                               for row in rows))
    code, _, err = run(capsys, 'track', scene, '--detections', wrong, '--appearance', 'off',
                       '--output', tmp_path / 'r.txt', *more)
    assert code == 0 and (says in err if says else 'scores' not in err)


def change_images(scene: Path, target: Path, change, suffix: str = '.png') -> Path:
    """Copy a scene with its images changed by (number, image)."""
    shutil.copytree(scene, target)
    for number, path in enumerate(sorted((target / 'img1').iterdir()), 1):
        image = cv2.imread(str(path))
        path.unlink()
        cv2.imwrite(str(path.with_suffix(suffix)), change(number, image))
    return target


def smaller_from_the_tenth(number: int, image: np.ndarray) -> np.ndarray:
    return image if number < 10 else cv2.resize(image, (480, 270))


@pytest.mark.parametrize('command', ['track', 'render', 'crops', 'report'])
def test_a_size_that_changes_in_the_middle_is_reported(
        scene: Path, tmp_path: Path, capsys, command: str) -> None:
    changed = change_images(scene, tmp_path / 'changed', smaller_from_the_tenth)
    truth = changed / 'gt' / 'gt.txt'
    args = {'track': (changed, '--appearance', 'off', '--output', tmp_path / 'r.txt'),
            'render': (changed, truth, '--output', tmp_path / 'v.mp4'),
            'crops': (changed, '--output', tmp_path / 'c', '--every', 1),
            'report': (shifted(truth, tmp_path / 't.txt', 1.0), '--gt', changed, '--output',
                       tmp_path / 'p.html')}[command]
    code, _, err = run(capsys, command, *args)
    assert code == 0 and 'images of 2 sizes (960 x 540 in frame 1, 480 x 270 in frame ' in err


def test_images_of_12_bits_in_16_are_reported_and_as_bright_as_they_are(
        scene: Path, tmp_path: Path, capsys) -> None:
    wide = change_images(scene, tmp_path / 'wide',
                         lambda number, image: image.astype(np.uint16) << 4)
    bright = open_sequence(scene, with_detections=False)
    sequence = open_sequence(wide, with_detections=False)
    for one, other in zip(bright.frames(), sequence.frames()):
        np.testing.assert_array_equal(one.load(), other.load())
    assert sequence.remarks() == [f'{wide}: 16-bit samples use 12 bits (none is 4096 or more) '
                                  'and are scaled by that']
    assert bright.remarks() == []
    code, _, err = run(capsys, 'crops', wide, '--output', tmp_path / 'c')
    assert code == 0 and '16-bit samples use 12 bits' in err


def test_lost_tracks_of_a_history_may_be_anywhere(scene: Path, tmp_path: Path, capsys) -> None:
    history = tmp_path / 'h.csv'
    assert run(capsys, 'track', scene, '--appearance', 'off', '--output', tmp_path / 'r.txt',
               '--history', history)[0] == 0
    first, columns, *rows = history.read_text().splitlines()
    for state, doubted in (('lost', False), ('confirmed', True)):
        beside = [f'{1 + step % 15},{1000 + step},{state},5000,10,20,40,,,,,'
                  for step in range(len(rows))]
        (tmp_path / 'more.csv').write_text('\n'.join((first, columns, *rows, *beside)) + '\n')
        code, _, err = run(capsys, 'render', scene, tmp_path / 'more.csv', '--output',
                           tmp_path / 'v.mp4')
        assert code == 0 and ('lie outside the images' in err) == doubted


def test_warnings_of_the_library_are_notes(monkeypatch, capsys) -> None:
    def describe(path: Path) -> dict[str, str]:
        logging.getLogger('deepsort_ros.somewhere').warning('%s is odd', path)
        return {'kind': 'nothing'}

    monkeypatch.setattr('deepsort_ros.info.describe', describe)
    for _ in range(2):
        assert run(capsys, 'info', 'it') == (0, 'kind: nothing\n', 'deepsort: note: it is odd\n')
    assert logging.getLogger('deepsort_ros').handlers == []


def test_the_version_is_printed(capsys) -> None:
    with pytest.raises(SystemExit, match='0'):
        main(['--version'])
    assert capsys.readouterr().out == f'deepsort {version()}\n'


def test_boxes_of_the_letterbox_of_a_network_are_reported(
        scene: Path, tmp_path: Path, capsys) -> None:
    rows = [f'{step + 1},-1,{box},0.9' for step in range(15) for one in range(7) for box in (
        f'{40 * step},150,{80 - one},200', f'{300 + one},{150 + 16 * step},90,{350 - 16 * step}',
        f'{540 + 4 * step},150,{100 - 4 * step},{300 - one}')]
    wrong = tmp_path / 'd.txt'
    wrong.write_text('\n'.join(rows))
    code, _, err = run(capsys, 'track', scene, '--detections', wrong, '--appearance', 'off',
                       '--output', tmp_path / 'r.txt')
    assert code == 0 and ('its boxes are pixels of a letterbox of 640 x 640, not of the images of '
                          '960 x 540') in err


@pytest.mark.parametrize('command', ['evaluate', 'compare', 'report'])
def test_results_of_another_sequence_are_doubted_by_all_that_judge_them(
        scene: Path, tmp_path: Path, capsys, command: str) -> None:
    results = shifted(scene / 'gt' / 'gt.txt', tmp_path / 'other.txt', 400.0)
    args = {'evaluate': ('evaluate', scene, results),
            'compare': ('evaluate', scene, scene / 'gt' / 'gt.txt', '--compare', results),
            'report': ('report', results, '--gt', scene, '--no-images', '--output',
                       tmp_path / 'p.html')}[command]
    code, _, err = run(capsys, *args)
    assert code == 0 and f'note: {results}: only ' in err and 'another sequence' in err


def features(scene: Path, path: Path) -> Path:
    """Write features of the detections of a scene; each has its own direction."""
    rows = np.loadtxt(scene / 'det' / 'det.txt', delimiter=',')
    directions = np.random.default_rng(1).normal(size=(len(rows), 8))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    np.save(path, np.hstack((rows[:, :10], directions)))
    return path


@pytest.mark.parametrize(('beside', 'options', 'limit'), [
    ({}, (), 0.2), ({'f.json': '{"max_cosine_distance": 0.37}'}, (), 0.37),
    ({'model.json': '{"max_cosine_distance": 0.31}'}, (), 0.31),
    ({'model.json': '{"sha256": "0"}'}, (), 0.2),
    ({'f.json': '{"max_cosine_distance": 0.37}'}, ('--set', 'max_cosine_distance=0.5'), 0.5),
    ({}, ('--model', 'bundled'), 0.4), ({}, ('--preset', 'mot16'), 0.2)])
def test_stored_features_are_matched_by_the_limit_of_their_model(
        scene: Path, tmp_path: Path, capsys, beside, options, limit: float) -> None:
    for name, content in beside.items():
        (tmp_path / name).write_text(content)
    code, _, err = run(capsys, 'track', scene, '--features', features(scene, tmp_path / 'f.npy'),
                       '--output', tmp_path / 'r.txt', '--history', tmp_path / 'h.csv', *options)
    assert code == 0
    said = json.loads((tmp_path / 'h.csv').read_text().splitlines()[0].split(' ', 3)[3])
    assert said['appearance'] == limit
    unknown = 'nothing says which model made the features, so max_cosine_distance is 0.2'
    assert (unknown in err) == (limit == 0.2 and not options)


@pytest.mark.parametrize('content', ['no JSON', '[1]', '{"max_cosine_distance": "far"}',
                                     '{"max_cosine_distance": 7}'])
def test_a_description_beside_features_that_makes_no_sense_is_refused(
        scene: Path, tmp_path: Path, capsys, content: str) -> None:
    (tmp_path / 'f.json').write_text(content)
    code, _, err = run(capsys, 'track', scene, '--features', features(scene, tmp_path / 'f.npy'),
                       '--output', tmp_path / 'r.txt')
    assert code == 2 and 'f.json' in err and err.count('\n') == 1


def test_features_of_other_detections_are_not_used_again(
        scene: Path, tmp_path: Path, capsys) -> None:
    """The folder of an earlier run has the same names, whatever detections it was run with."""
    output = tmp_path / 'out'
    (output / 'features').mkdir(parents=True)
    features(scene, output / 'features' / 'sample.npy')
    assert run(capsys, 'reproduce', scene, '--output', output)[0] == 0
    others = tmp_path / 'detections'
    others.mkdir()
    shifted(scene / 'det' / 'det.txt', others / 'sample.txt', 5.0)
    code, _, err = run(capsys, 'reproduce', scene, '--detections', others, '--output', output)
    assert code == 2 and 'features of other detections' in err


def test_the_demo_says_how_many_images_were_dropped(tmp_path: Path, capsys, monkeypatch) -> None:
    demo = pytest.importorskip('deepsort_ros.demo')
    summary = demo.DemoSummary('s', 30, 4, 12.5, 1.0, 2.0, 'CPU', 'm', 'v', 'b', 'r', dropped=15)
    monkeypatch.setattr(demo, 'run', lambda *args, **options: summary)
    code, out, err = run(capsys, 'demo', '--rate', 25, '--output', tmp_path / 'demo')
    assert code == 0 and 'images dropped  15' in out
    assert '15 of 45 images were dropped: the node tracks 12.5 images per second' in err


@pytest.mark.parametrize('command', [('info', 'bundled'), ('export', 'bundled', 'm.onnx'),
                                     ('info', 'hub'), ('export', 'hub', 'm.onnx')])
def test_the_names_of_models_work_in_every_command(
        tmp_path: Path, capsys, monkeypatch, command) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    code, _, err = run(capsys, *command)
    assert code == 0 if 'bundled' in command else (
        code == 2 and 'run "deepsort fetch-model hub" first' in err)


@pytest.mark.parametrize(('args', 'option'), [
    (('demo', '--drive', '--rate', 5), '--rate'), (('demo', '--drive', '--model', 'x'), '--model'),
    (('evaluate', '--world', 'a', 'b', '--first-frame', 0), '--first-frame'),
    (('evaluate-reid', '{scene}', '--queries', 3), '--queries'),
    (('reproduce', '{scene}', '--features', 'f', '--model', 'bundled'), '--model'),
    (('reproduce', '{scene}', '--features', 'f', '--device', 'CPU'), '--device'),
    (('render', '{scene}', '{scene}/gt/gt.txt', '--truth-first-frame', 0), '--truth-first-frame'),
    (('track', '{scene}', '--features', 'f.npy', '--device', 'CPU'), '--device'),
    (('track', '{scene}', '--appearance', 'off', '--poses', 'p'), '--poses'),
    (('track', '{scene}', '--appearance', 'off', '--world', 'w'), '--world'),
    (('bag', 'in', 'out', '--depth', '/depth'), '--depth'),
    (('bag', 'in', 'out', '--set', 'world=ground', '--depth', '/depth'), '--depth'),
    (('bags', 'in', '--output', 'out', '--camera-info', '/info'), '--camera-info'),
    (('diff', '{scene}/gt/gt.txt', '{scene}/gt/gt.txt', '--topic', '/tracks'), '--topic')])
def test_an_option_that_would_have_no_effect_is_refused(
        scene: Path, tmp_path: Path, capsys, monkeypatch, args, option: str) -> None:
    if args[0] in ('bag', 'bags', 'diff'):
        pytest.importorskip('rclpy')
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, *(str(arg).replace('{scene}', str(scene)) for arg in args))
    assert code == 2 and err.count('\n') == 1 and option in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('options', [
    ('--sequence', 'a', '--video', 'b'), ('--drive', '--video', 'b'),
    ('--drive', '--sequence', 'a')])
def test_the_demo_plays_one_thing(capsys, options) -> None:
    with pytest.raises(SystemExit) as end:
        main(['demo', *options])
    assert end.value.code == 2 and capsys.readouterr().err.count('\n') == 1


def test_features_may_count_frames_from_zero(scene: Path, tmp_path: Path, capsys) -> None:
    values = np.load(features(scene, tmp_path / 'f.npy'))
    run(capsys, 'track', scene, '--features', tmp_path / 'f.npy', '--output', tmp_path / 'a.txt')
    values[:, 0] -= 1
    np.save(tmp_path / 'f.npy', values)
    command = ('track', scene, '--features', tmp_path / 'f.npy', '--output', tmp_path / 'b.txt')
    code, _, err = run(capsys, *command)
    assert code == 2 and '--first-frame 0' in err
    assert run(capsys, *command, '--first-frame', 0)[0] == 0
    assert (tmp_path / 'a.txt').read_text() == (tmp_path / 'b.txt').read_text() != ''
