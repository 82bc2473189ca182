"""Links of the documentation lead somewhere, and every page is reachable from the README."""
import re
import shlex
from pathlib import Path

import pytest

from deepsort_ros.cli import build_parser
from deepsort_ros.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path.relative_to(ROOT) for path in (
    *ROOT.glob('*.md'), *(ROOT / 'docs').rglob('*.md'), *(ROOT / 'models').glob('*.md')))
LINK = re.compile(r'\[[^\]]*\]\(([^)\s]+)\)')
HEADING = re.compile(r'^#+ (.*)$', re.MULTILINE)


def prose(path: Path) -> str:
    """Return the text of a page without its code blocks."""
    return re.sub(r'^```.*?^```', '', path.read_text(encoding='utf-8'), flags=re.M | re.S)


def anchors(path: Path) -> set[str]:
    """Return the anchors of the headings, as GitHub and MkDocs make them."""
    kept = (re.sub(r'[^\w\- ]', '', heading.lower()) for heading in HEADING.findall(prose(path)))
    return {heading.strip().replace(' ', '-') for heading in kept}


def links(path: Path) -> list[str]:
    return [link for link in LINK.findall(prose(path))
            if not re.match(r'(https?|mailto):', link)]


def dead(path: Path) -> list[str]:
    """Return the links of a page that lead nowhere."""
    found = []
    for link in links(path):
        name, _, anchor = link.partition('#')
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize('page', PAGES, ids=str)
def test_every_link_leads_to_a_file_and_a_heading(page):
    assert dead(ROOT / page) == []


def test_every_page_of_the_documentation_can_be_reached_from_the_readme():
    reached, todo = set(), [ROOT / 'README.md']
    while todo:
        page = todo.pop()
        reached.add(page)
        targets = {(page.parent / link.partition('#')[0]).resolve() for link in links(page)}
        todo += [target for target in targets - reached if target.suffix == '.md']
    assert set((ROOT / 'docs').rglob('*.md')) - reached == set()


def test_dead_links_are_found(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text('# A `name`, here\n[a](#a-name-here) [b](#b) [c](c.md) [d](https://d.org/x)\n'
                    '```\n[e](e.md)\n```\n')
    assert dead(page) == ['#b', 'c.md']


def commands(path: Path) -> list[str]:
    """Return the lines of code blocks that call deepsort."""
    blocks = re.findall(r'^ *```bash\n(.*?)^ *```', path.read_text(encoding='utf-8'), re.M | re.S)
    lines = [line.strip() for block in blocks for line in re.sub(r'\\\n', ' ', block).splitlines()]
    return [line for line in lines if line.startswith('deepsort ')]


@pytest.mark.parametrize('page', [page for page in PAGES if commands(ROOT / page)], ids=str)
def test_every_command_in_the_documentation_is_one(page):
    for line in commands(ROOT / page):
        build_parser().parse_args(shlex.split(line, comments=True)[1:])


def test_every_setting_in_a_command_or_a_remedy_is_one():
    for page in (ROOT / 'docs').glob('*.md'):
        for name in re.findall(r'--set (\w+)=', page.read_text(encoding='utf-8')):
            assert hasattr(Settings(), name), f'{page.name}: {name}'
