"""One crop on every device, each in a process of its own, timed and compared with the CPU."""
from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepsort_ros.doctor.checks import Check
from deepsort_ros.reid.engines import ENGINES
from deepsort_ros.reid.engines import installed
from deepsort_ros.reid.model import read_model
from deepsort_ros.reid.probe import ask
from deepsort_ros.reid.probe import MARK

# Seconds for import, compile and computing; on a board the compile takes minutes.
TIMEOUT = 900.0
# Half precision stays well below it.
MAX_DISTANCE = 1e-3
RUNS = 5


def devices(model: str = 'bundled', files: Path = Path('/dev')) -> Iterator[tuple[str, str]]:
    """Yield the engine and the device of every pair worth trying with a model on this machine."""
    kind_of_model = read_model(model).kind
    kinds = ['CPU']
    if any(files.glob('davinci[0-9]*')):
        kinds.append('Ascend')
    if any(files.glob('nvidia[0-9]*')):
        kinds.append('GPU')
    for engine, models in ENGINES.items():
        if kind_of_model in models and installed(engine):
            yield from ((engine, kind) for kind in kinds)


def check(pairs: Sequence[tuple[str, str]], progress: Callable[[str], object],
          command: Callable[[str, str], Sequence[str]] | None = None,
          model: str = 'bundled') -> list[Check]:
    """
    Compute the same crop on every engine and device.

    :param model: that computes, as of the setting of this name.
    :param command: of the child for an engine and a device, instead of this module.
    """
    found: list[Check] = []
    reference: Any = None
    for engine, kind in pairs:
        name = f'crop {engine} {kind}'
        progress(f'computing a crop with {engine} on {kind}')
        result, fault, _ = ask(
            command(engine, kind) if command else
            [sys.executable, '-m', __name__, engine, kind, model],
            f'computing with {engine} on {kind}', TIMEOUT, progress)
        if result is None or result.get('fault'):
            fault = fault or str(result and result['fault'])
            found.append(Check(name, 'error', fault, 'docs/ascend.md, docs/troubleshooting.md'))
            continue
        feature = result['feature']
        text = f'{result["milliseconds"]:.1f} ms a crop, {result["precision"]}'
        state, cure = 'ok', ''
        if reference is None:
            reference = feature
        else:
            distance = 1.0 - sum(a * b for a, b in zip(feature, reference))
            text += f', differs from the first by {abs(distance):.0e} (1 - cosine)'
            if not distance < MAX_DISTANCE:
                state, cure = 'error', 'the device computes something else: do not use it'
        if result['device'] != kind:
            state, text = 'warning', f'{result["note"]} ({text})'
        found.append(Check(name, state, text, cure))
    return found


def compute(engine: str, kind: str, model: str) -> dict[str, Any]:
    """Return the feature of a fixed crop, and what computing it took."""
    import numpy as np

    from deepsort_ros.reid.encoder import Encoder
    encoder = Encoder.create(model, kind, batch_buckets=(1,), engine=engine)
    image = np.random.default_rng(0).integers(0, 256, (128, 64, 3), dtype=np.uint8)
    box = np.array([[0.0, 0.0, 64.0, 128.0]])
    feature = encoder.encode(image, box)[0]
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        encoder.encode(image, box)
        seconds.append(time.perf_counter() - started)
    described = encoder.describe()
    return {'feature': [float(value) for value in feature], 'device': described['device'],
            'note': described['device_note'], 'precision': described['precision'],
            'milliseconds': 1000 * sorted(seconds)[RUNS // 2]}


def main(arguments: Sequence[str]) -> None:
    """Compute with ``ENGINE DEVICE MODEL`` in this process and print what came of it."""
    try:
        result = compute(*arguments)
    except Exception as error:  # noqa: B902 whatever a device throws is its reason
        result = {'fault': f'{type(error).__name__}: {error}'}
    print(f'\n{MARK}{json.dumps(result)}', flush=True)
    os._exit(0)


if __name__ == '__main__':
    main(sys.argv[1:])
