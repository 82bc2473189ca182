"""Hooks of MkDocs: the README becomes the first page, docstrings become the reference."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File
from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parents[1]
# What a user of the library calls.
REFERENCE = ('tracking.tracker', 'tracking.config', 'tracking.detections', 'tracking.tracks',
             'pipeline', 'settings', 'bags.bag', 'bags.reader', 'bags.writer', 'bags.storage',
             'bags.fleet', 'bags.agreement')


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made of other files."""
    readme = (ROOT / 'README.md').read_text(encoding='utf-8')
    index = re.sub(r'(\]\(|src=")docs/', r'\1', readme)
    files.append(File.generated(config, 'index.md', content=_inside(index, '')))
    modules = '\n\n'.join(f'::: deepsort_ros.{name}' for name in REFERENCE)
    files.append(File.generated(config, 'reference.md', content=f'# Reference\n\n{modules}\n'))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Turn links to files outside of docs/ into their names."""
    return _inside(markdown, '../')


def on_page_content(html: str, **_: Any) -> str:
    """Show the roles of Sphinx in docstrings as code: the last part of the name, or all of it."""
    def shown(role: re.Match[str]) -> str:
        shortened, name = role.groups()
        return f'<code>{name.rpartition(".")[2] if shortened == "~" else name}</code>'
    roles = 'attr|class|data|exc|func|meth|mod'
    return re.sub(rf':(?:{roles}):<code>([.~]?)([^<]+)</code>', shown, html)


def _inside(markdown: str, outside: str) -> str:
    def shown(link: re.Match[str]) -> str:
        text, target = link.groups()
        known = (ROOT / 'docs' / target.partition('#')[0]).exists()
        return link.group() if known and not target.startswith('../') else (
            f'{text} (`{target.removeprefix("../")}`)' if target not in text else f'`{target}`')
    pattern = rf'(?<!!)\[([^\]]*)\]\((?!https?:|#|mailto:)({re.escape(outside)}[^)\s]+)\)'
    return re.sub(pattern, shown, markdown)
