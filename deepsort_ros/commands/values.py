"""The values that options take: numbers within limits, names of topics. Needs nothing."""
from __future__ import annotations

import argparse
import difflib
import math
import re
import urllib.parse
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NoReturn

TOPIC = re.compile(r'/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*', re.ASCII)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and that of a subcommand points to its own help."""

    def parse_args(self, args: Sequence[str] | None = None,  # type: ignore[override]
                   namespace: argparse.Namespace | None = None) -> argparse.Namespace:
        """Return the arguments; have the subcommand refuse those that it does not take."""
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            command: Parser = getattr(found, 'parser', self)
            close = difflib.get_close_matches(
                unknown[0].partition('=')[0], command._option_string_actions, 1, 0.7)
            command.error(f'unrecognized arguments: {" ".join(unknown)}'
                          f'{f", did you mean {close[0]}?" if close else ""}')
        return found

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and end with exit code 2."""
        self.exit(2, f'{self.prog}: {message} ("{self.prog} --help" shows what it takes)\n')


def whole(lowest: int, highest: int | None = None) -> Callable[[str], int]:
    """Return the type of an option that takes a whole number within limits."""
    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f'{text!r} is not a whole number') from None
        _check(value, lowest, highest)
        return value
    return read


def number(lowest: float = 0.0, highest: float | None = None,
           above: bool = False) -> Callable[[str], float]:
    """
    Return the type of an option that takes a number within limits.

    :param above: whether it must be above ``lowest``.
    """
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise argparse.ArgumentTypeError(f'{text!r} is not a number')
        _check(value, lowest, highest)
        if above and value == lowest:
            raise argparse.ArgumentTypeError(f'{text} is not above {lowest:g}')
        return value
    return read


def topic(text: str) -> str:
    """Return the name of a topic."""
    if not TOPIC.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f'{text!r} is not the name of a topic: letters, digits and _, parts with / between')
    return text


def address(text: str) -> str:
    """Return the address of a Dask scheduler."""
    if not re.fullmatch(r'[a-z]+://\S*[:/]\d+', text):
        raise argparse.ArgumentTypeError(f'{text!r} is not an address like tcp://host:8786')
    return text


def url(text: str) -> str:
    """Return an address on the web."""
    try:
        parts = urllib.parse.urlsplit(text)
        good = parts.scheme in ('http', 'https', 'file') and bool(parts.netloc or parts.path)
        good = good and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise argparse.ArgumentTypeError(f'{text!r} is not an address like https://host/file')
    return text


def _check(value: Any, lowest: Any, highest: Any) -> None:
    if value < lowest:
        raise argparse.ArgumentTypeError(f'{value:g} is below {lowest:g}')
    if highest is not None and value > highest:
        raise argparse.ArgumentTypeError(f'{value:g} is above {highest:g}')
