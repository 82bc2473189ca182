"""Parameters, parameter file and tables all come from the settings, and stay so."""
import live
import pytest
import rclpy
import yaml
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter

from deepsort_ros.parameter_files import read_parameter_file
from deepsort_ros.ros import parameters
from deepsort_ros.ros import tables
from deepsort_ros.settings import SettingError
from deepsort_ros.settings import Settings
from deepsort_ros.settings import SPECS

CONFIG = live.ROOT / 'config' / 'tracker.yaml'


@pytest.fixture
def make_node(domain):
    """Return a function that makes a node with parameter overrides."""
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    nodes = []

    def make(*arguments):
        nodes.append(Node('tracker', context=context, cli_args=['--ros-args', *arguments]))
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
    context.try_shutdown()


def test_without_overrides_the_node_has_the_default_settings(make_node):
    assert parameters.declare(make_node()) == Settings()


def test_the_parameter_file_holds_the_defaults_and_the_node_reads_it(make_node):
    assert Settings(**read_parameter_file(CONFIG)) == Settings()
    assert parameters.declare(make_node('--params-file', str(CONFIG))) == Settings()


def test_the_parameter_file_is_generated_from_the_settings():
    assert CONFIG.read_text() == parameters.yaml_text(), (
        'run: python -m deepsort_ros.ros.tables')
    assert set(yaml.safe_load(CONFIG.read_text())['/**']['ros__parameters']) == set(SPECS)


@pytest.mark.parametrize('name, holds', tables.PAGES.items())
def test_the_tables_of_a_page_are_generated(name, holds):
    page = (live.ROOT / name).read_text()
    assert page == tables.filled(page, holds), 'run: python -m deepsort_ros.ros.tables'
    assert all(tables.TABLES[table]() in page for table in holds)


def test_a_page_without_a_place_for_a_table_is_refused():
    with pytest.raises(ValueError, match='topics'):
        tables.filled('no tables here', ('topics',))


@pytest.mark.parametrize('name, written, value', [
    ('appearance', 'off', 'off'), ('max_age', '3', 3.0), ('classes', '[person, car]',
                                                          ('person', 'car')),
    ('classes', '[0, 2]', ('0', '2')), ('class_names', '["0:person"]', ('0:person',)),
    ('classes', '[]', ()), ('batch_buckets', '[2, 8]', (2, 8)), ('autostart', 'false', False)])
def test_overrides_are_taken_as_people_write_them(make_node, name, written, value):
    node = make_node('-p', f'{name}:={written}')
    assert getattr(parameters.declare(node), name) == value
    assert node.get_parameter(name).value == parameters.ros_value(value)


@pytest.mark.parametrize('name, written, words', [
    ('n_init', '0', 'n_init: 0'), ('appearance', 'sometimes', "appearance: 'sometimes'"),
    ('device', '3', 'device: 3'), ('max_age', '.nan', 'max_age: nan'),
    ('batch_buckets', '[4, 2]', r'batch_buckets: \[4, 2\]')])
def test_an_override_that_is_not_acceptable_names_field_and_value(
        make_node, name, written, words):
    with pytest.raises(SettingError, match=words):
        parameters.declare(make_node('-p', f'{name}:={written}'))


def test_a_change_reaches_the_settings_as_a_whole(make_node):
    node, seen = make_node(), [Settings()]
    parameters.declare(node)
    parameters.on_change(node, lambda: seen[-1], seen.append)
    changes = [Parameter('max_age', value=2), Parameter('appearance', value=False)]
    assert node.set_parameters_atomically(changes).successful
    assert seen[1:] == [Settings(max_age=2.0, appearance='off')]
    refused = node.set_parameters_atomically([
        Parameter('max_age', value=3.0), Parameter('n_init', value=0)])
    assert not refused.successful and 'n_init' in refused.reason
    assert len(seen) == 2 and node.get_parameter('max_age').value == 2.0


@pytest.mark.parametrize('value', ['three', True, [1.0], None])
def test_a_change_of_another_type_is_refused_by_name(make_node, value):
    node, seen = make_node(), [Settings()]
    parameters.declare(node)
    parameters.on_change(node, lambda: seen[-1], seen.append)
    kind = Parameter.Type.NOT_SET if value is None else None
    refused = node.set_parameters_atomically([Parameter('max_age', kind, value)])
    assert not refused.successful and refused.reason.startswith('max_age: ')
    assert len(seen) == 1 and node.get_parameter('max_age').value == Settings().max_age


def test_parameters_of_others_are_left_alone(make_node):
    node, seen = make_node(), [Settings()]
    parameters.declare(node)
    parameters.on_change(node, lambda: seen[-1], seen.append)
    assert node.set_parameters_atomically([Parameter('use_sim_time', value=True)]).successful
    assert len(seen) == 1
