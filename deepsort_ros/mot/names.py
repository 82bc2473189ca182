"""What the names of images say: their number in a series, or when they were taken."""
from __future__ import annotations

import re
from pathlib import Path

# What OpenCV reads everywhere.
SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp', '.ppm', '.pgm')
# Pictures that are left to the user to convert.
OTHERS = ('.heic', '.heif', '.avif', '.jp2', '.gif', '.jxl', '.exr', '.hdr', '.npy', '.raw',
          '.dng')
# Least numbers of seconds, milliseconds, microseconds and nanoseconds since 1970 (all of 2001),
# and how many of them are a second.
UNITS = ((10**18, 10**9), (10**15, 10**6), (10**12, 10**3), (10**9, 1))
# Numbers further apart than so many for each image are no numbers of frames.
SPARSE = 1000
# Seconds and their fraction, as TUM RGB-D and recorders of ROS write them.
SECONDS = re.compile(r'(?P<prefix>.*?)(?P<seconds>\d{9,10})[._-](?P<fraction>\d{1,9})', re.DOTALL)


def numbered(picture: Path) -> bool:
    """Whether a file is a picture with a number in its name."""
    return (picture.suffix.lower() in SUFFIXES and not picture.name.startswith('.')
            and bool(re.search(r'\d', picture.stem)))


def split(pictures: list[Path]) -> dict[Path, tuple[str, str, str]]:
    """
    Return what is before the number of each picture, its digits, and what is behind it.

    The number is at the end of the name; or, in a series whose names all end alike, the last one
    that differs.
    """
    tails = {re.sub(r'\d+', '0', picture.stem) for picture in pictures}
    parts = {picture: re.split(r'(\d+)', picture.stem) for picture in pictures}
    last = max((len(part) for part in parts.values()), default=0) - 2
    if len(tails) == 1 and len(pictures) > 1:
        differing = [n for n in range(1, last + 1, 2)
                     if len({part[n] for part in parts.values()}) > 1]
        last = max(differing, default=last)
        return {picture: (''.join(part[:last]), part[last], ''.join(part[last + 1:]))
                for picture, part in parts.items()}
    return {picture: (''.join(part[:-2]), part[-2], part[-1]) for picture, part in parts.items()}


def seconds(pictures: list[Path]) -> dict[Path, int] | None:
    """
    Return when each picture was taken, nanoseconds; None where the names are no time stamps.

    They are seconds with a fraction, or whole seconds, milliseconds, microseconds or nanoseconds
    since 1970.
    """
    found = {}
    matches = {picture: SECONDS.fullmatch(picture.stem) for picture in pictures}
    if all(matches.values()) and len({m['prefix'] for m in matches.values() if m}) == 1:
        for picture, match in matches.items():
            assert match is not None
            found[picture] = int(match['seconds']) * 10**9 + round(
                float(f'0.{match["fraction"]}') * 10**9)
        return found if len(set(found.values())) == len(found) else None
    parts = split(pictures)
    numbers = {picture: int(digits) for picture, (_, digits, _) in parts.items()}
    if len({(before, behind) for before, _, behind in parts.values()}) != 1 or (
            len(set(numbers.values())) < len(numbers)):
        return None
    low, high = min(numbers.values()), max(numbers.values())
    unit = next((unit for least, unit in UNITS if low >= least), None)
    if unit is None or high > 10 * low or high - low < len(numbers):
        return None
    return {picture: number * (10**9 // unit) for picture, number in numbers.items()}
