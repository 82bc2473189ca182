"""
Stand-ins for the parts of launch and launch_ros that the launch files use.

No package registry has those two; these follow their documented behaviour: arguments are
declared, defaulted and checked in order, substitutions are performed late, conditions decide
whether an action runs. They start nothing: :func:`run` returns what would be started.
"""
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from types import ModuleType


class LaunchError(Exception):
    """What launch reports before it starts anything."""


@dataclass
class Started:
    """What a launch description comes to for given arguments."""

    arguments: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)
    nodes: list = field(default_factory=list)


def perform(value, context):
    """Return the text of a substitution, a text, or a list of both."""
    if isinstance(value, (list, tuple)):
        return ''.join(perform(part, context) for part in value)
    return value if isinstance(value, str) else value.perform(context)


@dataclass
class LaunchConfiguration:
    name: str

    def perform(self, context):
        if self.name not in context.arguments:
            raise LaunchError(f'launch configuration {self.name!r} does not exist')
        return context.arguments[self.name]


@dataclass
class PathJoinSubstitution:
    parts: list

    def perform(self, context):
        return str(Path(*(perform(part, context) for part in self.parts)))


@dataclass
class FindPackageShare:
    package: str

    def perform(self, context):
        return f'/share/{self.package}'


@dataclass
class IfCondition:
    expression: object

    def evaluate(self, context):
        text = perform(self.expression, context).lower()
        if text not in ('true', 'false', '1', '0'):
            raise LaunchError(f'{text!r} is not a condition')
        return text in ('true', '1')


@dataclass
class DeclareLaunchArgument:
    name: str
    default_value: object = None
    description: str = ''
    choices: list = None

    def visit(self, context):
        if self.name not in context.arguments:
            if self.default_value is None:
                raise LaunchError(f'required launch argument {self.name!r} was not provided')
            context.arguments[self.name] = perform(self.default_value, context)
        value = context.arguments[self.name]
        if self.choices is not None and value not in self.choices:
            raise LaunchError(f'{self.name}: {value!r} is not one of {self.choices}')


@dataclass
class SetEnvironmentVariable:
    name: object
    value: object
    condition: object = None

    def visit(self, context):
        if self.condition is None or self.condition.evaluate(context):
            context.environment[perform(self.name, context)] = perform(self.value, context)


@dataclass
class OpaqueFunction:
    function: object

    def visit(self, context):
        for action in self.function(context):
            action.visit(context)


@dataclass
class Node:
    package: str
    executable: str
    name: str = ''
    namespace: object = ''
    output: str = 'log'
    parameters: list = ()
    remappings: list = ()
    ros_arguments: list = ()
    arguments: list = ()
    condition: object = None
    respawn: bool = None
    respawn_delay: float = None

    def visit(self, context):
        if self.condition is not None and not self.condition.evaluate(context):
            return

        def performed(entry):
            if not isinstance(entry, dict):
                return perform(entry, context)
            # A list of texts is a string[]; one with substitutions would become a single text.
            return {name: value if isinstance(value, (bool, list)) else perform(value, context)
                    for name, value in entry.items()}

        context.nodes.append({
            'package': self.package, 'executable': self.executable, 'name': self.name,
            'namespace': perform(self.namespace, context),
            'parameters': [performed(entry) for entry in self.parameters],
            'remappings': {source: perform(to, context) for source, to in self.remappings},
            'ros_arguments': [perform(part, context) for part in self.ros_arguments],
            **({'arguments': [perform(part, context) for part in self.arguments]}
               if self.arguments else {}),
            **({} if self.respawn is None else {'respawn': self.respawn})})


@dataclass
class LaunchDescription:
    entities: list


def modules():
    """Return the stand-in modules by name."""
    contents = {
        'launch': (LaunchDescription,),
        'launch.actions': (DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable),
        'launch.conditions': (IfCondition,),
        'launch.substitutions': (LaunchConfiguration, PathJoinSubstitution),
        'launch_ros': (),
        'launch_ros.actions': (Node,),
        'launch_ros.substitutions': (FindPackageShare,),
    }
    made = {name: ModuleType(name) for name in contents}
    for name, members in contents.items():
        vars(made[name]).update({member.__name__: member for member in members})
    return made


def load(path):
    """Return the launch description of a file; the stand-ins must be in sys.modules."""
    namespace = {'__name__': path.stem}
    exec(compile(path.read_text(encoding='utf-8'), str(path), 'exec'), namespace)
    return namespace['generate_launch_description']()


def run(description, arguments):
    """Return what the description starts for these arguments, as on the command line."""
    started = Started(arguments=dict(arguments))
    for entity in description.entities:
        entity.visit(started)
    return started
