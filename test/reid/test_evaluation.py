"""The Market-1501 protocol on an example worked out by hand, and the commands around it."""
import json

import cv2
import numpy as np
import pytest

from deepsort_ros.cli import main
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind
from deepsort_ros.reid.dataset import between_cameras
from deepsort_ros.reid.dataset import Crops
from deepsort_ros.reid.dataset import DatasetError
from deepsort_ros.reid.dataset import read_crops
from deepsort_ros.reid.dataset import retrieval_test
from deepsort_ros.reid.evaluation import score_features
from deepsort_ros.reid.evaluation import write_picture
from deepsort_ros.scene.scene import SceneConfig
from deepsort_ros.scene.scene import write_scene


def at(degrees):
    """Return unit features at angles: the nearer the angle, the more similar."""
    radians = np.radians(degrees)
    return np.column_stack((np.cos(radians), np.sin(radians))).astype(np.float32)


def test_of(identity, camera):
    images = np.zeros((len(identity), 128, 64, 3), np.uint8)
    return retrieval_test(Crops(images, np.array(identity), np.array(camera)))


test_of.__test__ = False


def example():
    # row           0  1  2   3   4   5   6   7
    identity = [1, 1, 1, 1, 2, 2, 3, 1]
    camera = [1, 1, 2, 2, 1, 1, 1, 2]
    degrees = [0, 1, 10, 30, 60, 20, 90, 50]
    return at(degrees), test_of(identity, camera)


def test_ranks_and_precision_equal_those_worked_out_by_hand():
    features, test = example()
    assert test.queries.tolist() == [0, 2, 4, 6] and test.gallery.tolist() == [1, 3, 5, 7]
    # Query 0 (id 1, cam 1): row 1 is its own camera, ignored; by angle 5 (20), 3 (30), 7 (50):
    #   wrong, right, right: first hit at rank 2; AP = (1/2 + 2/3) / 2.
    # Query 2 (id 1, cam 2): 3 and 7 are ignored; by angle 1 (9 away), 5 (10 away): AP = 1.
    # Query 4 (id 2) has only row 5 in its own camera, query 6 nothing: not counted.
    scores = score_features(features, test)
    assert (scores.queries, scores.gallery, scores.identities) == (2, 4, 3)
    assert scores.rank1 == pytest.approx(0.5)
    assert scores.rank5 == scores.rank10 == 1.0
    assert scores.mean_ap == pytest.approx(((1 / 2 + 2 / 3) / 2 + 1) / 2)


def test_with_one_camera_each_person_searches_its_other_crops():
    test = test_of([1, 1, 1, 2, 2], [4, 4, 4, 4, 4])
    assert not test.cross_camera and test.queries.tolist() == [0, 3]
    scores = score_features(at([0, 50, 10, 40, 41]), test)
    # Query 0: row 2 (10), 4 (41), 1 (50); query 3: row 4 (1 away).
    assert scores.rank1 == 1.0 and scores.mean_ap == pytest.approx(((1 + 2 / 3) / 2 + 1) / 2)


def test_single_crops_have_nothing_to_find():
    with pytest.raises(DatasetError, match='every identity has a single crop'):
        score_features(at([0, 1]), test_of([1, 2], [1, 1]))


def test_the_picture_frames_right_and_wrong_in_order_of_rank(tmp_path):
    features, test = example()
    write_picture(tmp_path / 'ranked.png', features, test, queries=5)
    picture = cv2.imread(str(tmp_path / 'ranked.png'))
    height, width = 128 + 12, 64 + 12
    assert picture.shape == (2 * height, 11 * width, 3)
    frames = picture[3::height, 3::width][:, :4].tolist()
    grey, green, red = [90, 90, 90], [60, 160, 40], [50, 50, 220]
    assert frames == [[grey, red, green, green], [grey, green, red, [255, 255, 255]]]


def write_people(folder, names):
    looks = np.random.default_rng(2).integers(0, 256, (9, 16, 8, 3), dtype=np.uint8)
    folder.mkdir(parents=True)
    for name in names:
        look = looks[int(name.split('_')[0])]
        crop = cv2.resize(look, (64, 128), interpolation=cv2.INTER_NEAREST)
        assert cv2.imwrite(str(folder / name), crop)


def test_evaluate_reid_takes_the_official_test_with_its_distractors(
        random_checkpoint, tmp_path, capsys):
    write_people(tmp_path / 'query', ['0001_c1s1_1_00.png', '0002_c2s1_1_00.png'])
    write_people(tmp_path / 'bounding_box_test', [
        '-1_c1s1_2_00.png', '0000_c1s1_2_00.png', '0001_c1s1_2_00.png', '0001_c2s1_2_00.png',
        '0002_c1s1_2_00.png'])
    write_people(tmp_path / 'bounding_box_train', ['0005_c1s1_1_00.png'])
    picture = tmp_path / 'ranked.jpg'
    assert main(['evaluate-reid', str(tmp_path), '--model', str(random_checkpoint), '--device',
                 'CPU', '--picture', str(picture), '--json']) == 0
    scores = json.loads(capsys.readouterr().out)
    assert (scores['queries'], scores['gallery'], scores['identities']) == (2, 4, 3)
    assert scores['rank1'] == scores['mean_ap'] == 1.0
    assert cv2.imread(str(picture)).shape[0] == 2 * 140


def test_crops_of_a_sequence_are_its_people_in_folders_that_read_back(tmp_path, capsys):
    folder, output = tmp_path / 'scene', tmp_path / 'crops'
    write_scene(folder, SceneConfig(seconds=1.0))
    command = ['crops', str(folder), str(folder), '--output', str(output), '--every', '7',
               '--min-visibility', '0', '--json']
    assert main(command) == 0
    truth = read_table(folder / 'gt' / 'gt.txt', TableKind.TRUTH)
    people = np.unique(truth.id[np.isin(truth.frame, (1, 8, 15))])
    crops = read_crops(output)
    assert json.loads(capsys.readouterr().out) == {
        'output': str(output), 'sequences': 2, 'identities': 2 * len(people),
        'crops': len(crops), 'notes': [], 'damage': ''}
    # The same person of another sequence is another identity, and the sequence is the camera.
    assert len(np.unique(crops.identity)) == 2 * len(people)
    assert np.unique(crops.camera).tolist() == [1, 2]
    row = int(np.argmax(truth.frame == 1))
    left, top, width, height = truth.tlwh[row].round().astype(int)
    name = f'{truth.id[row]:04d}'
    image = cv2.imread(str(folder / 'img1' / '000001.jpg'))
    shown = image[max(top, 0):top + height, max(left, 0):left + width].astype(float)
    written = cv2.imread(str(output / name / f'{name}_c1s1_000001_00.jpg'))
    written = cv2.resize(written, shown.shape[1::-1]).astype(float)
    assert np.abs(written - shown).mean() < 12


def test_crops_without_truth_are_refused(tmp_path, capsys):
    (tmp_path / 'seqinfo.ini').write_text('[Sequence]\nseqLength=1\nframeRate=1\n')
    assert main(['crops', str(tmp_path), '--output', str(tmp_path / 'out')]) == 2
    assert 'cropping needs images and gt/gt.txt' in capsys.readouterr().err


def test_queries_of_one_camera_search_all_crops_of_another():
    crops = Crops(np.zeros((6, 128, 64, 3), np.uint8), np.array([1, 1, 1, 2, 2, 3]),
                  np.array([1, 1, 2, 2, 1, 1]))
    test = between_cameras(crops, 1, 2)
    assert test.queries.tolist() == [0, 4]
    assert test.gallery.tolist() == [2, 3]
    with pytest.raises(DatasetError, match='seen by camera 1 and by another camera 3'):
        between_cameras(crops, 1, 3)
