"""
Measure what docs/figures.md states, and write it: ``make figures``.

Scores need the sequences of the data folder (DEEPSORT_DATA, or ``../shared/data`` beside the
checkout); without them that table is left out. The machine must have nothing else to
do: the crops per second are wall time.
"""
from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / 'docs' / 'figures.md'
SEQUENCES = ('TUD-Campus', 'TUD-Stadtmitte', 'KITTI-17', 'MOT16-09')
SCORES = ('MOTA', 'IDF1', 'HOTA', 'IDs')


def run(*command: object) -> str:
    """Return what a command of this Python prints."""
    return subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, text=True,
                          capture_output=True, check=True).stdout


def table(rows: list[list[Any]], heads: list[str]) -> str:
    """Return a table in Markdown."""
    return tabulate(rows, heads, tablefmt='github', floatfmt='.2f')


def machine() -> str:
    """Return the processor, cores and load."""
    names = [line.partition(':')[2].strip() for line in Path('/proc/cpuinfo').read_text(
        encoding='utf-8').splitlines() if line.startswith('model name')]
    return (f'{names[0] if names else platform.processor()}, {os.cpu_count()} cores, load '
            f'{os.getloadavg()[0]:.1f} at the start, Python {platform.python_version()}')


def commit() -> str:
    """Return the commit, and whether files differ from it."""
    def git(*words: str) -> str:
        return subprocess.run(['git', *words], cwd=ROOT, text=True, capture_output=True,
                              check=False).stdout.strip()
    changed = git('status', '--porcelain', '--untracked-files=no')
    return (git('rev-parse', '--short', 'HEAD') or 'none') + (' with changes' if changed else '')


def tracker() -> str:
    """Measure the tracker core."""
    rows = []
    for contender in ('robot', 'robot, no features', 'deepsort_ros'):
        found = [json.loads(line) for line in run(
            'benchmark/tracker.py', '--objects', 50, 200, 500, '--contenders', contender,
            '--frames', 60, '--json').splitlines()]
        name = 'reference' if contender == 'deepsort_ros' else contender
        rows.append([name, *(row['median_ms'] for row in found)])
    return table(rows, ['preset', '50 objects', '200', '500'])


def network() -> str:
    """Measure the appearance network."""
    found = json.loads(run('benchmark/encoder.py', '--sizes', 1, 8, 32, '--turns', 5, '--json'))
    rows = [[row['crops'], row['contender'], row['crops/s'], row['share of bare']]
            for row in found if row['contender'] != 'bare']
    return table(rows, ['crops', 'engine', 'crops/s', 'share of bare ONNX Runtime'])


def scores(data: Path) -> str:
    """Track the sequences with the defaults of the node and score them together."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for mode in ('always', 'on_demand', 'off'):
            results = [Path(folder) / mode / f'{name}.txt' for name in SEQUENCES]
            for name, result in zip(SEQUENCES, results):
                run('-m', 'deepsort_ros.cli', 'track', data / name, '--appearance', mode,
                    '--engine', 'onnxruntime', '--output', result)
            truths = [data / name for name in SEQUENCES]
            found = json.loads(run(
                '-m', 'deepsort_ros.cli', 'evaluate', *truths, *results, '--json'))
            last = found['rows'][-1]
            rows.append([f'`{mode}`', *(last[name] for name in SCORES)])
    return table(rows, ['`appearance`', *SCORES])


def main() -> int:
    """Measure and write."""
    data = Path(os.environ.get('DEEPSORT_DATA', ROOT.parent / 'shared' / 'data')) / 'mot'
    about = (f'* machine: {machine()}\n* date: {datetime.date.today().isoformat()}\n'
             f'* commit: {commit()}\n')
    parts = [
        '# Measured figures\n\nWritten by `make figures` (`benchmark/figures.py`). Do not edit.\n',
        about,
        f'## Tracker core, median ms per image\n\n{tracker()}\n',
        f'## Appearance network, crops per second\n\n{network()}\n']
    if all((data / name).is_dir() for name in SEQUENCES):
        parts.append(f'## Scores of {", ".join(SEQUENCES)} together\n\nNode defaults, bundled '
                     f'network, public detections.\n\n{scores(data)}\n')
    PAGE.write_text('\n'.join(parts), encoding='utf-8')
    print(f'wrote {PAGE}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
