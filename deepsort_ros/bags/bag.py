"""Turn a bag of images and detections into a bag of tracks, offline."""
from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepsort_ros.bags.doubts import Doubts
from deepsort_ros.bags.reader import BagReader
from deepsort_ros.bags.reader import WorldSource
from deepsort_ros.bags.storage import BagError
from deepsort_ros.bags.summary import BagSummary
from deepsort_ros.bags.writer import TrackWriter
from deepsort_ros.pipeline import AppearanceEncoder
from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.ros.frames import track_pair
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.types import Detection2DArray
from deepsort_ros.ros.pairing import new_pairer
from deepsort_ros.ros.pairing import Pairer
from deepsort_ros.ros.pairing import Unanswered
from deepsort_ros.ros.stamps import Stamps
from deepsort_ros.ros.world_inputs import camera_wanted
from deepsort_ros.ros.world_inputs import Sight
from deepsort_ros.ros.world_inputs import WorldInputs
from deepsort_ros.settings import Settings

NO_WORLD = WorldSource()


def check(source: Path, settings: Settings, image_topic: str | None = None,
          detections_topic: str | None = None, world: WorldSource = NO_WORLD) -> None:
    """
    Look at a bag as :func:`convert` will, without reading its messages.

    :raises BagError: it cannot be read, or a topic is not clear.
    """
    with _open(source, settings, image_topic, detections_topic, world):
        pass


def _open(source: Path, settings: Settings, image_topic: str | None,
          detections_topic: str | None, world: WorldSource) -> BagReader:
    if settings.world == 'depth' and world.depth is None:
        raise BagError(f'{source}: world is depth: name the topic of the depth images')
    return BagReader(source, image_topic, detections_topic, settings.image_transport,
                     world if camera_wanted(settings) else None, settings.detections_type)


def convert(source: Path, target: Path, settings: Settings,
            encoder: AppearanceEncoder | None = None, image_topic: str | None = None,
            detections_topic: str | None = None, tracks_topic: str = '/tracks',
            progress: Callable[[int, int], None] | None = None,
            version: int | None = None, world: WorldSource = NO_WORLD) -> BagSummary:
    """
    Track a bag offline, through the node's own pairing, conversions and pipeline.

    Every pair is tracked, none is dropped for speed, so the same bag gives the same messages.
    A TrackArray is received when its image was.

    :param encoder: None tracks by motion and overlap alone.
    :param progress: called with messages read and messages in all.
    :param version: of the metadata of the new bag, as for :class:`TrackWriter`.
    :param world: topics of the world, where the settings ask for it.
    :raises BagError: a bag cannot be read or written, or a topic is ambiguous.
    """
    start = time.perf_counter()
    summary, ignored, late = BagSummary(), Counter[str](), 0
    ids: set[int] = set()
    pairer: Pairer[tuple[int, Any], Any] = new_pairer(settings)
    pipeline, stamps = Pipeline(settings, encoder), Stamps()
    doubts = Doubts(settings)
    with _open(source, settings, image_topic, detections_topic, world) as bag, \
            TrackWriter(target, tracks_topic, version) as writer:
        inputs: WorldInputs[tuple[int, Any, Any]] = WorldInputs(settings, bag.image.name)
        lacking = Counter[str]()

        def offer(received: int, image: Any, detections: Detection2DArray | None,
                  now: float) -> None:
            inputs.offer(image.header.frame_id, nanoseconds(image.header.stamp),
                         (received, image, detections), now)
            release(now)

        def release(now: float) -> None:
            for pair, sight in inputs.released(now):
                track(*pair, sight)

        def track(received: int, image: Any, detections: Detection2DArray | None,
                  sight: Sight | None) -> None:
            nonlocal late
            tracked = track_pair(pipeline, image, detections, sight, doubts.samples)
            lacking.update(tracked.world_problems.keys())
            summary.world_problems.update(tracked.world_problems)
            summary.image_errors += tracked.image_error is not None
            doubts.tracked(tracked)
            if tracked.message is None:
                late += 1
                return
            writer.write(tracked.message, received)
            summary.frames += 1
            summary.crops += tracked.result.crops
            ids.update(track.id for track in tracked.message.tracks)
            ignored.update(tracked.result.ignored)
            if tracked.frame.detections is not None:
                summary.boxes += len(tracked.frame.detections)

        def assume_empty(now: float) -> None:
            unanswered(pairer.overdue(now), now)

        def unanswered(images: list[Unanswered[tuple[int, Any]]], now: float) -> None:
            for (received, image), skipped in images:
                offer(received, image,
                      None if skipped else Detection2DArray(header=image.header), now)

        try:
            for count, (received, role, message) in enumerate(bag.told_apart(), 1):
                if progress is not None:
                    progress(count, len(bag))
                now = received / NANOSECONDS
                assume_empty(now)
                if inputs.take(role, message):
                    release(now)
                    continue
                stamp, missing = stamps.of(message, received)
                doubts.message(role, stamp, missing)
                if role == 'detections':
                    summary.detections += 1
                    pair = pairer.add_detections(stamp, message, now)
                else:
                    summary.images += 1
                    pair = pairer.add_image(stamp, (received, message), now)
                unanswered(pairer.passed(), now)
                if pair is not None:
                    doubts.pair(pair[0][1], pair[1])
                    offer(*pair[0], pair[1], now)
            assume_empty(math.inf)
            release(math.inf)
        except KeyboardInterrupt:
            summary.interrupted = True
        damage = [] if summary.interrupted else [bag.damage(), doubts.unreadable()]
        summary.damage = '; '.join(text for text in damage if text)
        summary.notes = [*bag.notes, *doubts.sentences(pairer.rhythm.image_interval)]
        summary.apart = doubts.apart()
    counts = pairer.counts
    dropped = {
        'image_without_detections': counts.image_without_detections,
        'detections_without_image': counts.detections_without_image,
        'detections_late': counts.detections_late,
        'duplicates': counts.duplicates, 'cleared': counts.cleared,
        'waiting': pairer.waiting(), 'old_stamp': late}
    summary.dropped = {reason: n for reason, n in dropped.items() if n}
    summary.without = dict(lacking)
    if pipeline.world is not None:
        summary.world = pipeline.world.counts.totals()
    summary.ids, summary.sessions = len(ids), pipeline.session + 1
    summary.ignored, summary.encoder_error = dict(ignored), pipeline.encoder_error
    summary.seconds = time.perf_counter() - start
    return summary
