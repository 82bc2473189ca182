"""Settings: every bad value is named, parameter files are read as ROS reads them."""
import dataclasses
from pathlib import Path

import pytest

from deepsort_ros.parameter_files import read_parameter_file
from deepsort_ros.resources import share_path
from deepsort_ros.settings import default
from deepsort_ros.settings import SettingError
from deepsort_ros.settings import Settings
from deepsort_ros.settings import SPECS


@pytest.mark.parametrize(('name', 'value', 'says'), [
    ('max_age', -1.0, 'max_age: -1.0 is outside 0 to 3600'),
    ('max_age', 'long', "max_age: 'long' is not of type float"),
    ('max_age', float('nan'), 'max_age: nan is not finite'),
    ('max_age', True, 'max_age: True is not of type float'),
    ('n_init', 0, 'n_init: 0 is outside 1 to 1000'),
    ('n_init', 2.5, 'n_init: 2.5 is not of type int'),
    ('n_init', True, 'n_init: True is not of type int'),
    ('autostart', 1, 'autostart: 1 is not of type bool'),
    ('appearance', 'sometimes', "appearance: 'sometimes' is not one of always, on_demand, off"),
    ('appearance', True, 'appearance: True is not of type str'),
    ('min_confidence', float('inf'), 'min_confidence: inf is not finite'),
    ('classes', 'person', "classes: 'person' is not a list"),
    ('classes', [1.5], 'classes: 1.5 is not of type str'),
    ('batch_buckets', [8, 4], 'batch_buckets: [8, 4] is not a list of ascending sizes'),
    ('batch_buckets', [4, 4], 'batch_buckets: [4, 4] is not a list of ascending sizes'),
    ('batch_buckets', [], 'batch_buckets: [] is not a list of ascending sizes'),
    ('batch_buckets', [0], 'batch_buckets: 0 is outside 1 to 1024'),
    ('cameras', ['front', 'front'], "cameras: 'front' is there twice"),
    *(('cameras', ['front', name], f'cameras: {name!r} is not a name of letters, digits and _ '
       f'that begins with a letter') for name in ('', '2nd', 'a/b', 'rear-left', 'é', '_hidden')),
])
def test_a_bad_value_is_named(name: str, value, says: str) -> None:
    with pytest.raises(SettingError) as error:
        Settings().replace({name: value})
    assert str(error.value) == says


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(SettingError, match='unknown setting max_aeg .did you mean max_age.'):
        Settings().replace({'max_aeg': 1.0})


def test_an_integer_is_a_number_and_an_empty_string_an_empty_list() -> None:
    settings = Settings().replace({'max_age': 2, 'classes': ['']})
    assert (settings.max_age, settings.classes) == (2.0, ())
    assert isinstance(settings.max_age, float)


def test_a_bare_off_of_yaml_is_the_word() -> None:
    assert Settings().replace({'appearance': False}).appearance == 'off'


def test_replace_leaves_the_original() -> None:
    settings = Settings()
    assert settings.replace({'n_init': 5}).n_init == 5
    assert settings.n_init == default('n_init') == 3


def test_every_setting_is_described_and_its_default_is_acceptable() -> None:
    assert set(SPECS) == {field.name for field in dataclasses.fields(Settings)}
    assert all(spec.description for spec in SPECS.values())
    Settings().replace(dataclasses.asdict(Settings()))


def parameters(tmp_path: Path, text: str) -> Path:
    path = tmp_path / 'params.yaml'
    path.write_text(text)
    return path


def test_a_parameter_file_gives_its_settings_and_leaves_ros_its_own(tmp_path: Path) -> None:
    path = parameters(tmp_path, """
        /**: {ros__parameters: {max_age: 2.0, n_init: 4, use_sim_time: true}}
        /front/tracker:
          ros__parameters:
            n_init: 5
            qos_overrides: {/tracks: {publisher: {depth: 3}}}
        """)
    assert read_parameter_file(path) == {'max_age': 2.0, 'n_init': 5}


@pytest.mark.parametrize(('text', 'says'), [
    ('', 'holds no ros__parameters'),
    ('just text', 'holds no ros__parameters'),
    ('max_age: 2.0', "no ros__parameters below 'max_age'"),
    ('tracker: {ros__parameters: 3}', "no ros__parameters below 'tracker'"),
    ('tracker: {ros__parameters: {max_aeg: 1.0}}', 'unknown setting max_aeg'),
    ('a: [1', 'not YAML'),
])
def test_what_is_no_parameter_file_is_refused_by_name(
        tmp_path: Path, text: str, says: str) -> None:
    path = parameters(tmp_path, text)
    with pytest.raises(SettingError) as error:
        read_parameter_file(path)
    assert str(error.value).startswith(f'{path}: ') and says in str(error.value)


@pytest.mark.parametrize('name', ['tracker.yaml', 'reference.yaml', 'mot16.yaml'])
def test_the_shipped_parameter_files_are_acceptable(name: str) -> None:
    Settings().replace(read_parameter_file(share_path(f'config/{name}')))


def test_the_mot16_preset_gives_the_published_thirty_images() -> None:
    settings = Settings().replace(read_parameter_file(share_path('config/mot16.yaml')))
    assert settings.max_age * settings.frame_rate == 30
    assert (settings.max_cosine_distance, settings.nn_budget, settings.n_init) == (0.2, 100, 3)
    assert settings.color_order == 'bgr'


def test_classes_may_be_numbers():
    assert Settings(classes=[0, 2]).classes == ('0', '2')
    assert Settings(class_names=[0, 2]).class_names == ('0', '2')
    with pytest.raises(SettingError, match='classes: True is not of type str'):
        Settings(classes=[True])
    with pytest.raises(SettingError, match='classes: 0.5 is not of type str'):
        Settings(classes=[0.5])


@pytest.mark.parametrize('names', [['0:person', 'car'], ['person', ':car'], ['0:', '1:car']])
def test_names_of_classes_are_all_of_one_form(names):
    with pytest.raises(SettingError, match='class_names: '):
        Settings(class_names=names)
