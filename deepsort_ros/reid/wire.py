"""
The wire format of protocol buffers: what checkpoints, MindIR and ONNX files are written in.

A message is a row of fields, each with a number and a value; two messages one after the other
are one message with the fields of both. That is all these files need, and spares the packages of
three formats (https://protobuf.dev/programming-guides/encoding/).
"""
from __future__ import annotations

import struct
from collections.abc import Iterator
from collections.abc import Sequence
from typing import TypeAlias

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
Value: TypeAlias = 'int | memoryview'
Part: TypeAlias = 'bytes | memoryview'


class WireError(ValueError):
    """Bytes that are no message."""


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise WireError('a number is cut off')
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data: bytes | memoryview) -> Iterator[tuple[int, Value]]:
    """
    Yield number and value of every field of a message.

    :returns: unsigned integers, and views of the data for strings, bytes and messages; floating
        point numbers as the bytes they are.
    :raises WireError: not a message, or cut off.
    """
    view, at = memoryview(data), 0
    while at < len(view):
        key, at = _varint(view, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise WireError('a field has the number 0')
        if kind == VARINT:
            value, at = _varint(view, at)
            yield number, value
            continue
        if kind == LENGTH:
            size, at = _varint(view, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise WireError(f'a field is of the unknown kind {kind}')
        if at + size > len(view):
            raise WireError(f'field {number} is cut off')
        yield number, view[at:at + size]
        at += size


def text(value: Value) -> str:
    """
    Return a field as a string.

    :raises WireError: it is none.
    """
    if isinstance(value, int):
        raise WireError('a number instead of a string')
    try:
        return str(value, 'utf-8')
    except UnicodeDecodeError as error:
        raise WireError('a string is not UTF-8') from error


def message(value: Value) -> memoryview:
    """
    Return a field as the bytes of a message.

    :raises WireError: it is a number.
    """
    if isinstance(value, int):
        raise WireError('a number instead of a message')
    return value


def integers(value: Value) -> list[int]:
    """Return what one field of a repeated int64 holds: a number, or several of them packed."""
    if isinstance(value, int):
        return [_signed(value)]
    found, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        found.append(_signed(number))
    return found


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def varint(number: int, value: int) -> bytes:
    """Return an integer field."""
    return _number(number << 3 | VARINT) + _number(value & (1 << 64) - 1)


def chunk(number: int, value: bytes | str) -> bytes:
    """Return a field of bytes, a string or a message."""
    content = value.encode() if isinstance(value, str) else value
    return _number(number << 3 | LENGTH) + _number(len(content)) + content


def embed(number: int, parts: Sequence[Part]) -> list[Part]:
    """Return a field of bytes or a message in parts, to be joined when all is there."""
    return [_number(number << 3 | LENGTH) + _number(sum(map(len, parts))), *parts]


def float32(number: int, value: float) -> bytes:
    """Return a field of single precision."""
    return _number(number << 3 | FIXED32) + struct.pack('<f', value)


def _number(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
