"""
Find the words of words.txt in the files that people read, and say what to write instead.

``python lint/words.py [FILE...]``, without files all that git knows. Exit code 1 when one is
found.
"""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SUFFIXES = {'.html', '.md', '.msg', '.py', '.rst', '.toml', '.txt', '.xml', '.yaml', '.yml'}


def rules(text: str) -> list[tuple[re.Pattern[str], str]]:
    """Return the patterns of a list of words, each with what to write instead."""
    found = []
    for line in text.splitlines():
        if line and not line.startswith('#'):
            words, instead = re.split(r' {2,}', line, maxsplit=1)
            pattern = words.replace(' ', r'\s+(?:[#*>]+\s+)?')
            found.append((re.compile(rf'\b(?:{pattern})\b', re.IGNORECASE), instead))
    return found


def offences(text: str, patterns: list[tuple[re.Pattern[str], str]]) -> list[tuple[int, str, str]]:
    """Return (line, words, what to write instead) for each word found in a text."""
    found = []
    for pattern, instead in patterns:
        for match in pattern.finditer(text):
            line = text.count('\n', 0, match.start()) + 1
            found.append((line, ' '.join(match.group().split()), instead))
    return sorted(found)


def files() -> list[Path]:
    """Return all files of the project that people read."""
    names = subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, capture_output=True, text=True,
                           check=False).stdout.split('\0')
    known = [ROOT / name for name in names if name] or list(ROOT.rglob('*'))
    return [path for path in known if path.suffix in SUFFIXES and path.is_file()
            and not {'.venv', 'build', 'lint'} & set(path.relative_to(ROOT).parts)]


def main(arguments: list[str]) -> int:
    """Check files, print what is wrong, return the exit code."""
    patterns = rules((HERE / 'words.txt').read_text(encoding='utf-8'))
    wrong = 0
    for path in [Path(name) for name in arguments] or files():
        for line, words, instead in offences(path.read_text(encoding='utf-8'), patterns):
            print(f'{path.resolve().relative_to(ROOT)}:{line}: "{words}"; write: {instead}')
            wrong += 1
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
