"""``deepsort evaluate-reid``."""
from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from deepsort_ros.commands.common import add_command
from deepsort_ros.commands.common import add_json
from deepsort_ros.commands.common import add_model
from deepsort_ros.commands.common import progress_bar
from deepsort_ros.commands.paths import check_files
from deepsort_ros.commands.values import whole
from deepsort_ros.settings import SettingError
from deepsort_ros.settings import SPECS

CHOSEN = ('model', 'engine', 'device', 'color_order', 'normalisation')


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, 'evaluate-reid', run, 'score the appearance network on crops',
        'Rank-1, 5, 10 and mAP by the Market-1501 protocol: one query per identity and camera, '
        'found by other cameras only. Where no one is seen by two cameras, the first crop of '
        'each identity searches all others. Also measures how far apart same and different '
        'people are in one camera, and recommends max_cosine_distance.',
        'deepsort evaluate-reid Market-1501 --picture ranked.jpg')
    parser.add_argument(
        'data', type=Path, help='Market-1501 (its query and bounding_box_test, else the last 150 '
        'identities of its training set), a folder of crops named as there, or one with a '
        'folder per identity')
    parser.add_argument('--held-out', type=whole(1), metavar='N',
                        help='only the last N identities of the training set')
    parser.add_argument('--cameras', type=whole(0), nargs=2, metavar=('QUERY', 'GALLERY'),
                        help='one query per identity, from the one camera, searches all crops '
                        'of the other')
    add_model(parser)
    parser.add_argument('--color-order', choices=SPECS['color_order'].choices,
                        help='channel order the network is fed (default: as the model says)')
    parser.add_argument('--normalisation', choices=SPECS['normalisation'].choices,
                        help='what pixels are made into (default: as the model says)')
    parser.add_argument('--picture', type=Path, metavar='FILE',
                        help='draw some queries with what was found first')
    parser.add_argument('--queries', type=whole(1), metavar='N',
                        help='how many in the picture (default: 8)')
    parser.add_argument('--write', action='store_true',
                        help='write the recommended max_cosine_distance into the metadata of an '
                        'ONNX model, or into MODEL.json beside another; the node uses it')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Encode, score, print."""
    from deepsort_ros.reid.dataset import between_cameras
    from deepsort_ros.reid.dataset import DatasetError
    from deepsort_ros.reid.dataset import read_test
    from deepsort_ros.reid.distances import as_text
    from deepsort_ros.reid.distances import Distances
    from deepsort_ros.reid.distances import measure
    from deepsort_ros.reid.encoder import Encoder
    from deepsort_ros.reid.evaluation import encode_crops
    from deepsort_ros.reid.evaluation import score_features
    from deepsort_ros.reid.evaluation import write_picture
    from deepsort_ros.reid.model import read_model
    from deepsort_ros.reid.model_notes import note
    given = {name: getattr(args, name) for name in CHOSEN if getattr(args, name) is not None}
    given.setdefault('model', 'bundled')
    if args.queries and not args.picture:
        raise SettingError('--queries: has no effect without --picture')
    check_files({'the data': args.data}, {'--picture': args.picture})
    model = read_model(given['model'])
    # The data first: a network takes seconds to compile.
    test = read_test(args.data, args.held_out, (model.height, model.width))
    if args.cameras:
        test = between_cameras(test.crops, *args.cameras)
    encoder = Encoder.create(**given, batch_buckets=(8, 32))
    with progress_bar('encoding', 'crop', args.json) as progress:
        features = encode_crops(encoder, test.crops, progress)
    scores = score_features(features, test)
    distances: Distances | None = None
    try:
        distances = measure(features, test.crops, encoder.max_cosine_distance)
        said = as_text(distances)
    except DatasetError as error:
        if args.write:
            raise
        said = str(error)
    written = note(given['model'], max_cosine_distance=distances.recommended) if (
        args.write and distances) else None
    if args.picture:
        write_picture(args.picture, features, test, args.queries or 8)
    if args.json:
        found = {**dataclasses.asdict(scores), 'written': str(written) if written else None,
                 'distances': dataclasses.asdict(distances) if distances else None}
        print(json.dumps(found, indent=2))
        return 0
    print(f'rank-1 {scores.rank1:.1%}, rank-5 {scores.rank5:.1%}, rank-10 {scores.rank10:.1%}, '
          f'mAP {scores.mean_ap:.1%} ({scores.queries} queries, gallery of {scores.gallery} '
          f'crops, {scores.identities} identities, '
          f'{"across cameras" if scores.cross_camera else "within one camera"})')
    print(said)
    if written:
        print(f'written into {written}')
    return 0
