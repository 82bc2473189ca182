"""A real browser for the tests: headless Chromium."""
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, (
    'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason='no chromium')


def _run(page: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([
        str(CHROMIUM), '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
        '--no-first-run', '--disable-background-networking', '--disable-sync',
        '--disable-component-update', f'--user-data-dir={folder / "profile"}',
        '--enable-logging=stderr', '--window-size=1120,2000', *options, page.as_uri()],
        timeout=120, capture_output=True, text=True)


def document(page: Path, folder: Path) -> tuple[str, list[str]]:
    """Return what a browser has made of a page once it is loaded, and its console messages."""
    result = _run(page, folder, '--dump-dom')
    return result.stdout, re.findall(r'CONSOLE.*', result.stderr)


def screenshot(page: Path, folder: Path) -> Path:
    """Return a picture of the page."""
    picture = folder / 'page.png'
    _run(page, folder, f'--screenshot={picture}')
    return picture
