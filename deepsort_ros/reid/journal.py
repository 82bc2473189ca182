"""What a training run leaves to read: tables of losses and scores, and their curves."""
from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid.evaluation import ReidScores

LOG_NAME = 'log.csv'
SCORES_NAME = 'scores.csv'
CURVES_NAME = 'curves.png'

LOG_COLUMNS = (
    'step', 'loss', 'identity_loss', 'triplet_loss', 'learning_rate', 'teacher_loss')
SCORE_COLUMNS = ('step', 'rank1', 'rank5', 'rank10', 'mean_ap')

# Pixels of a curve's panel and around it; BGR.
WIDTH, HEIGHT, MARGIN = 640, 360, 56
COLOURS = ((180, 110, 40), (40, 90, 220))
PALE = (215, 215, 215)
SMOOTHED = 25


class Journal:
    """
    The tables and the curves of a run.

    :param folder: to write to; :param done: steps an interrupted run has done.
    """

    def __init__(self, folder: Path, done: int) -> None:
        """Go on with the tables that are there."""
        self._folder = folder
        self._log = _Table(folder / LOG_NAME, LOG_COLUMNS, done)
        self._scores = _Table(folder / SCORES_NAME, SCORE_COLUMNS, done)

    def add_losses(self, step: int, loss: float, identity_loss: float, triplet_loss: float,
                   learning_rate: float, teacher_loss: float = 0.0) -> None:
        """Write what a step has brought."""
        self._log.add(step, (f'{loss:.5f}', f'{identity_loss:.5f}', f'{triplet_loss:.5f}',
                             f'{learning_rate:.3e}', f'{teacher_loss:.5f}'))

    def add_scores(self, step: int, scores: ReidScores) -> None:
        """Write what a test has brought."""
        self._scores.add(step, [f'{value:.4f}' for value in (
            scores.rank1, scores.rank5, scores.rank10, scores.mean_ap)])

    def draw(self) -> None:
        """Bring the files and the picture up to date."""
        self._log.flush()
        self._scores.flush()
        draw_curves(self._folder)

    def close(self) -> None:
        """End the tables."""
        self._log.close()
        self._scores.close()


class _Table:
    """
    A CSV file that grows by rows, the first column the step.

    :param path: of the file; :param columns: its heading.
    :param done: rows of later steps, left by an interrupted run, are dropped.
    """

    def __init__(self, path: Path, columns: Sequence[str], done: int) -> None:
        """Open it and keep what a resumed run goes on from."""
        kept = [row for row in read_table(path)[1] if row[0] <= done] if done else []
        texts = [row + ['0'] * (len(columns) - len(row))
                 for row in _texts(path)[1:1 + len(kept)]]
        self._stream = path.open('w', newline='', encoding='utf-8')
        self._writer = csv.writer(self._stream)
        self._writer.writerow(columns)
        self._writer.writerows(texts)

    def add(self, step: int, values: Sequence[str]) -> None:
        """Write a row."""
        self._writer.writerow((step, *values))

    def flush(self) -> None:
        """Let readers see what has been written."""
        self._stream.flush()

    def close(self) -> None:
        """End the file."""
        self._stream.close()


def _texts(path: Path) -> list[list[str]]:
    if not path.is_file():
        return []
    with path.open(newline='', encoding='utf-8') as stream:
        return [row for row in csv.reader(stream) if row]


def read_table(path: Path) -> tuple[list[str], NDArray[np.float64]]:
    """Return the heading and the (N, C) rows of a file, both empty when there is none."""
    rows = _texts(path)
    return (rows[0] if rows else []), np.array(
        [[float(cell) for cell in row] for row in rows[1:]], dtype=np.float64)


def draw_curves(folder: Path) -> Path:
    """Draw what the tables of a folder hold, losses and scores, and return the picture's path."""
    panels = []
    heading, rows = read_table(folder / LOG_NAME)
    if len(rows):
        width = min(SMOOTHED, len(rows))
        mean = np.convolve(rows[:, 1], np.ones(width) / width, mode='valid')
        panels.append(_panel('loss', (0.0, float(rows[:, 1].max())), [
            ('each step', PALE, rows[:, 0], rows[:, 1]),
            (f'mean of {width}', COLOURS[0], rows[width - 1:, 0], mean)]))
    heading, rows = read_table(folder / SCORES_NAME)
    if len(rows):
        panels.append(_panel('held-out identities', (0.0, 1.0), [
            (name, colour, rows[:, 0], rows[:, heading.index(name)])
            for name, colour in zip(('rank1', 'mean_ap'), COLOURS)]))
    path = folder / CURVES_NAME
    picture = np.vstack(panels) if panels else np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    path.write_bytes(cv2.imencode('.png', picture)[1].tobytes())
    return path


def _panel(title: str, limits: tuple[float, float],
           lines: Sequence[tuple[str, tuple[int, int, int], Any, Any]]) -> NDArray[np.uint8]:
    """Return a (HEIGHT, WIDTH, 3) diagram of named lines over the steps."""
    panel = np.full((HEIGHT, WIDTH, 3), 255, dtype=np.uint8)
    low, high = limits
    last = max(float(x.max()) for _, _, x, _ in lines)

    def place(x: Any, y: Any) -> NDArray[np.int32]:
        across = MARGIN + np.asarray(x) / last * (WIDTH - 2 * MARGIN)
        up = HEIGHT - MARGIN - (np.asarray(y) - low) / (high - low) * (HEIGHT - 2 * MARGIN)
        return np.stack((across, up), axis=-1).round().astype(np.int32)

    def write(text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
        cv2.putText(panel, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)

    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = low + share * (high - low)
        (x0, y0), (x1, _) = place((0, last), (y, y)).tolist()
        cv2.line(panel, (x0, y0), (x1, y0), (235, 235, 235), 1)
        write(f'{y:.3g}', (8, y0 + 4), (60, 60, 60))
        write(f'{share * last:.0f}', (int(x0 + share * (x1 - x0)) - 12, HEIGHT - MARGIN + 20),
              (60, 60, 60))
    write('step', (WIDTH // 2 - 12, HEIGHT - 14), (60, 60, 60))
    write(title, (MARGIN, 24), (0, 0, 0))
    for number, (name, colour, x, y) in enumerate(lines):
        cv2.polylines(panel, [place(x, y)], False, colour, 1, cv2.LINE_AA)
        write(name, (WIDTH - MARGIN - 120 * (len(lines) - number), 24), colour)
    return panel
