"""
Endless input for the node: people who come and go, and all that happens to messages on the way.

What happens is the same for the same seed, however fast the node is.
"""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from dataclasses import field

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 96, 64
PEOPLE = 6
STEP = 33_333_333
SECOND = 10**9
# What happens to a frame, and how often.
EVENTS = {
    'whole': 0.80,
    'image lost': 0.03,
    'detections lost': 0.03,
    'image twice': 0.02,
    'detections twice': 0.02,
    'after its successor': 0.02,
    'a little back': 0.02,
    'unreadable': 0.02,
    'burst': 0.01,
    'gap': 0.008,
    'jump back': 0.005,
    'reset': 0.006,
    'appearance': 0.006,
    'listeners': 0.005,
}


class People:
    """People who walk through the picture, each for a while."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._boxes = np.empty((0, 4))
        self._velocity = np.empty((0, 4))
        self._left = np.empty(0, int)

    def walk(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the boxes and scores of the next image; one in ten is missed."""
        rng = self._rng
        self._left -= 1
        stay = self._left > 0
        new = int(stay.sum() < PEOPLE)
        size = rng.uniform((8, 20), (14, 40), (new, 2))
        place = rng.uniform((0, 0), (WIDTH - 14, HEIGHT - 40), (new, 2))
        speed = np.hstack([rng.normal(0, 0.6, (new, 2)), np.zeros((new, 2))])
        self._boxes = np.vstack([self._boxes[stay] + self._velocity[stay],
                                 np.hstack([place, size])])
        self._velocity = np.vstack([self._velocity[stay], speed])
        self._left = np.append(self._left[stay], rng.integers(5, 120, new))
        seen = rng.random(len(self._boxes)) > 0.1
        return self._boxes[seen], rng.uniform(0.3, 1.0, int(seen.sum()))


@dataclass
class Frame:
    """A frame to send: its number, stamp [ns] and what is found in it."""

    number: int
    stamp: int
    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]


@dataclass
class Stream:
    """The frames, and what happens to each; counts the latter."""

    seed: int = 1
    events: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._fate = np.random.default_rng(self.seed)
        self._rng = np.random.default_rng(self.seed)
        self._people = People(self._rng)
        self._number = 0
        self._stamp = 1000 * SECOND

    def event(self) -> str:
        """Return what happens next."""
        found = str(self._fate.choice(list(EVENTS), p=list(EVENTS.values())))
        self.events[found] += 1
        return found

    def chance(self) -> bool:
        """Return true or false, equally often."""
        return bool(self._rng.random() < 0.5)

    def frame(self, step: int = STEP) -> Frame:
        """Return the next frame, so many nanoseconds after the last."""
        self._number += 1
        self._stamp += step
        return Frame(self._number, self._stamp, *self._people.walk())
