"""A real browser for the tests: headless Chromium."""
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, (
    'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason='no chromium')


def open_page(page: Path, folder: Path) -> tuple[str, list[str], Path]:
    """Return the document a browser made of a page, its console messages and a screenshot."""
    picture = folder / 'page.png'
    options = ('--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
               '--no-first-run', '--disable-background-networking', '--disable-sync',
               '--disable-component-update', f'--user-data-dir={folder / "profile"}',
               '--enable-logging=stderr', '--window-size=1120,2000')
    result = [subprocess.run([str(CHROMIUM), *options, what, page.as_uri()], timeout=120,
                             capture_output=True, text=True)
              for what in ('--dump-dom', f'--screenshot={picture}')]
    return result[0].stdout, re.findall(r'CONSOLE.*', result[0].stderr), picture
