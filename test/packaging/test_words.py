"""The check of words finds what it should, also across lines."""
import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location('words', ROOT / 'lint' / 'words.py')
words = importlib.util.module_from_spec(spec)
spec.loader.exec_module(words)


def test_a_phrase_is_found_across_lines_and_comments_with_its_line():
    rules = words.rules('# a comment\nred cat  animal\ndog      animal\n')
    text = 'a\nit is a red\n# Cat and dogs\n'
    assert words.offences(text, rules) == [(2, 'red # Cat', 'animal')]


def test_only_whole_words_count():
    assert words.offences('concatenate', words.rules('cat  animal')) == []


def test_the_list_can_be_read():
    assert len(words.rules((ROOT / 'lint' / 'words.txt').read_text())) > 5
