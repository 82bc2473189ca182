"""Run the pipeline over a sequence and write MOTChallenge results."""
from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.kept_crops import Crop
from deepsort_ros.mot.cells import read_array
from deepsort_ros.mot.history import HistoryWriter
from deepsort_ros.mot.poses import Poses
from deepsort_ros.mot.positions import position_rows
from deepsort_ros.mot.sequence import Sequence
from deepsort_ros.mot.sequence import SequenceFrame
from deepsort_ros.mot.table import format_row
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import MotTable
from deepsort_ros.mot.table import table_from_array
from deepsort_ros.mot.table import TableKind
from deepsort_ros.pipeline import AppearanceEncoder
from deepsort_ros.pipeline import Frame
from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Tracks
from deepsort_ros.tracking import TrackState
from deepsort_ros.world.world import Positions

MOT_COLUMNS = 10
# The classes of MOT16 by number, in the way of ``class_kinds``.
MOT_KINDS = ('1:person', '2:cyclist', '3:car', '7:person')
# What the features in a folder were made with.
MODEL_RECORD = 'model.json'
# Largest time_since_update of a written row. The reference implementation, and with it the
# published evaluation, bridges a single missed image with the predicted box; predictions further
# ahead are more often wrong than right.
LOST = {'none': 0, 'recent': 1, 'all': None}


@dataclass
class TrackingSummary:
    """
    What came of a run.

    :param frames: processed; :param length: of the sequence.
    :param rows: written; :param ids: different ids among them.
    :param crops: features computed; :param ignored: detections left out, by reason.
    :param seconds: wall time; :param stage_seconds: of it, by stage of the pipeline.
    :param encoder: what computed the features, as it describes itself; empty without.
    :param interrupted: Ctrl-C ended the run; the results so far are complete.
    :param encoder_error: why appearance failed, None when it did not.
    :param damage: what of the sequence could not be read, empty when all was.
    :param world: images whose camera motion was followed, without a pose, with one that jumped.
    """

    sequence: str
    output: str
    length: int
    frames: int = 0
    rows: int = 0
    ids: int = 0
    crops: int = 0
    ignored: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    frames_per_second: float = 0.0
    stage_seconds: dict[str, float] = field(default_factory=dict)
    encoder: dict[str, Any] = field(default_factory=dict)
    interrupted: bool = False
    encoder_error: str | None = None
    damage: str = ''
    world: dict[str, int] = field(default_factory=dict)


class StoredFeatures:
    """
    Appearance features computed beforehand; takes the place of the encoder.

    The file is that of the reference implementation: an (N, 10 + D) array, the ten columns of a
    detections file and a feature. Frames are taken with :meth:`seek`; a feature is found by its
    box.

    :param path: of the ``.npy`` file; ``NAME.json`` or ``model.json`` beside it may say what the
        model that made the features recommends.
    :param limit: ``max_cosine_distance`` of that model, None: what the file beside it says.
    :param first_frame: what the file calls the first frame.
    :raises MotFileError: not such a file.
    """

    def __init__(self, path: Path, limit: float | None = None, first_frame: int = 1) -> None:
        """Read the file."""
        self.max_cosine_distance = _said_limit(path) if limit is None else limit
        values = read_array(path)
        if not np.issubdtype(values.dtype, np.floating):
            raise MotFileError(f'{path}: not an array of floats')
        if values.ndim != 2 or values.shape[1] <= MOT_COLUMNS:
            raise MotFileError(f'{path}: shape {values.shape} is not (N, {MOT_COLUMNS} columns '
                               'and a feature)')
        self.table: MotTable = table_from_array(
            path, values[:, :MOT_COLUMNS], TableKind.DETECTIONS, first_frame)
        self._features = values[self.table.line - 1, MOT_COLUMNS:].astype(np.float32)
        self._rows = slice(0, 0)

    def describe(self) -> dict[str, Any]:
        """Return the file, instead of device and model."""
        return {'features': str(self.table.path),
                'max_cosine_distance': self.max_cosine_distance}

    @property
    def dimensions(self) -> int:
        """D."""
        return int(self._features.shape[1])

    def seek(self, frame: int) -> None:
        """Take the next features from this frame."""
        self._rows = self.table.rows(frame)

    def encode(self, image: NDArray[np.uint8], tlwh: NDArray[np.float64], encoding: str,
               kept: Collection[Crop] = ()) -> NDArray[np.float32]:
        """
        Return the (N, D) stored features of (N, 4) boxes of the frame, then those kept.

        :param image: not used.
        :raises MotFileError: the frame has no such box.
        """
        return np.concatenate((self._of(tlwh), *(feature[None] for feature in kept)))

    def keep(self, image: NDArray[np.uint8], tlwh: NDArray[np.float64],
             encoding: str) -> list[Crop | None]:
        """Return the stored features of boxes; what :meth:`encode` takes as kept."""
        return list(self._of(tlwh))

    def _of(self, tlwh: NDArray[np.float64]) -> NDArray[np.float32]:
        stored = self.table.tlwh[self._rows]
        same = (tlwh[:, None, :] == stored[None, :, :]).all(axis=2)
        if not same.any(axis=1).all():
            raise MotFileError(f'{self.table.path}: no feature for a box of the detections')
        return np.asarray(self._features[self._rows][same.argmax(axis=1)], dtype=np.float32)


def _said_limit(features: Path) -> float:
    """Return the limit that a file beside features says, 0 without one."""
    for path in (features.with_suffix('.json'), features.with_name(MODEL_RECORD)):
        try:
            value = json.loads(path.read_text(encoding='utf-8'))['max_cosine_distance']
        except (OSError, KeyError):
            continue
        except (ValueError, TypeError):
            raise MotFileError(f'{path}: not a description of a model') from None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 2:
            raise MotFileError(f'{path}: max_cosine_distance {value!r} is not from 0 to 2')
        return float(value)
    return 0.0


def frame_stamp(number: int, frame_rate: float, time: float | None = None) -> int:
    """
    Return the stamp of a frame in nanoseconds: one frame is one step of the filter.

    :param time: of the frame in seconds after the first one, where the rate varies.
    """
    seconds = number / frame_rate if time is None else time + 1 / frame_rate
    return round(seconds * NANOSECONDS)


def _input(frame: SequenceFrame, settings: Settings, encoder: AppearanceEncoder | None,
           poses: Poses | None = None) -> Frame:
    stored = isinstance(encoder, StoredFeatures)
    shown = encoder is not None and not stored and settings.appearance != 'off'
    image = frame.shown() if shown or settings.camera_motion == 'flow' else None
    if isinstance(encoder, StoredFeatures):
        encoder.seek(frame.number)
        image = np.empty((0, 0, 3), dtype=np.uint8) if image is None else image
    return Frame(frame_stamp(frame.number, settings.frame_rate, frame.time),
                 None if frame.skipped else frame.detections, image,
                 view=None if poses is None else poses.view(frame.number))


def track_frames(sequence: Sequence, settings: Settings, encoder: AppearanceEncoder | None,
                 totals: TrackingSummary, poses: Poses | None = None,
                 ) -> Iterator[tuple[SequenceFrame, Tracks, Positions | None]]:
    """Yield (frame, all tracks, where they are) of a sequence, and count in ``totals``."""
    # Names of the user's own come later, and so count.
    pipeline = Pipeline(settings.replace(
        {'class_kinds': (*MOT_KINDS, *settings.class_kinds)}), encoder)
    for frame in sequence.frames():
        result = pipeline.process(_input(frame, settings, encoder, poses))
        assert result.tracks is not None, 'the stamps of a sequence ascend'
        totals.frames = frame.number
        totals.crops += result.crops
        for reason, count in result.ignored.items():
            totals.ignored[reason] = totals.ignored.get(reason, 0) + count
        for stage, seconds in result.stage_seconds.items():
            totals.stage_seconds[stage] = totals.stage_seconds.get(stage, 0.0) + seconds
        totals.encoder_error = pipeline.encoder_error
        if pipeline.world is not None:
            totals.world = pipeline.world.counts.totals()
        yield frame, result.tracks, result.positions


def written(tracks: Tracks, lost: str) -> NDArray[np.bool_]:
    """
    Return which tracks a results file has: confirmed ones, and lost ones as chosen.

    :param lost: a key of ``LOST``: none; recent, missed in one image (as the reference does); all.
    """
    chosen: NDArray[np.bool_] = tracks.state != TrackState.TENTATIVE
    limit = LOST[lost]
    if limit is not None:
        chosen &= tracks.time_since_update <= limit
    return chosen


def _opened(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open('w', encoding='utf-8', newline='\n')


def _rows(frame: int, tracks: Tracks, scores: bool) -> Iterator[str]:
    for track_id, tlwh, score, label in zip(
            tracks.id, tracks.tlwh, tracks.score, tracks.class_id):
        if scores:
            yield format_row(frame, int(track_id), tlwh, float(score), str(label))
        else:
            yield format_row(frame, int(track_id), tlwh)


def track(sequence: Sequence, settings: Settings, encoder: AppearanceEncoder | None,
          output: Path, lost: str = 'recent',
          progress: Callable[[int, int], None] | None = None,
          history: Path | None = None, poses: Poses | None = None,
          world: Path | None = None, scores: bool = False) -> TrackingSummary:
    """
    Track a sequence and write the results, line by line.

    Ctrl-C ends the run early: the results so far stay, and the summary says so.

    :param settings: ``frame_rate`` decides how long ``max_age`` is in frames.
    :param encoder: None tracks by motion and overlap alone.
    :param progress: called with (frames done, frames in all).
    :param history: file for the states and distances of all tracks (:mod:`.history`).
    :param poses: of the camera, None without.
    :param world: file for the positions of the tracks (:mod:`.positions`).
    :param scores: write score and class of each track's last detection into columns 7 and 8,
        instead of the 1 and -1 of the reference.
    :raises MotFileError: a frame cannot be read.
    :raises OSError: the results cannot be written.
    """
    totals = TrackingSummary(sequence.name, str(output), sequence.length)
    ids: set[int] = set()
    start = time.perf_counter()
    if history is not None:
        # It measures how alike a track's features are.
        settings = settings.replace({'publish_features': True})
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(_opened(output))
        writer = (stack.enter_context(HistoryWriter(history, settings, encoder))
                  if history is not None else None)
        places = (stack.enter_context(_opened(world)) if world is not None else None)
        try:
            for frame, tracks, positions in track_frames(
                    sequence, settings, encoder, totals, poses):
                if writer is not None:
                    writer.add(frame.number, tracks, frame.detections)
                rows = written(tracks, lost)
                chosen = tracks.select(rows)
                if places is not None and positions is not None:
                    places.writelines(position_rows(
                        frame.number, chosen, positions.select(rows)))
                file.writelines(_rows(frame.number, chosen, scores))
                totals.rows += len(chosen)
                ids.update(chosen.id.tolist())
                if progress is not None:
                    progress(frame.number, sequence.length)
        except KeyboardInterrupt:
            totals.interrupted = True
    totals.ids, totals.damage = len(ids), sequence.damage
    totals.seconds = time.perf_counter() - start
    totals.frames_per_second = totals.frames / max(totals.seconds, 1e-9)
    return totals
