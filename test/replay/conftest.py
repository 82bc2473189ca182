"""Where the replay finds what the live tests of the node use."""
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
