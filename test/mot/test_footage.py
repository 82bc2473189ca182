"""Videos as phones, browsers and recorders write them: upright, timed, and honest about damage."""
import itertools
import re
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from deepsort_ros.cli import main
from deepsort_ros.mot.footage import open_footage
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import MotFileError

FRAMES, RATE = 30, 15
WIDTH, HEIGHT = 160, 112
MILLISECOND = Fraction(1, 1000)
# What an unturned image shows in its corners: red, green, blue and white.
CORNERS = {(0, 0): (0, 0, 255), (0, 1): (0, 255, 0), (1, 0): (255, 0, 0), (1, 1): (255,) * 3}


def picture(number: int) -> np.ndarray:
    """Return an image with marked corners and some texture, so that packets have a size."""
    image = np.random.default_rng(number).integers(60, 90, (HEIGHT, WIDTH, 1), dtype=np.uint8)
    image = np.repeat(image, 3, axis=2)
    for (row, column), color in CORNERS.items():
        top, left = row * (HEIGHT - 32), column * (WIDTH - 48)
        image[top:top + 32, left:left + 48] = color
    return image


def write(path: Path, codec: str = 'libx264', count: int = FRAMES, stamps: list[int] | None = None,
          options: dict[str, str] | None = None, encoder: dict[str, str] | None = None,
          format: str | None = None, draw: Callable[[int], np.ndarray] = picture,
          width: int = WIDTH) -> Path:
    """Write a video with the muxers of FFmpeg; stamps are in ms."""
    with av.open(str(path), 'w', format=format, options=options or {}) as container:
        stream = container.add_stream(codec, rate=RATE, options=encoder or {})
        stream.width, stream.height, stream.pix_fmt = width, HEIGHT, 'yuv420p'
        if stamps is not None:
            stream.codec_context.time_base = MILLISECOND
        if not count:
            container.start_encoding()
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(draw(number), format='bgr24')
            if stamps is not None:
                frame.pts, frame.time_base = stamps[number], MILLISECOND
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def set_matrix(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Write a display matrix into the header of the track, as phones do."""
    content = bytearray(path.read_bytes())
    start = content.index(b'tkhd') + 44
    struct.pack_into('>9i', content, start, *(
        value << 16 for value in (a, b, 0, c, d, 0, 0, 0)), 1 << 30)
    path.write_bytes(content)


def images(path: Path) -> list[np.ndarray]:
    return [load() for load, _ in open_footage(path).frames()]


TURNS = {
    (0, 1, -1, 0): cv2.ROTATE_90_CLOCKWISE,  # held upright
    (-1, 0, 0, -1): cv2.ROTATE_180,
    (0, -1, 1, 0): cv2.ROTATE_90_COUNTERCLOCKWISE}


@pytest.mark.parametrize('matrix', TURNS)
def test_a_turned_video_is_upright(tmp_path: Path, matrix: tuple[int, ...]) -> None:
    path = write(tmp_path / 'phone.mp4', count=3)
    lying = images(path)
    set_matrix(path, *matrix)
    footage = open_footage(path)
    for before, after in zip(lying, images(path)):
        assert np.array_equal(cv2.rotate(before, TURNS[matrix]), after)
    assert footage.turned and footage.size == after.shape[1::-1]


@pytest.mark.parametrize(('matrix', 'turned'), [
    ((-1, 0, 0, 1), lambda image: image[:, ::-1]),  # a front camera
    ((1, 0, 0, -1), lambda image: image[::-1]),
    ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2))])
def test_a_mirrored_video_is_shown_as_players_show_it(tmp_path: Path, matrix, turned) -> None:
    path = write(tmp_path / 'mirror.mp4', count=1)
    lying, = images(path)
    set_matrix(path, *matrix)
    assert np.array_equal(images(path)[0], turned(lying))


def test_a_video_that_is_not_turned_is_left_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / 'plain.mp4', count=1)
    image, = images(path)
    for (row, column), color in CORNERS.items():
        corner = image[-8 if row else 8, -8 if column else 8].astype(int)
        assert np.abs(corner - color).max() < 40
    set_matrix(path, 0, 0, 0, 0)
    assert np.array_equal(images(path)[0], image) and not open_footage(path).turned


STEPS = [33, 33, 200, 34, 33, 67]


def varied(count: int = FRAMES) -> list[int]:
    """Return stamps in ms, as a phone in the dark writes them."""
    return [0, *itertools.accumulate(itertools.islice(itertools.cycle(STEPS), count - 1))]


@pytest.mark.parametrize('name', [
    'phone.mp4', 'screen.mkv', 'call.webm', 'live.ts', 'capture.avi'])
def test_a_rate_that_varies_gives_each_image_its_own_time(tmp_path: Path, name: str) -> None:
    codec = {'.webm': 'libvpx', '.avi': 'mpeg4'}.get(Path(name).suffix, 'libx264')
    footage = open_footage(write(tmp_path / name, codec, stamps=varied()))
    assert footage.varies and 29 < footage.rate < 31
    times = [time for _, time in footage.frames()]
    assert times == pytest.approx([stamp / 1000 for stamp in varied()], abs=0.001)
    assert 'the time between images varies, 33 to 200 ms' in footage.notes[0]
    assert footage.damage() == ''


@pytest.mark.parametrize('stamps', [
    None, [round(1000 * n / RATE) for n in range(FRAMES)],  # Matroska rounds to ms
    [round(1000 * n / RATE) + 4 * (-1) ** n + 4 for n in range(FRAMES)]])
def test_a_constant_rate_stays_one_in_spite_of_rounding_and_jitter(
        tmp_path: Path, stamps: list[int] | None) -> None:
    footage = open_footage(write(tmp_path / 'film.mkv', stamps=stamps))
    assert not footage.varies and footage.rate == pytest.approx(RATE, rel=0.01)
    assert [time for _, time in footage.frames()] == [None] * FRAMES


@pytest.mark.parametrize(('missed', 'ids'), [((14, 15), 2), ((17, 18), 1)])
def test_the_tracker_takes_the_real_time_steps(
        tmp_path: Path, missed: tuple[int, ...], ids: int) -> None:
    """A track that lasts 0.2 s survives two images in short order, not two with a long gap."""
    path = write(tmp_path / 'phone.mp4', stamps=varied())
    rows = [f'{number},-1,{stamp / 50:.2f},20,40,80,0.9\n'
            for number, stamp in enumerate(varied(), 1) if number not in missed]
    (tmp_path / 'd.txt').write_text(''.join(rows))
    assert main(['track', str(path), '--detections', str(tmp_path / 'd.txt'), '--preset',
                 'reference', '--appearance', 'off', '--set', 'max_age=0.2', '--output',
                 str(tmp_path / 'r.txt')]) == 0
    found = {line.split(',')[1] for line in (tmp_path / 'r.txt').read_text().splitlines()}
    assert len(found) == ids


@pytest.mark.parametrize('name', [
    'browser.webm', 'obs.mkv', 'camera.ts', 'stream.mp4', 'raw.h264'])
def test_a_recording_without_a_frame_count_is_counted(tmp_path: Path, name: str) -> None:
    options = {'.webm': {'live': '1'}, '.mkv': {'live': '1'},
               '.mp4': {'movflags': 'frag_keyframe+empty_moov'}}.get(Path(name).suffix)
    path = write(tmp_path / name, 'libvpx' if name.endswith('webm') else 'libx264',
                 options=options)
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 0
    footage = open_footage(path)
    assert footage.length == len(images(path)) == FRAMES
    assert footage.size == (WIDTH, HEIGHT) and footage.damage() == ''
    raw = name.startswith('raw')
    assert [note for note in footage.notes if 'which has no rate; 25 Hz is assumed' in note] == (
        list(footage.notes) if raw else []) and bool(footage.notes) == raw


def test_packets_that_show_nothing_are_not_missed(tmp_path: Path) -> None:
    """VP8 stores images that only others refer to."""
    path, hidden = write(tmp_path / 'film.webm', 'libvpx'), tmp_path / 'hidden.webm'
    with av.open(str(path)) as source, av.open(str(hidden), 'w') as target:
        stream = target.add_stream('libvpx', rate=RATE)
        stream.width, stream.height = WIDTH, HEIGHT
        for number, packet in enumerate(source.demux(video=0)):
            content = bytearray(bytes(packet))
            if not content:
                continue
            if number == 12:
                content[0] &= ~0x10
            copy = av.Packet(bytes(content))
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.stream = stream
            target.mux(copy)
    footage = open_footage(hidden)
    assert len([*footage.frames()]) == footage.length == FRAMES - 1 and footage.damage() == ''


def test_what_an_edit_list_cuts_off_is_not_missed(tmp_path: Path) -> None:
    """A phone trims a video by saying where it begins."""
    path = write(tmp_path / 'cut.mp4')
    content = bytearray(path.read_bytes())
    start = content.index(b'elst') + 16
    with av.open(str(path)) as container:
        ticks = int(1 / container.streams.video[0].time_base)
    media, = struct.unpack_from('>i', content, start)
    struct.pack_into('>i', content, start, media + 10 * ticks // RATE)
    path.write_bytes(content)
    footage = open_footage(path)
    assert len([*footage.frames()]) == footage.length == FRAMES - 10 and footage.damage() == ''


def cut(path: Path, share: float = 0.5) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:int(share * len(content))])


def spoil(path: Path) -> None:
    """Change bytes at several places of the middle."""
    content = bytearray(path.read_bytes())
    for place in np.linspace(0.3, 0.7, 7) * len(content):
        part = slice(int(place), int(place) + 400)
        content[part] = bytes(byte ^ 0x5a for byte in content[part])
    path.write_bytes(content)


@pytest.mark.parametrize(('name', 'damage', 'says'), [
    ('film.mp4', cut, 'the file promises 30 images and holds|packets damaged'),
    ('film.avi', cut, 'the file promises 30 images and holds'),
    ('film.mkv', cut, r'the file ends after \d.\d of 2.0 s'),
    ('film.mp4', spoil, r'damage in \d+ image'),
    ('film.mkv', spoil, r'damage in \d+ image'),
    ('film.ts', spoil, 'damage')])
def test_damage_is_said_what_is_left_is_used_and_the_exit_code_is_1(
        tmp_path: Path, capsys, name: str, damage, says: str) -> None:
    path = write(tmp_path / name, options={'movflags': '+faststart'} if 'mp4' in name else None)
    damage(path)
    (tmp_path / 'd.txt').write_text(''.join(
        f'{frame},-1,{10 + 3 * frame},20,20,50,0.9\n' for frame in range(1, 11)))
    code = main(['track', str(path), '--detections', str(tmp_path / 'd.txt'), '--appearance',
                 'off', '--output', str(tmp_path / 'r.txt')])
    err = capsys.readouterr().err.splitlines()
    assert code == 1 and re.search(f'^deepsort: .*{name}: .*{says}', err[-1])
    assert int(re.search(r'(\d+) images decoded and used$', err[-1])[1]) >= 8
    assert (tmp_path / 'r.txt').read_text()
    code = main(['render', str(path), str(tmp_path / 'r.txt'), '--output',
                 str(tmp_path / 'v.mp4')])
    assert code == 1 and 'is not complete' in capsys.readouterr().err


def test_damage_is_that_of_the_last_reading(tmp_path: Path) -> None:
    path = write(tmp_path / 'film.mkv')
    spoil(path)
    footage = open_footage(path)
    texts = set()
    for _ in range(2):
        assert len([*footage.frames()]) > FRAMES // 2
        texts.add(footage.damage())
    assert len(texts) == 1 and texts != {''}


def with_cover(path: Path, sound: str) -> Path:
    """Write music with a picture of its cover."""
    with av.open(str(path), 'w') as container:
        music = container.add_stream(sound, rate=44100)
        cover = container.add_stream('mjpeg', rate=1)
        cover.width, cover.height, cover.pix_fmt = WIDTH, HEIGHT, 'yuvj420p'
        if hasattr(cover, 'disposition'):
            cover.disposition = 1 << 10
        frame = av.VideoFrame.from_ndarray(picture(0), format='bgr24')
        packets = [*cover.encode(frame), *cover.encode(None)]
        silence = av.AudioFrame.from_ndarray(
            np.zeros((2, 1152), np.float32), format='fltp', layout='stereo')
        silence.sample_rate = 44100
        container.mux(packets)
        container.mux([*music.encode(silence), *music.encode(None)])
    return path


def only_sound(path: Path) -> Path:
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('pcm_s16le', rate=8000, layout='mono')
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format='s16',
                                           layout='mono')
        frame.sample_rate = 8000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


def text(path: Path) -> Path:
    path.write_text('1,1,2,3,4,5,1\n' * 50)
    return path


def photo(path: Path) -> Path:
    cv2.imwrite(str(path), picture(0))
    return path


def nothing_inside(path: Path) -> Path:
    return write(path, count=0)


def binary(path: Path) -> Path:
    path.write_bytes(np.random.default_rng(1).bytes(20000))
    return path


@pytest.mark.parametrize(('name', 'make', 'says'), [
    ('song.mp3', lambda path: with_cover(path, 'libmp3lame'), 'audio and a still picture'),
    ('sound.wav', only_sound, 'not a video, it holds audio'),
    ('results.txt', text, 'not a video'), ('notes.nfo', text, 'not a video'),
    ('art.ans', text, 'not a video'),
    ('one.jpg', photo, 'not a video, but one picture'),
    ('one.png', photo, 'not a video, but one picture'),
    ('none.mkv', nothing_inside, 'video'),
    ('empty.mp4', lambda path: path.touch() or path, 'not a video'),
    ('noise.mp4', binary, 'video'), ('noise.bin', binary, 'video')])
def test_what_is_no_video_is_refused_in_one_line(tmp_path: Path, name: str, make, says) -> None:
    path = make(tmp_path / name)
    with pytest.raises(MotFileError, match=f'{name}: .*{says}') as error:
        open_sequence(path, with_detections=False)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('name', ['2024-05-01T12:30:00.mp4', 'http:film.mp4', '50%d.mp4'])
def test_a_name_is_never_taken_for_an_address_or_a_pattern(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / 'plain.mp4', count=3).rename(tmp_path / name)
    assert len(images(path)) == 3
    (tmp_path / 'none.txt').write_text('')
    assert main(['render', str(path), str(tmp_path / 'none.txt'), '--output',
                 str(tmp_path / f'out-{name}')]) == 0
    assert len(images(tmp_path / f'out-{name}')) == 3


def test_a_drawn_video_has_the_times_of_the_one_it_is_drawn_on(tmp_path: Path) -> None:
    path = write(tmp_path / 'phone.mp4', stamps=varied())
    (tmp_path / 'none.txt').write_text('')
    assert main(['render', str(path), str(tmp_path / 'none.txt'), '--output',
                 str(tmp_path / 'v.mp4')]) == 0
    times = [[time for _, time in open_footage(file).frames()]
             for file in (path, tmp_path / 'v.mp4')]
    assert times[1] == pytest.approx(times[0], abs=0.002)


@pytest.mark.parametrize('format', ['mpegts', 'h264'])
def test_a_size_that_changes_in_the_middle_is_reported(tmp_path, format) -> None:
    first = write(tmp_path / 'first', format=format)
    second = write(tmp_path / 'second', format=format, width=WIDTH // 2,
                   draw=lambda number: np.ascontiguousarray(picture(number)[:, ::2]))
    both = tmp_path / f'both.{format}'
    both.write_bytes(first.read_bytes() + second.read_bytes())
    sequence = open_sequence(both, with_detections=False)
    widths = [frame.load().shape[1] for frame in sequence.frames()]
    assert widths == [160] * FRAMES + [80] * FRAMES
    assert sequence.remarks() == [
        f'{both}: images of 2 sizes (160 x 112 in frame 1, 80 x 112 in frame 31): boxes must be '
        'pixels of their own image, and ids change where the size does']


@pytest.mark.parametrize(('name', 'content', 'says'), [
    ('a.mp4', b'', 'an empty file'), ('b.mp4', b'<html>404</html>', 'not a video, but text'),
    ('c.m3u8', b'#EXTM3U\n#EXTINF:1,\na.ts\n', 'not a video'),
    ('d.mp4', b'PK\x03\x04' + bytes(500), 'not a video that FFmpeg can read')])
def test_what_is_no_video_is_refused_for_what_it_is(tmp_path, name, content, says) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MotFileError, match=says):
        open_footage(path)


@pytest.mark.parametrize('format, channels', [('gray16le', 1), ('gbrp16le', 3)])
def test_a_video_of_12_bits_in_16_is_as_bright_as_it_is(tmp_path, format, channels) -> None:
    path = tmp_path / 'wide.mkv'
    grey = np.linspace(0, 255, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8)
    wide = grey.astype(np.uint16) << 4
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('ffv1', rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, format
        frame = (av.VideoFrame.from_ndarray(wide, format='gray16le') if channels == 1 else
                 av.VideoFrame.from_ndarray(np.dstack([wide] * 3), format='rgb48le').reformat(
                     format=format))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    sequence = open_sequence(path, with_detections=False)
    image, = [frame.load() for frame in sequence.frames()]
    assert np.abs(image.astype(int) - grey[:, :, None]).max() <= 1
    assert sequence.remarks()[0].startswith(f'{path}: 16-bit samples use 12 bits')
