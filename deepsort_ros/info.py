"""What a file holds: sequences, videos, results, features, bags, appearance models."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from deepsort_ros.mot.cells import is_text
from deepsort_ros.mot.footage import open_footage
from deepsort_ros.mot.history import HEADING
from deepsort_ros.mot.history import read_history
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import MotFileError
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind
from deepsort_ros.mot.tracking import StoredFeatures
from deepsort_ros.reid.files import BUNDLED
from deepsort_ros.reid.files import HUB
from deepsort_ros.reid.files import resolve
from deepsort_ros.reid.foreign import foreign_suffix
from deepsort_ros.tracking import TrackState

BAG_SUFFIXES = ('.mcap', '.db3', '.sqlite3')
KINDS = {'.ckpt': 'appearance network checkpoint', '.mindir': 'MindIR model',
         '.onnx': 'ONNX model', '.xml': 'OpenVINO model'}


def describe(path: Path) -> dict[str, Any]:
    """
    Return what a file or folder holds, ready to be shown or written as JSON.

    :raises MotFileError: nothing that is known, or malformed.
    :raises BagError: a bag that cannot be read.
    :raises ModelError: an appearance model that cannot be used.
    """
    if str(path) in (BUNDLED, HUB) and not path.exists():
        path = resolve(str(path))
    if not path.exists():
        raise MotFileError(f'{path}: no such file or folder')
    if path.suffix in BAG_SUFFIXES or (path.is_dir() and any(
            entry.suffix in BAG_SUFFIXES for entry in path.iterdir())):
        return _bag(path)
    if path.is_dir():
        return _sequence(path)
    if path.suffix.lower() in KINDS or foreign_suffix(path):
        return _model(path)
    if path.suffix == '.npy':
        return _features(path)
    if is_text(path):
        with path.open('rb') as file:
            history = file.read(len(HEADING)) == HEADING.encode()
        return _history(path) if history else _table(path)
    return _video(path)


def as_text(content: dict[str, Any], indent: str = '') -> str:
    """Return a description as indented lines."""
    lines = []
    for name, value in content.items():
        if isinstance(value, dict):
            if not value:
                continue
            lines += [f'{indent}{name}:', as_text(value, indent + '  ')]
        else:
            shown = (f'{value:.6g}' if isinstance(value, float) else
                     'not said' if value is None else str(value))
            lines.append(f'{indent}{name}: {shown}')
    return '\n'.join(line for line in lines if line)


def _bag(path: Path) -> dict[str, Any]:
    from deepsort_ros.bags.storage import Storage
    with Storage(path) as bag:
        topics = {name: {'type': kind, 'messages': count}
                  for (name, kind), count in sorted(bag.topics.items())}
        content = {'kind': 'bag', 'messages': sum(bag.topics.values()), 'seconds': bag.seconds,
                   'topics': topics}
        damage = [*bag.notes, *bag.damage]
        return {**content, 'damage': '; '.join(damage)} if damage else content


def _sequence(path: Path) -> dict[str, Any]:
    sequence = open_sequence(path, with_detections=False)
    content = {'kind': 'MOTChallenge sequence', 'name': sequence.name,
               'frames': sequence.length, 'frame_rate': sequence.frame_rate,
               'width': sequence.size[0], 'height': sequence.size[1],
               'images': sequence.has_images}
    detections = path / 'det' / 'det.txt'
    if detections.is_file():
        content['detections'] = len(read_table(detections, TableKind.DETECTIONS))
    if sequence.truth is not None:
        truth = read_table(sequence.truth, TableKind.TRUTH)
        content['truth'] = {'boxes': len(truth), 'trajectories': len(np.unique(truth.id)),
                            'classes': truth.has_classes}
    return content


def _model(path: Path) -> dict[str, Any]:
    from deepsort_ros.reid.engines import ENGINES
    from deepsort_ros.reid.engines import installed
    from deepsort_ros.reid.model import FILE
    from deepsort_ros.reid.model import KEYS
    from deepsort_ros.reid.model import read_model
    model = read_model(str(path))
    content: dict[str, Any] = {'kind': KINDS[model.kind], 'bytes': path.stat().st_size,
                               'sha256': model.sha256}
    if model.parameters is not None:
        content['tensors'] = len(model.parameters)
        content['parameters'] = sum(int(value.size) for value in model.parameters.values())
    if model.output:
        content['output'] = model.output
    content['images_per_call'] = model.batch or 'any number'
    for name in KEYS:
        value = getattr(model, name)
        content[name] = list(value) if isinstance(value, tuple) else value or None
    content['origin'] = {name: origin for name, origin in model.origin.items()
                         if origin != FILE and name in KEYS}
    content['engines'] = {
        name: 'installed' if installed(name) else 'not installed'
        for name, kinds in ENGINES.items() if model.kind in kinds}
    return content


def _video(path: Path) -> dict[str, Any]:
    footage = open_footage(path)
    return {'kind': 'video', 'frames': footage.length, 'frame_rate': footage.rate,
            'rate_varies': footage.varies, 'width': footage.size[0], 'height': footage.size[1],
            'codec': footage.codec, 'turned': footage.turned,
            **({'incomplete': '; '.join(footage.lost)} if footage.lost else {})}


def _features(path: Path) -> dict[str, Any]:
    stored = StoredFeatures(path)
    return {'kind': 'detections with features', 'rows': len(stored.table),
            'last_frame': stored.table.last_frame, 'dimensions': stored.dimensions}


def _history(path: Path) -> dict[str, Any]:
    history = read_history(path)
    states = {state.name.lower(): int((history.state == state).sum()) for state in TrackState}
    return {'kind': 'history of tracks', 'rows': len(history.frame),
            'ids': len(np.unique(history.id)),
            'confirmed_ids': len(np.unique(history.id[history.state == TrackState.CONFIRMED])),
            'last_frame': int(history.frame.max(initial=0)), 'states': states,
            'limits': history.limits}


def _table(path: Path) -> dict[str, Any]:
    # Frames from 0 are no fault of a file that is only described.
    table = read_table(path, TableKind.DETECTIONS, 0)
    counted = {'frames': len(np.unique(table.frame)), 'frames_from': 1}
    if table.last_frame and table.frame[0] == 1:
        counted['frames_from'] = 0
    counted['last_frame'] = table.last_frame - 1 if len(table) else 0
    kinds = {str(label): int((table.label == label).sum()) for label in np.unique(table.label)
             if label}
    if not len(table):
        return {'kind': 'MOTChallenge table', 'rows': 0}
    if (table.id == -1).all():
        return {'kind': 'MOTChallenge detections', 'rows': len(table), **counted,
                'lowest_score': float(table.confidence.min()),
                'highest_score': float(table.confidence.max()),
                **({'classes': kinds} if kinds else {})}
    results = read_table(path, TableKind.RESULTS, 0)
    ids, counts = np.unique(results.id, return_counts=True)
    return {'kind': 'MOTChallenge tracks', 'rows': len(results), 'ids': len(ids), **counted,
            'median_rows_per_id': float(np.median(counts)),
            **({'classes': kinds} if kinds else {})}
