"""The plots of the report as numbers: bars, marks and axes for the template to write as SVG."""
from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.mot.rendering import track_color

# Sizes in units of the SVG.
WIDTH, LABEL_WIDTH, ROW, AXIS = 1000.0, 64.0, 13.0, 22.0
HISTOGRAM_WIDTH, HISTOGRAM_HEIGHT, BINS = 320.0, 150.0, 24
Span = tuple[int, int]


@dataclass(frozen=True)
class Bar:
    """A rectangle: its style (a class of the page), colour or '', and what it says when asked."""

    x: float
    y: float
    width: float
    height: float
    style: str
    color: str
    title: str


@dataclass(frozen=True)
class Mark:
    """A vertical line from ``top`` to ``bottom``."""

    x: float
    top: float
    bottom: float
    title: str


@dataclass(frozen=True)
class Plot:
    """All of a plot; ticks and labels are (position, text)."""

    width: float
    height: float
    bars: list[Bar]
    marks: list[Mark] = field(default_factory=list)
    ticks: list[tuple[float, str]] = field(default_factory=list)
    labels: list[tuple[float, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """A stretch of frames of one row of a timeline."""

    row: int
    frames: Span
    style: str
    color: str
    title: str


def css_color(track_id: int) -> str:
    """Return the colour of an id as the drawings have it."""
    blue, green, red = track_color(track_id)
    return f'#{red:02x}{green:02x}{blue:02x}'


def runs(frames: Sequence[int], keys: Sequence[int]) -> Iterable[tuple[Span, int]]:
    """Yield ((first, last frame), key) of stretches of consecutive frames with the same key."""
    entries = zip(frames, keys, itertools.count())
    for (_, key), group in itertools.groupby(entries, lambda e: (e[0] - e[2], e[1])):
        members = [entry[0] for entry in group]
        yield (members[0], members[-1]), key


def timeline(names: Sequence[str], parts: Sequence[Part],
             switches: Sequence[tuple[int, int, int, str]], length: int) -> Plot:
    """
    Return rows of bars over the frames of a sequence.

    :param names: of the rows.
    :param switches: (frame, row, other row, text), marked from row to row.
    """
    scale = (WIDTH - LABEL_WIDTH) / length

    def x(frame: float) -> float:
        return round(LABEL_WIDTH + (frame - 1) * scale, 2)

    heights = {'tentative': 3.0, 'lost': 5.0}
    bars = []
    for part in parts:
        height = heights.get(part.style, ROW - 3)
        first, last = part.frames
        bars.append(Bar(x(first), part.row * ROW + (ROW - height) / 2,
                        round((last - first + 1) * scale, 2), height, part.style, part.color,
                        part.title))
    marks = [Mark(x(frame), min(row, other) * ROW, (max(row, other) + 1) * ROW, text)
             for frame, row, other, text in switches]
    step = _nice(length / 10)
    ticks = [(x(frame), str(frame)) for frame in range(step, length + 1, step)]
    labels = [((row + 0.5) * ROW, name) for row, name in enumerate(names)]
    return Plot(WIDTH, len(names) * ROW + AXIS, bars, marks, ticks, labels)


def histogram(groups: Sequence[tuple[str, NDArray[np.float64]]], limit: float,
              largest: float) -> Plot:
    """
    Return stacked bars of distances with their limit marked.

    Distances beyond twice the limit are in the last bar.

    :param groups: (style, values), the first at the bottom.
    :param largest: distance there can be.
    """
    end = min(2 * limit, largest)
    edges = np.linspace(0.0, end, BINS + 1)
    counts = np.array([np.histogram(np.clip(values, 0, edges[-1]), edges)[0]
                       for _, values in groups])
    highest = max(1, int(counts.sum(axis=0).max()))
    plot_height, wide = HISTOGRAM_HEIGHT - AXIS, HISTOGRAM_WIDTH / BINS
    bars = []
    for column in range(BINS):
        bottom = plot_height
        for (style, _), count in zip(groups, counts[:, column]):
            # What is there at all is seen.
            height = max(1.0, float(count) / highest * (plot_height - 12)) if count else 0.0
            bottom -= height
            if count:
                bars.append(Bar(column * wide, round(bottom, 2), wide - 1, round(height, 2),
                                style, '', f'{edges[column]:.3g} to {edges[column + 1]:.3g}: '
                                f'{count} matches, {style}'))
    at = round(limit / end * HISTOGRAM_WIDTH, 2)
    last = f'{end:.3g}' if end == largest else f'>{end:.3g}'
    ticks = [(8.0, '0'), (at, f'{limit:.3g}'), (HISTOGRAM_WIDTH - 8, last)]
    return Plot(HISTOGRAM_WIDTH, HISTOGRAM_HEIGHT, bars,
                [Mark(at, 0.0, plot_height, f'limit {limit:g}')], ticks)


def _nice(value: float) -> int:
    """Return 1, 2 or 5 times a power of ten, not far below ``value``, at least 1."""
    power = 10 ** math.floor(math.log10(max(value, 1)))
    return int(max(step * power for step in (1, 2, 5) if step * power <= max(value, 1)))
