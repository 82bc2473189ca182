"""One HTML page that shows what the tracker did and where it went wrong."""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from numpy.typing import NDArray

from deepsort_ros.mot.evaluation import evaluate
from deepsort_ros.mot.evaluation import Pair
from deepsort_ros.mot.history import History
from deepsort_ros.mot.history import read_history
from deepsort_ros.mot.matching import match
from deepsort_ros.mot.matching import Matches
from deepsort_ros.mot.scores import cells
from deepsort_ros.mot.scores import COLUMNS
from deepsort_ros.mot.scores import NOTE
from deepsort_ros.mot.sequence import Sequence
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import MotTable
from deepsort_ros.report.explanation import explain
from deepsort_ros.report.pictures import Crop
from deepsort_ros.report.pictures import pictures
from deepsort_ros.report.plots import css_color
from deepsort_ros.report.plots import histogram
from deepsort_ros.report.plots import Part
from deepsort_ros.report.plots import Plot
from deepsort_ros.report.plots import runs
from deepsort_ros.report.plots import timeline
from deepsort_ros.tracking import TrackState

TEMPLATE = 'report.html'
STRIP_FRAMES = 12
MEANINGS = {
    'sequence': 'name of the sequence',
    'MOTA': 'accuracy: 1 - (FN + FP + IDs) / truth boxes, %',
    'MOTP': '1 - mean IoU of the matches', 'MT': 'truths tracked for more than 80 %',
    'ML': 'truths tracked for less than 20 %', 'IDs': 'identity switches',
    'FM': 'times a truth was lost and found again', 'FP': 'boxes without truth',
    'FN': 'truth boxes without result', 'IDF1': 'share of boxes with the right identity, %',
    'HOTA': 'geometric mean of DetA and AssA over thresholds, %',
    'DetA': 'detection accuracy, %', 'AssA': 'association accuracy, %'}
# Title, meaning and largest value of each distance.
DISTANCES = {
    'motion': ('Motion', 'Squared Mahalanobis distance to the prediction, and its gate. Matches '
               'by overlap may lie outside.', math.inf),
    'appearance': ('Appearance', "Smallest cosine distance to the track's earlier features. "
                   'Matches by overlap may lie above the limit.', 2.0),
    'overlap': ('Overlap', '1 - IoU with the predicted box. Matches by appearance may lie above '
                'the limit.', 1.0)}


@dataclass(frozen=True)
class ReportSummary:
    """What was written: file, its size, identity switches, tracks and pictures shown."""

    output: str
    bytes: int
    switches: int
    tracks: int
    pictures: int


def write_report(pair: Pair, output: Path, sequence: Sequence | None = None,
                 history: History | None = None,
                 progress: Callable[[int, int], None] | None = None) -> ReportSummary:
    """
    Evaluate a pair and write the page.

    :param sequence: for pictures; None leaves them out.
    :param history: for states and distances; None draws what the results tell.
    :param progress: called with (pictures done, pictures in all).
    :raises MotFileError: as :func:`~deepsort_ros.mot.evaluation.evaluate`, the history is of
        another run, or an image cannot be read.
    """
    scores, matches = evaluate([pair])[0], match(pair)
    known = history if history is not None else read_history(pair.results.path)
    known.check_length(pair.length)
    results = pair.results
    _refuse_another_run(results, known)
    crops = [Crop(int(pair.truth.frame[row]), pair.truth.tlwh[row],
                  (int(results.id[switch.before]), int(results.id[switch.after])))
             for switch in matches.switches for row in (switch.truth_before, switch.truth_after)]
    strip = np.unique(np.linspace(1, pair.length, STRIP_FRAMES).round().astype(int)).tolist()
    cut, frames = [''] * len(crops), dict[int, str]()
    if sequence is not None:
        cut, frames = pictures(sequence, known, crops, strip, progress or _silent)
    reasons = explain(pair, matches, history)

    def side(row: int, picture: str) -> dict[str, Any]:
        return {'frame': int(results.frame[row]), 'id': int(results.id[row]),
                'color': css_color(int(results.id[row])), 'picture': picture}

    tracks, shown, tentative = _track_timeline(pair, matches, known)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True,
        undefined=jinja2.StrictUndefined)
    page = environment.get_template(TEMPLATE).render(
        name=pair.name, length=pair.length, rules=pair.rules, results=results.path.name,
        truth=pair.truth.path.name, history=history.path.name if history is not None else '',
        columns=[(name, MEANINGS[name]) for name in COLUMNS], scores=cells(scores), note=NOTE,
        truths=_truth_timeline(pair, matches), tracks=tracks, tentative=tentative,
        distances=[] if history is None else _distances(pair, matches, history),
        switches=[{'truth_id': switch.truth_id, 'why': reason,
                   'before': side(switch.before, cut[2 * index]),
                   'after': side(switch.after, cut[2 * index + 1])}
                  for index, (switch, reason) in enumerate(zip(matches.switches, reasons))],
        strip=sorted(frames.items()))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page, encoding='utf-8')
    return ReportSummary(str(output), output.stat().st_size, len(matches.switches), shown,
                         len(frames) + sum(bool(picture) for picture in cut))


def _refuse_another_run(results: MotTable, history: History) -> None:
    known = set(zip(history.frame.tolist(), history.id.tolist()))
    for frame, track_id, line in zip(results.frame, results.id, results.line):
        if (int(frame), int(track_id)) not in known:
            raise MotFileError(f'{results.path}:{line}: id {track_id} in frame {frame} is not in '
                               f'{history.path}, which must be of the same run')


def _silent(done: int, total: int) -> None:
    """Report no progress."""


def _truth_timeline(pair: Pair, matches: Matches) -> Plot:
    """Return one row per truth that counts, a bar per id it carried."""
    truth, results = pair.truth, pair.results
    counts = np.zeros(len(truth), dtype=bool)
    counts[np.concatenate(matches.counted)] = True
    numbers, starts = np.unique(truth.id[counts], return_index=True)
    first = dict(zip(numbers.tolist(), starts.tolist()))
    order = sorted(first, key=lambda i: first[i])
    row_of = {number: row for row, number in enumerate(order)}
    parts = []
    for number in order:
        row = row_of[number]
        present = truth.frame[counts & (truth.id == number)].tolist()
        parts += [Part(row, span, 'lost', 'var(--none)', f'truth {number}, frames {span[0]} to '
                       f'{span[1]}') for span, _ in runs(present, [0] * len(present))]
        mine = truth.id[matches.truth] == number
        parts += [Part(row, span, 'confirmed', css_color(key), f'id {key}, frames {span[0]} to '
                       f'{span[1]}') for span, key in runs(
                           truth.frame[matches.truth[mine]].tolist(),
                           results.id[matches.result[mine]].tolist())]
    marks = [(int(results.frame[s.after]), row_of[s.truth_id], row_of[s.truth_id],
              f'{results.id[s.before]} to {results.id[s.after]}') for s in matches.switches]
    return timeline([str(number) for number in order], parts, marks, pair.length)


def _track_timeline(pair: Pair, matches: Matches, known: History) -> tuple[Plot, int, int]:
    """Return one row per track ever confirmed, their number, and that of the others."""
    confirmed = np.unique(known.id[known.state == TrackState.CONFIRMED])
    first = {int(i): int(known.frame[known.id == i][0]) for i in confirmed}
    order = sorted(first, key=lambda i: (first[i], i))
    row_of = {number: row for row, number in enumerate(order)}
    parts = []
    for number in order:
        mine = known.id == number
        frames, states = known.frame[mine].tolist(), known.state[mine].tolist()
        color = css_color(number)
        if not known.limits and frames[-1] > frames[0]:
            parts.append(Part(row_of[number], (frames[0], frames[-1]), 'lost', color,
                              f'id {number}: no box'))
        for span, key in runs(frames, states):
            style = TrackState(key).name.lower()
            parts.append(Part(row_of[number], span, style, color,
                              f'id {number} {style}, frames {span[0]} to {span[1]}'))
    ids = pair.results.id
    marks = [(int(pair.results.frame[s.after]), row_of[int(ids[s.before])],
              row_of[int(ids[s.after])], f'truth {s.truth_id}: {ids[s.before]} to {ids[s.after]}')
             for s in matches.switches
             if int(ids[s.before]) in row_of and int(ids[s.after]) in row_of]
    plot = timeline([str(number) for number in order], parts, marks, pair.length)
    return plot, len(order), len(np.unique(known.id)) - len(order)


def _kinds(pair: Pair, matches: Matches, history: History) -> NDArray[np.int64]:
    """
    Return (N,) of the rows of a history, whether a row is on the same truth as its track before.

    1: it is, 2: on another one, 0: on none, or the first.
    """
    on = {(int(pair.results.frame[r]), int(pair.results.id[r])): int(pair.truth.id[t])
          for t, r in zip(matches.truth, matches.result)}
    before: dict[int, int] = {}
    kinds = np.zeros(len(history.frame), dtype=np.int64)
    for row, (frame, track_id) in enumerate(zip(history.frame.tolist(), history.id.tolist())):
        truth_id = on.get((frame, track_id))
        if truth_id is not None:
            if track_id in before:
                kinds[row] = 1 if before[track_id] == truth_id else 2
            before[track_id] = truth_id
    return kinds


def _distances(pair: Pair, matches: Matches, history: History) -> list[tuple[str, str, Plot]]:
    kinds = _kinds(pair, matches, history)
    found = []
    for name, (title, meaning, largest) in DISTANCES.items():
        values = getattr(history, name)
        groups = [(style, values[(kinds == kind) & np.isfinite(values)])
                  for style, kind in (('same', 1), ('none', 0), ('other', 2))]
        if any(len(group) for _, group in groups) and history.limits[name] > 0:
            found.append((title, meaning, histogram(
                groups, history.limits[name], largest)))
    return found
