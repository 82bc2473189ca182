"""Reading crops laid out as Market-1501."""
import cv2
import numpy as np
import pytest

from deepsort_ros.reid.dataset import Crops
from deepsort_ros.reid.dataset import DatasetError
from deepsort_ros.reid.dataset import read_crops
from deepsort_ros.reid.dataset import read_market1501
from deepsort_ros.reid.dataset import read_test


def write(folder, name, colour, size=(64, 128)):
    image = np.full((size[1], size[0], 3), colour, dtype=np.uint8)
    assert cv2.imwrite(str(folder / name), image)


def test_identity_camera_and_rgb_pixels_are_read_in_name_order(tmp_path):
    write(tmp_path, '0007_c3s1_000451_02.png', (0, 0, 255))
    write(tmp_path, '0002_c1s1_000451_01.png', (255, 0, 0), size=(30, 90))
    write(tmp_path, '-1_c1s1_000451_01.png', (9, 9, 9))
    write(tmp_path, '0000_c1s1_000451_01.png', (9, 9, 9))
    (tmp_path / 'Thumbs.db').write_bytes(b'x')
    crops = read_market1501(tmp_path)
    assert crops.identity.tolist() == [2, 7]
    assert crops.camera.tolist() == [1, 3]
    assert crops.images.shape == (2, 128, 64, 3)
    assert (crops.images[0] == (0, 0, 255)).all() and (crops.images[1] == (255, 0, 0)).all()


def test_the_last_identities_are_held_out():
    identity = np.array([5, 1, 9, 5, 3])
    kept, held = Crops(np.zeros((5, 128, 64, 3), np.uint8), identity, identity).split(2)
    assert kept.identity.tolist() == [1, 3] and held.identity.tolist() == [5, 9, 5]


def test_too_few_identities_are_refused():
    crops = Crops(np.zeros((2, 128, 64, 3), np.uint8), np.array([1, 2]), np.array([1, 1]))
    with pytest.raises(DatasetError, match='held_out: 1 of 2 identities'):
        crops.split(1)


def test_no_folder_no_image_a_wrong_name_and_a_damaged_image_are_named(tmp_path):
    with pytest.raises(DatasetError, match='absent is not a folder'):
        read_market1501(tmp_path / 'absent')
    with pytest.raises(DatasetError, match=f'{tmp_path} holds no image'):
        read_market1501(tmp_path)
    write(tmp_path, 'person.png', (1, 2, 3))
    with pytest.raises(DatasetError, match='person.png: the name is not of the form'):
        read_market1501(tmp_path)
    (tmp_path / 'person.png').unlink()
    (tmp_path / '0001_c1s1_000001_01.jpg').write_bytes(b'no jpeg')
    with pytest.raises(DatasetError, match='0001_c1s1_000001_01.jpg is not an image'):
        read_market1501(tmp_path)


def test_a_folder_per_identity_is_read_in_the_order_of_names(tmp_path):
    for name, colour in (('bob/b.png', 10), ('alice/a_c2.png', 20), ('alice/b.png', 30)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path, name, colour)
    crops = read_crops(tmp_path)
    assert crops.identity.tolist() == [1, 1, 2] and crops.camera.tolist() == [2, 0, 0]
    assert crops.images[:, 0, 0, 0].tolist() == [20, 30, 10]
    (tmp_path / 'carol').mkdir()
    with pytest.raises(DatasetError, match='carol holds no image'):
        read_crops(tmp_path)


def test_the_test_of_a_market1501_training_set_is_its_last_150_people(tmp_path):
    folder = tmp_path / 'bounding_box_train'
    folder.mkdir()
    for identity in range(1, 154):
        write(folder, f'{identity:04d}_c1s1_1_01.png', 1)
    for path in (tmp_path, folder):
        assert read_test(path).crops.identity.tolist() == list(range(4, 154))
    assert len(read_test(tmp_path, held_out=2).crops) == 2
    assert len(read_crops(tmp_path)) == 153


def test_market1501_is_read_whole(data):
    folder = data / 'market1501' / 'bounding_box_train'
    if not folder.is_dir():
        pytest.skip('no data: market1501')
    crops = read_market1501(folder)
    assert len(crops) == 12936
    assert len(np.unique(crops.identity)) == 751 and np.unique(crops.camera).tolist() == [
        1, 2, 3, 4, 5, 6]
    assert len(np.unique(crops.split(150)[1].identity)) == 150
