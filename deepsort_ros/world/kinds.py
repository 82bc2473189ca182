"""What is known about things of a class before they are seen: height, thickness, agility."""
from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

# What stands in a rule for every class that has none of its own.
ANY = '*'
RULE = re.compile(r'^(.+):\s*([a-z]+|[0-9]*\.?[0-9]+)\s*$')


@dataclass(frozen=True)
class Kind:
    """
    Things of one kind, in metres and seconds.

    :param size: (length, width, height) of a box around it, m.
    :param height_share: standard deviation of the height, a share of it; 0: not known at all.
    :param foot: share of a detector's box that reaches below where it stands.
    :param thickness: from the side one sees to its middle, m.
    :param acceleration: root of the density of the white acceleration: by so many m/s the speed
        changes in a second.
    :param speed: standard deviation of the first velocity, m/s.
    """

    size: tuple[float, float, float]
    height_share: float
    foot: float
    thickness: float
    acceleration: float
    speed: float


PERSON = Kind((0.5, 0.5, 1.72), 0.10, 0.03, 0.0, 0.3, 2.0)
CYCLIST = Kind((1.8, 0.6, 1.73), 0.06, 0.045, 0.3, 2.0, 4.0)
CAR = Kind((4.0, 1.7, 1.53), 0.10, 0.03, 1.5, 3.0, 8.0)
UNKNOWN = Kind((0.5, 0.5, 1.0), 0.0, 0.03, 0.0, 2.0, 4.0)
KINDS = {'person': PERSON, 'cyclist': CYCLIST, 'car': CAR, 'unknown': UNKNOWN}
# Detections without a class are taken for people, as everywhere in this package.
NAMES = {'': PERSON, 'person': PERSON, 'pedestrian': PERSON, 'bicycle': CYCLIST,
         'cyclist': CYCLIST, 'rider': CYCLIST, 'motorcycle': CYCLIST, 'motorbike': CYCLIST,
         'car': CAR}


class KindTable:
    """
    The kind of every class, looked up by the class's name.

    :param rules: ``CLASS:KIND`` with one of ``KINDS``, or ``CLASS:HEIGHT`` in metres; ``*`` stands
        for all classes without a rule of their own.
    :raises ValueError: not such a rule.
    """

    def __init__(self, rules: Iterable[str] = ()) -> None:
        """Read the rules; later ones win."""
        own = {name.lower(): kind for name, kind in map(_rule, rules)}
        other = own.pop(ANY, UNKNOWN)
        kinds = own if other is not UNKNOWN else {**NAMES, **own}
        # Row 0 is for the classes that have no kind of their own.
        self._row = {name: row for row, name in enumerate(kinds, 1)}
        self._values = np.array([(*kind.size, kind.height_share, kind.foot, kind.thickness,
                                  kind.acceleration, kind.speed)
                                 for kind in (other, *kinds.values())])

    def look(self, class_ids: Sequence[Any] | NDArray[Any]) -> KindArrays:
        """Return the kinds of N classes as arrays."""
        row = self._row
        values = self._values[np.array([row.get(str(name).lower(), 0) for name in class_ids],
                                       dtype=np.int64)]
        return KindArrays(values[:, :3], *values[:, 3:].T)


@dataclass(frozen=True)
class KindArrays:
    """The fields of :class:`Kind` over N things: ``size`` (N, 3), the others (N,)."""

    size: NDArray[np.float64]
    height_share: NDArray[np.float64]
    foot: NDArray[np.float64]
    thickness: NDArray[np.float64]
    acceleration: NDArray[np.float64]
    speed: NDArray[np.float64]


def _rule(text: str) -> tuple[str, Kind]:
    match = RULE.match(text)
    if match and match[2] in KINDS:
        return match[1].strip(), KINDS[match[2]]
    if not match or match[2][0].isalpha() or not 0.05 <= float(match[2]) <= 20.0:
        raise ValueError(f'{text!r} is not CLASS:KIND with one of {", ".join(KINDS)}, nor '
                         f'CLASS:HEIGHT with 0.05 to 20 m')
    height = float(match[2])
    width = 0.4 * height
    return match[1].strip(), replace(
        UNKNOWN, size=(width, width, height), height_share=0.10)
