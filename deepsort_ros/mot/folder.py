"""What a folder of images says of itself: MOTChallenge sequences, and folders less complete."""
from __future__ import annotations

import configparser
import fractions
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import cv2

from deepsort_ros.mot.cells import MotFileError
from deepsort_ros.mot.cells import read_text
from deepsort_ros.mot.names import numbered
from deepsort_ros.mot.names import OTHERS
from deepsort_ros.mot.names import seconds
from deepsort_ros.mot.names import SPARSE
from deepsort_ros.mot.names import split
from deepsort_ros.mot.names import SUFFIXES

DESCRIPTION = 'seqinfo.ini'
IMAGES = 'img1'
# Hz, where nothing says it: that of most cameras, and the default of the settings.
ASSUMED_RATE = 30.0
# Folders of tables, in which detections and truth of a sequence lie.
TABLES = (Path('det', 'det.txt'), Path('gt', 'gt.txt'))


@dataclass(frozen=True)
class Folder:
    """
    A sequence folder.

    :param frame_rate: Hz; :param size: (width, height) in pixels, (0, 0) when unknown.
    :param length: frames, 0 when neither the description nor images say it.
    :param images: file of each frame from 1 to ``length``, also of one that is missing; empty
        without images.
    :param notes: what was assumed, a sentence each.
    :param times: seconds of each frame after the first, where the names of images are stamps.
    """

    name: str
    frame_rate: float
    length: int
    size: tuple[int, int]
    images: dict[int, Path]
    notes: tuple[str, ...] = field(default=())
    times: tuple[float, ...] = ()


def is_sequence(path: Path) -> bool:
    """Whether a folder holds a description, images or tables of a sequence."""
    return (_description(path) is not None or (path / IMAGES).is_dir()
            or any((path / table).is_file() for table in TABLES) or bool(_pictures(path)))


def read_folder(path: Path) -> Folder:
    """
    Read the description and the names of the images of a folder.

    Images are in the folder that the description names, in ``img1``, or in the folder itself.
    Their numbers are at the end of their names; the lowest is frame 1. Images that are named by
    time stamps are frames in their order.

    :raises MotFileError: not a sequence, a description with a fault, or images of several series.
    """
    if not is_sequence(path):
        raise MotFileError(
            f'{path}: not a sequence, it has no {DESCRIPTION}, no images (in {IMAGES} or in '
            f'itself), no det/det.txt and no gt/gt.txt{_what_else(path)}')
    ini = _description(path)
    section = _read_description(ini) if ini is not None else {}
    notes = [] if ini is not None else [f'{path}: no {DESCRIPTION}']
    folder = path / section.get('imdir', IMAGES)
    if not folder.is_dir() and _pictures(path):
        folder = path
    length = _whole(section, 'seqlength', ini)
    if length is not None and length < 1:
        raise MotFileError(f'{ini}: seqLength {length} is below 1')
    images: dict[int, Path] = {}
    times: tuple[float, ...] = ()
    if folder.is_dir():
        pictures = _chosen(folder, section.get('imext', ''))
        stamps = seconds(pictures) if len(pictures) > 1 else None
        if stamps is not None:
            images, times = _in_order(folder, stamps, notes)
        elif pictures:
            images = _numbered(folder, pictures, length, notes)
        elif strangers := _what_else(folder):
            notes.append(f'{folder}: no images that can be read{strangers}')
    rate = _rate(section, ini, path, notes, times)
    last = max(images, default=0)
    length = length or last
    if last > length:
        notes.append(f'{folder}: holds images up to frame {last}, only the {length} of seqLength '
                     'are used')
    elif section.get('imdir', IMAGES) != IMAGES and not images:
        notes.append(f'{ini}: imDir={section["imdir"]} names no folder with images')
    size = _said_size(section, ini, images, notes)
    name = section.get('name', '').strip() or path.resolve().name
    return Folder(name, rate, length, size, images, tuple(notes), times[:length])


def _description(path: Path) -> Path | None:
    """Return the description, whatever the case of its letters."""
    return next((entry for entry in sorted(path.iterdir())
                 if entry.name.lower() == DESCRIPTION and entry.is_file()), None)


def _read_description(ini: Path) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(read_text(ini))
        return dict(parser['Sequence'])
    except (configparser.Error, KeyError) as error:
        reason = str(error).replace('\n', ' ')
        raise MotFileError(f'{ini}: not a sequence description: {reason}') from error


def _rate(section: dict[str, str], ini: Path | None, path: Path, notes: list[str],
          times: tuple[float, ...]) -> float:
    text = section.get('framerate', '').strip()
    if times:
        steps = sorted(later - earlier for earlier, later in zip(times, times[1:]))
        return 1 / steps[len(steps) // 2]
    if not text:
        notes.append(f'{ini or path}: no frameRate, {ASSUMED_RATE:g} Hz is assumed')
        return ASSUMED_RATE
    try:
        rate = float(fractions.Fraction(text) if '/' in text else text.replace(',', '.'))
    except (ValueError, ZeroDivisionError) as error:
        raise MotFileError(f'{ini}: not a sequence description: frameRate {text!r} is not a '
                           'number') from error
    if not 0 < rate < float('inf'):
        raise MotFileError(f'{ini}: frameRate {rate:g} is not a rate')
    return rate


def _whole(section: dict[str, str], name: str, ini: Path | None) -> int | None:
    text = section.get(name, '').strip()
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise MotFileError(f'{ini}: not a sequence description: {name} {text!r} is not a whole '
                           'number') from error


def _pictures(folder: Path) -> list[Path]:
    return [entry for entry in folder.iterdir() if numbered(entry)]


def _what_else(folder: Path) -> str:
    """Return what a folder without images holds instead, if it is something near."""
    entries = sorted(folder.iterdir())
    inside = [entry for entry in entries if entry.is_dir() and is_sequence(entry)]
    if inside:
        return f'; {len(inside)} folders in it are sequences, {inside[0].name} for one'
    for suffixes, text in (
            (OTHERS, 'are no images that are read: convert them to one of '
             f'{", ".join(SUFFIXES)}'),
            (SUFFIXES, 'have no number in their names')):
        found = [entry for entry in entries if entry.suffix.lower() in suffixes]
        if found:
            return f'; {len(found)} files like {found[0].name} {text}'
    return ''


def _chosen(folder: Path, extension: str) -> list[Path]:
    """Return the pictures, those with an extension where there are several kinds."""
    pictures = _pictures(folder)
    wanted = f'.{extension.strip().lstrip(".").lower()}'
    return [entry for entry in pictures if entry.suffix.lower() == wanted] or pictures


def _in_order(folder: Path, stamps: dict[Path, int],
              notes: list[str]) -> tuple[dict[int, Path], tuple[float, ...]]:
    """Return the images by frame and their times, of pictures that are named by time stamps."""
    order = sorted(stamps, key=lambda entry: stamps[entry])
    notes.append(f'{folder}: the images are named by time stamps, {order[0].name} is frame 1; '
                 'their times are used')
    first = stamps[order[0]]
    return dict(enumerate(order, 1)), tuple((stamps[entry] - first) / 1e9 for entry in order)


def _numbered(folder: Path, pictures: list[Path], length: int | None,
              notes: list[str]) -> dict[int, Path]:
    """
    Return the images by frame, and where missing ones would be.

    :param length: of the description.
    """
    found: dict[int, Path] = {}
    series = set()
    parts = split(pictures)
    for entry in sorted(pictures):
        before, digits, behind = parts[entry]
        series.add((before, behind + entry.suffix.lower()))
        if len(series) > 1 or int(digits) in found:
            kinds = ', '.join(sorted(f'{start}...{end}' for start, end in series))
            raise MotFileError(f'{folder}: images of several series ({kinds}), {entry.name} among '
                               'them; keep one series in the folder')
        found[int(digits)] = entry
    first, last = min(found), max(found)
    if last - first > SPARSE * len(found):
        notes.append(f'{folder}: the numbers of the images are far apart, so they are taken in '
                     f'their order; {found[first].name} is frame 1')
        return dict(enumerate((found[number] for number in sorted(found)), 1))
    # The lowest is frame 1, unless the description says that images before it are missing.
    shift = first - 1 if not length or first == 0 or last > length else 0
    if shift:
        notes.append(f'{folder}: frame 1 is {found[first].name}')
    before, digits, behind = parts[found[first]]
    width = len(digits) if len({len(parts[entry][1]) for entry in pictures}) == 1 else 1
    end = max(last, shift + (length or 0)) + 1
    return {number - shift: found.get(number) or folder / (
        f'{before}{number:0{width}d}{behind}{found[first].suffix}')
        for number in range(1 + shift, end)}


def _said_size(section: dict[str, str], ini: Path | None, images: dict[int, Path],
               notes: list[str]) -> tuple[int, int]:
    """Return (width, height), of the first image where there is one."""
    said = (_whole(section, 'imwidth', ini) or 0, _whole(section, 'imheight', ini) or 0)
    first = next((path for path in images.values() if path.is_file()), None)
    size = (0, 0) if first is None else _size(first)
    if all(said) and all(size) and said != size:
        notes.append(f'{first}: {size[0]} x {size[1]} pixels'
                     f'{" once turned as its EXIF data say" if said == size[::-1] else ""}, and '
                     f'{ini} says {said[0]} x {said[1]}; detections must be of the images')
    return size if all(size) else said


def _size(path: Path) -> tuple[int, int]:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return (0, 0) if image is None else (image.shape[1], image.shape[0])
