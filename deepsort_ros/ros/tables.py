"""
Write what is generated: ``config/tracker.yaml``, the tables of the README and of the node page.

Run ``python -m deepsort_ros.ros.tables`` in a checkout after a change of the settings.
"""
from __future__ import annotations

import sys
from pathlib import Path

from deepsort_ros.ros import interface
from deepsort_ros.ros import parameters

PAGES = ('README.md', 'docs/node.md')
CONFIG = 'config/tracker.yaml'
TABLES = {'topics': interface.topics_text, 'services': interface.services_text,
          'parameters': parameters.markdown_text}


def filled(page: str) -> str:
    """
    Return the text of a page with its tables as they must be.

    :raises ValueError: a table has no place, ``<!-- NAME -->`` to ``<!-- /NAME -->``.
    """
    for name, text in TABLES.items():
        before, begin, rest = page.partition(f'<!-- {name} -->\n')
        _, end, after = rest.partition(f'<!-- /{name} -->')
        if not begin or not end:
            raise ValueError(f'no place for the table {name}')
        page = before + begin + text() + end + after
    return page


def main() -> int:
    """Bring all files up to date."""
    root = Path(__file__).resolve().parents[2]
    for name in PAGES:
        page = root / name
        page.write_text(filled(page.read_text(encoding='utf-8')), encoding='utf-8')
    (root / CONFIG).write_text(parameters.yaml_text(), encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
