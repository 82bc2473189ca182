"""
Message classes made from message definitions by rosbags, for machines without ROS.

They have the fields, constants and defaults of the classes that ROS generates, so that the same
code fills them in. A worker of ``deepsort bags`` needs no ROS installation.
"""
from __future__ import annotations

import dataclasses
import functools
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
from rosbags.interfaces import Nodetype
from rosbags.serde.errors import SerdeError
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from rosbags.typesys import TypesysError
from rosbags.typesys.store import Typestore

from deepsort_ros.resources import share_path

# What rosbags has no definitions of: read from the share folders of these packages.
PACKAGES = ('vision_msgs', 'deepsort_ros')
# Defaults that are not zero, which rosbags does not keep.
DEFAULTS = {('geometry_msgs/msg/Quaternion', 'w'): lambda: 1.0}


def typestore() -> Typestore:
    """
    Return the rosbags types of ROS 2 with vision_msgs and this package's messages.

    :raises FileNotFoundError: one of ``PACKAGES`` is not installed.
    """
    store = get_typestore(Stores.ROS2_JAZZY)
    for package in PACKAGES:
        types: dict[str, Any] = {}
        for path in sorted(share_path('msg', package).glob('*.msg')):
            types.update(get_types_from_msg(
                path.read_text(encoding='utf-8'), f'{package}/msg/{path.stem}'))
        store.register(types)
    return store


@functools.cache
def _store() -> Typestore:
    return typestore()


@functools.cache
def message_class(name: str) -> Any:
    """
    Return the class of a message, for example ``std_msgs/msg/Header``.

    Its constructor takes any fields by name; the others are zero, empty or default messages.
    """
    store = _store()
    constants, entries = store.fielddefs[name]
    kind = dataclasses.make_dataclass(
        name.rpartition('/')[2],
        [(field, Any, dataclasses.field(default_factory=DEFAULTS.get(
            (name, field), _default(entry)))) for field, entry in entries],
        namespace={'__msgtype__': name, **{key: value for key, _, value in constants}})
    store.types[name] = kind  # what deserialize makes
    return kind


def recorded(name: str, definition: str | None) -> Callable[[bytes], Any] | None:
    """
    Return what reads the messages of a bag whose definition is not the installed one.

    :param definition: as the bag holds it, with those it is made of behind it; None: it has none.
    :returns: None where the installed class reads them.
    """
    if definition is None:
        return None
    try:
        types = get_types_from_msg(definition, name)
        known = _store().fielddefs
        if all(key in known and known[key][1] == fields for key, (_, fields) in types.items()):
            return None
        store = get_typestore(Stores.ROS2_JAZZY)
        store.register({key: entry for key, entry in types.items()
                        if key not in store.fielddefs})
    except TypesysError:
        # A definition that cannot be parsed: what the installed class cannot read is counted.
        return None
    return functools.partial(_read, store, name)


def register(name: str, definition: str) -> None:
    """
    Make a message known by its definition, with those it is made of behind it.

    :param name: for example ``yolo_msgs/msg/DetectionArray``; what is known already stays.
    :raises ValueError: not a definition.
    """
    store = _store()
    try:
        types = get_types_from_msg(definition, name)
        store.register({key: value for key, value in types.items() if key not in store.fielddefs})
    except TypesysError as error:
        raise ValueError(f'{name}: not a definition of a message: {error}') from error


def _default(entry: Any) -> Callable[[], Any]:
    """Return what makes the default value of a field."""
    node, detail = entry
    if node == Nodetype.NAME:
        kind: Callable[[], Any] = message_class(detail)
        return kind
    if node == Nodetype.BASE:
        number: Callable[[], Any] = {'string': str, 'bool': bool, 'float32': float,
                                     'float64': float}.get(detail[0], int)
        return number
    (inner, name), length = detail
    length = length if node == Nodetype.ARRAY else 0
    if inner == Nodetype.BASE and name[0] != 'string':
        return functools.partial(np.zeros, length, name[0])
    one = _default((inner, name))
    return lambda: [one() for _ in range(length)]


def serialize_message(message: Any) -> bytes:
    """Return the CDR bytes of a message."""
    return bytes(_store().serialize_cdr(_with_arrays(message), message.__msgtype__))


def deserialize_message(data: bytes, kind: Any) -> Any:
    """
    Return the message of CDR bytes.

    :raises SerdeError: they are not those of a message of this class.
    """
    return _read(_store(), kind.__msgtype__, data)


def _read(store: Typestore, name: str, data: bytes) -> Any:
    try:
        return store.deserialize_cdr(data, name)
    except SerdeError:
        # Fast CDR may add 4 bytes behind an empty list at the end; rosbags takes at most 3.
        return store.deserialize_cdr(data[:-4], name)


def _with_arrays(message: Any) -> Any:
    """Return a copy whose number lists are numpy arrays: rosbags writes no others."""
    changed = {}
    for field in dataclasses.fields(message):
        value = getattr(message, field.name)
        if dataclasses.is_dataclass(value):
            changed[field.name] = _with_arrays(value)
        elif isinstance(value, array):
            changed[field.name] = np.frombuffer(value, value.typecode)
        elif isinstance(value, list):
            changed[field.name] = [
                _with_arrays(one) if dataclasses.is_dataclass(one) else one for one in value]
    return dataclasses.replace(message, **changed)
