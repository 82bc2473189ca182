"""Damaged bags: what they still hold is used, what is lost is reported, and the exit code is 1."""
import itertools
import random
import shutil
import sqlite3
import struct
from pathlib import Path

import bags
import pytest
import yaml
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import CompressionFormat
from rosbags.rosbag2 import CompressionMode
from rosbags.rosbag2 import Reader
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from sensor_msgs.msg import Image

from deepsort_ros.bags.agreement import read_recording
from deepsort_ros.bags.bag import convert
from deepsort_ros.bags.salvage import McapRemains
from deepsort_ros.bags.storage import BagError
from deepsort_ros.bags.storage import Storage
from deepsort_ros.cli import main
from deepsort_ros.info import describe
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.stand_ins import typestore
from deepsort_ros.scene.scene import SceneConfig
from deepsort_ros.scene.scene import write_scene
from deepsort_ros.settings import Settings

FRAMES = 12
SETTINGS = Settings(appearance='off', frame_rate=15.0)
MCAP, SQLITE = StoragePlugin.MCAP, StoragePlugin.SQLITE3


@pytest.fixture(scope='module')
def messages(tmp_path_factory):
    folder = tmp_path_factory.mktemp('scene') / 'scene'
    write_scene(folder, SceneConfig(seconds=1.0, people=4, seed=3))
    return list(bags.sequence_messages(
        itertools.islice(open_sequence(folder).frames(), FRAMES), 15.0, bags.START))


def record(path: Path, messages, plugin=MCAP, compressed: bool = False) -> Path:
    """Write a bag and return its file; a chunk for each image."""
    store = typestore()
    writer = Writer(path, version=9, storage_plugin=plugin)
    if compressed:
        mode = CompressionMode.STORAGE if plugin is MCAP else CompressionMode.MESSAGE
        writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        topics = {kind: writer.add_connection(name, bags.TYPES[kind], typestore=store)
                  for kind, name in (('Image', '/image'), ('Detection2DArray', '/dets'))}
        for message in messages:
            writer.write(topics[type(message).__name__], nanoseconds(message.header.stamp),
                         bags.serialize_message(message))
    return next(path.glob('*.mcap' if plugin is MCAP else '*.db3'))


def cut(file: Path, share: float = 0.6) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:int(share * len(content))])


def overwrite(file: Path, place: int, content: bytes) -> None:
    with file.open('r+b') as stream:
        stream.seek(place)
        stream.write(content)


def chunks(file: Path) -> list[int]:
    """Return where the chunks of an mcap file are."""
    with Reader(file) as reader:
        return [chunk.chunk_start_offset for chunk in reader.storage.chunks]


def tracked(source: Path, target: Path, capsys) -> tuple[int, int, str]:
    """Return exit code, TrackArrays written and the last line on stderr."""
    code = main(['bag', str(source), str(target), '--appearance', 'off'])
    err = capsys.readouterr().err.splitlines()
    frames = 0
    if target.exists():
        with Reader(target) as reader:
            frames = reader.message_count
    return code, frames, err[-1] if err else ''


@pytest.mark.parametrize(('plugin', 'compressed'), [(MCAP, False), (MCAP, True), (SQLITE, False)])
@pytest.mark.parametrize('way', ['folder', 'file', 'folder without metadata'])
def test_what_a_killed_recorder_has_written_is_used(
        messages, tmp_path, capsys, plugin, compressed, way):
    file = record(tmp_path / 'in', messages, plugin, compressed)
    cut(file)
    if way == 'folder without metadata':
        (tmp_path / 'in' / 'metadata.yaml').unlink()
    source = file if way == 'file' else tmp_path / 'in'
    code, frames, err = tracked(source, tmp_path / 'out', capsys)
    assert code == 1 and FRAMES // 3 < frames < FRAMES
    assert 'the bag is damaged' in err and str(source) in err
    assert 'what could be read was used' in err


def test_a_damaged_chunk_costs_its_own_messages_alone(messages, tmp_path, capsys):
    file = record(tmp_path / 'in', messages, compressed=True)
    place = chunks(file)[FRAMES // 2]
    overwrite(file, place + 40, b'\x5a' * 500)
    code, frames, err = tracked(tmp_path / 'in', tmp_path / 'out', capsys)
    # A chunk holds the detections of one image and the next image.
    assert code == 1 and frames == FRAMES - 2
    assert '1 damaged chunks' in err and f'of {2 * FRAMES} messages are there' in err


@pytest.mark.parametrize('compressed', [True, False])
def test_a_place_where_nothing_makes_sense_is_stepped_over(
        messages, tmp_path, capsys, compressed):
    file = record(tmp_path / 'in', messages, compressed=compressed)
    place = chunks(file)[FRAMES // 2]
    overwrite(file, place, b'\xff' * 60)
    overwrite(file, file.stat().st_size - 30, b'\xff' * 30)  # no index either
    code, frames, err = tracked(tmp_path / 'in', tmp_path / 'out', capsys)
    assert code == 1 and FRAMES - 3 < frames < FRAMES and 'damaged places' in err


def test_a_lost_index_costs_nothing(messages, tmp_path, capsys):
    file = record(tmp_path / 'in', messages)
    convert(file, tmp_path / 'whole', SETTINGS)
    overwrite(file, file.stat().st_size - 30, b'\xff' * 30)
    assert tracked(file, tmp_path / 'out', capsys)[:2] == (0, FRAMES)


@pytest.mark.parametrize('share', [0.3, 0.5])
def test_pages_that_are_missing_in_a_database_cost_their_messages_alone(
        messages, tmp_path, capsys, share):
    file = record(tmp_path / 'in', messages, SQLITE)
    size = file.stat().st_size
    overwrite(file, int(share * size) // 4096 * 4096, b'\xff' * 4096)
    code, frames, err = tracked(tmp_path / 'in', tmp_path / 'out', capsys)
    assert code == 1 and FRAMES - 3 < frames < FRAMES and 'the bag is damaged' in err


def test_fewer_messages_than_the_bag_says_are_used_and_counted(messages, tmp_path, capsys):
    record(tmp_path / 'in', messages)
    file = tmp_path / 'in' / 'metadata.yaml'
    content = yaml.safe_load(file.read_text())
    for topic in content['rosbag2_bagfile_information']['topics_with_message_count']:
        topic['message_count'] += 5
    file.write_text(yaml.safe_dump(content))
    code, frames, err = tracked(tmp_path / 'in', tmp_path / 'out', capsys)
    assert (code, frames) == (1, FRAMES)
    assert f'{2 * FRAMES} of {2 * FRAMES + 10} messages are there' in err


def test_a_part_of_a_bag_that_is_gone_is_said(messages, tmp_path, capsys):
    record(tmp_path / 'in', messages)
    metadata = tmp_path / 'in' / 'metadata.yaml'
    metadata.write_text(metadata.read_text().replace('- in.mcap', '- in.mcap\n  - in_1.mcap'))
    code, frames, err = tracked(tmp_path / 'in', tmp_path / 'out', capsys)
    assert (code, frames) == (1, FRAMES) and 'in_1.mcap' in err


def test_files_without_metadata_are_a_bag_in_the_order_of_their_numbers(
        messages, tmp_path, capsys):
    (tmp_path / 'in').mkdir()
    half = len(messages) // 2
    for name, part in (('x_10.mcap', messages[half:]), ('x_9.mcap', messages[:half])):
        shutil.move(record(tmp_path / name, part), tmp_path / 'in' / name)
    code, frames, err = tracked(tmp_path / 'in', tmp_path / 'out', capsys)
    assert (code, frames) == (0, FRAMES) and 'note: ' in err and 'no metadata.yaml' in err
    record(tmp_path / 'plain', messages)
    convert(tmp_path / 'plain', tmp_path / 'expected', SETTINGS)
    both = [read_recording(tmp_path / name).images for name in ('out', 'expected')]
    assert both[0].keys() == both[1].keys()


def test_a_message_that_cannot_be_read_costs_itself_alone(messages, tmp_path, capsys):
    store = typestore()
    with Writer(tmp_path / 'in', version=9) as writer:
        topics = {kind: writer.add_connection(name, bags.TYPES[kind], typestore=store)
                  for kind, name in (('Image', '/image'), ('Detection2DArray', '/dets'))}
        for number, message in enumerate(messages):
            data = bags.serialize_message(message)
            writer.write(topics[type(message).__name__], nanoseconds(message.header.stamp),
                         b'\0\1\0\0\1' if number == 7 else data)
    code, frames, err = tracked(tmp_path / 'in', tmp_path / 'out', capsys)
    assert (code, frames) == (1, FRAMES - 1)
    stamp = nanoseconds(messages[7].header.stamp)
    assert f'1 messages cannot be read, the first on /dets received at {stamp}' in err


def plain_mcap(path: Path, messages, sign: int = 1) -> Path:
    """Write an mcap file without chunks and index, as the preset fastwrite does."""
    def text(value: str) -> bytes:
        return struct.pack('<I', len(value)) + value.encode()

    def of(opcode: int, content: bytes) -> bytes:
        return struct.pack('<BQ', opcode, len(content)) + content

    magic = b'\x89MCAP0\r\n'
    parts = [magic, of(1, text('ros2') + text('test'))]
    kinds = {'Image': (1, '/image'), 'Detection2DArray': (2, '/dets')}
    for kind, (key, topic) in kinds.items():
        name = bags.TYPES[kind]
        parts += [of(3, struct.pack('<H', key) + text(name) + text('ros2msg') + text('')),
                  of(4, struct.pack('<HH', key, key) + text(topic) + text('cdr') + text(''))]
    for message in messages[::sign]:
        stamp = nanoseconds(message.header.stamp)
        parts.append(of(5, struct.pack('<HIQQ', kinds[type(message).__name__][0], 0, stamp, stamp)
                        + bags.serialize_message(message)))
    parts += [of(15, bytes(4)), of(2, bytes(20)), magic]
    path.write_bytes(b''.join(parts))
    return path


@pytest.mark.parametrize('sign', [1, -1], ids=['in order', 'backwards'])
def test_a_file_without_chunks_is_read_in_the_order_of_time(messages, tmp_path, capsys, sign):
    file = plain_mcap(tmp_path / 'in.mcap', messages, sign)
    assert tracked(file, tmp_path / 'out', capsys)[:2] == (0, FRAMES)
    cut(file)
    code, frames, _ = tracked(file, tmp_path / 'part', capsys)
    assert code == 1 and FRAMES // 3 < frames < FRAMES


def test_messages_in_the_log_of_a_database_are_read(messages, tmp_path, capsys):
    """A recorder that was killed while the database had a write-ahead log."""
    file = record(tmp_path / 'in', messages, SQLITE)
    with sqlite3.connect(file) as other:
        rows = list(other.execute('SELECT topic_id, timestamp, data FROM messages'))
        other.execute('DELETE FROM messages')
    other.close()
    writer = sqlite3.connect(file)
    writer.execute('PRAGMA journal_mode=WAL')
    writer.execute('PRAGMA wal_autocheckpoint=0')
    writer.executemany('INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)', rows)
    writer.commit()
    copied = tmp_path / 'copied'
    copied.mkdir()
    for name in (file.name, f'{file.name}-wal'):
        shutil.copy(file.with_name(name), copied / name)
    writer.close()
    assert tracked(copied / file.name, tmp_path / 'out', capsys)[:2] == (0, FRAMES)


@pytest.mark.parametrize('plugin', [MCAP, SQLITE])
@pytest.mark.parametrize('name', ['a#b', 'a?b', '100%25', "it's"])
def test_a_name_may_hold_any_letter(messages, tmp_path, capsys, plugin, name):
    file = record(tmp_path / 'in', messages, plugin)
    odd = file.rename(tmp_path / f'{name}{file.suffix}')
    assert tracked(odd, tmp_path / 'out', capsys)[:2] == (0, FRAMES)


def test_a_compressed_bag_is_read(messages, tmp_path, capsys):
    record(tmp_path / 'in', messages, SQLITE, compressed=True)
    assert tracked(tmp_path / 'in', tmp_path / 'out', capsys)[:2] == (0, FRAMES)


@pytest.mark.parametrize(('name', 'content', 'says'), [
    ('x.bag', b'#ROSBAG V2.0\n' + bytes(50), 'a bag of ROS 1; "rosbags-convert"'),
    ('x.mcap', b'', 'an empty file'), ('x.db3', b'', 'an empty file'),
    ('x.mcap', b'hello' * 20, 'not a bag, neither mcap nor sqlite3'),
    ('x.db3', b'SQLite format 3\0' + bytes(2000), 'x.db3'),
    ('x.mcap', b'\x89MCAP0\r\n', 'x.mcap'),
    ('x.mcap', b'\x89MCAP0\r\n' + bytes(2000), 'x.mcap')])
def test_what_is_no_bag_is_refused_in_one_line(tmp_path, capsys, name, content, says):
    (tmp_path / name).write_bytes(content)
    code, frames, err = tracked(tmp_path / name, tmp_path / 'out', capsys)
    assert (code, frames) == (2, 0) and says in err and not (tmp_path / 'out').exists()


def test_an_empty_folder_and_a_bag_without_messages_are_refused(messages, tmp_path, capsys):
    (tmp_path / 'empty').mkdir()
    assert tracked(tmp_path / 'empty', tmp_path / 'out', capsys)[0] == 2
    record(tmp_path / 'in', [])
    code, _, err = tracked(tmp_path / 'in', tmp_path / 'out', capsys)
    assert code == 2 and 'no message on /image' in err and not (tmp_path / 'out').exists()


@pytest.mark.parametrize('kind', [Image, bags.Detection2DArray])
def test_a_bag_in_which_nothing_pairs_is_no_success(messages, tmp_path, capsys, kind):
    late = []
    for message in messages:
        if isinstance(message, kind):
            copy = bags.serialize_message(message)
            message = deserialize_message(copy, kind)
            message.header.stamp.sec += 1000
        late.append(message)
    record(tmp_path / 'in', late)
    code, frames, err = tracked(tmp_path / 'in', tmp_path / 'out', capsys)
    assert (code, frames) == (1, 0) and 'no image has detections of its stamp' in err


def test_a_damaged_bag_of_tracks_is_compared_as_far_as_it_goes(messages, tmp_path, capsys):
    record(tmp_path / 'in', messages)
    convert(tmp_path / 'in', tmp_path / 'whole.db3', SETTINGS)
    shutil.copytree(tmp_path / 'whole.db3', tmp_path / 'part')
    file = next((tmp_path / 'part').glob('*.db3'))
    with sqlite3.connect(file) as content:
        content.execute('DELETE FROM messages WHERE id > 6')
    content.close()
    code = main(['diff', str(tmp_path / 'whole.db3'), str(tmp_path / 'part')])
    captured = capsys.readouterr()
    assert code == 1 and f'6 of {FRAMES} messages could be read' in captured.err


def test_info_says_what_a_damaged_bag_holds(messages, tmp_path):
    file = record(tmp_path / 'in', messages)
    cut(file)
    content = describe(tmp_path / 'in')
    assert content['topics']['/image']['type'] == bags.TYPES['Image']
    assert 'cut off' in content['damage'] and 0 < content['seconds'] < 1


def test_any_change_of_a_file_ends_in_messages_or_in_a_refusal(messages, tmp_path):
    """Nothing that is in a file may end in another error than the one that names the file."""
    chance = random.Random(1)
    for plugin, compressed in ((MCAP, True), (MCAP, False), (SQLITE, False)):
        name = f'{plugin.name}{compressed}'
        file = record(tmp_path / name, messages[:6], plugin, compressed)
        whole = file.read_bytes()
        for _ in range(25):
            content = bytearray(whole)
            for _ in range(chance.randrange(1, 5)):
                place = chance.choice((chance.randrange(len(content)), chance.randrange(4000),
                                       len(content) - 1 - chance.randrange(4000)))
                content[place:place + 9] = chance.randbytes(9)
            file.write_bytes(content[:chance.choice((None, chance.randrange(len(content))))])
            for path in (file, file.parent):
                try:
                    with Storage(path) as storage:
                        found = list(storage.messages(storage.topics))
                        assert len(found) <= 6
                except BagError as error:
                    assert str(file.name) in str(error)


def test_remains_are_those_of_a_whole_file(messages, tmp_path):
    file = record(tmp_path / 'in', messages, compressed=True)
    remains = McapRemains(file)
    with Storage(file) as storage:
        assert list(remains.messages(storage.topics)) == list(storage.messages(storage.topics))
        assert dict(remains.counts) == dict(storage.topics) and not remains.damage
    remains.close()
