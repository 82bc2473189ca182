"""Images that do not arrive: what pairing and stamps tell, in words with the cure."""
from __future__ import annotations

from collections import deque
from dataclasses import replace

from deepsort_ros.ros.pairing import PairingCounts

# Seconds that are looked at together.
LONG = 10.0
# Smallest share, and number, of images lost in that time that is worth a warning.
SHARE = 0.05
ENOUGH = 5
# What Fast DDS can send over shared memory, with its defaults, in bytes.
SEGMENT = 512 * 1024


class Losses:
    """Looks back at the last seconds; not thread-safe."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._seen: deque[tuple[float, PairingCounts]] = deque()
        self._gaps_since: float | None = None

    def problem(self, now: float, counts: PairingCounts, gaps: float, topic: str,
                size: int) -> str:
        """
        Return in words that images have been missing for long, and what helps, or nothing.

        To be asked about once a second.

        :param now: steady seconds; :param counts: of the pairing so far.
        :param gaps: share of the images that are missing by the stamps of the newest ones.
        :param topic: of the images; :param size: bytes of one.
        """
        self._seen.append((now, replace(counts)))
        while len(self._seen) > 2 and now - self._seen[1][0] >= LONG:
            self._seen.popleft()
        then, before = self._seen[0]
        if gaps < SHARE:
            self._gaps_since = None
        elif self._gaps_since is None:
            self._gaps_since = now
        if now - then < LONG:
            return ''
        paired = counts.paired - before.paired
        behind = counts.detections_behind - before.detections_behind
        lost = counts.detections_without_image - before.detections_without_image - behind
        for missing, text in (
                (behind, 'came when their image had made room for newer ones: raise sync_depth'),
                (lost, f'had no image, {topic} is incomplete: {_cure(size)}')):
            if paired and missing >= ENOUGH and missing >= SHARE * (paired + missing):
                return (f'{missing} of {paired + missing} detections of the last '
                        f'{now - then:.0f} s {text}')
        if self._gaps_since is not None and now - self._gaps_since >= LONG:
            return (f'about {100 * gaps:.0f} % of the images are missing by their stamps, {topic} '
                    f'is incomplete: {_cure(size)}')
        return ''


def _cure(size: int) -> str:
    if size > SEGMENT:
        return (f'an image has {size / 1000:.0f} KB and does not fit into the '
                f'{SEGMENT / 1024:.0f} KB of shared memory that Fast DDS starts with. Start the '
                f'process that publishes it with config/large_images.xml, or let it publish '
                f'reliably')
    return 'let its publisher be reliable, or see whether network or machine are overloaded'
