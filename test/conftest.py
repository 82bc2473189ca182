"""What all tests share: where the data lies, and a small sequence."""
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

LENGTH = 12
# Rooms whose tests watch running nodes: of several processes one runs them all, in turn.
LIVE = ('replay', 'ros', 'soak')


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Have pytest-xdist keep the tests of a file in one process, and all that watch nodes."""
    from xdist.scheduler import LoadFileScheduling

    class Rooms(LoadFileScheduling):

        def _split_scope(self, nodeid: str) -> str:
            path = Path(nodeid.split('::')[0])
            return 'live' if path.parent.name in LIVE else str(path)

    return Rooms(config, log)


@pytest.fixture(scope='session')
def data() -> Path:
    """Return the folder of real sequences, or skip where there is none."""
    beside = Path(__file__).resolve().parents[2] / 'shared' / 'data'
    folder = Path(os.environ.get('DEEPSORT_DATA', beside))
    if not folder.is_dir():
        pytest.skip('no data')
    return folder


def boxes(frame: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return (10.0 + 4 * frame, 20.0, 20.0, 50.0), (110.0 - 4 * frame, 60.0, 20.0, 50.0)


def row(frame: int, number: int, box: tuple[float, ...], tail: str) -> str:
    return f'{frame},{number},' + ','.join(f'{value:g}' for value in box) + f',{tail}\n'


@pytest.fixture
def sequence_folder(tmp_path: Path) -> Path:
    folder = tmp_path / 'crossing'
    for name in ('img1', 'det', 'gt'):
        (folder / name).mkdir(parents=True)
    truth, detections = [], []
    for frame in range(1, LENGTH + 1):
        image = np.full((120, 160, 3), 90 + frame, dtype=np.uint8)
        cv2.imwrite(str(folder / 'img1' / f'{frame:06d}.jpg'), image)
        for number, box in enumerate(boxes(frame), 1):
            truth.append(row(frame, number, box, '1,-1,-1,-1'))
            detections.append(row(frame, -1, box, '0.9,-1,-1,-1'))
    (folder / 'gt' / 'gt.txt').write_text(''.join(truth))
    (folder / 'det' / 'det.txt').write_text(''.join(detections))
    (folder / 'seqinfo.ini').write_text(
        '[Sequence]\nname=crossing\nimDir=img1\nframeRate=10\n'
        f'seqLength={LENGTH}\nimWidth=160\nimHeight=120\nimExt=.jpg\n')
    return folder
