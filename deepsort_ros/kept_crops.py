"""What tracks looked like where no feature was computed: crops that may be described later."""
from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import TypeAlias

from numpy.typing import NDArray

# What a box shows, in the encoder's own form; small, and independent of the image.
Crop: TypeAlias = NDArray[Any]

# Crops of a track.
MOST = 5


class KeptCrops:
    """
    A few crops of each track: the last one, and before it some from different times.

    :ivar spacing: images between two crops of a track, except the last one.
    """

    def __init__(self, spacing: int) -> None:
        """Keep none yet."""
        self.spacing = spacing
        # Of each track its images, counted, and crops, oldest first.
        self._crops: dict[int, list[tuple[int, Crop]]] = {}
        self._image = 0

    def __len__(self) -> int:
        """Return how many crops there are."""
        return sum(map(len, self._crops.values()))

    def counts(self) -> dict[int, int]:
        """Return how many crops there are of each track that has any."""
        return {track: len(crops) for track, crops in self._crops.items()}

    def newest(self, needed: Mapping[int, int]) -> tuple[list[int], list[Crop]]:
        """Return the newest crops of tracks, so many of each, oldest first, and their tracks."""
        tracks, crops = [], []
        for track, count in needed.items():
            for _, crop in self._crops[track][-count:]:
                tracks.append(track)
                crops.append(crop)
        return tracks, crops

    def drop_newest(self, needed: Mapping[int, int]) -> None:
        """Drop what :meth:`newest` returns."""
        for track, count in needed.items():
            del self._crops[track][-count:]
            if not self._crops[track]:
                del self._crops[track]

    def add(self, seen: Iterable[tuple[int, Crop | None]]) -> None:
        """Keep crops of the next image, by track, None for none; the oldest ones yield."""
        self._image += 1
        for track, crop in seen:
            if crop is None:
                continue
            kept = self._crops.setdefault(track, [])
            if len(kept) > 1 and kept[-1][0] - kept[-2][0] < self.spacing:
                kept.pop()
            kept.append((self._image, crop))
            del kept[:-MOST]

    def retain(self, tracks: Iterable[int]) -> None:
        """Drop the crops of all other tracks."""
        self._crops = {track: self._crops[track] for track in tracks if track in self._crops}

    def clear(self) -> None:
        """Drop all."""
        self._crops.clear()
