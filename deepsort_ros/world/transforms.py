"""
Transforms between frames over time, as ``tf2`` keeps them.

One buffer for the node and for the bag tool, so that both compute the same to the bit: a pose
between two samples depends on these two alone. Nothing is extrapolated: a pose at a time that no
sample reaches yet is refused, and the error says which transform is late or missing.
"""
from __future__ import annotations

from bisect import bisect_left
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from scipy.spatial.transform import Slerp

NANOSECONDS = 1_000_000_000
# A chain of frames longer than this is a loop.
LONGEST_CHAIN = 100
# Length of a quaternion that is still taken for one, as tf2 does.
QUATERNION_TOLERANCE = 1e-2


class TransformError(LookupError):
    """
    There is no such transform; the message says which one is missing and why.

    :ivar late: it may still come: the newest sample is older than the stamp.
    :ivar interval: seconds between the last two samples of a late one, 0 where not known.
    """

    def __init__(self, message: str, late: bool, interval: float = 0.0) -> None:
        """Say what is missing."""
        super().__init__(message)
        self.late = late
        self.interval = interval


@dataclass(frozen=True)
class Transform:
    """
    Takes points of one frame to another: ``rotation @ point + translation``.

    :param rotation: (3, 3) float64; :param translation: (3,) float64, metres.
    """

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]

    @classmethod
    def identity(cls) -> Transform:
        """Return the transform that changes nothing."""
        return cls(np.eye(3), np.zeros(3))

    def __matmul__(self, other: Transform) -> Transform:
        """Return the transform that applies the other first."""
        return Transform(self.rotation @ other.rotation,
                         self.rotation @ other.translation + self.translation)

    def inverse(self) -> Transform:
        """Return the way back."""
        back = self.rotation.T
        return Transform(back, -(back @ self.translation))


@dataclass(frozen=True, order=True)
class _Sample:
    """A transform at a time; ordered by stamp alone."""

    stamp: int
    quaternion: tuple[float, float, float, float]
    translation: tuple[float, float, float]

    def transform(self) -> Transform:
        return Transform(Rotation.from_quat(self.quaternion).as_matrix(),
                         np.array(self.translation))


@dataclass
class _Edge:
    """What is known about one frame: its parent and its transforms over time."""

    parent: str
    static: bool
    samples: list[_Sample]


class TransformBuffer:
    """
    The transforms of the last seconds, and the static ones for ever.

    :param history: seconds kept behind the newest sample of a frame.
    """

    def __init__(self, history: float = 10.0) -> None:
        """Start without a transform."""
        self._history = round(history * NANOSECONDS)
        self._edges: dict[str, _Edge] = {}

    def add(self, parent: str, child: str, stamp: int, translation: Sequence[float],
            quaternion: Sequence[float], static: bool = False) -> None:
        """
        Take in where a frame lies in its parent.

        A sample much older than the newest one means that time went back: what was there of the
        frame is forgotten.

        :param stamp: nanoseconds; :param quaternion: x, y, z, w.
        :raises ValueError: not finite, no rotation, or a frame in itself.
        """
        parent, child = parent.lstrip('/'), child.lstrip('/')
        values = (*translation, *quaternion)
        length = float(np.linalg.norm(quaternion))
        if not np.isfinite(values).all() or abs(length - 1.0) > QUATERNION_TOLERANCE:
            raise ValueError(f'transform {parent} -> {child}: translation {list(translation)} and '
                             f'quaternion {list(quaternion)} are no finite pose: ignored')
        if not parent or not child or parent == child:
            raise ValueError(f'transform {parent!r} -> {child!r}: needs the names of two frames: '
                             f'ignored')
        x, y, z, w = (float(value) / length for value in quaternion)
        sample = _Sample(stamp, (x, y, z, w), (
            float(translation[0]), float(translation[1]), float(translation[2])))
        edge = self._edges.get(child)
        if static:
            self._edges[child] = _Edge(parent, True, [sample])
            return
        if (edge is None or edge.static or edge.parent != parent
                or edge.samples[-1].stamp - stamp > self._history):
            self._edges[child] = _Edge(parent, False, [sample])
            return
        samples = edge.samples
        if samples[-1].stamp < stamp:
            samples.append(sample)
        elif all(sample.stamp != stamp for sample in samples):
            insort(samples, sample)
        while samples[-1].stamp - samples[0].stamp > self._history:
            del samples[0]

    def forget_after(self, stamp: int) -> None:
        """Forget what is newer than a stamp: time went back, it is of another time."""
        for edge in self._edges.values():
            if not edge.static:
                edge.samples = [one for one in edge.samples if one.stamp <= stamp]
        self._edges = {child: edge for child, edge in self._edges.items() if edge.samples}

    def __contains__(self, frame: str) -> bool:
        """Return whether a frame is known, as child or as parent."""
        return frame in self._edges or any(edge.parent == frame for edge in self._edges.values())

    def lookup(self, target: str, source: str, stamp: int) -> Transform:
        """
        Return what takes points of ``source`` to ``target`` at a time.

        :param stamp: nanoseconds.
        :raises TransformError: a frame is not known, the two are not connected, or a sample on
            the way does not reach the time.
        """
        target, source = target.lstrip('/'), source.lstrip('/')
        if target == source:
            return Transform.identity()
        for frame in (target, source):
            if frame not in self:
                known = sorted({*self._edges, *(edge.parent for edge in self._edges.values())})
                like = [one for one in known if one.rpartition('/')[2] == frame.rpartition('/')[2]]
                hint = f'; is it {like[0]!r}?' if like else ''
                raise TransformError(
                    f'no transform has the frame {frame!r} (frames: {", ".join(known) or "none"})'
                    f'{hint}', late=False)
        up, other = self._chain(source), self._chain(target)
        common = next((frame for frame in up if frame in other), None)
        if common is None:
            raise TransformError(f'{source} and {target} are not connected: their roots are '
                                 f'{up[-1]} and {other[-1]}', late=False)
        to_common = self._climb(up[:up.index(common)], stamp)
        from_common = self._climb(other[:other.index(common)], stamp)
        return from_common.inverse() @ to_common

    def _chain(self, frame: str) -> list[str]:
        """Return a frame, its parent and so on to the root."""
        chain = [frame]
        while frame in self._edges:
            frame = self._edges[frame].parent
            chain.append(frame)
            if len(chain) > LONGEST_CHAIN:
                raise TransformError(f'the frames run in a circle: {", ".join(chain[:5])} ...',
                                     late=False)
        return chain

    def _climb(self, frames: Sequence[str], stamp: int) -> Transform:
        """Return what takes points of the first of some frames to the parent of the last."""
        whole = Transform.identity()
        for frame in frames:
            edge = self._edges[frame]
            step = (edge.samples[0].transform() if edge.static
                    else self._at(frame, edge, stamp))
            whole = step @ whole
        return whole

    def _at(self, child: str, edge: _Edge, stamp: int) -> Transform:
        samples = edge.samples
        after = bisect_left(samples, stamp, key=lambda sample: sample.stamp)
        if after < len(samples) and samples[after].stamp == stamp:
            return samples[after].transform()
        if after == 0 or after == len(samples):
            end, late = (samples[0], False) if after == 0 else (samples[-1], True)
            gap = abs(stamp - end.stamp) / NANOSECONDS
            newest = samples[-2:]
            raise TransformError(
                f'{edge.parent} -> {child}: the {"newest" if late else "oldest"} transform is '
                f'{gap:.3f} s {"older" if late else "newer"} than the image', late,
                (newest[-1].stamp - newest[0].stamp) / NANOSECONDS if late else 0.0)
        first, last = samples[after - 1], samples[after]
        share = (stamp - first.stamp) / (last.stamp - first.stamp)
        turn = Slerp((0.0, 1.0), Rotation.from_quat([first.quaternion, last.quaternion]))
        start = np.array(first.translation)
        return Transform(turn(share).as_matrix(),
                         start + share * (np.array(last.translation) - start))
