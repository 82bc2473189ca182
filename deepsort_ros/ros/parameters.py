"""The settings as ROS parameters, as ``config/tracker.yaml`` and as a table for the docs."""
from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from rcl_interfaces.msg import FloatingPointRange
from rcl_interfaces.msg import IntegerRange
from rcl_interfaces.msg import ParameterDescriptor
from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import ParameterNotDeclaredException
from rclpy.node import Node
from rclpy.parameter import Parameter

from deepsort_ros.ros.distro import given_parameters
from deepsort_ros.ros.distro import on_parameters
from deepsort_ros.ros.interface import ONLY_WITH
from deepsort_ros.ros.interface import TOPICS
from deepsort_ros.settings import default
from deepsort_ros.settings import SettingError
from deepsort_ros.settings import Settings
from deepsort_ros.settings import SPECS
from deepsort_ros.settings import TYPES
from deepsort_ros.settings import unknown_words

OVERRIDE = 'qos_overrides.'
ROS_TYPES = {bool: 'bool', int: 'int', float: 'double', str: 'string',
             tuple[int, ...]: 'int[]', tuple[str, ...]: 'string[]'}


def ros_value(value: Any) -> Any:
    """Return a setting's value as ROS takes it; an empty list of strings as ``['']``."""
    # rclpy takes an empty list for bytes; [''] is how ROS writes an empty string[], and
    # Settings drops the empty string again.
    return (list(value) or ['']) if isinstance(value, tuple) else value


def descriptor(name: str) -> ParameterDescriptor:
    """Return the descriptor of a setting: description with unit, range, read-only or not."""
    spec = SPECS[name]
    # The settings judge the type: rclpy's refusal does not name the parameter.
    described = ParameterDescriptor(
        name=name, read_only=not spec.dynamic, dynamic_typing=True,
        description=spec.description + (f' [{spec.unit}]' if spec.unit else ''))
    if spec.choices:
        described.additional_constraints = 'one of ' + ', '.join(spec.choices)
    if spec.minimum is not None or spec.maximum is not None:
        if TYPES[name] is float:
            biggest = sys.float_info.max
            described.floating_point_range = [FloatingPointRange(
                from_value=-biggest if spec.minimum is None else float(spec.minimum),
                to_value=biggest if spec.maximum is None else float(spec.maximum))]
        elif TYPES[name] is int:
            described.integer_range = [IntegerRange(
                from_value=-2**63 if spec.minimum is None else int(spec.minimum),
                to_value=2**63 - 1 if spec.maximum is None else int(spec.maximum))]
    return described


def overrides(node: Node, names: Iterable[str]) -> dict[str, Any]:
    """Return what a node is given for settings by command line and files, or their defaults."""
    given = {}
    for name in names:
        # Untyped, so that what YAML made of the override (off is false, 1 is no double) is
        # judged by the settings and not refused by ROS.
        value = ros_value(default(name))
        given[name] = node.declare_parameter(
            name, value, ParameterDescriptor(dynamic_typing=True)).value
        node.undeclare_parameter(name)
    return {name: value for name, value in given.items() if value is not None}


def declare(node: Node) -> Settings:
    """
    Declare every setting on a node and return the settings its overrides give.

    :raises SettingError: an override that is not acceptable; the message names both.
    """
    settings = Settings().replace(overrides(node, SPECS))
    for name in SPECS:
        node.declare_parameter(name, ros_value(getattr(settings, name)), descriptor(name),
                               ignore_override=True)
    return settings


def unknown(node: Node) -> str:
    """Return in words which parameters a node is given that do not exist, or nothing."""
    names = [name for name in given_parameters(node)
             if not node.has_parameter(name) and not name.startswith(OVERRIDE)]
    return unknown_words(sorted(names), ('use_sim_time',))


def unknown_overrides(node: Node) -> str:
    """Return in words which QoS overrides fit no publisher or subscription, or nothing."""
    optional = {node.resolve_topic_name(topic.name) for topic in TOPICS
                if ONLY_WITH in topic.meaning} | {'/tf_static'}
    known = [f'{OVERRIDE}{name}' for name in node.get_parameters_by_prefix(OVERRIDE[:-1])]
    names = [name for name in given_parameters(node)
             if name.startswith(OVERRIDE) and not node.has_parameter(name)
             and name[len(OVERRIDE):].rsplit('.', 2)[0] not in optional]
    return unknown_words(sorted(names), known)


def on_change(node: Node, current: Callable[[], Settings],
              apply: Callable[[Settings], None]) -> None:
    """
    Check parameter changes, all of one request together, and hand on the new settings.

    :param current: returns the settings in force; :param apply: takes the new ones.
    """
    def changes(parameters: Sequence[Parameter]) -> dict[str, Any]:
        return {p.name: p.value for p in parameters if p.name in SPECS}

    def check(parameters: Sequence[Parameter]) -> SetParametersResult:
        try:
            current().replace(changes(parameters))
        except SettingError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def use(parameters: Sequence[Parameter]) -> None:
        changed = changes(parameters)
        if changed:
            apply(current().replace(changed))

    def normalise(parameters: list[Parameter]) -> list[Parameter]:
        normal = []
        for parameter in parameters:
            try:
                value = getattr(Settings().replace(changes([parameter])), parameter.name)
                normal.append(Parameter(parameter.name, value=ros_value(value)))
            except (SettingError, AttributeError):
                normal.append(parameter)  # refused later, or not ours
        return normal

    def refuse_unknown(parameters: list[Parameter]) -> list[Parameter]:
        # rclpy's own refusal does not name them.
        if missing := [p.name for p in parameters if not node.has_parameter(p.name)]:
            raise ParameterNotDeclaredException([unknown_words(missing)])
        return parameters

    on_parameters(node, refuse_unknown, normalise, check, use)


def _accepted(name: str) -> str:
    spec = SPECS[name]
    if spec.choices:
        return ', '.join(spec.choices)
    low = '' if spec.minimum is None else f'{spec.minimum:g}'
    high = '' if spec.maximum is None else f'{spec.maximum:g}'
    if low and high:
        return f'{low} to {high}'
    return f'>= {low}' if low else ''


def yaml_text() -> str:
    """Return ``config/tracker.yaml``: every setting with its default and what it means."""
    lines = ['# Parameters of the node, with their defaults.',
             '# Generated: python -m deepsort_ros.ros.tables',
             '/**:', '  ros__parameters:']
    for name, spec in SPECS.items():
        facts = [f'{spec.description[0].upper()}{spec.description[1:]}.']
        accepted = ' '.join(part for part in (_accepted(name), spec.unit) if part)
        if accepted:
            facts.append(f'{"One of" if spec.choices else "Takes"} {accepted}.')
        facts += ['Can change at run time.'] if spec.dynamic else []
        lines += ['', *textwrap.wrap(' '.join(facts), 95, initial_indent='    # ',
                                     subsequent_indent='    # ')]
        # JSON is YAML, and tells 1.0 from 1 and a string from a word.
        lines.append(f'    {name}: {json.dumps(ros_value(default(name)))}')
    return '\n'.join(lines) + '\n'


def markdown_text() -> str:
    """Return the parameter table of the documentation."""
    lines = ['| parameter | type | default | accepted | unit | at run time | meaning |',
             '|---|---|---|---|---|---|---|']
    for name, spec in SPECS.items():
        lines.append(
            f'| `{name}` | {ROS_TYPES[TYPES[name]]} | `{json.dumps(ros_value(default(name)))}` | '
            f'{_accepted(name)} | {spec.unit} | {"yes" if spec.dynamic else ""} | '
            f'{spec.description} |')
    return '\n'.join(lines) + '\n'
