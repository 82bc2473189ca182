"""What all tests share: where the data lies."""
import os
from pathlib import Path

import pytest


@pytest.fixture(scope='session')
def data() -> Path:
    """Return the folder of real sequences, or skip where there is none."""
    beside = Path(__file__).resolve().parents[2] / 'shared' / 'data'
    folder = Path(os.environ.get('DEEPSORT_DATA', beside))
    if not folder.is_dir():
        pytest.skip('no data')
    return folder
