"""The published checkpoint, from a server as unreliable as servers are."""
import functools
import hashlib
import http.server
import json
import resource
import shutil
import subprocess
import sys
import threading

import pytest

from deepsort_ros.cli import main
from deepsort_ros.reid import checkpoint
from deepsort_ros.reid import hub
from deepsort_ros.reid.hub import Asset
from deepsort_ros.reid.hub import fetch
from deepsort_ros.reid.hub import FetchError

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT; ``cut`` holds how many bytes each of the next answers may bring."""

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.cut = []
        self.starts = []
        self.ranges = True

    def asset(self, path='model.ckpt', sha256=SHA256):
        return Asset('model.ckpt', f'http://127.0.0.1:{self.server_port}/{path}', sha256)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == '/moved':
            self.send_response(302)
            self.send_header('Location', '/model.ckpt')
            self.end_headers()
            return
        if self.path == '/absent':
            self.send_error(404)
            return
        asked = self.headers.get('Range') if self.server.ranges else None
        start = int(asked.removeprefix('bytes=').rstrip('-')) if asked else 0
        self.server.starts.append(start)
        if start > len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header('Content-Range', f'bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}')
        if self.path != '/endless':
            self.send_header('Content-Length', str(len(CONTENT) - start))
        self.end_headers()
        limit = self.server.cut.pop(0) if self.server.cut else len(CONTENT)
        self.wfile.write(CONTENT[start:start + limit])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_download_is_kept_under_its_name_and_not_repeated(server, tmp_path):
    seen = []
    path = fetch(server.asset(), tmp_path / 'new' / 'cache',
                 progress=lambda done, total: seen.append((done, total)))
    assert path == tmp_path / 'new' / 'cache' / 'model.ckpt'
    assert path.read_bytes() == CONTENT and names(path.parent) == ['model.ckpt']
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    fetch(server.asset(), path.parent)
    assert server.starts == [0]


def test_a_cut_connection_is_taken_up_where_it_was_cut(server, tmp_path):
    server.cut = [100_000, 300_000]
    assert fetch(server.asset(), tmp_path).read_bytes() == CONTENT
    assert server.starts == [0, 100_000, 400_000]


def test_a_connection_that_brings_nothing_ends_the_attempt_and_the_next_goes_on(server, tmp_path):
    server.cut = [100_000, 0]
    with pytest.raises(FetchError, match='100000 bytes are here, the same command goes on'):
        fetch(server.asset(), tmp_path)
    assert names(tmp_path) == ['model.ckpt.part']
    assert fetch(server.asset(), tmp_path).read_bytes() == CONTENT
    assert server.starts == [0, 100_000, 100_000]


def test_a_server_without_ranges_starts_over(server, tmp_path):
    server.ranges = False
    (tmp_path / 'model.ckpt.part').write_bytes(CONTENT[:5000])
    assert fetch(server.asset(), tmp_path).read_bytes() == CONTENT


def test_more_than_there_should_be_is_fetched_anew(server, tmp_path):
    (tmp_path / 'model.ckpt.part').write_bytes(bytes(len(CONTENT) + 1))
    assert fetch(server.asset(), tmp_path).read_bytes() == CONTENT
    assert server.starts == [len(CONTENT) + 1, 0]


def test_a_redirect_is_followed(server, tmp_path):
    assert fetch(server.asset('moved'), tmp_path).read_bytes() == CONTENT


def test_another_content_is_thrown_away_and_an_older_file_stays(server, tmp_path):
    (tmp_path / 'model.ckpt').write_bytes(b'older')
    with pytest.raises(FetchError, match=f'SHA-256 {SHA256} instead of 00'):
        fetch(server.asset(sha256='00' * 32), tmp_path)
    assert names(tmp_path) == ['model.ckpt']
    assert (tmp_path / 'model.ckpt').read_bytes() == b'older'


@pytest.mark.parametrize('path', ['model.ckpt', 'endless'])
def test_too_large_a_file_is_refused_whether_or_not_its_size_is_told(server, tmp_path, path):
    with pytest.raises(FetchError, match='more than the 500000 '):
        fetch(server.asset(path), tmp_path, max_size=500_000)
    partial = tmp_path / 'model.ckpt.part'
    assert not partial.exists() or partial.stat().st_size <= 500_000


def test_a_missing_file_and_a_dead_server_are_said(server, tmp_path):
    with pytest.raises(FetchError, match='/absent: 404'):
        fetch(server.asset('absent'), tmp_path)
    dead = Asset('model.ckpt', 'http://127.0.0.1:9/model.ckpt', SHA256)
    with pytest.raises(FetchError, match='127.0.0.1:9/model.ckpt: .*refused'):
        fetch(dead, tmp_path)


def test_a_full_disk_is_said_and_what_came_is_kept(server, tmp_path):
    # A limit on the size of files fails a write just as a full disk does.
    code = ('import sys; from pathlib import Path; from deepsort_ros.reid.hub import *\n'
            'try: fetch(Asset("model.ckpt", *sys.argv[1:3]), Path(sys.argv[3]))\n'
            'except FetchError as error: print(error)')
    asset = server.asset()
    done = subprocess.run(
        [sys.executable, '-c', code, asset.url, asset.sha256, tmp_path], text=True,
        stdout=subprocess.PIPE, check=True, preexec_fn=functools.partial(
            resource.setrlimit, resource.RLIMIT_FSIZE, (300_000, 300_000)))
    assert 'File too large; what has come so far is kept' in done.stdout
    assert names(tmp_path) == ['model.ckpt.part']
    assert fetch(asset, tmp_path).read_bytes() == CONTENT
    assert server.starts[-1] == 300_000


def test_a_copy_is_checked_just_the_same(tmp_path):
    copy = tmp_path / 'copy.ckpt'
    copy.write_bytes(CONTENT)
    nowhere = Asset('model.ckpt', 'http://127.0.0.1:9/', SHA256)
    assert fetch(nowhere, tmp_path / 'cache', copy).read_bytes() == CONTENT
    copy.write_bytes(CONTENT[:-1])
    with pytest.raises(FetchError, match='copy.ckpt: another content'):
        fetch(nowhere, tmp_path / 'other', copy)
    with pytest.raises(FetchError, match='absent.ckpt: No such file'):
        fetch(nowhere, tmp_path / 'other', tmp_path / 'absent.ckpt')


def test_the_published_asset_is_the_designed_one():
    assert hub.HUB.sha256 == 'dc6c1db2b07eb12a59feb1727f7e1c0e2a4e4c7e8b441cdd26234e53912ae781'
    assert hub.HUB.url.startswith('https://download.mindspore.cn/models/r1.10/deepsort_ascend_')
    assert hub.HUB.url.endswith('_FN33114.ckpt')


def test_fetch_model_and_model_hub_work_hand_in_hand(
        random_checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    with pytest.raises(checkpoint.CheckpointError, match='run "deepsort fetch-model hub" first'):
        checkpoint.resolve('hub')
    shutil.copy(random_checkpoint, tmp_path / 'copy.ckpt')
    command = ['fetch-model', 'hub', '--from', str(tmp_path / 'copy.ckpt'), '--json']
    assert main(command) == 1
    assert 'instead of dc6c1db2' in capsys.readouterr().err
    monkeypatch.setattr(hub, 'HUB', Asset(
        hub.HUB.name, hub.HUB.url, checkpoint.sha256(random_checkpoint)))
    assert main(command) == 0
    path = checkpoint.resolve('hub')
    assert json.loads(capsys.readouterr().out)['path'] == str(path)
    assert path.parent == tmp_path / 'deepsort_ros'
    checkpoint.feature_parameters(path)
    path.write_bytes(path.read_bytes()[:-1] + b'x')
    with pytest.raises(checkpoint.CheckpointError, match='is not the published checkpoint'):
        checkpoint.resolve('hub')


def test_a_relative_cache_home_is_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', 'here')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert hub.cache_folder() == tmp_path / '.cache' / 'deepsort_ros'
