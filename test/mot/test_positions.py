"""The commands that track with poses and judge positions, on a drive made here."""
from pathlib import Path

import numpy as np
import pytest

from deepsort_ros.cli import main
from deepsort_ros.mot.poses import find_poses
from deepsort_ros.mot.positions import evaluate_positions
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.tracking import track_frames
from deepsort_ros.mot.tracking import TrackingSummary
from deepsort_ros.settings import Settings

FRAMES = 40
FOCAL, MIDDLE = 600.0, (640.0, 360.0)
HEIGHT, TALL = 1.5, 1.72


def drive(folder: Path) -> Path:
    """Write a sequence: a robot looks left and right before three people."""
    for name in ('det', 'gt'):
        (folder / name).mkdir(parents=True)
    people = ((12.0, 0.0), (9.0, 2.5), (14.0, -3.0))
    poses, det, truth, solid = [], [], [], []
    for number in range(1, FRAMES + 1):
        yaw = 0.3 * np.sin(2 * np.pi * number / 22)
        cosine, sine = np.cos(yaw), np.sin(yaw)
        rotation = np.array(((sine, 0, cosine), (-cosine, 0, sine), (0, -1, 0)))
        pose = np.column_stack((rotation, (0.02 * number, 0, HEIGHT)))
        poses.append(' '.join(f'{value:.9f}' for value in pose.ravel()))
        for one, (x, y) in enumerate(people, 1):
            point = rotation.T @ (np.array((x, y, 0)) - pose[:, 3])
            if point[2] < 1:
                continue
            u, v = MIDDLE + FOCAL * point[:2] / point[2]
            tall = FOCAL * TALL / point[2]
            box = (u - 0.2 * tall, v - tall, 0.4 * tall, 1.03 * tall)
            if box[0] < 5 or box[0] + box[2] > 1275 or box[1] + box[3] > 715:
                continue
            text = ','.join(f'{value:.3f}' for value in box)
            det.append(f'{number},-1,{text},0.9')
            truth.append(f'{number},{one},{text},1,1,1')
            solid.append(f'{number},{one},1,0,0,' + ','.join(f'{v:.4f}' for v in point)
                         + ',0,1.72,0.5,0.5')
    for name, rows in (('poses.txt', poses), ('det/det.txt', det), ('gt/gt.txt', truth),
                       ('gt3d.txt', solid)):
        (folder / name).write_text('\n'.join(rows) + '\n')
    (folder / 'calib.txt').write_text(
        f'P: {FOCAL} 0 {MIDDLE[0]} 0 0 {FOCAL} {MIDDLE[1]} 0 0 0 1 0\n'
        f'T_base_cam: 0 0 1 0 -1 0 0 0 0 -1 0 {HEIGHT}\n')
    (folder / 'seqinfo.ini').write_text(
        '[Sequence]\nname=drive\nframeRate=10\nseqLength=40\nimWidth=1280\nimHeight=720\n')
    return folder


@pytest.fixture(scope='module')
def sequence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drive(tmp_path_factory.mktemp('drive'))


def track(sequence: Path, output: Path, *more: str) -> int:
    return main(['track', str(sequence), '--appearance', 'off', '--output', str(output), *more])


def ids(path: Path) -> int:
    return len({line.split(',')[1] for line in path.read_text().splitlines()})


def test_a_robot_that_turns_keeps_its_ids_with_poses_and_not_without(
        sequence: Path, tmp_path: Path) -> None:
    results = tmp_path / 'results.txt'
    assert track(sequence, results, '--set', 'camera_motion=tf') == 0
    assert ids(results) == 3
    track(sequence, results)
    assert ids(results) > 3


def test_positions_are_written_and_judged(sequence: Path, tmp_path: Path,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    world = tmp_path / 'world.txt'
    assert track(sequence, tmp_path / 'results.txt', '--set', 'camera_motion=tf',
                 '--set', 'world=ground', '--world', str(world)) == 0
    scores = evaluate_positions(sequence, world)
    assert scores[-1].distance == 'all'
    assert scores[-1].median < 0.15
    assert scores[-1].inside > 95
    assert scores[-1].located > 80
    assert main(['evaluate', '--world', str(sequence), str(world)]) == 0
    assert 'inside 95 %' in capsys.readouterr().out
    assert main(['evaluate', '--world', str(sequence / 'gt3d.txt'), str(world), '--json']) == 0
    assert '"median"' in capsys.readouterr().out


@pytest.mark.parametrize('number, size', (('1', 1.72), ('3', 1.53), ('9', 1.0)))
def test_the_numbers_of_mot16_say_what_things_are(
        tmp_path: Path, number: str, size: float) -> None:
    sequence = drive(tmp_path / 'drive')
    file = sequence / 'det' / 'det.txt'
    file.write_text(file.read_text().replace('\n', f',{number}\n'))
    opened = open_sequence(sequence)
    poses = find_poses(sequence, opened.size)
    settings = Settings(appearance='off', frame_rate=10.0, world='ground', camera_motion='tf')
    totals = TrackingSummary('', '', opened.length)
    *_, (_, _, positions) = track_frames(opened, settings, None, totals, poses)
    assert positions is not None and set(positions.size[:, 2].tolist()) == {size}


@pytest.mark.parametrize('options, words', (
    (('--world', 'x.txt'), 'add --set world=ground'),
    (('--poses', 'x.txt'), 'nothing asks for poses'),
    (('--set', 'camera_motion=tf', '--poses', 'x.txt'), 'x.txt: no such file'),
    (('--set', 'world=ground', '--set', 'class_kinds=["person"]'), "class_kinds: 'person' is not"),
))
def test_what_does_not_fit_is_told_in_one_line(
        sequence: Path, tmp_path: Path, options: tuple[str, ...], words: str,
        capsys: pytest.CaptureFixture[str]) -> None:
    assert track(sequence, tmp_path / 'results.txt', *options) == 2
    error = capsys.readouterr().err
    assert words in error and error.count('\n') == 1


def test_poses_must_reach_to_the_end(sequence: Path, tmp_path: Path,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    short = tmp_path / 'short.txt'
    short.write_text(''.join((sequence / 'poses.txt').read_text().splitlines(True)[:-1]))
    assert track(sequence, tmp_path / 'r.txt', '--set', 'camera_motion=tf',
                 '--poses', str(short)) == 2
    assert '39 poses, but the sequence has 40 frames' in capsys.readouterr().err


def test_a_sequence_without_poses_says_what_is_missing(
        sequence: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = tmp_path / 'bare'
    (bare / 'det').mkdir(parents=True)
    for name in ('det/det.txt', 'seqinfo.ini'):
        (bare / name).write_text((sequence / name).read_text())
    assert track(bare, tmp_path / 'r.txt', '--set', 'camera_motion=tf') == 2
    assert 'no poses.txt and calib.txt' in capsys.readouterr().err


def test_a_results_file_of_another_kind_is_refused(sequence: Path, tmp_path: Path) -> None:
    results = tmp_path / 'results.txt'
    track(sequence, results)
    with pytest.raises(MotFileError, match='10 columns, 16 finite numbers'):
        evaluate_positions(sequence, results)
