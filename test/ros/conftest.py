"""Fixtures of the live tests."""
import os

import live
import pytest

# Read when this process makes its first participant.
for name, value in live.ISOLATION.items():
    os.environ.setdefault(name, value)


@pytest.fixture(scope='module')
def domain():
    """Yield a ROS_DOMAIN_ID for this module."""
    with live.own_domain() as number:
        yield number
        live.kill_all()


@pytest.fixture(scope='module')
def graph(domain):
    """Yield test nodes on the module's domain."""
    graph = live.Graph(domain)
    yield graph
    graph.close()


@pytest.fixture
def start_node(tmp_path, domain):
    """Return a function that starts a node; all are stopped at the end."""
    nodes = []

    def start(*arguments, **parameters):
        nodes.append(live.NodeProcess(tmp_path, domain, *arguments, **parameters))
        return nodes[-1]

    yield start
    for node in nodes:
        node.stop()
