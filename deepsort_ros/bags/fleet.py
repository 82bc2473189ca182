"""
Many bags at once: one Dask task for each, on this machine or on a cluster.

Each bag has a folder of its own below the output: ``tracks`` (the bag of tracks) and
``done.json`` (its record). A bag whose content and settings are those of its record is skipped.
"""
from __future__ import annotations

import contextlib
import functools
import hashlib
import html
import json
import logging
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from deepsort_ros.bags.bag import check
from deepsort_ros.bags.bag import convert
from deepsort_ros.bags.reader import WorldSource
from deepsort_ros.bags.storage import BagError
from deepsort_ros.settings import Settings

RECORD = 'done.json'
# What a worker with a network needs, in bytes.
WORKER_MEMORY = 2_000_000_000
CHUNK = 1 << 20
# What limits the threads of NumPy, of the engines and of OpenCV; kept where it is set.
THREAD_VARIABLES = ('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS',
                    'OPENCV_FOR_THREADS_NUM')

# A worker of several threads has one network, which takes one bag at a time.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Task:
    """
    One bag to track; plain data that goes to a worker.

    :param folder: of its results, which every worker can write.
    :param make_encoder: makes the appearance encoder on the worker, once for each process.
    """

    bag: Path
    folder: Path
    settings: Settings
    make_encoder: Callable[[Settings], Any]
    image: str | None = None
    detections: str | None = None
    world: WorldSource = WorldSource()


def folders(bags: list[Path], output: Path) -> list[Path]:
    """Return a result folder for each bag; bags of the same name get a part of their path."""
    names = Counter(bag.stem for bag in bags)
    return [output / (bag.stem if names[bag.stem] == 1 else
                      f'{bag.stem}-{hashlib.sha256(str(bag.resolve()).encode()).hexdigest()[:8]}')
            for bag in bags]


def digest(task: Task) -> str:
    """
    Return the SHA-256 of what decides the outcome: the bag's content, topics and settings.

    :raises OSError: the bag cannot be read.
    """
    found = hashlib.sha256(repr((
        task.settings, task.image, task.detections, task.world)).encode())
    files = sorted(p for p in task.bag.rglob('*') if p.is_file()) if task.bag.is_dir() else [
        task.bag]
    for path in files:
        found.update(path.name.encode())
        with path.open('rb') as file:
            while chunk := file.read(CHUNK):
                found.update(chunk)
    return found.hexdigest()


@functools.lru_cache(maxsize=1)
def _encoder(make: Callable[[Settings], Any], settings: Settings) -> Any:
    return make(settings)


def track_one(task: Task) -> dict[str, Any]:
    """
    Track a bag and return its record; what goes wrong with it is in ``error``.

    What could not be read of a bag is in ``damage``; what could be is tracked.

    ``status`` is ``done``, ``skipped`` (done before) or ``failed``. The tracks appear under their
    name when they are complete.
    """
    start = time.perf_counter()
    record: dict[str, Any] = {'bag': str(task.bag), 'status': 'failed', 'error': ''}
    try:
        content = digest(task)
        known = _known(task.folder)
        if known.get('digest') == content and (task.folder / 'tracks').exists():
            return {**known, 'status': 'skipped'}
        task.folder.mkdir(parents=True, exist_ok=True)
        (task.folder / RECORD).unlink(missing_ok=True)
        partial, tracks = task.folder / 'tracks.partial', task.folder / 'tracks'
        for old in (partial, tracks):
            shutil.rmtree(old, ignore_errors=True)
        check(task.bag, task.settings, task.image, task.detections, task.world)
        with _one_at_a_time:
            encoder = _encoder(task.make_encoder, task.settings)
            summary = convert(task.bag, partial, task.settings, encoder, task.image,
                              task.detections, world=task.world)
        if summary.interrupted:
            raise BagError(f'{task.bag}: interrupted')
        partial.rename(tracks)
        record.update(asdict(summary), status='done', digest=content, tracks=str(tracks),
                      error=summary.encoder_error or summary.nothing)
    except Exception as error:  # noqa: B902 one bad bag must not stop the others
        record['error'] = ' '.join(f'{type(error).__name__}: {error}'.split())
    record['seconds'] = round(time.perf_counter() - start, 3)
    if record['status'] == 'done' and not record['error']:
        new = task.folder / f'{RECORD}.new'
        new.write_text(json.dumps(record), encoding='utf-8')
        new.replace(task.folder / RECORD)
    return record


def _known(folder: Path) -> dict[str, Any]:
    try:
        known = json.loads((folder / RECORD).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def share_of_threads(cores: int, workers: int) -> dict[str, str]:
    """Return the environment in which each of some workers computes on its share of the cores."""
    share = str(max(1, cores // workers))
    return {name: os.environ.get(name, share) for name in THREAD_VARIABLES}


@contextlib.contextmanager
def cluster(scheduler: str | None, workers: int | None, tasks: int) -> Iterator[Any]:
    """
    Yield a Dask client: of a running scheduler, or of workers started here.

    :param scheduler: ``tcp://HOST:PORT``; :param workers: processes to start here; None: as many
        as cores and memory allow.
    :raises BagError: no scheduler answers at that address.
    """
    from dask.system import CPU_COUNT
    from distributed import Client
    from distributed import LocalCluster
    from distributed.system import MEMORY_LIMIT
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout='20s')
        except (OSError, ValueError) as error:
            raise BagError(f'no scheduler at {scheduler}: {error}') from error
        with client:
            yield client
        return
    count = workers or max(1, min(CPU_COUNT, MEMORY_LIMIT // WORKER_MEMORY, tasks))
    with LocalCluster(
            n_workers=count, threads_per_worker=1, dashboard_address='127.0.0.1:0',
            silence_logs=logging.ERROR, env=share_of_threads(CPU_COUNT, count)) as local, \
            Client(local) as client:
        yield client


def run(client: Any, tasks: Iterable[Task]) -> Iterator[dict[str, Any]]:
    """Yield the record of each task as it is done; a worker that dies costs its bag alone."""
    from distributed import as_completed
    bags = {client.submit(track_one, task, pure=False): task for task in tasks}
    for future in as_completed(list(bags), raise_errors=False):
        if future.status == 'finished':
            yield future.result()
        else:
            yield {'bag': str(bags[future].bag), 'status': 'failed', 'seconds': 0.0,
                   'error': f'the worker failed: {future.exception()}'}


def write_page(records: list[dict[str, Any]], path: Path) -> None:
    """Write the summary page: one row per bag, failed ones first."""
    columns = ('bag', 'status', 'frames', 'ids', 'sessions', 'crops', 'dropped', 'image_errors',
               'ignored', 'seconds', 'error', 'damage')
    rows = []
    for record in sorted(records, key=lambda r: (r['status'] != 'failed', r['bag'])):
        cells = ''.join(f'<td>{_cell(record, name, path.parent)}</td>' for name in columns)
        rows.append(f'<tr class="{html.escape(record["status"])}">{cells}</tr>')
    counts = Counter(record['status'] for record in records)
    heading = ', '.join(f'{count} {status}' for status, count in sorted(counts.items()))
    head = ''.join(f'<th>{name.replace("_", " ")}</th>' for name in columns)
    path.write_text(
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Bags</title><style>'
        'body{font:14px sans-serif;margin:2em}td,th{padding:.3em .6em;text-align:left;'
        'border-bottom:1px solid #ccc}.failed{background:#fdd}</style>'
        f'<h1>{len(records)} bags: {html.escape(heading)}</h1><table><tr>{head}</tr>\n'
        + '\n'.join(rows) + '\n</table></html>\n', encoding='utf-8')


def _cell(record: dict[str, Any], name: str, folder: Path) -> str:
    """Return the HTML of a cell; the bag is a link to its folder of results."""
    value = record.get(name, '')
    if isinstance(value, dict):
        value = ', '.join(f'{count} {reason}' for reason, count in value.items())
    text = html.escape(str(value))
    if name == 'bag' and record.get('tracks'):
        results = os.path.relpath(Path(record['tracks']).parent, folder)
        return f'<a href="{html.escape(quote(results))}/">{text}</a>'
    return text
