"""Whatever happens to the running node, it says so in words and tracks again afterwards."""
import re

import live
import pytest
from faults import Bench
from faults import FAULTS


@pytest.fixture(scope='module')
def bench(tmp_path_factory, graph, domain):
    """Start one node for all faults; those that end it start the next."""
    bench = Bench(tmp_path_factory.mktemp('bench'), domain, graph)
    yield bench
    assert bench.node.stop() == 0
    assert 'Traceback' not in bench.node.log()


# By name, and so in no order that was thought of: no fault may need another one before it.
@pytest.mark.parametrize('name', sorted(FAULTS))
def test_after_a_fault_it_tracks_again(bench, name):
    bench.ready()
    FAULTS[name](bench)
    bench.check()


def test_the_node_page_explains_every_diagnostic(bench):
    page = (live.ROOT / 'docs' / 'node.md').read_text()
    keys = bench.keys | {value.key for part in ('inputs', 'tracking', 'appearance')
                         for value in bench.tracking.status(part).values}
    assert len(keys) > 40
    explained = set(re.findall('`([a-z0-9_]+)`', page.split('## Diagnostics')[1]))
    assert {re.sub('_p(50|95|99)_ms$', '', key) for key in keys} - explained == set()


def test_the_node_page_lists_every_fault():
    page = (live.ROOT / 'docs' / 'node.md').read_text()
    table = page.split('## Faults')[1]
    listed = [row.split('|')[1].strip() for row in table.splitlines() if row.startswith('| ')]
    assert len(FAULTS) >= 25 and set(FAULTS) <= set(listed)
