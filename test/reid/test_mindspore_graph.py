"""A network that MindSpore runs is understood once, compiled for each size, and released."""
import gc
import sys
from pathlib import Path

import numpy as np
import pytest
from random_network import random_parameters

from deepsort_ros.reid import mindspore_graph
from deepsort_ros.reid.architectures import MODELZOO
from deepsort_ros.reid.architectures import OMNI
from deepsort_ros.reid.engines import mindspore_engine
from deepsort_ros.reid.folding import fold
from deepsort_ros.reid.mindspore_graph import load_graph
from deepsort_ros.reid.mindspore_graph import write_graph
from deepsort_ros.reid.runtime import GIVES_MEMORY_BACK
from deepsort_ros.reid.runtime import ms
from deepsort_ros.reid.runtime import tensor

MEBIBYTE = 2**20


def images(count):
    return np.random.default_rng(count).normal(size=(count, 3, 128, 64)).astype(np.float32)


def resident():
    """Return MiB of memory of this process."""
    gc.collect()
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * 4096 / MEBIBYTE


def test_mindspore_reads_the_network_once_for_all_sizes(monkeypatch):
    written = []
    monkeypatch.setattr(mindspore_graph, 'write_graph', lambda *arguments, **named: (
        written.append(1), write_graph(*arguments, **named)))
    folded = fold(random_parameters(7, OMNI))
    graph = load_graph(OMNI, folded)
    assert [graph(tensor(images(n))).shape for n in (1, 3, 2)] == [(1, 128), (3, 128), (2, 128)]
    load_graph(OMNI, folded)
    assert written == [1]


def test_networks_of_two_kinds_do_not_mix():
    folded = [fold(random_parameters(architecture=one)) for one in (OMNI, MODELZOO)]
    graphs = [load_graph(one, own) for one, own in zip((OMNI, MODELZOO), folded)]
    together = [graph(tensor(images(2))).asnumpy() for graph in graphs]
    for one, own, found in zip((OMNI, MODELZOO), folded, together):
        alone = load_graph(one, own)(tensor(images(2))).asnumpy()
        np.testing.assert_array_equal(found, alone)
    assert not [name for name in sys.modules if name.startswith(mindspore_graph.MODULE)]


def test_a_file_of_unit_features_holds_those_of_the_network(tmp_path):
    folded = fold(random_parameters(architecture=OMNI))
    write_graph(OMNI, folded, tmp_path / 'unit.mindir', unit=True)
    unit = mindspore_graph.nn.GraphCell(ms.load(str(tmp_path / 'unit.mindir')))
    raw = load_graph(OMNI, folded)(tensor(images(2))).asnumpy()
    np.testing.assert_allclose(
        unit(tensor(images(2))).asnumpy(), raw / np.linalg.norm(raw, axis=1, keepdims=True),
        rtol=0, atol=1e-6)


@pytest.mark.skipif(not GIVES_MEMORY_BACK, reason='this MindSpore keeps the memory')
def test_a_network_that_is_dropped_gives_its_memory_back():
    parameters = random_parameters(architecture=OMNI)

    def load_and_drop():
        mindspore_engine.of_parameters(parameters, 'CPU', (8,)).run(images(8))

    for _ in range(2):
        load_and_drop()
    before = resident()
    for _ in range(4):
        load_and_drop()
    # One that stays is over 100 MiB.
    assert resident() - before < 100
