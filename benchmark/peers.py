"""
Other trackers on the detections and stored features that ours gets (``ablation.py --peers``).

Each runs as a program: in an environment and a process of its own, with the settings it comes
with, except for the appearance limit of deep-sort-realtime, which belongs to the network.
Their scores are clipped to 0 to 1, which they ask for. The images go to those that follow the
camera in them. Times are those of the update alone, with one thread.
"""
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from environments import environment

BOXMOT = ['--extra-index-url', 'https://download.pytorch.org/whl/cpu', 'torch', 'torchvision',
          'boxmot==25.0.0']
REALTIME = ['deep-sort-realtime==1.3.2', 'numpy==1.26.4', 'scipy',
            'opencv-python-headless<4.12', 'setuptools<80']
# The parts that make BoostTrack++ of BoostTrack (arXiv 2408.13003).
PLUS = {'use_embeddings': True, 'use_rich_s': True, 'use_sb': True, 'use_vt': True}

# Columns of a row of stored features: a line of a detections file, then the feature.
BOX, SCORE, FEATURE = slice(2, 6), 6, 10

# Takes boxes (tlwh), scores, features and the image of a frame; returns rows of id and tlwh.
Step = Callable[[np.ndarray, np.ndarray, np.ndarray, Any], np.ndarray]


@dataclass(frozen=True)
class Peer:
    """
    A tracker.

    :param tracker: its name in boxmot; :param options: to change there.
    :param images: whether it is shown the images.
    """

    environment: str
    packages: list[str]
    tracker: str
    options: dict[str, Any]
    images: bool


PEERS = {
    'OccluBoost': Peer('boxmot', BOXMOT, 'occluboost', {}, True),
    'BoostTrack++': Peer('boxmot', BOXMOT, 'boosttrack', PLUS, True),
    'BoT-SORT with ReID': Peer('boxmot', BOXMOT, 'botsort', {'use_embeddings': True}, True),
    'StrongSORT': Peer('boxmot', BOXMOT, 'strongsort', {}, True),
    'OC-SORT': Peer('boxmot', BOXMOT, 'ocsort', {}, False),
    'ByteTrack': Peer('boxmot', BOXMOT, 'bytetrack', {}, False),
    'deep-sort-realtime': Peer('deep-sort-realtime', REALTIME, '', {}, False),
}


def run(name: str, features: Path, images: list[Path], length: int, limit: float,
        output: Path) -> float:
    """
    Track a sequence with a peer; write its results and return milliseconds per image.

    :param features: (N, 10 + D) stored features, ``.npy``.
    :param images: of all frames, or none; :param limit: of the appearance distance.
    """
    peer = PEERS[name]
    python = environment(peer.environment, peer.packages)
    job = {'name': name, 'features': str(features), 'length': length, 'limit': limit,
           'images': [str(path) for path in images] if peer.images else [],
           'output': str(output)}
    threads = dict.fromkeys(('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'), '1')
    done = subprocess.run([python, '-W', 'ignore', __file__], input=json.dumps(job), text=True,
                          stdout=subprocess.PIPE, env=dict(os.environ, **threads), check=True)
    return float(done.stdout.split()[-1])


def boxmot(peer: Peer) -> Step:
    """Return a tracker of boxmot."""
    import torch
    from boxmot import create_tracker
    from boxmot.structures import Detections
    from boxmot.structures.geometry import Boxes
    from boxmot.trackers.specs import TrackerSpec
    options = tuple(sorted(peer.options.items()))
    tracker = create_tracker(TrackerSpec(peer.tracker, options=options))
    needs_features = tracker.requirements.embeddings

    def step(tlwh: np.ndarray, score: np.ndarray, features: np.ndarray, image: Any) -> np.ndarray:
        corners = np.concatenate((tlwh[:, :2], tlwh[:, :2] + tlwh[:, 2:]), axis=1)
        found = tracker.update(Detections(
            geometry=Boxes(torch.from_numpy(corners.astype(np.float32))),
            scores=torch.from_numpy(score.astype(np.float32)),
            class_ids=torch.zeros(len(score), dtype=torch.int64), sample_id='frame',
            embeddings=torch.from_numpy(features) if needs_features else None), image)
        boxes = found.geometry.values.numpy()
        size = boxes[:, 2:] - boxes[:, :2]
        return np.column_stack((found.track_ids.numpy(), boxes[:, :2], size))
    return step


def realtime(limit: float) -> Step:
    """Return deep-sort-realtime, which has no threshold of scores of its own."""
    from deep_sort_realtime.deepsort_tracker import DeepSort
    tracker = DeepSort(max_cosine_distance=limit, nn_budget=100, embedder=None)

    def step(tlwh: np.ndarray, score: np.ndarray, features: np.ndarray, _: Any) -> np.ndarray:
        sure = score >= 0.5
        raw = [(box, s, 'person') for box, s in zip(tlwh[sure].tolist(), score[sure].tolist())]
        tracks = tracker.update_tracks(raw, embeds=list(features[sure]))
        return np.reshape([(int(t.track_id), *t.to_ltwh()) for t in tracks
                           if t.is_confirmed() and t.time_since_update <= 1], (-1, 5))
    return step


def work() -> None:
    """Do the job that stdin describes: in the environment of a peer."""
    job = json.load(sys.stdin)
    peer = PEERS[job['name']]
    step = boxmot(peer) if peer.tracker else realtime(job['limit'])
    rows = np.load(job['features'])
    seconds = 0.0
    with open(job['output'], 'w', encoding='utf-8') as file:
        for frame in range(1, job['length'] + 1):
            here = rows[rows[:, 0] == frame]
            image = None
            if job['images']:
                import cv2
                image = cv2.imread(job['images'][frame - 1])
            start = time.perf_counter()
            found = step(here[:, BOX], here[:, SCORE].clip(0.0, 1.0),
                         np.ascontiguousarray(here[:, FEATURE:], dtype=np.float32), image)
            seconds += time.perf_counter() - start
            for number, *box in found.tolist():
                print(frame, int(number), *(f'{v:.2f}' for v in box), 1, -1, -1, -1,
                      sep=',', file=file)
    print(1e3 * seconds / job['length'])


if __name__ == '__main__':
    work()
