"""The workflows of GitHub, which run elsewhere, follow their schema."""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / '.github' / 'workflows').glob('*.yml'))


def check(*paths):
    return subprocess.run(
        [sys.executable, '-m', 'check_jsonschema', '--builtin-schema', 'vendor.github-workflows',
         *paths], capture_output=True, text=True)


def test_every_workflow_follows_the_schema():
    done = check(*WORKFLOWS)
    assert WORKFLOWS and done.returncode == 0, done.stdout


def test_a_misspelt_key_is_found(tmp_path):
    path = tmp_path / 'ci.yml'
    path.write_text(WORKFLOWS[0].read_text().replace('runs-on:', 'run-on:', 1))
    done = check(path)
    assert done.returncode == 1 and 'run-on' in done.stdout
