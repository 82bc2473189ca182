"""Say in words why an identity switched, from what results, truth and history show."""
from __future__ import annotations

import numpy as np

from deepsort_ros.mot.evaluation import Pair
from deepsort_ros.mot.history import History
from deepsort_ros.mot.matching import Matches
from deepsort_ros.mot.matching import Switch
from deepsort_ros.tracking import boxes
from deepsort_ros.tracking import TrackState

# Share of a truth's box that another one must cover to be worth a word.
HIDDEN = 0.3


def explain(pair: Pair, matches: Matches, history: History | None) -> list[str]:
    """
    Return a few sentences per identity switch.

    :param history: None leaves out what became of lost tracks.
    """
    on = {int(r): int(pair.truth.id[t]) for t, r in zip(matches.truth, matches.result)}
    return [' '.join(filter(None, (
        _gap(pair, switch), _hidden(pair, switch), _old_id(pair, switch, on, history),
        _new_id(pair, switch, on)))) for switch in matches.switches]


def _gap(pair: Pair, switch: Switch) -> str:
    frames = int(pair.truth.frame[switch.truth_after] - pair.truth.frame[switch.truth_before]) - 1
    if not frames:
        return 'From one frame to the next.'
    return f'Not found for {frames} frame{"s" if frames > 1 else ""} in between.'


def _hidden(pair: Pair, switch: Switch) -> str:
    """Name the truth that covered this one most, from the old to the new id."""
    truth = pair.truth
    covered, by, when = 0.0, 0, 0
    for frame in range(int(truth.frame[switch.truth_before]),
                       int(truth.frame[switch.truth_after]) + 1):
        rows = truth.rows(frame)
        own = truth.id[rows] == switch.truth_id
        counts = (truth.confidence[rows] != 0) & ~own & (truth.tlwh[rows][:, 2:] > 0).all(axis=1)
        box = truth.tlwh[rows][own]
        if not len(box) or not counts.any() or not (box[:, 2:] > 0).all():
            continue
        share = boxes.intersection(box, truth.tlwh[rows][counts])[0] / boxes.area(box)[0]
        if share.max() > covered:
            covered, when = float(share.max()), frame
            by = int(truth.id[rows][counts][share.argmax()])
    if covered < HIDDEN:
        return ''
    return f'Truth {by} overlaps up to {100 * covered:.0f} % of it (frame {when}).'


def _old_id(pair: Pair, switch: Switch, on: dict[int, int], history: History | None) -> str:
    """Say where the old id was when the new one took over."""
    results, frame = pair.results, int(pair.results.frame[switch.after])
    old = int(results.id[switch.before])
    box = pair.truth.tlwh[switch.truth_after][None]
    rows = results.rows(frame)
    here = np.flatnonzero(results.id[rows] == old) + rows.start
    if len(here):
        other = on.get(int(here[0]))
        if other is not None:
            return f'Id {old} is on truth {other} now.'
        overlap = boxes.iou(results.tlwh[here], box)[0, 0]
        return f'Id {old} is still shown, but its IoU with this truth is {overlap:.2f}.'
    if history is not None:
        rows = history.rows(frame)
        here = np.flatnonzero(history.id[rows] == old) + rows.start
        if len(here) and history.state[here[0]] == TrackState.LOST:
            overlap = boxes.iou(history.tlwh[here], box)[0, 0]
            return f'Id {old} is lost; its predicted box has an IoU of {overlap:.2f} with it.'
        if not len(here):
            frames = history.frame[history.id == old]
            ended = f'Id {old} had ended after frame {frames[frames < frame].max()}'
            later = frames[frames > frame]
            return f'{ended} and comes back in frame {later.min()}.' if len(later) else f'{ended}.'
    later = results.frame[(results.id == old) & (results.frame > frame)]
    if len(later):
        return f'Id {old} has no box here and is back in frame {later.min()}.'
    return f'Id {old} had ended.'


def _new_id(pair: Pair, switch: Switch, on: dict[int, int]) -> str:
    """Say where the new id came from."""
    results = pair.results
    new = int(results.id[switch.after])
    earlier = [row for row in np.flatnonzero(results.id == new) if row < switch.after]
    if not earlier:
        return f'Id {new} is new.'
    others = [on[int(row)] for row in earlier if int(row) in on]
    if others and others[-1] != switch.truth_id:
        return f'Id {new} was on truth {others[-1]} before.'
    if others:
        return f'Id {new} had been on this truth before.'
    return f'Id {new} was on no truth before.'
