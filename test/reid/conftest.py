"""A checkpoint that needs no training."""
import pytest


@pytest.fixture(scope='session')
def random_checkpoint(tmp_path_factory):
    """Return the path of a checkpoint with random parameters."""
    from random_network import random_parameters
    from random_network import write_checkpoint
    path = tmp_path_factory.mktemp('models') / 'random.ckpt'
    return write_checkpoint(random_parameters(), path)
