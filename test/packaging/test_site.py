"""The documentation builds as a site without a warning, and a browser shows its pages."""
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
if importlib.util.find_spec('mkdocs') is None:
    pytest.skip('MkDocs is not installed: it needs Python 3.11', allow_module_level=True)


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('site')
    done = subprocess.run(
        [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--site-dir', folder], cwd=ROOT,
        env={**os.environ, 'NO_MKDOCS_2_WARNING': '1'}, capture_output=True, text=True)
    assert done.returncode == 0 and 'WARNING' not in done.stderr, done.stderr
    return folder


def test_every_page_is_there_and_the_reference_shows_signatures(site):
    names = {path.stem for path in (ROOT / 'docs').glob('*.md')} | {'index', 'reference'}
    assert names - {path.stem for path in site.glob('*.html')} == set()
    reference = (site / 'reference.html').read_text()
    assert 'deepsort_ros.tracking.tracker.Tracker' in reference
    assert not re.search(r':(class|meth|func|mod):', re.sub(r'<script.*?</script>', '', reference))


def test_the_search_finds_what_pages_say(site):
    found = json.loads((site / 'search' / 'search_index.json').read_text())['docs']
    assert any('assume_empty_after' in page['text'] for page in found)


@pytest.mark.skipif(CHROMIUM is None, reason='no Chromium on this machine')
@pytest.mark.parametrize('page, shows', [
    ('index', 'Quick start'), ('parameters', 'max_age'), ('fleets', 'bags.jsonl'),
    ('tutorial_first_bag', 'Keep the tracks as the reference'), ('figures', 'commit')])
def test_a_browser_shows_a_page_without_a_broken_picture(site, tmp_path, page, shows):
    shown = subprocess.run(
        [CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu', '--virtual-time-budget=3000',
         f'--user-data-dir={tmp_path}', '--dump-dom', f'file://{site}/{page}.html'],
        capture_output=True, text=True, timeout=120).stdout
    article = re.search(r'<article.*</article>', shown, re.DOTALL)
    assert article and shows in article.group()
    for source in re.findall(r'<img[^>]* src="([^"]+)"', article.group()):
        assert (site / source).is_file()
