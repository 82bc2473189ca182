"""
Measure the tracker core against others on the same seeded scenes.

    python benchmark/tracker.py --objects 10 50 200 500

Every contender runs in a process of its own, with one BLAS thread, and all take turns over the
same frames; times are those of its processor, so that what else the machine does hardly counts.
The others come from PyPI, each into an environment of its own (``--environments``, made when
missing). ``robot`` has the defaults of the node. deep-sort-realtime's core is the reference
algorithm; norfair, trackers (Roboflow's ByteTrack), pyxtrackers (ByteTrack in Cython) and
trackforge (ByteTrack in Rust) look at motion alone, so they do less. ``paper`` is the loop-based
implementation the tests compare with. ``floor`` is no tracker: one product of all features and
one assignment of the same size, what appearance and optimal matching cost at least when done
whole. ``--against`` measures ours in another checkout as well.

Ids are compared frame by frame; scenes are drawn outside the timing. deep-sort-realtime adds each
track's last feature to its gallery again in every frame, so a full gallery holds fewer different
ones than the reference's, and its ids part from ours once galleries fill: compare ids with a
``--nn-budget`` of more than twice the frames, times with the usual 100.
"""
from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(os.environ.get('DEEPSORT_CHECKOUT') or Path(__file__).resolve().parents[1])
sys.path[:0] = [str(ROOT), str(ROOT / 'test' / 'tracking'), str(Path(__file__).parent)]

from environments import environment  # noqa: E402
from environments import FOLDER  # noqa: E402
from scenes import Scene  # noqa: E402  a test helper, shared

PEERS = {
    'deep-sort-realtime': [
        'deep-sort-realtime==1.3.2', 'numpy==1.26.4', 'scipy', 'opencv-python-headless<4.12',
        'setuptools<80'],
    'norfair': ['norfair==2.3.0'],
    'trackers': ['trackers==2.6.1'],
    'pyxtrackers': ['pyxtrackers==2026.3.3'],
    'trackforge': ['trackforge==0.4.0', 'numpy'],
}
WARM_UP = 60
# Largest appearance distance, that of the bundled network.
LIMIT = 0.4
TURN = 50

# A contender takes one frame's boxes, scores and features, and returns its confirmed, matched
# tracks as rows (id, left, top, width, height).
Step = Callable[[], Any]
Contender = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[Step, Callable[[Any], Any]]]


def deepsort_ros(nn_budget: int) -> Contender:
    """Return this project's tracker."""
    from deepsort_ros.tracking import Detections
    from deepsort_ros.tracking import Tracker
    from deepsort_ros.tracking import TrackerConfig
    tracker = Tracker(TrackerConfig(nn_budget=nn_budget))

    def rows(tracks: Any) -> list[Any]:
        seen = tracks.select((tracks.state == 2) & (tracks.time_since_update == 0))
        return [(n, *box) for n, box in zip(seen.id.tolist(), seen.tlwh.tolist())]

    def take(tlwh: np.ndarray, score: np.ndarray, features: np.ndarray) -> Any:
        detections = Detections.from_arrays(tlwh, score)
        return lambda: tracker.update(detections, features), rows
    return take


def robot(nn_budget: int, features: bool = True) -> Contender:
    """Return this project's tracker with the defaults of the node."""
    from deepsort_ros.pipeline import tracker_config
    from deepsort_ros.settings import Settings
    from deepsort_ros.tracking import Detections
    from deepsort_ros.tracking import Tracker
    tracker = Tracker(tracker_config(Settings().replace(
        {'nn_budget': nn_budget, 'max_cosine_distance': LIMIT})))

    def rows(tracks: Any) -> list[Any]:
        seen = tracks.select((tracks.state == 2) & (tracks.time_since_update == 0))
        return [(n, *box) for n, box in zip(seen.id.tolist(), seen.tlwh.tolist())]

    def take(tlwh: np.ndarray, score: np.ndarray, looks: np.ndarray) -> Any:
        detections = Detections.from_arrays(tlwh, score)
        return lambda: tracker.update(detections, looks if features else None), rows
    return take


def paper(nn_budget: int) -> Contender:
    """Return the loop-based implementation of the paper."""
    from paper import PaperTracker

    from deepsort_ros.tracking import TrackerConfig
    tracker = PaperTracker(TrackerConfig(nn_budget=nn_budget))

    def rows(_: Any) -> list[Any]:
        return [(t.id, *t.filter.tlwh().tolist()) for t in tracker.tracks
                if t.state == 2 and t.time_since_update == 0]

    def take(tlwh: np.ndarray, score: np.ndarray, features: np.ndarray) -> Any:
        return lambda: tracker.update(tlwh, [''] * len(tlwh), list(features)), rows
    return take


def deep_sort_realtime(nn_budget: int) -> Contender:
    """Return deep-sort-realtime, given the features."""
    from deep_sort_realtime.deepsort_tracker import DeepSort
    tracker = DeepSort(embedder=None, nn_budget=nn_budget, max_age=30, n_init=3,
                       max_cosine_distance=0.2, max_iou_distance=0.7, nms_max_overlap=1.0)

    def rows(tracks: Any) -> list[Any]:
        return [(int(t.track_id), *t.to_ltwh(orig=False).tolist()) for t in tracks
                if t.is_confirmed() and t.time_since_update == 0]

    def take(tlwh: np.ndarray, score: np.ndarray, features: np.ndarray) -> Any:
        raw = [(box, s, 'person') for box, s in zip(tlwh.tolist(), score.tolist())]
        embeds = list(features)
        return lambda: tracker.update_tracks(raw, embeds=embeds), rows
    return take


def norfair(_: int) -> Contender:
    """Return norfair, by overlap."""
    from norfair import Detection
    from norfair import Tracker
    tracker = Tracker('iou', 0.7, hit_counter_max=30, initialization_delay=2)

    def rows(tracks: Any) -> list[Any]:
        return [(t.id, *t.estimate[0].tolist(), *(t.estimate[1] - t.estimate[0]).tolist())
                for t in tracks]

    def take(tlwh: np.ndarray, score: np.ndarray, features: np.ndarray) -> Any:
        detections = [Detection(np.array([box[:2], box[:2] + box[2:]])) for box in tlwh]
        return lambda: tracker.update(detections), rows
    return take


def trackers(_: int) -> Contender:
    """Return the ByteTrack of Roboflow's trackers."""
    import supervision
    from trackers import ByteTrackTracker
    tracker = ByteTrackTracker(lost_track_buffer=30, minimum_consecutive_frames=3)

    def rows(tracks: Any) -> list[Any]:
        return [(int(number), *box[:2].tolist(), *(box[2:] - box[:2]).tolist())
                for number, box in zip(tracks.tracker_id, tracks.xyxy) if number >= 0]

    def take(tlwh: np.ndarray, score: np.ndarray, features: np.ndarray) -> Any:
        corners = np.concatenate((tlwh[:, :2], tlwh[:, :2] + tlwh[:, 2:]), axis=1)
        detections = supervision.Detections(
            corners, confidence=score, class_id=np.zeros(len(score), dtype=int))
        return lambda: tracker.update(detections), rows
    return take


def pyxtrackers(_: int) -> Contender:
    """Return pyxtrackers' ByteTrack."""
    from pyxtrackers import BYTETracker
    tracker = BYTETracker()

    def rows(tracks: Any) -> list[Any]:
        return [(int(row[4]), *row[:2].tolist(), *(row[2:4] - row[:2]).tolist())
                for row in tracks]

    def take(tlwh: np.ndarray, score: np.ndarray, features: np.ndarray) -> Any:
        detections = np.column_stack((tlwh[:, :2], tlwh[:, :2] + tlwh[:, 2:], score))
        return lambda: tracker.update(detections), rows
    return take


def trackforge(_: int) -> Contender:
    """Return trackforge's ByteTrack; its DEEPSORT never fills its gallery."""
    from trackforge import BYTETRACK
    tracker = BYTETRACK()

    def rows(tracks: Any) -> list[Any]:
        return [(row[0], *row[1]) for row in tracks]

    def take(tlwh: np.ndarray, score: np.ndarray, features: np.ndarray) -> Any:
        detections = [(box, s, 0) for box, s in zip(tlwh.tolist(), score.tolist())]
        return lambda: tracker.update(detections), rows
    return take


def floor(nn_budget: int) -> Contender:
    """Return one product of features with all galleries' and one assignment, no tracking."""
    from scipy.optimize import linear_sum_assignment
    galleries: list[np.ndarray] = []

    def take(tlwh: np.ndarray, score: np.ndarray, features: np.ndarray) -> Any:
        if not galleries:
            galleries.append(np.repeat(features, nn_budget, axis=0))

        def step() -> Any:
            cosine = features @ galleries[0].T
            return linear_sum_assignment(1 - cosine.reshape(len(features), -1, nn_budget).max(2))
        return step, lambda _: []
    return take


CONTENDERS = {'deepsort_ros': deepsort_ros, 'robot': robot,
              'robot, no features': partial(robot, features=False),
              'deep-sort-realtime': deep_sort_realtime,
              'paper': paper, 'floor': floor, 'norfair': norfair, 'trackers': trackers,
              'pyxtrackers': pyxtrackers, 'trackforge': trackforge}
OURS = ('deepsort_ros', 'robot', 'robot, no features')
# Those that give the reference's ids.
SAME = ('deep-sort-realtime', 'paper')


def work(name: str, objects: int, options: argparse.Namespace) -> None:
    """Process as many frames as each line of stdin says; answer with times and tracks."""
    contender = CONTENDERS[name](options.nn_budget)
    frames = Scene(objects, seed=options.seed).frames(10**9)
    for line in sys.stdin:
        seconds, results = [], []
        for _ in range(int(line)):
            step, rows = contender(*next(frames))
            start = time.process_time()
            result = step()
            seconds.append(time.process_time() - start)
            results.append(sorted(rows(result)))
        print(json.dumps([seconds, results]), flush=True)


class Worker:
    """A contender in its own process."""

    def __init__(self, name: str, python: str, objects: int,
                 options: argparse.Namespace) -> None:
        """Start it."""
        contender, _, checkout = name.partition(' at ')
        variables = dict(os.environ, OPENBLAS_NUM_THREADS='1', OMP_NUM_THREADS='1',
                         DEEPSORT_CHECKOUT=checkout)
        self.name = name
        self.seconds: list[float] = []
        self.results: list[list[Any]] = []
        self._process = subprocess.Popen(
            [python, '-W', 'ignore', __file__, '--worker', contender, '--objects', str(objects),
             '--seed', str(options.seed), '--nn-budget', str(options.nn_budget)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables)

    def turn(self, frames: int) -> None:
        """Let it process some frames."""
        assert self._process.stdin and self._process.stdout
        print(frames, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f'{self.name} ended')
        seconds, results = json.loads(answer)
        self.seconds += seconds
        self.results += results

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def python_of(name: str, folder: Path) -> str:
    """Return the Python of a contender."""
    if name not in PEERS:
        return sys.executable
    return environment(name, PEERS[name], folder)


def same(tracks: list[Any], others: list[Any]) -> bool:
    """Return whether two frames have the same ids on the same boxes (some keep float32)."""
    return len(tracks) == len(others) and bool(np.allclose(tracks, others, rtol=0, atol=0.05))


def compare(objects: int, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield one row per contender for scenes of this size, our own first."""
    workers = [Worker(name, python_of(name, options.environments), objects, options)
               for name in options.contenders
               + [f'{name} at {options.against}' for name in options.contenders
                  if options.against and name in OURS]]
    try:
        total = WARM_UP + options.frames
        for start in range(0, total, TURN):
            for worker in workers:
                if worker.name != 'paper' or start < options.paper_frames:
                    worker.turn(min(TURN, total - start))
    finally:
        for worker in workers:
            worker.close()
    own = workers[0]
    for worker in workers:
        both = min(len(own.results), len(worker.results))
        differ = [k for k in range(both) if not same(own.results[k], worker.results[k])]
        ms = 1e3 * np.array(worker.seconds[WARM_UP:] or worker.seconds)
        yield {
            'objects': objects, 'contender': worker.name, 'frames': len(worker.seconds),
            'median_ms': float(np.median(ms)), 'p99_ms': float(np.quantile(ms, 0.99)),
            'ratio': float(np.median(ms) / np.median(1e3 * np.array(own.seconds[WARM_UP:]))),
            'same_ids': f'{both - len(differ)}/{both}' if worker.name in SAME else '',
            'first_difference': differ[0] if differ and worker.name in SAME else None}


def churn(frames: int) -> Iterator[dict[str, Any]]:
    """Yield memory in use while tracks come and go without end."""
    from deepsort_ros.tracking import Detections
    from deepsort_ros.tracking import Tracker
    from deepsort_ros.tracking import TrackerConfig
    tracker = Tracker(TrackerConfig())
    scene = Scene(10, leave=0.1, clutter=0.3, seed=7)
    for number, (tlwh, score, features) in enumerate(scene.frames(frames), 1):
        names = [f'class {number % 1000}'] * len(tlwh)
        tracks = tracker.update(Detections.from_arrays(tlwh, score, names), features)
        if number % max(frames // 10, 1) == 0:
            yield {'frame': number, 'ids': int(tracks.id.max(initial=0)),
                   'tracker_kB': tracker.nbytes / 1e3,
                   'peak_rss_MB': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}


def show(rows: Iterator[dict[str, Any]], as_json: bool) -> None:
    """Print rows as they are measured, as a table or as JSON lines."""
    heading: list[str] = []
    for row in rows:
        if as_json:
            print(json.dumps(row), flush=True)
            continue
        if not heading:
            heading = list(row)
            print(' '.join(f'{name:>18}' for name in heading))
        print(' '.join(f'{v:>18.2f}' if isinstance(v, float) else f'{v!s:>18}'
                       for v in row.values()), flush=True)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--objects', type=int, nargs='+', default=[10, 50, 200, 500])
    parser.add_argument('--frames', type=int, default=200, help='timed, after 60 to warm up')
    parser.add_argument('--paper-frames', type=int, default=60, help='frames the paper repeats')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--nn-budget', type=int, default=100, help='features kept per track')
    parser.add_argument('--contenders', nargs='+', default=list(CONTENDERS),
                        choices=list(CONTENDERS), help='ours comes first')
    parser.add_argument('--environments', type=Path, default=FOLDER)
    parser.add_argument('--against', type=Path, metavar='CHECKOUT',
                        help='ours as in another checkout as well')
    parser.add_argument('--churn', type=int, metavar='FRAMES',
                        help='watch the memory over so many frames instead')
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--worker', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker, options.objects[0], options)
    elif options.churn:
        show(churn(options.churn), options.json)
    else:
        show((row for objects in options.objects for row in compare(objects, options)),
             options.json)


if __name__ == '__main__':
    main()
