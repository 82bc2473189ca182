"""
What the node did and what it lacks, as numbers and in words.

Durations are measured on the steady clock, so that neither sim time nor a stopped /clock can
make them lie; only latency compares a stamp with the node's clock.
"""
from __future__ import annotations

import threading
import time
from collections import Counter
from collections import deque
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue

from deepsort_ros.blank import Blank
from deepsort_ros.pipeline import Frame
from deepsort_ros.pipeline import FrameResult
from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.ros.health.places import Places
from deepsort_ros.ros.health.results import Results
from deepsort_ros.ros.pairing import PairingCounts
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Detections

SILENCE = 5.0
SAMPLES = 300

DROPPED = {
    'overload': 'the tracker is behind: the oldest waiting frame made room',
    'old_stamp': 'stamp not later than that of the frame before',
    'other_time': 'stamped later than a clock that went back',
    'reset': 'waited while the tracker was reset',
    'inactive': 'waited while the node was deactivated',
    'disabled': 'arrived, or waited, while tracking was disabled',
    'failed': 'processing it raised an error',
}

# Signs of problems that keep tracks from coming: these are logged too.
LASTING = ('no image for', 'no detections for', 'none have had the same stamp',
           'since the start was used', 'no track was ever confirmed', 'several cameras mix',
           'detections are pixels of', 'images changed from', 'images are of one colour')
# Detections that are never meant to be ignored.
IGNORED = {
    'invalid': 'ignored: box or score is NaN or infinite, or the box has no area',
    'normalised': 'ignored: their boxes are no pixels, but shares of the image from 0 to 1; the '
                  'detector must multiply them by the size of its image',
}
OUTSIDE = ('lie outside their image and have no appearance: does the detector see images of '
           'another size?')


@dataclass
class Input:
    """What arrived on one topic."""

    count: int = 0
    rate: float = 0.0
    last: float | None = None
    qos_problem: str = ''
    stamp_problem: str = ''
    unstamped: int = 0
    _counted: int = 0

    def arrived(self) -> None:
        """Count one message."""
        self.count += 1
        self.last = time.monotonic()

    def measure(self, seconds: float) -> None:
        """Take the rate [Hz] since the last call, ``seconds`` ago."""
        self.rate = (self.count - self._counted) / seconds if seconds > 0 else 0.0
        self._counted = self.count


@dataclass(frozen=True)
class Situation:
    """
    What the node knows at the time of a report and the monitor does not.

    :param clock_problem: in words, why the node's clock cannot be used.
    :param problems: in words, why pairs may be of the wrong image, and what does not arrive.
    :param topics: ``image`` and ``detections`` -> resolved topic name.
    :param publishers: the same keys -> publishers of that topic.
    :param silences: the same keys -> why nothing arrives there, as far as it is known.
    :param apart: in words, how far the stamps of both are apart, where it is far.
    :param world: warnings, what is fine and numbers of the positions, None when not wanted.
    :param appearance: device, model and so on; :param appearance_error: why features are
        missing, and what will be done about it.
    """

    name: str
    active: bool
    enabled: bool
    topics: Mapping[str, str]
    publishers: Mapping[str, int]
    pairing: PairingCounts
    waiting_pairs: int
    queue: int
    session: int
    appearance_mode: str
    appearance: Mapping[str, str]
    appearance_error: str | None
    clock_problem: str = ''
    silences: Mapping[str, str] = field(default_factory=dict)
    apart: str = ''
    problems: Sequence[str] = ()
    world: tuple[list[str], str, Mapping[str, Any]] | None = None


@dataclass
class Monitor:
    """Counts what happens; safe to call from the executor and from the worker."""

    inputs: dict[str, Input] = field(
        default_factory=lambda: {'image': Input(), 'detections': Input()})
    dropped: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    image_errors: int = 0
    last_image_error: str = ''
    frames: int = 0
    tracks: int = 0
    crops: int = 0
    confirmed: int = 0
    limited: int = 0
    outside: int = 0
    other_frame: int = 0
    results: Results = field(default_factory=Results)
    places: Places = field(default_factory=Places)
    blank: Blank = field(default_factory=Blank)
    lasting: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start the clocks."""
        self._lock = threading.Lock()
        self._samples: dict[str, deque[float]] = {}
        self._started = self._reported = time.monotonic()
        self._paired_at = self._started
        self._before: Counter[str] = Counter()
        self._errors_before = self._outside_before = self._resized_before = 0
        self._ignored_before: Counter[str] = Counter()
        self._unstamped_before: Counter[str] = Counter()
        self._pairing_before = PairingCounts()

    def activated(self) -> None:
        """Count silence from now on."""
        self._started = self._paired_at = time.monotonic()

    def drop(self, reason: str, count: int = 1) -> None:
        """Count frames that were not tracked; the reasons are the keys of ``DROPPED``."""
        with self._lock:
            self.dropped[reason] += count

    def sample(self, stages: Mapping[str, float]) -> None:
        """Take durations [s] by stage."""
        with self._lock:
            for stage, seconds in stages.items():
                self._samples.setdefault(stage, deque(maxlen=SAMPLES)).append(seconds)

    def image_error(self, reason: str) -> None:
        """Count an image that could not be read."""
        with self._lock:
            self.image_errors += 1
            self.last_image_error = reason

    def tracked(self, tracks: int, crops: int, ignored: Mapping[str, int]) -> None:
        """Count a tracked frame with its tracks, features and ignored detections."""
        with self._lock:
            self.frames += 1
            self.tracks = tracks
            self.crops += crops
            self.ignored.update(ignored)

    def looked(self, frame: Frame, mode: str) -> None:
        """Look whether the image shows anything, if looks count (``appearance``)."""
        with self._lock:
            if frame.image is not None and mode != 'off':
                self.blank.take(frame.image, frame.stamp / NANOSECONDS)

    def judged(self, detections: Detections | None, result: FrameResult, settings: Settings,
               size: tuple[int, int]) -> bool:
        """
        Take what came of detections; return whether the first score above 1 is among them.

        :param size: (width, height) of their image.
        """
        with self._lock:
            before = self.results.above_one
            self.places.take(detections, size)
            self.results.take(detections, result.ignored, result.confirmed, settings)
            return not before and self.results.above_one > 0

    def silent(self) -> list[str]:
        """Return the inputs on which nothing has come for long."""
        clock = time.monotonic()
        return [name for name, entry in self.inputs.items()
                if clock - max(entry.last or 0.0, self._started) >= SILENCE]

    def report(self, now: Situation) -> list[DiagnosticStatus]:
        """Return the state of inputs, tracking and appearance since the last report."""
        with self._lock:
            clock = time.monotonic()
            seconds, self._reported = clock - self._reported, clock
            for entry in self.inputs.values():
                entry.measure(seconds)
            if now.pairing.paired != self._pairing_before.paired:
                self._paired_at = clock
            self.lasting = {}
            statuses = [self._inputs(now, clock), self._tracking(now), _appearance(now)]
            if now.world is not None:
                warnings, fine, values = now.world
                statuses.append(_status(now, 'world', [], warnings, fine, values))
            self._pairing_before = replace(now.pairing)
        if not now.active:
            self.lasting = {}
            for status in statuses:
                status.level, status.message = DiagnosticStatus.STALE, 'not active'
        return statuses

    def _note_lasting(self, warnings: list[str]) -> None:
        self.lasting.update({sign: text for text in warnings for sign in LASTING if sign in text})

    def _inputs(self, now: Situation, clock: float) -> DiagnosticStatus:
        warnings = [problem for problem in (now.clock_problem, *now.problems) if problem]
        errors: list[str] = []
        silent = False
        assumed = now.pairing.assumed_empty - self._pairing_before.assumed_empty
        late = now.pairing.detections_late - self._pairing_before.detections_late
        twice = now.pairing.duplicates - self._pairing_before.duplicates
        merged = now.pairing.duplicate_detections - self._pairing_before.duplicate_detections
        for name, entry in self.inputs.items():
            topic, publishers = now.topics[name], now.publishers[name]
            silence = clock - max(entry.last or 0.0, self._started)
            if entry.qos_problem:
                errors.append(f'{topic}: {entry.qos_problem}')
            if entry.unstamped != self._unstamped_before[name]:
                self._unstamped_before[name] = entry.unstamped
                warnings.append(f'{topic}: {entry.stamp_problem}')
            if silence < SILENCE:
                continue
            silent = True
            if name == 'detections' and assumed and publishers:
                continue  # as its detector does when it sees nothing
            why = now.silences.get(name) or (
                'it has no publisher' if not publishers else
                f'{publishers} publisher(s), but nothing arrives')
            warnings.append(f'no {name} for {silence:.0f} s on {topic}: {why}')
        unpaired = clock - self._paired_at
        if now.enabled and not silent and unpaired >= SILENCE:
            warnings.append(f'images and detections arrive, but none have had the same stamp '
                            f'for {unpaired:.0f} s: the detector must copy the stamp of its '
                            f'image, and sync_depth must exceed its lag{now.apart}')
        if late:
            warnings.append(f'{late} detections came later than assume_empty_after: it must '
                            f'exceed the lag of the detector')
        if merged:
            warnings.append(f'{merged} detections messages had the stamp of one before: of '
                            f'several for one image the first is used, have the detector send '
                            f'all in one message')
        if twice - merged:
            warnings.append(f'{twice - merged} images had the stamp of one before and are ignored')
        if self.image_errors != self._errors_before:
            self._errors_before = self.image_errors
            warnings.append(f'images cannot be read ({self.last_image_error})')
        if now.appearance_mode != 'off' and (blank := self.blank.problem()):
            warnings.append(blank)
        rates = ', '.join(f'{name} {entry.rate:.1f} Hz' for name, entry in self.inputs.items())
        values: dict[str, Any] = {}
        for name, entry in self.inputs.items():
            values.update({f'{name}_topic': now.topics[name], f'{name}_count': entry.count,
                           f'{name}_rate_hz': f'{entry.rate:.2f}',
                           f'{name}_unstamped': entry.unstamped})
        values.update({f'pairing_{k}': v for k, v in asdict(now.pairing).items()})
        values.update(pairing_waiting=now.waiting_pairs, image_errors=self.image_errors,
                      image_blank=self.blank.count, other_frame=self.other_frame)
        self._note_lasting(warnings)
        return _status(now, 'inputs', errors, warnings, rates, values)

    def _tracking(self, now: Situation) -> DiagnosticStatus:
        fresh = self.dropped - self._before
        self._before = self.dropped.copy()
        warnings = [f'{count} frame(s) dropped: {DROPPED[reason]}'
                    for reason, count in fresh.items() if reason != 'disabled']
        if not now.enabled:
            warnings.append('disabled by the enable service')
        boxes = self.ignored - self._ignored_before
        self._ignored_before = self.ignored.copy()
        warnings += [f'{boxes[reason]} detections {IGNORED[reason]}'
                     for reason in IGNORED if boxes[reason]]
        if self.outside != self._outside_before:
            warnings.append(f'{self.outside - self._outside_before} detections {OUTSIDE}')
            self._outside_before = self.outside
        if self.places.resized != self._resized_before:
            self._resized_before = self.places.resized
            warnings.append(self.places.changes())
        if canvas := self.places.problem():
            warnings.append(canvas)
        if problem := self.results.problem():
            warnings.append(problem)
        values: dict[str, Any] = {
            'frames': self.frames, 'tracks': self.tracks, 'session': now.session,
            'queue': now.queue, 'features': self.crops,
            'features_limited': self.limited, 'confirmed': self.confirmed,
            'outside_image': self.outside, 'image_resized': self.places.resized,
            'scores_above_one': self.results.above_one}
        values.update({f'dropped_{reason}': self.dropped[reason] for reason in DROPPED})
        values.update({f'ignored_{reason}': n for reason, n in sorted(self.ignored.items())})
        for stage, samples in self._samples.items():
            for percent, value in zip((50, 95, 99), np.percentile(samples, (50, 95, 99))):
                values[f'{stage}_p{percent}_ms'] = f'{value * 1000:.2f}'
        self._note_lasting(warnings)
        return _status(now, 'tracking', [], warnings,
                       f'{self.tracks} tracks, {self.frames} frames', values)


def _appearance(now: Situation) -> DiagnosticStatus:
    errors = [f'tracking by motion and overlap alone: {now.appearance_error}'
              ] if now.appearance_error else []
    warnings = []
    if now.appearance.get('loading'):
        warnings.append(f'tracking by motion and overlap until the network is there: '
                        f'{now.appearance["loading"]}')
    if now.appearance.get('device_note'):
        warnings.append(now.appearance['device_note'])
    fine = 'off' if now.appearance_mode == 'off' else (
        f'{now.appearance_mode} on {now.appearance.get("device", "no device yet")}')
    return _status(now, 'appearance', errors, warnings, fine,
                   {'mode': now.appearance_mode, **now.appearance})


def _status(now: Situation, part: str, errors: list[str], warnings: list[str], fine: str,
            values: Mapping[str, Any]) -> DiagnosticStatus:
    level = DiagnosticStatus.OK
    if errors or warnings:
        level = DiagnosticStatus.ERROR if errors else DiagnosticStatus.WARN
    return DiagnosticStatus(
        level=level, name=f'{now.name}: {part}', hardware_id=now.appearance.get('device', ''),
        message='; '.join(errors + warnings) or fine,
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()])
