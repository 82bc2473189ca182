"""How far two sets of tracks of the same images agree, up to the names of their ids."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from deepsort_ros.bags.storage import BagError
from deepsort_ros.bags.storage import Storage
from deepsort_ros.bags.storage import SUFFIXES
from deepsort_ros.bags.writer import TRACKS_TYPE
from deepsort_ros.mot.history import read_history
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.stand_ins import recorded
from deepsort_ros.ros.messages.types import deserialize_message
from deepsort_ros.ros.messages.types import TrackArray
from deepsort_ros.tracking.boxes import iou

# (N,) int64 ids and (N, 4) float64 tlwh boxes in pixels.
Boxes: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True)
class Recording:
    """
    The tracks of some images.

    :param unit: what the keys are: ``stamp`` in nanoseconds (bags) or ``frame`` (text files).
    :param images: key -> ids and boxes.
    :param damage: what could not be read, empty when all was.
    """

    unit: str
    images: dict[int, Boxes]
    damage: str = ''


@dataclass(frozen=True)
class Agreement:
    """
    How two recordings compare.

    :param images: in both; :param only_first: in the first alone; :param only_second: likewise.
    :param boxes_first: boxes of the first; :param boxes_second: of the second.
    :param matched: pairs of boxes in one place.
    :param agreed: pairs that also have the same id, up to one renaming of all ids.
    :param percent: 100 * agreed / the larger number of boxes; 100 when there are none.
    :param difference: the first difference in words, empty when there is none.
    """

    images: int
    only_first: int
    only_second: int
    boxes_first: int
    boxes_second: int
    matched: int
    agreed: int
    percent: float
    difference: str


def read_recording(path: Path, topic: str | None = None) -> Recording:
    """
    Read the tracks of a bag, of MOTChallenge results or of a history.

    :param topic: of the bag, needed when several have TrackArrays.
    :raises BagError: the bag cannot be read, or has no such topic, or several.
    :raises MotFileError: the text file is malformed.
    """
    if path.is_dir() or path.suffix in SUFFIXES:
        return _read_bag(path, topic)
    if topic is not None:
        raise BagError(f'--topic {topic}: has no effect, {path} is no bag')
    table = read_history(path)
    images = {}
    for frame in np.unique(table.frame).tolist():
        rows = table.rows(frame)
        images[frame] = table.id[rows], table.tlwh[rows]
    return Recording('frame', images)


def _read_bag(path: Path, name: str | None) -> Recording:
    images: dict[int, Boxes] = {}
    with Storage(path) as bag:
        found = [topic for topic in bag.topics if topic.kind == TRACKS_TYPE and (
            name is None or topic.name.lstrip('/') == name.lstrip('/'))]
        if len(found) != 1:
            have = ', '.join(sorted(topic.name for topic in found or bag.topics)) or 'none'
            raise BagError(f'{path}: needs one topic of {TRACKS_TYPE}, has: {have}; name it '
                           'with --topic')
        # Bags of an older version have tracks without some of today's fields.
        older = recorded(TRACKS_TYPE, bag.definitions.get(TRACKS_TYPE))
        read = unreadable = 0
        for _, _, _, data in bag.messages(found):
            read += 1
            try:
                message = older(data) if older else deserialize_message(data, TrackArray)
            except Exception:  # noqa: B902 rclpy raises a type of its C++ part
                unreadable += 1
                continue
            ids = np.array([track.id for track in message.tracks], np.int64)
            rows = np.array([(t.bbox.center.position.x, t.bbox.center.position.y,
                              t.bbox.size_x, t.bbox.size_y) for t in message.tracks])
            rows = rows.reshape(-1, 4)
            rows[:, :2] -= rows[:, 2:] / 2
            images[nanoseconds(message.header.stamp)] = ids, rows
        lost = list(bag.damage)
        if read < bag.topics[found[0]] or unreadable:
            lost.append(f'{read - unreadable} of {bag.topics[found[0]]} messages could be read')
    return Recording('stamp', images, f'{path}: the bag is damaged: {"; ".join(lost)}' if lost
                     else '')


def compare(first: Recording, second: Recording, tolerance: float = 1.0,
            overlap: float | None = None) -> Agreement:
    """
    Compare two recordings of the same images.

    :param tolerance: pixels by which left, top, width and height may differ.
    :param overlap: instead of the tolerance: the IoU from which two boxes are in one place.
    :raises BagError: one has stamps and the other frames.
    """
    if first.unit != second.unit:
        raise BagError(f'one has {first.unit}s and the other {second.unit}s: compare two bags, or '
                       'two text files')
    a, b = first.images, second.images
    common = sorted(a.keys() & b.keys())
    pairs = {key: _pairs(a[key][1], b[key][1], tolerance, overlap) for key in common}
    ids = [(a[key][0][i], b[key][0][j]) for key in common for i, j in zip(*pairs[key])]
    renamed = _renaming(ids)
    agreed = sum(renamed.get(int(one)) == int(other) for one, other in ids)
    boxes_first, boxes_second = (sum(len(i) for i, _ in r.values()) for r in (a, b))
    most = max(boxes_first, boxes_second)
    return Agreement(
        len(common), len(a.keys() - b.keys()), len(b.keys() - a.keys()), boxes_first,
        boxes_second, len(ids), agreed, 100.0 * agreed / most if most else 100.0,
        _first_difference(first, second, pairs, renamed))


def _pairs(one: NDArray[np.float64], other: NDArray[np.float64], tolerance: float,
           overlap: float | None) -> tuple[list[int], list[int]]:
    """Return the rows of boxes in the same place."""
    if overlap is not None:
        common = iou(one, other)
        rows, columns = linear_sum_assignment(common, maximize=True)
        near = common[rows, columns] >= overlap
        return rows[near].tolist(), columns[near].tolist()
    apart = np.abs(one[:, None] - other[None]).max(axis=2, initial=0.0)
    rows, columns = linear_sum_assignment(np.minimum(apart, 1e6 + tolerance))
    near = apart[rows, columns] <= tolerance
    return rows[near].tolist(), columns[near].tolist()


def _renaming(ids: list[tuple[np.int64, np.int64]]) -> dict[int, int]:
    """Return first id -> second id, each used once, so that most pairs agree."""
    if not ids:
        return {}
    left, rows = np.unique([one for one, _ in ids], return_inverse=True)
    right, columns = np.unique([other for _, other in ids], return_inverse=True)
    counts = np.zeros((len(left), len(right)), np.int64)
    np.add.at(counts, (rows.ravel(), columns.ravel()), 1)
    chosen = zip(*linear_sum_assignment(-counts))
    return {int(left[r]): int(right[c]) for r, c in chosen if counts[r, c]}


def _first_difference(first: Recording, second: Recording,
                      pairs: dict[int, tuple[list[int], list[int]]],
                      renamed: dict[int, int]) -> str:
    a, b = first.images, second.images
    for key in sorted(a.keys() | b.keys()):
        where = f'{first.unit} {key}'
        if key not in pairs:
            only = 'first' if key in a else 'second'
            if len((a if key in a else b)[key][0]) or first.unit == 'stamp':
                return f'{where} is in the {only} alone'
            continue
        rows, columns = pairs[key]
        for i, j in zip(rows, columns):
            one, other = int(a[key][0][i]), int(b[key][0][j])
            if renamed.get(one) != other:
                wanted = renamed.get(one)
                usual = f'is usually {wanted}' if wanted is not None else 'has no partner'
                return f'{where}: id {one} of the first {usual} in the second, here it is {other}'
        for name, (ids, tlwh), matched in (('first', a[key], rows), ('second', b[key], columns)):
            missing = [row for row in range(len(ids)) if row not in matched]
            if missing:
                box = ', '.join(f'{value:.1f}' for value in tlwh[missing[0]])
                return (f'{where}: id {ids[missing[0]]} of the {name} (left, top, width, height '
                        f'{box}) has no box of the other in its place')
    return ''
