"""
The demo on a robot that moves: the drive tracked with and without ego-motion, seen from above.

Both runs go through the product's own pipeline. The video shows the tracks in the image and, to
scale, on the ground: truth as rings, tracks as dots with velocity and 95 % ellipse.
"""
from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from deepsort_ros.mot.evaluation import evaluate
from deepsort_ros.mot.evaluation import find_pairs
from deepsort_ros.mot.poses import find_poses
from deepsort_ros.mot.positions import evaluate_positions
from deepsort_ros.mot.rendering import draw_tracks
from deepsort_ros.mot.rendering import track_color
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.tracking import track
from deepsort_ros.mot.tracking import track_frames
from deepsort_ros.mot.tracking import TrackingSummary
from deepsort_ros.mot.video import VideoWriter
from deepsort_ros.pipeline import publishable
from deepsort_ros.pipeline import published
from deepsort_ros.scene.drive import DriveConfig
from deepsort_ros.scene.drive import write_drive
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import Tracks
from deepsort_ros.world.transforms import Transform
from deepsort_ros.world.world import Positions

Image = NDArray[np.uint8]
Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]

# Pixels per metre of the view from above, how far it reaches ahead of the robot, and back.
SCALE, AHEAD, BEHIND = 26, 17.0, 2.0
USUAL = DriveConfig()
# Axes of the ellipse that holds 95 %, in standard deviations.
ELLIPSE = 2.4477


@dataclass
class DriveDemoSummary:
    """
    What the drive came to.

    :param rows: one for each way of tracking: ids, switches, IDF1, HOTA, median error in m, and
        the share of positions inside their 95 % ellipse.
    """

    sequence: str
    video: str
    rows: list[dict[str, Any]]


def run(output: Path, bar: Bar, config: DriveConfig = USUAL) -> DriveDemoSummary:
    """
    Draw the drive, track it with and without ego-motion, write scores and a video.

    :param bar: gives a progress bar of that name.
    :raises OSError: a file cannot be written.
    """
    folder = output / 'drive'
    with bar('drawing') as progress:
        write_drive(folder, config, progress)
    sequence = open_sequence(folder)
    poses = find_poses(folder, sequence.size)
    settings = Settings().replace({
        'appearance': 'off', 'frame_rate': sequence.frame_rate, 'world': 'ground'})
    rows = []
    for name, motion in (('without ego-motion', 'off'), ('with ego-motion', 'tf')):
        results, places = output / f'drive_{motion}.txt', output / f'drive_{motion}_3d.txt'
        with bar(name) as progress:
            summary = track(sequence, settings.replace({'camera_motion': motion}), None, results,
                            progress=progress, poses=poses, world=places)
        scores, = evaluate(find_pairs([folder, results]))
        errors = evaluate_positions(folder, places)[-1]
        rows.append({'way': name, 'people': config.people, 'ids': summary.ids,
                     'IDs': scores.IDs, 'IDF1': round(scores.IDF1, 1),
                     'HOTA': round(scores.HOTA, 1), 'located_percent': round(errors.located),
                     'median_m': round(errors.median, 2), 'inside_percent': round(errors.inside)})
    video = output / 'drive.mp4'
    truth = _truth(folder)
    with bar('video') as progress, VideoWriter(video, sequence.frame_rate) as writer:
        totals = TrackingSummary(sequence.name, str(video), sequence.length)
        assert poses is not None
        for frame, tracks, positions in track_frames(
                sequence, settings.replace({'camera_motion': 'tf'}), None, totals, poses):
            image = frame.load()
            assert image is not None and positions is not None
            shown = published(tracks, settings)
            seen = draw_tracks(image, shown.id, shown.state, shown.tlwh)
            pose = poses.poses[frame.number - 1]
            above = draw_above(
                image.shape[0], pose, truth.get(frame.number, np.empty((0, 3))), shown,
                positions.select(publishable(tracks, settings)))
            writer.write(np.hstack((seen, above)))
            progress(frame.number, sequence.length)
    return DriveDemoSummary(str(folder), str(video), rows)


def _truth(folder: Path) -> dict[int, NDArray[np.float64]]:
    """Return the (N, 3) true places of every frame, in the camera's frame."""
    rows = np.loadtxt(folder / 'gt3d.txt', delimiter=',', ndmin=2)
    return {int(number): rows[rows[:, 0] == number, 5:8] for number in np.unique(rows[:, 0])}


def draw_above(height: int, pose: Transform, truth: NDArray[np.float64], tracks: Tracks,
               positions: Positions) -> Image:
    """
    Return a view from above, the robot below looking up, to scale.

    :param height: of the picture in pixels; :param pose: fixed frame <- camera.
    :param truth: (N, 3) in the camera's frame; :param tracks, positions: row by row.
    """
    scale = SCALE * height / (SCALE * (AHEAD + BEHIND))
    width = int(height * 0.75) // 2 * 2
    canvas = np.full((height, width, 3), 40, dtype=np.uint8)
    robot = np.array((width / 2, height - BEHIND * scale))
    heading = pose.rotation[:2, 2] / np.linalg.norm(pose.rotation[:2, 2])
    # Rows take the fixed frame to the picture: right, and down.
    turn = scale * np.array(((heading[1], -heading[0]), (-heading[0], -heading[1])))

    def pixel(place: NDArray[np.float64]) -> tuple[int, int]:
        x, y = robot + turn @ (place - pose.translation[:2])
        return round(float(np.clip(x, -9999, 9999))), round(float(np.clip(y, -9999, 9999)))

    for metres in range(5, int(AHEAD) + 1, 5):
        cv2.circle(canvas, pixel(pose.translation[:2]), round(metres * scale), (75, 75, 75), 1,
                   cv2.LINE_AA)
        cv2.putText(canvas, f'{metres} m', (width // 2 + 4, round(robot[1] - metres * scale) - 4),
                    cv2.FONT_HERSHEY_SIMPLEX, 0.4, (150, 150, 150), 1, cv2.LINE_AA)
    cv2.drawMarker(canvas, pixel(pose.translation[:2]), (255, 255, 255), cv2.MARKER_TRIANGLE_UP,
                   16, 2)
    for point in truth:
        place = (pose.rotation @ point + pose.translation)[:2]
        cv2.circle(canvas, pixel(place), 9, (235, 235, 235), 1, cv2.LINE_AA)
    for row in positions.source.nonzero()[0].tolist():
        color = track_color(int(tracks.id[row]))
        place = positions.position[row, :2]
        lengths, axes = np.linalg.eigh(turn @ positions.covariance[row, :2, :2] @ turn.T)
        angle = float(np.degrees(np.arctan2(axes[1, 1], axes[0, 1])))
        sizes = ELLIPSE * np.sqrt(np.maximum(lengths, 0.0))
        cv2.ellipse(canvas, pixel(place), (round(float(sizes[1])), round(float(sizes[0]))), angle,
                    0, 360, color, 1, cv2.LINE_AA)
        cv2.circle(canvas, pixel(place), 5, color, cv2.FILLED, cv2.LINE_AA)
        cv2.line(canvas, pixel(place), pixel(place + positions.velocity[row]), color, 2,
                 cv2.LINE_AA)
        x, y = pixel(place)
        cv2.putText(canvas, str(int(tracks.id[row])), (x + 8, y - 8), cv2.FONT_HERSHEY_SIMPLEX,
                    0.5, color, 1, cv2.LINE_AA)
    return canvas


def format_summary(summary: DriveDemoSummary) -> str:
    """Return the table and where the files are."""
    header = {'way': 'the drive', 'people': 'people', 'ids': 'ids', 'IDs': 'switches',
              'IDF1': 'IDF1', 'HOTA': 'HOTA', 'located_percent': 'located %',
              'median_m': 'median m', 'inside_percent': 'inside 95 % %'}
    table: str = tabulate(summary.rows, header)
    return f'{table}\n\nvideo: {summary.video}\nsequence: {summary.sequence}'
