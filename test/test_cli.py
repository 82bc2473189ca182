"""The command line, run for real on small data: output, exit codes, one-line errors."""
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from deepsort_ros.cli import build_parser
from deepsort_ros.cli import main
from deepsort_ros.commands.common import resolve_settings
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import format_row
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind
from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.scene.scene import SceneConfig
from deepsort_ros.scene.scene import write_scene
from deepsort_ros.settings import SettingError

# Bytes of a detection with its feature.
ROW = 138 * 8

COMMANDS = tuple(build_parser()._subparsers._group_actions[0].choices)


@pytest.fixture(scope='module')
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('cli') / 'scene'
    write_scene(folder, SceneConfig(seconds=3.0))
    return folder


def run(capsys, *args: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in args])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def settings_of(*args: str, frame_rate: float | None = None):
    return resolve_settings(build_parser().parse_args(['track', 'x', *args]), frame_rate)


@pytest.mark.parametrize('command', COMMANDS)
def test_every_command_has_help_with_an_example(capsys, command: str) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, '--help'])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f'example:\n  deepsort {command} ' in text


def test_help_needs_neither_ros_nor_mindspore_nor_numpy() -> None:
    code = ('import sys\nfrom deepsort_ros.cli import main\n'
            'try: main(["--help"])\nexcept SystemExit: pass\n'
            'print({"rclpy", "mindspore", "numpy"} & set(sys.modules), file=sys.stderr)')
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert result.stderr.strip() == 'set()'
    assert all(re.search(rf'^    {command}\b', result.stdout, re.M) for command in COMMANDS)


@pytest.mark.parametrize('name', ['TUD-Campus', 'TUD-Stadtmitte'])
def test_track_repeats_the_reference_output_from_its_features(
        data: Path, tmp_path: Path, capsys, name: str) -> None:
    golden = data / 'golden' / 'mars128'
    code, _, _ = run(capsys, 'track', data / 'mot' / name, '--features', golden / f'{name}.npy',
                     '--preset', 'mot16', '--output', tmp_path / 'r.txt')
    assert code == 0
    assert (tmp_path / 'r.txt').read_text() == (golden / f'{name}.reference.txt').read_text()


def test_sample_track_evaluate_render_and_info_work_hand_in_hand(tmp_path: Path, capsys) -> None:
    folder, results = tmp_path / 'sample', tmp_path / 'r.txt'
    code, out, _ = run(capsys, 'sample', folder, '--seconds', 3, '--json')
    assert code == 0 and json.loads(out)['frames'] == 45
    code, out, _ = run(capsys, 'track', folder, '--appearance', 'off', '--output', results,
                       '--json')
    summary = json.loads(out)
    assert code == 0 and summary['frames'] == 45 and summary['crops'] == 0
    assert summary['rows'] == len(read_table(results, TableKind.RESULTS))
    code, out, _ = run(capsys, 'evaluate', folder, results, '--json')
    row = json.loads(out)['rows'][0]
    assert code == 0 and row['MOTA'] > 60 and row['IDF1'] > 60
    code, out, _ = run(capsys, 'evaluate', folder, results)
    assert f'{row["MOTA"]:.1f}' in out and 'MOTP is 1 - mean IoU' in out
    code, out, _ = run(capsys, 'render', folder, results, '--truth', folder / 'gt' / 'gt.txt',
                       '--output', tmp_path / 'v.mp4', '--max-width', 320)
    assert code == 0 and '45 frames at 15 Hz' in out
    code, out, _ = run(capsys, 'track', tmp_path / 'v.mp4', '--detections',
                       folder / 'det' / 'det.txt', '--appearance', 'off',
                       '--output', tmp_path / 'v.txt')
    assert code == 0 and (tmp_path / 'v.txt').read_text() == results.read_text()
    for path, kind in ((folder, 'MOTChallenge sequence'), (results, 'MOTChallenge tracks'),
                       (folder / 'det' / 'det.txt', 'MOTChallenge detections')):
        code, out, _ = run(capsys, 'info', path, '--json')
        assert code == 0 and json.loads(out)['kind'] == kind


def test_two_sets_of_results_are_compared(scene: Path, tmp_path: Path, capsys) -> None:
    names = ('recent', 'none')
    for name in names:
        run(capsys, 'track', scene, '--appearance', 'off', '--lost', name, '--output',
            tmp_path / f'{name}.txt')
    first, second = (json.loads(run(
        capsys, 'evaluate', scene, tmp_path / f'{name}.txt', '--json')[1])['rows'][0]
        for name in names)
    command = ('evaluate', scene, tmp_path / 'recent.txt', '--compare', tmp_path / 'none.txt')
    code, out, _ = run(capsys, *command, '--json')
    row = json.loads(out)['rows'][0]
    assert code == 0 and (row['first'], row['second']) == (first, second)
    assert row['difference']['FN'] == second['FN'] - first['FN'] > 0
    code, out, _ = run(capsys, *command, '--markdown')
    lines = [[cell.strip() for cell in line.split('|')] for line in out.splitlines()[2:5]]
    column = 1 + list(first).index('FN')
    assert [line[column] for line in lines] == [
        str(first['FN']), str(second['FN']), f'+{second["FN"] - first["FN"]}']
    code, out, _ = run(capsys, *command, '--csv')
    assert [line.split(',')[1] for line in out.splitlines()[1:]] == [
        'first', 'second', 'difference']


def test_results_of_another_sequence_are_refused(scene: Path, tmp_path: Path, capsys) -> None:
    for name in ('a', 'b'):
        shutil.copytree(scene, tmp_path / 'gt' / name, ignore=shutil.ignore_patterns('img1'))
        ini = tmp_path / 'gt' / name / 'seqinfo.ini'
        ini.write_text(re.sub('name *= *.*', f'name={name}', ini.read_text()))
    (tmp_path / 'r').mkdir()
    for name in ('a', 'b', 'c'):
        (tmp_path / 'r' / f'{name}.txt').write_text('1,1,2,3,4,5,1,-1,-1,-1\n')
    gt, results = tmp_path / 'gt', tmp_path / 'r'
    for paths, says in (
            ((gt, results), 'c.txt: no sequence c with truth'),
            ((gt / 'a', gt / 'b', results / 'b.txt', results / 'a.txt'),
             'b.txt: the results of b are in the place of those of a'),
            ((gt / 'a', gt / 'b', results / 'a.txt'), '3 paths are not as many truths as'),
            ((gt / 'a', results / 'a.txt', '--compare', results / 'a.txt', results / 'b.txt'),
             '2 results to compare with are not as many as the 1 sequences')):
        code, out, err = run(capsys, 'evaluate', *paths)
        assert (code, out) == (2, '') and says in err and err.count('\n') == 1


def test_a_history_makes_lost_boxes_dashed_and_fills_the_report(
        scene: Path, tmp_path: Path, capsys) -> None:
    code, _, _ = run(capsys, 'track', scene, '--appearance', 'off', '--output',
                     tmp_path / 'r.txt', '--history', tmp_path / 'h.csv')
    assert code == 0
    code, out, _ = run(capsys, 'render', scene, tmp_path / 'h.csv', '--output',
                       tmp_path / 'v.mp4', '--max-width', 320)
    assert code == 0 and '45 frames' in out
    code, out, _ = run(capsys, 'report', tmp_path / 'r.txt', '--gt', scene, '--history',
                       tmp_path / 'h.csv', '--output', tmp_path / 'p.html', '--json')
    summary = json.loads(out)
    assert code == 0 and summary['pictures'] == 12 + 2 * summary['switches']
    assert '<h3>Motion</h3>' in (tmp_path / 'p.html').read_text()
    code, out, _ = run(capsys, 'report', tmp_path / 'r.txt', '--gt', scene, '--no-images',
                       '--output', tmp_path / 'p.html', '--json')
    assert code == 0 and json.loads(out)['pictures'] == 0
    for path in ('r.txt', 'h.csv'):
        code, out, _ = run(capsys, 'info', tmp_path / path, '--json')
        assert code == 0 and json.loads(out)['ids'] >= 3


def test_reproduce_survives_being_killed_with_the_real_network(
        scene: Path, tmp_path: Path, capsys) -> None:
    pytest.importorskip('mindspore')
    from random_network import random_parameters
    from random_network import write_checkpoint
    model = write_checkpoint(random_parameters(), tmp_path / 'model.ckpt')
    command = ('reproduce', scene, '--output', tmp_path / 'out', '--device', 'CPU')
    features = tmp_path / 'out' / 'features'
    process = subprocess.Popen([sys.executable, '-m', 'deepsort_ros.cli',
                                *map(str, command), '--model', str(model)])
    deadline = time.monotonic() + 120
    while not any(path.stat().st_size > 10 * ROW for path in features.glob('*.partial')):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    partial = next(features.glob('*.partial'))
    # A mark tells whether the first feature is computed again.
    marked = np.fromfile(partial, count=partial.stat().st_size // 8)
    marked[10:138] = np.eye(128)[0]
    marked.tofile(partial)
    code, out, _ = run(capsys, *command, '--model', model)
    assert code == 0 and 'published' in out and 'MOTP is 1 - mean IoU' in out
    complete = next(features.glob('*.npy'))
    assert (np.load(complete)[0, 10:] == np.eye(128)[0]).all()
    # All is done: the model is not even looked for.
    code, again, _ = run(capsys, *command, '--model', '/nowhere.ckpt')
    assert (code, again) == (0, out)
    code, given, _ = run(capsys, 'reproduce', scene, '--features', features, '--output',
                         tmp_path / 'again')
    assert (code, given) == (0, out)
    code, out, _ = run(capsys, 'info', complete, '--json')
    assert json.loads(out)['dimensions'] == 128


def write_bag(scene: Path, path: Path) -> None:
    from rclpy.serialization import serialize_message
    from rosbags.rosbag2 import Writer

    from deepsort_ros.bags.player import sequence_messages
    from deepsort_ros.bags.reader import DETECTIONS_TYPE
    from deepsort_ros.bags.reader import IMAGE_TYPES
    from deepsort_ros.ros.messages.conversions import nanoseconds
    from deepsort_ros.ros.messages.stand_ins import typestore
    with Writer(path, version=9) as writer:
        topics = [writer.add_connection(topic, kind, typestore=typestore()) for topic, kind in (
            ('/camera/image', IMAGE_TYPES['raw']), ('/detections', DETECTIONS_TYPE))]
        frames = open_sequence(scene).frames()
        for count, message in enumerate(sequence_messages(frames, 15.0, NANOSECONDS)):
            writer.write(topics[count % 2], nanoseconds(message.header.stamp),
                         serialize_message(message))


def test_bag_gives_the_tracks_that_track_gives(scene: Path, tmp_path: Path, capsys) -> None:
    pytest.importorskip('rclpy')
    from rclpy.serialization import deserialize_message
    from rosbags.rosbag2 import Reader

    from deepsort_ros.msg import TrackArray
    write_bag(scene, tmp_path / 'in')
    code, out, _ = run(capsys, 'bag', tmp_path / 'in', tmp_path / 'out', '--appearance', 'off',
                       '--set', 'frame_rate=15', '--json')
    assert code == 0 and json.loads(out)['frames'] == 45
    rows = []
    with Reader(tmp_path / 'out') as bag:
        for frame, (_, _, content) in enumerate(bag.messages(), 1):
            for track in deserialize_message(bytes(content), TrackArray).tracks:
                middle, size = track.bbox.center.position, (track.bbox.size_x, track.bbox.size_y)
                tlwh = np.array([middle.x - size[0] / 2, middle.y - size[1] / 2, *size])
                rows.append(format_row(frame, track.id, tlwh))
    run(capsys, 'track', scene, '--appearance', 'off', '--lost', 'all', '--output',
        tmp_path / 'r.txt')
    assert rows == (tmp_path / 'r.txt').read_text().splitlines(keepends=True)
    code, out, _ = run(capsys, 'info', tmp_path / 'out')
    assert code == 0 and 'type: deepsort_ros/msg/TrackArray' in out and 'messages: 45' in out
    code, _, err = run(capsys, 'bag', scene, tmp_path / 'new', '--appearance', 'off')
    assert code == 2 and err.startswith(f'deepsort: {scene}: ') and err.count('\n') == 1


def test_settings_come_from_preset_file_and_options_the_later_wins(tmp_path: Path) -> None:
    params = tmp_path / 'p.yaml'
    params.write_text('/**: {ros__parameters: {n_init: 5, max_age: 2.0, appearance: "off"}}')
    settings = settings_of('--preset', 'mot16', '--params', str(params), '--set', 'max_age=3',
                           '--set', 'classes=[person, car]', '--set', 'model=1')
    assert (settings.n_init, settings.max_age, settings.appearance) == (5, 3.0, 'off')
    assert (settings.color_order, settings.classes, settings.model) == (
        'bgr', ('person', 'car'), '1')
    assert settings_of('--set', 'appearance=off').appearance == 'off'


def test_the_sequence_gives_the_frame_rate_unless_a_setting_does() -> None:
    assert settings_of(frame_rate=10.0).frame_rate == 10.0
    assert settings_of('--preset', 'mot16', frame_rate=10.0).frame_rate == 30.0
    assert settings_of('--set', 'frame_rate=20', frame_rate=10.0).frame_rate == 20.0


@pytest.mark.parametrize('assignment', ['max_age', 'max_aeg=1', 'max_age=-1', 'n_init=two'])
def test_a_bad_assignment_is_named(assignment: str) -> None:
    with pytest.raises(SettingError, match=assignment.partition('=')[0]):
        settings_of('--set', assignment)


@pytest.mark.parametrize(('text', 'says'), [
    ('1,1,2,3,4\n', 'bad.txt:1: 5 columns'),
    ('x,1,2,3,4,5,1\n', "bad.txt:1: 'x' is not a number"),
    ('1.5,1,2,3,4,5,1\n', 'bad.txt:1: frame 1.5 is not an integer'),
    ('1,1,2,3,-4,5,1\n', 'bad.txt:1: width -4 is negative'),
    ('1,1,2,3,4,5,1\n1,1,2,3,4,5,1\n', 'bad.txt:2: id 1 again in frame 1'),
    ('99,1,2,3,4,5,1\n', 'bad.txt:1: frame 99 is behind the end of the sequence'),
    ('frame,id,state\n1,1,lost\n', "bad.txt:1: the column 'state' is in the place of left"),
])
def test_malformed_results_end_with_one_line_and_exit_code_2(
        scene: Path, tmp_path: Path, capsys, text: str, says: str) -> None:
    bad = tmp_path / 'bad.txt'
    bad.write_text(text)
    for command in (('evaluate', scene, bad), ('render', scene, bad, '--output',
                                               tmp_path / 'v.mp4')):
        code, out, err = run(capsys, *command)
        assert (code, out) == (2, '')
        assert err.startswith('deepsort: ') and says in err and err.count('\n') == 1


def test_results_without_rows_are_judged_and_drawn(
        scene: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / 'none.txt').write_text('')
    code, out, err = run(capsys, 'evaluate', scene, tmp_path / 'none.txt', '--csv')
    assert code == 0 and out.splitlines()[1].startswith('sample,0.0,')
    assert 'none.txt: no rows, so every box of the truth is missed' in err
    code, out, _ = run(capsys, 'render', scene, tmp_path / 'none.txt', '--output',
                       tmp_path / 'v.mp4', '--max-width', 320)
    assert code == 0 and '45 frames' in out
    code, out, _ = run(capsys, 'track', scene, '--detections', tmp_path / 'none.txt',
                       '--appearance', 'off', '--output', tmp_path / 'r.txt', '--history',
                       tmp_path / 'h.csv', '--interpolate', 5, '--json')
    assert code == 0 and json.loads(out)['rows'] == 0
    assert (tmp_path / 'r.txt').read_text() == ''
    for name, kind in (('r.txt', 'MOTChallenge table'), ('h.csv', 'history of tracks')):
        code, out, _ = run(capsys, 'info', tmp_path / name, '--json')
        assert code == 0 and json.loads(out)['kind'] == kind


def test_scores_and_classes_go_from_the_detections_into_the_results(
        scene: Path, tmp_path: Path, capsys) -> None:
    rows = [row.split(',') for row in (scene / 'det' / 'det.txt').read_text().splitlines()]
    (tmp_path / 'd.txt').write_text('\n'.join(','.join((*row[:7], '3')) for row in rows))
    run(capsys, 'track', scene, '--detections', tmp_path / 'd.txt', '--appearance', 'off',
        '--output', tmp_path / 'r.txt', '--scores', '--interpolate', 5)
    results = read_table(tmp_path / 'r.txt', TableKind.RESULTS)
    assert len(results) > 100 and set(results.label) == {'3'}
    assert set(results.confidence) <= {float(row[6]) for row in rows}
    # Without the option the file is the one the reference would write.
    run(capsys, 'track', scene, '--detections', tmp_path / 'd.txt', '--appearance', 'off',
        '--output', tmp_path / 'plain.txt')
    assert all(row.endswith(',1,-1,-1,-1')
               for row in (tmp_path / 'plain.txt').read_text().splitlines())
    # Results of class 3, judged by a truth whose rows are of class 1 and then of class 3.
    code, _, err = run(capsys, 'evaluate', scene, tmp_path / 'r.txt', '--class', 3)
    assert code == 2 and 'none has flag 1 in column 7 and class 3' in err
    truth = [row.split(',') for row in (scene / 'gt' / 'gt.txt').read_text().splitlines()]
    (tmp_path / 't.txt').write_text('\n'.join(','.join((*row[:7], '3', row[8]))
                                              for row in truth))
    code, out, _ = run(capsys, 'evaluate', tmp_path / 't.txt', tmp_path / 'r.txt', '--class', 3,
                       '--json')
    assert code == 0 and json.loads(out)['rows'][0]['MOTA'] > 60


@pytest.mark.parametrize(('args', 'says'), [
    (['nowhere', '--appearance', 'off'], 'nowhere: no such file or folder'),
    (['{scene}', '--appearance', 'off', '--detections', 'nowhere.txt'], 'nowhere.txt: no such'),
    (['{scene}', '--appearance', 'off', '--params', 'nowhere.yaml'], 'nowhere.yaml'),
    (['{scene}', '--appearance', 'off', '--set', 'n_init=0'], 'n_init: 0 is outside'),
    (['{scene}', '--appearance', 'off', '--output', '/proc/none/r.txt'], '/proc/none'),
    (['{scene}', '--features', '{scene}/seqinfo.ini'], 'not a .npy array'),
    (['{scene}', '--model', '/nowhere.ckpt'], '/nowhere.ckpt is not a file'),
])
def test_what_track_cannot_use_is_named_with_exit_code_2(
        scene: Path, tmp_path: Path, capsys, args: list[str], says: str) -> None:
    args = [argument.replace('{scene}', str(scene)) for argument in args]
    code, _, err = run(capsys, 'track', '--output', tmp_path / 'r.txt', *args)
    assert code == 2
    assert says in err.splitlines()[-1] and err.splitlines()[-1].startswith('deepsort: ')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_in_one_line_with_exit_code_1(
        tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, '-m', 'deepsort_ros.cli', 'sample', tmp_path / 's', '--seconds', '600'],
        stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / 's' / 'img1' / '000003.jpg').exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err == 'deepsort: interrupted\n'


def test_a_sequence_without_images_needs_appearance_off(
        scene: Path, tmp_path: Path, capsys) -> None:
    for name in ('seqinfo.ini', 'det/det.txt'):
        (tmp_path / 's' / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / 's' / name).write_text((scene / name).read_text())
    code, _, err = run(capsys, 'track', tmp_path / 's', '--output', tmp_path / 'r.txt')
    assert code == 2 and 'no images, so appearance must be off' in err


def test_an_unknown_command_or_option_is_exit_code_2() -> None:
    for args in ([], ['fly'], ['track'], ['track', 'x', '--speed', '9']):
        with pytest.raises(SystemExit) as end:
            main(args)
        assert end.value.code == 2


def test_an_error_of_our_own_is_not_passed_off_as_bad_input(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr('deepsort_ros.info.describe', lambda path: [][0])
    with pytest.raises(IndexError):
        main(['info', str(tmp_path)])


@pytest.mark.parametrize('name', ['rclpy', 'mindspore.common', 'av'])
def test_a_package_that_is_missing_is_named_in_one_line(
        monkeypatch, tmp_path, capsys, name: str) -> None:
    def describe(path: Path) -> None:
        raise ModuleNotFoundError(f'No module named {name!r}', name=name)

    monkeypatch.setattr('deepsort_ros.info.describe', describe)
    code, _, err = run(capsys, 'info', tmp_path)
    assert code == 2 and err.count('\n') == 1
    assert f'the Python package {name.split(".")[0]}, which' in err and 'deepsort doctor' in err


@pytest.mark.parametrize('command', COMMANDS)
@pytest.mark.parametrize('words', [(), ('a', 'b'), ('a', 'b', 'c', 'd', 'e', 'f')])
def test_what_a_command_does_not_take_points_to_the_help_of_that_command(
        capsys, command: str, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, *words, '--no-such-option', 'x'])
    err = capsys.readouterr().err
    assert ended.value.code == 2 and err.count('\n') == 1
    assert err.startswith(f'deepsort {command}: ')
    assert f'("deepsort {command} --help" shows what it takes)' in err


def test_a_misspelt_option_names_the_closest_one(capsys) -> None:
    with pytest.raises(SystemExit):
        main(['track', 'a', '--ouput', 'b'])
    assert '--ouput b, did you mean --output?' in capsys.readouterr().err
