"""
Write the generated files: ``config/tracker.yaml`` and the tables of the documentation.

Run ``python -m deepsort_ros.ros.tables`` in a checkout after a change of the settings, topics,
services or messages.
"""
from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from deepsort_ros.resources import share_path
from deepsort_ros.ros import interface
from deepsort_ros.ros import parameters

CONFIG = 'config/tracker.yaml'


def message_text(name: str) -> str:
    """Return the definition of a message as a code block."""
    definition = share_path(f'msg/{name}.msg').read_text(encoding='utf-8')
    return f'```text\n{definition.strip()}\n```\n'


TABLES: dict[str, Callable[[], str]] = {
    'parameters': parameters.markdown_text,
    'topics': interface.topics_text,
    'services': interface.services_text,
    'Track': partial(message_text, 'Track'),
    'TrackArray': partial(message_text, 'TrackArray'),
}
# Which tables each page holds.
PAGES = {
    'docs/parameters.md': ('parameters',),
    'docs/topics.md': ('topics', 'services', 'Track', 'TrackArray'),
}


def filled(page: str, names: tuple[str, ...]) -> str:
    """
    Return the text of a page with its tables up to date.

    :param names: keys of ``TABLES``.
    :raises ValueError: the page has no place, ``<!-- NAME -->`` to ``<!-- /NAME -->``, for one.
    """
    for name in names:
        before, begin, rest = page.partition(f'<!-- {name} -->\n')
        _, end, after = rest.partition(f'<!-- /{name} -->')
        if not begin or not end:
            raise ValueError(f'no place for the table {name}')
        page = before + begin + TABLES[name]() + end + after
    return page


def main() -> int:
    """Bring all files up to date."""
    root = Path(__file__).resolve().parents[2]
    for name, tables in PAGES.items():
        page = root / name
        page.write_text(filled(page.read_text(encoding='utf-8'), tables), encoding='utf-8')
    (root / CONFIG).write_text(parameters.yaml_text(), encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
