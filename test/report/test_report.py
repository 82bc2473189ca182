"""The report: what it says of a scene made by hand, and how a real browser shows it."""
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import document
from browser import needs_chromium
from browser import screenshot

from deepsort_ros.commands.common import preset
from deepsort_ros.mot.evaluation import evaluate
from deepsort_ros.mot.evaluation import find_pairs
from deepsort_ros.mot.evaluation import Pair
from deepsort_ros.mot.history import read_history
from deepsort_ros.mot.matching import match
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.tracking import StoredFeatures
from deepsort_ros.mot.tracking import track
from deepsort_ros.report.explanation import explain
from deepsort_ros.report.plots import css_color
from deepsort_ros.report.plots import histogram
from deepsort_ros.report.plots import runs
from deepsort_ros.report.report import write_report
from deepsort_ros.settings import Settings


@pytest.fixture
def swapped(sequence_folder: Path, tmp_path: Path) -> Pair:
    """From frame 7 on id 5 is on truth 2 and id 6 on truth 1; truth 1 is missed in frame 6."""
    lines = []
    for line in (sequence_folder / 'gt' / 'gt.txt').read_text().splitlines():
        frame, truth, rest = line.split(',', 2)
        late = int(frame) >= 7
        if (frame, truth) != ('6', '1'):
            lines.append(f'{frame},{5 if (truth == "1") != late else 6},{rest}\n')
    (tmp_path / 'r.txt').write_text(''.join(lines))
    return find_pairs([sequence_folder, tmp_path / 'r.txt'])[0]


@pytest.fixture
def page(swapped: Pair, sequence_folder: Path, tmp_path: Path) -> Path:
    sequence = open_sequence(sequence_folder, with_detections=False)
    write_report(swapped, tmp_path / 'new' / 'page.html', sequence)
    return tmp_path / 'new' / 'page.html'


def test_switches_are_those_that_the_score_counts(swapped: Pair) -> None:
    found = match(swapped)
    assert evaluate([swapped])[0].IDs == len(found.switches) == 2
    seen = {(s.truth_id, int(swapped.results.id[s.before]), int(swapped.results.frame[s.before]),
             int(swapped.results.id[s.after]), int(swapped.results.frame[s.after]))
            for s in found.switches}
    assert seen == {(1, 5, 5, 6, 7), (2, 6, 6, 5, 7)}


def test_a_switch_is_explained(swapped: Pair) -> None:
    found = match(swapped)
    words = dict(zip((s.truth_id for s in found.switches), explain(swapped, found, None)))
    assert words[1] == ('Not found for 1 frame in between. Id 5 is on truth 2 now. '
                        'Id 6 was on truth 2 before.')
    assert words[2].startswith('From one frame to the next. Id 6 is on truth 1 now.')


def test_a_covered_person_and_an_ended_id_are_named(tmp_path: Path) -> None:
    truth, results = [], []
    for frame in range(1, 9):
        truth.append(f'{frame},1,100,10,20,40,1,-1,-1,-1\n')
        truth.append(f'{frame},2,{160 - 12 * frame},10,20,40,1,-1,-1,-1\n')
        if frame <= 3 or frame >= 7:
            results.append(f'{frame},{1 if frame <= 3 else 9},100,10,20,40,1,-1,-1,-1\n')
    (tmp_path / 't.txt').write_text(''.join(truth))
    (tmp_path / 'r.txt').write_text(''.join(results))
    pair = find_pairs([tmp_path / 't.txt', tmp_path / 'r.txt'])[0]
    assert explain(pair, match(pair), None) == [
        'Not found for 3 frames in between. Truth 2 overlaps up to 100 % of it (frame 5). '
        'Id 1 had ended. Id 9 is new.']


def test_runs_break_at_gaps_and_at_other_keys() -> None:
    assert list(runs([1, 2, 3, 5, 6, 7], [4, 4, 4, 4, 8, 8])) == [
        ((1, 3), 4), ((5, 5), 4), ((6, 7), 8)]


def test_a_histogram_shows_every_value_and_the_limit() -> None:
    values = np.array([0.0, 0.1, 0.1, 0.3, 5.0])
    plot = histogram([('same', values[:4]), ('other', values[4:])], 0.2, 2.0)
    assert sum(int(re.search(r': (\d+) matches', bar.title)[1]) for bar in plot.bars) == 5
    assert plot.marks[0].x == plot.width / 2
    # What lies beyond the axis is in its last bar.
    assert max(plot.bars, key=lambda bar: bar.x).style == 'other'


def test_the_page_is_complete_in_itself(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r'(?:src|href)="(?!data:)[^"]*"|url\(|@import|<script|https?:', text) == []
    assert text.count('<section class="switch">') == 2
    # Two pictures per switch and twelve frames.
    assert text.count('<img src="data:image/jpeg;base64,') == 2 * 2 + 12
    assert css_color(5) in text and css_color(6) in text


def test_what_is_unknown_is_said(swapped: Pair, tmp_path: Path) -> None:
    write_report(swapped, tmp_path / 'p.html')
    text = page_text(tmp_path / 'p.html')
    assert 'Unknown: a results file holds no distances' in text
    assert 'tentative times are unknown' in text and '<img' not in text


def test_a_history_of_another_run_is_refused(swapped: Pair, tmp_path: Path) -> None:
    other = tmp_path / 'other.txt'
    other.write_text('1,99,10,20,30,40,1,-1,-1,-1\n')
    with pytest.raises(MotFileError, match='r.txt:1: id 5 in frame 1 is not in .*other.txt'):
        write_report(swapped, tmp_path / 'p.html', history=read_history(other))


def page_text(path: Path) -> str:
    return ' '.join(path.read_text().split())


def test_names_are_not_taken_for_html(swapped: Pair, tmp_path: Path) -> None:
    pair = Pair('<b>&', swapped.truth, swapped.results, swapped.length, swapped.rules)
    write_report(pair, tmp_path / 'p.html')
    assert '<h1>&lt;b&gt;&amp;</h1>' in page_text(tmp_path / 'p.html')


@needs_chromium
def test_a_browser_shows_the_page_without_an_error(page: Path, tmp_path: Path) -> None:
    shown, console = document(page, tmp_path)
    assert console == []
    assert shown.count('<section class="switch">') == 2 and '</html>' in shown
    image = cv2.imread(str(screenshot(page, tmp_path)))
    # The first bar of the first timeline is there in the colour of id 5.
    color = np.array([int(css_color(5)[i:i + 2], 16) for i in (5, 3, 1)])
    assert (np.abs(image.astype(int) - color).max(axis=2) < 3).sum() > 500
    # And the pictures: the grey of frame 7, 97.
    assert (np.abs(image.astype(int) - 97).max(axis=2) <= 3).sum() > 5000


@needs_chromium
def test_the_browser_would_tell_of_an_error(page: Path, tmp_path: Path) -> None:
    broken = tmp_path / 'broken.html'
    broken.write_text(page.read_text().replace('</body>', '<script>1</script></body>'))
    assert document(broken, tmp_path)[1] != []


def test_a_real_run_has_its_distances_in_the_page(data: Path, tmp_path: Path) -> None:
    folder = data / 'mot' / 'TUD-Campus'
    stored = StoredFeatures(data / 'golden' / 'mars128' / 'TUD-Campus.npy')
    track(open_sequence(folder, stored.table), Settings().replace(preset('mot16')), stored,
          tmp_path / 'r.txt', history=tmp_path / 'h.csv')
    pair = find_pairs([folder, tmp_path / 'r.txt'])[0]
    summary = write_report(pair, tmp_path / 'p.html',
                           open_sequence(folder, with_detections=False),
                           read_history(tmp_path / 'h.csv'))
    assert summary.switches == evaluate([pair])[0].IDs == 11
    text = page_text(tmp_path / 'p.html')
    assert all(f'<h3>{name}</h3>' in text for name in ('Motion', 'Appearance', 'Overlap'))
    assert 'tracks that were never confirmed are not shown' in text
    assert 'predicted box has an IoU of' in text
