"""An environment of its own for each program that is measured beside ours."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path('/tmp/deepsort_benchmark')


def environment(name: str, packages: list[str], folder: Path = FOLDER) -> str:
    """Return the Python of an environment with these packages, making it when missing."""
    python = folder / name / 'bin' / 'python'
    done = folder / name / 'installed'
    if not done.is_file():
        subprocess.run([sys.executable, '-m', 'venv', str(folder / name)], check=True)
        subprocess.run([str(python), '-m', 'pip', 'install', '-q', *packages], check=True)
        done.touch()
    return str(python)
