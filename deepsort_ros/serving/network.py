"""Loading the appearance network of the settings, and what its failures mean."""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from typing import TypeAlias

from deepsort_ros.settings import SettingError
from deepsort_ros.settings import Settings

# Settings of the network, and so of all cameras that share it.
NETWORK_SETTINGS = (
    'engine', 'device', 'device_id', 'model', 'precision', 'batch_buckets', 'color_order',
    'normalisation')
# What drivers, MindSpore, OpenCV and C++ say when memory ran out.
OUT_OF_MEMORY = re.compile(
    r"out ?of ?memory|memory (is not|isn't|not) enough|insufficient memory|bad_?alloc"
    r'|(alloc|allocate|allocation|malloc)\b.*\bfail|fail\w*\b.*\b(alloc|allocate|malloc)\b', re.I)

Progress: TypeAlias = Callable[[str], None]


class Unavailable(RuntimeError):
    """There is no network now: not loaded, being loaded, or the process ends."""


def out_of_memory(error: Exception) -> bool:
    """Return whether an error says that memory ran out, on the device or here."""
    return isinstance(error, MemoryError) or bool(OUT_OF_MEMORY.search(str(error)))


def load_encoder(settings: Settings, progress: Progress) -> Any:
    """
    Return the encoder of the settings, compiled.

    Imports the engine here, on first use: that takes seconds, and ``appearance: off`` needs none
    of it.

    :param progress: called before every long step; what it raises ends the loading.
    """
    from deepsort_ros.reid.encoder import Encoder

    encoder = Encoder.create(
        **{name: getattr(settings, name) for name in NETWORK_SETTINGS}, progress=progress)
    encoder.warm_up(progress)
    return encoder


def check_same_network(settings: Settings, others: Settings) -> None:
    """
    Check the settings of a camera against those of another one that has the network.

    :raises SettingError: they ask for another network.
    """
    for name in NETWORK_SETTINGS:
        value, other = getattr(settings, name), getattr(others, name)
        if value != other:
            raise SettingError(f'{name}: {value!r} is not {other!r}, as other cameras of '
                               f'this process have it: they share one network')
