"""
Write what is generated: ``config/tracker.yaml`` and the tables of the README.

Run ``python -m deepsort_ros.ros.tables`` in a checkout after a change of the settings.
"""
from __future__ import annotations

import sys
from pathlib import Path

from deepsort_ros.ros import interface
from deepsort_ros.ros import parameters

README = 'README.md'
CONFIG = 'config/tracker.yaml'
TABLES = {'topics': interface.topics_text, 'services': interface.services_text,
          'parameters': parameters.markdown_text}


def filled(readme: str) -> str:
    """
    Return a README with its tables as they must be.

    :raises ValueError: a table has no place, ``<!-- NAME -->`` to ``<!-- /NAME -->``.
    """
    for name, text in TABLES.items():
        before, begin, rest = readme.partition(f'<!-- {name} -->\n')
        _, end, after = rest.partition(f'<!-- /{name} -->')
        if not begin or not end:
            raise ValueError(f'no place for the table {name}')
        readme = before + begin + text() + end + after
    return readme


def main() -> int:
    """Bring both files up to date."""
    root = Path(__file__).resolve().parents[2]
    readme = root / README
    readme.write_text(filled(readme.read_text(encoding='utf-8')), encoding='utf-8')
    (root / CONFIG).write_text(parameters.yaml_text(), encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
