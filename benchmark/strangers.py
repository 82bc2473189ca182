"""
Share of images in which a stranger's features lie within the limit of a person's.

    python benchmark/ablation.py --model bundled --without MOT17 --features out/bundled
    python benchmark/strangers.py out/bundled --sequences KITTI-17 MOT16-09-SDP

The first command computes the features, the second reads them. Each detection that shows a person
is compared with those of the last 90 images. An image counts when one of them, of another person,
is nearer than the limit. ``first`` is how often the nearest shows the same person, where that one
was seen before.
"""
from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'benchmark')]

from ablation import inputs  # noqa: E402,I100
from limits import identities  # noqa: E402
from limits import NO_ONE  # noqa: E402
from limits import read_truth  # noqa: E402

from deepsort_ros.mot.tracking import StoredFeatures  # noqa: E402
from deepsort_ros.reid.files import BUNDLED  # noqa: E402
from deepsort_ros.reid.model import read_model  # noqa: E402

# Columns of a detection before its feature, and images that count.
COLUMNS, PAST = 10, 90
NONE = 9.0


def shares(frame: NDArray[np.int64], person: NDArray[np.int64], feature: NDArray[np.float64],
           limit: float) -> tuple[float, float]:
    """
    Return the share of images with a stranger within the limit, and that of right nearest ones.

    :param frame: (N,), :param person: (N,), :param feature: (N, D) of unit length.
    """
    images, strangers, asked, right = 0, 0, 0, 0
    for number in np.unique(frame):
        now = np.flatnonzero(frame == number)
        past = np.flatnonzero((frame < number) & (frame >= number - PAST))
        if not len(past):
            continue
        distance = 1 - feature[now] @ feature[past].T
        same = person[now][:, None] == person[past]
        other, own = (np.where(which, distance, NONE).min(1) for which in (~same, same))
        images += 1
        strangers += bool((other < limit).any())
        known = own < NONE
        asked += np.count_nonzero(known)
        right += np.count_nonzero(own[known] < other[known])
    return strangers / max(images, 1), right / max(asked, 1)


def main() -> None:
    """Print a row for each sequence and folder of features."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('features', type=Path, nargs='+', help='folders, one for each model')
    parser.add_argument('--sequences', nargs='+', metavar='NAME', help='only these')
    parser.add_argument('--limit', type=float, help='cosine distance (default: of the bundled)')
    parser.add_argument('--data', type=Path, default=Path(os.environ.get(
        'DEEPSORT_DATA', ROOT.parent / 'shared' / 'data')))
    options = parser.parse_args()
    limit = options.limit or read_model(BUNDLED).max_cosine_distance
    rows = []
    for folder in options.features:
        for one in inputs(options.data, folder):
            if not one.features.is_file() or options.sequences and (
                    one.name not in options.sequences):
                continue
            table = StoredFeatures(one.features).table
            person = identities(table, read_truth(one.path))
            feature = np.load(one.features)[table.line - 1, COLUMNS:]
            shown = (person != NO_ONE) & np.isfinite(feature).all(1)
            found = shares(table.frame[shown], person[shown], feature[shown], limit)
            rows.append([folder.name, one.name, *(f'{share:.0%}' for share in found)])
    print(tabulate(rows, ('features', 'sequence', f'stranger within {limit:g}', 'first'),
                   tablefmt='github'))


if __name__ == '__main__':
    main()
