"""What a folder of images says of itself: MOTChallenge sequences, and folders less complete."""
from __future__ import annotations

import configparser
import re
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import cv2

from deepsort_ros.mot.cells import MotFileError
from deepsort_ros.mot.cells import read_text

DESCRIPTION = 'seqinfo.ini'
IMAGES = 'img1'
# What OpenCV reads everywhere.
SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp', '.ppm', '.pgm')
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
    """

    name: str
    frame_rate: float
    length: int
    size: tuple[int, int]
    images: dict[int, Path]
    notes: tuple[str, ...] = field(default=())


def is_sequence(path: Path) -> bool:
    """Whether a folder holds a description, images or tables of a sequence."""
    return (_description(path) is not None or (path / IMAGES).is_dir()
            or any((path / table).is_file() for table in TABLES) or bool(_pictures(path)))


def read_folder(path: Path) -> Folder:
    """
    Read the description and the names of the images of a folder.

    Images are in the folder that the description names, in ``img1``, or in the folder itself.
    Their numbers are at the end of their names; the lowest is frame 1.

    :raises MotFileError: not a sequence, a description with a fault, or images of several series.
    """
    if not is_sequence(path):
        raise MotFileError(
            f'{path}: not a sequence, it has no {DESCRIPTION}, no images (in {IMAGES} or in '
            'itself), no det/det.txt and no gt/gt.txt')
    ini = _description(path)
    section = _read_description(ini) if ini is not None else {}
    notes = [] if ini is not None else [f'{path}: no {DESCRIPTION}']
    rate = _rate(section, ini, path, notes)
    folder = path / section.get('imdir', IMAGES)
    if not folder.is_dir() and _pictures(path):
        folder = path
    length = _whole(section, 'seqlength', ini)
    if length is not None and length < 1:
        raise MotFileError(f'{ini}: seqLength {length} is below 1')
    images: dict[int, Path] = {}
    if folder.is_dir():
        images = _numbered(folder, section.get('imext', ''), length, notes)
    last = max(images, default=0)
    length = length or last
    if last > length:
        notes.append(f'{folder}: holds images up to frame {last}, only the {length} of seqLength '
                     'are used')
    size = (_whole(section, 'imwidth', ini) or 0, _whole(section, 'imheight', ini) or 0)
    if not all(size) and images:
        size = _size(images[1])
    name = section.get('name', '').strip() or path.resolve().name
    return Folder(name, rate, length, size, images, tuple(notes))


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


def _rate(section: dict[str, str], ini: Path | None, path: Path, notes: list[str]) -> float:
    text = section.get('framerate', '').strip()
    if not text:
        notes.append(f'{ini or path}: no frameRate, {ASSUMED_RATE:g} Hz is assumed')
        return ASSUMED_RATE
    try:
        rate = float(text)
    except ValueError as error:
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
    return [entry for entry in folder.iterdir() if entry.suffix.lower() in SUFFIXES
            and not entry.name.startswith('.') and re.search(r'\d$', entry.stem)]


def _numbered(folder: Path, extension: str, length: int | None,
              notes: list[str]) -> dict[int, Path]:
    """
    Return the images by frame, and where missing ones would be.

    :param extension: chooses among several; :param length: of the description.
    """
    pictures = _pictures(folder)
    wanted = f'.{extension.strip().lstrip(".").lower()}'
    if any(entry.suffix.lower() == wanted for entry in pictures):
        pictures = [entry for entry in pictures if entry.suffix.lower() == wanted]
    found: dict[int, Path] = {}
    series = set()
    for entry in sorted(pictures):
        prefix, digits = _split(entry)
        series.add((prefix, entry.suffix.lower()))
        if len(series) > 1 or int(digits) in found:
            kinds = ', '.join(sorted(f'{start}...{end}' for start, end in series))
            raise MotFileError(f'{folder}: images of several series ({kinds}), {entry.name} among '
                               'them; keep one series in the folder')
        found[int(digits)] = entry
    if not found:
        return {}
    first, last = min(found), max(found)
    # The lowest is frame 1, unless the description says that images before it are missing.
    shift = first - 1 if not length or first == 0 or last > length else 0
    if shift:
        notes.append(f'{folder}: frame 1 is {found[first].name}')
    prefix, digits = _split(found[first])
    width = len(digits) if len({len(_split(entry)[1]) for entry in found.values()}) == 1 else 1
    end = max(last, shift + (length or 0)) + 1
    return {number - shift: found.get(number) or folder / (
        f'{prefix}{number:0{width}d}{found[first].suffix}') for number in range(1 + shift, end)}


def _split(picture: Path) -> tuple[str, str]:
    """Return what is before the number at the end of a name, and its digits."""
    digits = re.search(r'\d+$', picture.stem)
    assert digits is not None, 'as _pictures chose them'
    return picture.stem[:digits.start()], digits[0]


def _size(path: Path) -> tuple[int, int]:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return (0, 0) if image is None else (image.shape[1], image.shape[0])
