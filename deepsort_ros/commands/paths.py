"""Checks of what a command reads and writes, before it does anything that takes time."""
from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path

from deepsort_ros.settings import SettingError

# What a sequence folder is read from, beside its images.
TABLES = ('det/det.txt', 'gt/gt.txt', 'seqinfo.ini', 'poses.txt', 'calib.txt', 'gt3d.txt')


def check_files(inputs: Mapping[str, Path | None], outputs: Mapping[str, Path | None]) -> None:
    """
    Refuse output files that cannot be written or that are something else of the command.

    :param inputs: what is read, by the name that the user knows it under; None was not given.
        Of a folder, the tables of a sequence in it are read.
    :param outputs: files to write.
    :raises SettingError: an output is an input, another output, or a folder.
    """
    taken: list[tuple[str, Path]] = []
    for name, path in inputs.items():
        if path is not None:
            taken.append((name, path))
            taken += [(f'{entry} of {name}', path / entry) for entry in TABLES if path.is_dir()]
    for name, path in outputs.items():
        if path is None:
            continue
        for other, known in taken:
            if _same(path, known):
                raise SettingError(f'{name} {path}: is also {other}; choose another file')
        taken.append((name, path))
        if path.is_dir():
            raise SettingError(f'{name} {path}: is a folder; give the name of a file')
        _check_parents(name, path)


def check_folder(name: str, folder: Path, inputs: Mapping[str, Path | None]) -> None:
    """
    Refuse a folder to write into that cannot be one, or that is an input.

    :raises SettingError: it is a file, or one of ``inputs``.
    """
    for other, path in inputs.items():
        if path is not None and _same(folder, path):
            raise SettingError(f'{name} {folder}: is also {other}; choose another folder')
    if folder.exists() and not folder.is_dir():
        raise SettingError(f'{name} {folder}: is a file; give the name of a folder')
    _check_parents(name, folder)


def new_folder(name: str, folder: Path, overwrite: bool, ours: Callable[[Path], bool],
               inputs: Mapping[str, Path | None]) -> None:
    """
    See to it that nothing old lies in a folder to write into.

    :param overwrite: remove what an earlier run wrote.
    :param ours: whether an entry of the folder is such.
    :raises SettingError: something is there, and ``overwrite`` does not remove it.
    """
    check_folder(name, folder, inputs)
    if not folder.is_dir():
        return
    entries = sorted(folder.iterdir())
    strangers = [entry for entry in entries if not ours(entry)]
    if entries and not overwrite:
        raise SettingError(f'{name} {folder}: is not empty, old files would mix with the new '
                           'ones; choose another folder, or --overwrite to replace them')
    if strangers:
        raise SettingError(f'{name} {folder}: --overwrite does not remove {strangers[0].name}, '
                           'which this command did not write')
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return one.resolve() == other.resolve()


def _check_parents(name: str, path: Path) -> None:
    parent = path.absolute().parent
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir():
        raise SettingError(f'{name} {path}: {parent} is not a folder')
    if not os.access(parent, os.W_OK):
        raise SettingError(f'{name} {path}: {parent} cannot be written to')
