"""What the node says about positions in the world: which input is missing, since when and why."""
from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping

from deepsort_ros.world.world import Counts

# In the order in which they are reported.
INPUTS = ('camera_info', 'transforms', 'optical_frame', 'base', 'depth', 'detections')
# What a frame lacks without an input.
WITHOUT = {'camera_info': 'tracked in pixels alone', 'transforms': 'tracked in pixels alone',
           'optical_frame': 'positions and motion of the camera are wrong',
           'base': 'positions by height alone', 'depth': 'positions without a depth image',
           'detections': 'positions of the detector are not used'}


class WorldMonitor:
    """Counts what images lacked; safe to call from the executor and from the worker."""

    def __init__(self) -> None:
        """Start with nothing to say."""
        self._lock = threading.Lock()
        self.problems: Counter[str] = Counter()
        self._words: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self._told: Counter[str] = Counter()
        self._frames = self._frames_told = 0
        self._counts = Counts()
        self._jumps_told = 0
        self._lag = 0.0

    def saw(self, problems: Mapping[str, str], counts: Counts, lag: float) -> list[str]:
        """
        Count an image; return the inputs that are missing since this one, or there again.

        :param problems: in words, by input; :param counts: of the camera's poses.
        :param lag: seconds between image and depth image.
        """
        with self._lock:
            self._frames += 1
            self._counts, self._lag = counts, lag
            changed = [name for name in INPUTS if (name in problems) != (name in self._words)]
            self.problems.update(problems.keys())
            for name in changed:
                self._since[name] = time.monotonic()
            self._words = dict(problems)
            return changed

    def words(self, name: str) -> str:
        """Return what is missing and what that means; empty for an input that is there."""
        why = self._words.get(name, '')
        return f'{WITHOUT[name]}: {why}' if why else ''

    def report(self) -> tuple[list[str], str, dict[str, str | int]]:
        """Return the warnings of the time since the last report, what is fine, and numbers."""
        with self._lock:
            frames = self._frames - self._frames_told
            counts, now = self._counts, time.monotonic()
            warnings = []
            for name in INPUTS:
                fresh = self.problems[name] - self._told[name]
                if fresh and (why := self.words(name)):
                    warnings.append(f'{why} (for {now - self._since[name]:.0f} s)')
                elif fresh:
                    warnings.append(f'{fresh} of {frames} images without {name}')
            jumps = counts.jumps - self._jumps_told
            if jumps:
                warnings.append(f'the pose of the camera jumped {jumps} time(s), not followed: '
                                f'{counts.last_jump}')
            share = 100.0 * counts.located / max(counts.matched, 1)
            values: dict[str, str | int] = {
                'images': self._frames, 'images_followed': counts.followed,
                'images_without_pose': counts.missing, 'pose_jumps': counts.jumps,
                'tracks_located_percent': f'{share:.1f}', 'depth_lag_ms': f'{1e3 * self._lag:.1f}'}
            values.update({f'without_{name}': self.problems[name] for name in INPUTS})
            self._told, self._frames_told = self.problems.copy(), self._frames
            self._jumps_told = counts.jumps
        return warnings, f'{share:.0f} % of the tracks that are seen have a position', values
