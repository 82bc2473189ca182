"""
Get the published checkpoint: downloaded once, checked, kept in the user's cache.

Needs neither MindSpore nor numpy.
"""
from __future__ import annotations

import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = 1 << 18
MAX_SIZE = 1 << 28
# A connection that is cut is taken up again as long as every attempt brings something.
PATIENCE_SECONDS = 30.0
CONTENT_RANGE = re.compile(r'bytes (\d+)-\d+/(\d+|\*)')

Progress = Callable[[int, int], None]


class FetchError(RuntimeError):
    """The file could not be had; the message says why and what is left."""


@dataclass(frozen=True)
class Asset:
    """A file on a server: its name, where it is, and the SHA-256 (hexadecimal) it must have."""

    name: str
    url: str
    sha256: str


_NAME = ('deepsort_ascend_v1100_market1501_official_cv_MOTA51.8_MOTP0.189_MT210_ML68_IDs859_'
         'FM1388_FP19264_FN33114.ckpt')
HUB = Asset(_NAME, f'https://download.mindspore.cn/models/r1.10/{_NAME}',
            'dc6c1db2b07eb12a59feb1727f7e1c0e2a4e4c7e8b441cdd26234e53912ae781')


def cache_folder() -> Path:
    """Return where fetched files are kept, by the XDG base directory specification."""
    base = os.environ.get('XDG_CACHE_HOME', '')
    # The specification has relative paths ignored.
    root = Path(base) if os.path.isabs(base) else Path.home() / '.cache'
    return root / 'deepsort_ros'


def hub_path() -> Path:
    """Return where the published checkpoint is, once it has been fetched."""
    return cache_folder() / HUB.name


def fetch(asset: Asset, folder: Path, source: Path | None = None,
          progress: Progress | None = None, max_size: int = MAX_SIZE) -> Path:
    """
    Put an asset into a folder under its name, and return its path.

    The file gets its name only once it is complete and has the right SHA-256. What an
    interrupted download has brought stays beside it, and the next call goes on from there.

    :param folder: made when missing.
    :param source: copy this file instead of downloading.
    :param progress: called with the bytes there and the bytes in all (0: not known).
    :param max_size: bytes; more are not taken.
    :raises FetchError: no connection, no such file, too large, another content, or no space.
    """
    path = folder / asset.name
    if path.is_file() and _sha256(path) == asset.sha256:
        return path
    partial = folder / f'{asset.name}.part'
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if source is None:
            _download(asset.url, partial, progress, max_size)
        else:
            _copy(source, partial, progress, max_size)
    except OSError as error:
        raise FetchError(f'{error.filename or partial}: {error.strerror or error}; what has '
                         'come so far is kept') from error
    found = _sha256(partial)
    if found != asset.sha256:
        partial.unlink()
        raise FetchError(f'{source or asset.url}: another content than expected, SHA-256 {found} '
                         f'instead of {asset.sha256}; it was thrown away')
    os.replace(partial, path)
    return path


def _copy(source: Path, partial: Path, progress: Progress | None, max_size: int) -> None:
    size = source.stat().st_size
    if size > max_size:
        raise FetchError(f'{source}: {size} bytes, more than the {max_size} allowed')
    with source.open('rb') as stream, partial.open('wb') as file:
        while block := stream.read(BLOCK):
            file.write(block)
            if progress is not None:
                progress(file.tell(), size)


def _download(url: str, partial: Path, progress: Progress | None, max_size: int) -> None:
    """Bring the partial file to its full length, taking up a cut connection."""
    while True:
        before = partial.stat().st_size if partial.is_file() else 0
        try:
            total = _append(url, partial, before, progress, max_size)
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and before:
                # More is here than there: it was another file.
                partial.unlink()
                continue
            raise FetchError(f'{url}: {error.code} {error.reason}') from error
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError,
                ConnectionError) as error:
            total, reason = -1, str(getattr(error, 'reason', error))
        else:
            reason = 'the connection was cut'
        there = partial.stat().st_size if partial.is_file() else 0
        if there == total:
            return
        if there <= before:
            raise FetchError(f'{url}: {reason}; {there} bytes are here, the same command goes on')


def _append(url: str, partial: Path, start: int, progress: Progress | None,
            max_size: int) -> int:
    """Append what the server sends from a position on; return the length of the whole."""
    request = urllib.request.Request(url, headers={'Range': f'bytes={start}-'} if start else {})
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
        total = int(response.headers.get('Content-Length', -1))
        if response.status == http.HTTPStatus.PARTIAL_CONTENT:
            given = CONTENT_RANGE.fullmatch(response.headers.get('Content-Range', ''))
            if given is None or int(given[1]) != start:
                raise FetchError(f'{url}: the server sent another part than asked for')
            total = start + total if given[2] == '*' else int(given[2])
        else:
            # The server knows no ranges, and starts over.
            start = 0
        if total > max_size:
            raise FetchError(f'{url}: {total} bytes, more than the {max_size} allowed')
        with partial.open('ab' if start else 'wb') as file:
            for block in _blocks(response):
                if file.tell() + len(block) > max_size:
                    raise FetchError(f'{url}: more than the {max_size} bytes allowed')
                file.write(block)
                if progress is not None:
                    progress(file.tell(), max(total, 0))
            return total if total >= 0 else file.tell()


def _blocks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            block = response.read(BLOCK)
        except http.client.IncompleteRead as error:
            yield error.partial
            return
        if not block:
            return
        yield block


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
