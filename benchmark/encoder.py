"""
Measure the encoder, on MindSpore and on ONNX Runtime, against bare ONNX Runtime.

    python benchmark/encoder.py --sizes 1 8 32 64 --turns 10

All read the same boxes out of the same 1080p image and share all but the network itself; bare ONNX
Runtime runs the exported network as its own documentation shows. Each runs in a process of its
own, with as many threads as ``--threads`` says, and they take turns; those not at turn are
stopped, so that idle threads of one cost the others nothing. ``--profile`` lists what oneDNN does
inside MindSpore instead.
"""
from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

# The encoder on these engines; and without it.
CONTENDERS = ('mindspore', 'onnxruntime', 'bare')
STAGES = ('crop and resize', 'normalise', 'network')
Network = Callable[[np.ndarray], Any]


def scene(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a 1080p image and boxes of people in it."""
    generator = np.random.default_rng(1)
    small = generator.integers(0, 256, (54, 96, 3), dtype=np.uint8)
    boxes = np.column_stack((
        generator.uniform(0, 1700, count), generator.uniform(0, 600, count),
        generator.uniform(50, 200, count), generator.uniform(120, 480, count)))
    return small.repeat(20, axis=0).repeat(20, axis=1), boxes


def largest_bucket() -> int:
    """Return the batch size beyond which the encoder splits, as the node is configured."""
    from deepsort_ros.settings import Settings
    return Settings().batch_buckets[-1]


def encoder_on(engine: str, options: argparse.Namespace) -> Network:
    """Return the network as the encoder runs it."""
    from deepsort_ros.reid.encoder import Encoder
    largest = largest_bucket()
    buckets = {min(size, largest) for size in options.sizes} | {largest}
    buckets |= {size % largest for size in options.sizes if size % largest}
    encoder = Encoder.create(
        options.model, 'CPU', engine=engine, batch_buckets=sorted(buckets))
    encoder.warm_up()

    def network(planes: np.ndarray) -> None:
        for start in range(0, len(planes), largest):
            encoder._engine.run(planes[start:start + largest])

    return network


def bare(options: argparse.Namespace) -> Network:
    """Return the exported network in ONNX Runtime."""
    import onnxruntime
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    session = onnxruntime.InferenceSession(
        options.onnx, settings, providers=['CPUExecutionProvider'])
    return lambda planes: session.run(['features'], {'images': planes})[0]


def work(options: argparse.Namespace) -> None:
    """Encode as many crops as each line of stdin says; answer with seconds per stage."""
    # What libraries print is no answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), 'w')
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    from deepsort_ros.reid.preprocess import crop_bounds
    from deepsort_ros.reid.preprocess import normalise
    from deepsort_ros.reid.preprocess import resize
    network = bare(options) if options.worker == 'bare' else encoder_on(options.worker, options)
    image, boxes = scene(max(options.sizes))
    bounds = crop_bounds(boxes, *image.shape[:2])
    crops = np.empty((len(boxes), 128, 64, 3), dtype=np.uint8)
    planes = np.empty((len(boxes), 3, 128, 64), dtype=np.float32)
    for line in sys.stdin:
        size = int(line)
        ticks = [time.perf_counter()]
        resize(image, bounds[:size], crops[:size])
        ticks.append(time.perf_counter())
        normalise(crops[:size], True, planes[:size])
        ticks.append(time.perf_counter())
        network(planes[:size])
        ticks.append(time.perf_counter())
        print(json.dumps(np.diff(ticks).tolist()), file=answers, flush=True)


class Worker:
    """A contender in its own process, stopped while it is not at turn."""

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        """Start it."""
        self.name = name
        self.seconds: dict[int, list[list[float]]] = defaultdict(list)
        threads = str(options.threads)
        environment = dict(os.environ, OMP_NUM_THREADS=threads)
        self._process = subprocess.Popen(
            [sys.executable, __file__, '--worker', name, '--model', options.model, '--threads',
             threads, '--onnx', options.onnx, '--sizes', *map(str, options.sizes)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def turn(self, size: int, repeats: int, counted: bool) -> None:
        """Let it encode a batch of this size some times."""
        assert self._process.stdin and self._process.stdout
        self._process.send_signal(signal.SIGCONT)
        for _ in range(repeats):
            print(size, file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
            if not answer:
                raise RuntimeError(f'{self.name} ended')
            if counted:
                self.seconds[size].append(json.loads(answer))
        self._process.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        """End the process."""
        self._process.send_signal(signal.SIGCONT)
        self._process.communicate()


def compare(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return a row for each size and contender."""
    workers = [Worker(name, options) for name in CONTENDERS]
    try:
        for turn in range(options.turns + 1):
            for size in options.sizes:
                for worker in workers:
                    worker.turn(size, max(1, 32 // size), counted=turn > 0)
    finally:
        for worker in workers:
            worker.close()
    rows = []
    for size in options.sizes:
        median = {worker.name: np.median(worker.seconds[size], axis=0) for worker in workers}
        for name, stages in median.items():
            rows.append({
                'crops': size, 'contender': name, 'latency ms': 1e3 * stages.sum(),
                'crops/s': size / stages.sum(),
                **{f'{stage} ms': 1e3 * value for stage, value in zip(STAGES, stages)},
                'share of bare': median['bare'].sum() / stages.sum()})
    return rows


def profile(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the time oneDNN spends by kind and implementation, in one batch of each size."""
    rows = []
    for size in options.sizes:
        environment = dict(os.environ, ONEDNN_VERBOSE='1', OMP_NUM_THREADS=str(options.threads))
        done = subprocess.run(
            [sys.executable, __file__, '--worker', 'mindspore', '--model', options.model,
             '--sizes', str(size)], input=f'{size}\n' * 6, text=True, capture_output=True,
            env=environment, check=True)
        # "onednn_verbose,...,exec,cpu,KIND,IMPLEMENTATION,...,MILLISECONDS"
        spent: dict[tuple[str, str], float] = defaultdict(float)
        for line in done.stderr.splitlines():
            cells = line.split(',')
            if cells[0] == 'onednn_verbose' and 'exec' in cells:
                at = cells.index('exec')
                spent[cells[at + 2], cells[at + 3]] += float(cells[-1])
        network = [json.loads(line)[2] for line in done.stdout.splitlines()]
        # The warm-up ran one bucket.
        runs = len(network) + min(1.0, largest_bucket() / size)
        rows += [{'crops': size, 'kind': kind, 'implementation': name, 'ms': value / runs}
                 for (kind, name), value in sorted(spent.items(), key=lambda item: -item[1])]
        rows.append({'crops': size, 'kind': 'network', 'implementation': 'all of it',
                     'ms': 1e3 * float(np.median(network[1:]))})
    return rows


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', default='bundled')
    parser.add_argument('--sizes', type=int, nargs='+', default=[1, 8, 32, 64])
    parser.add_argument('--turns', type=int, default=10, help='counted, after one to warm up')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--profile', action='store_true', help='what oneDNN does instead')
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--worker', help=argparse.SUPPRESS)
    parser.add_argument('--onnx', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options)
        return
    if options.profile:
        rows = profile(options)
    else:
        from deepsort_ros.reid.export import export
        with tempfile.TemporaryDirectory() as folder:
            options.onnx = str(Path(folder) / 'model.onnx')
            export(options.model, Path(options.onnx))
            rows = compare(options)
    print(json.dumps(rows, indent=2) if options.json
          else tabulate(rows, headers='keys', floatfmt='.2f', tablefmt='github'))


if __name__ == '__main__':
    main()
