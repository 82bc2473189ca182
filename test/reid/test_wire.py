"""Messages as protocol buffers write them."""
import pytest

from deepsort_ros.reid import wire


@pytest.mark.parametrize('value', [0, 1, 127, 128, 300, 2**32, 2**63 - 1, -1, -2**63])
def test_integers_come_back(value):
    (number, found), = wire.fields(wire.varint(3, value))
    assert (number, wire.integers(found)) == (3, [value])


def test_the_bytes_are_those_of_the_published_examples():
    # From the encoding guide of protocol buffers.
    assert wire.varint(1, 150) == bytes.fromhex('089601')
    assert wire.chunk(2, 'testing') == bytes.fromhex('120774657374696e67')
    assert wire.chunk(3, wire.varint(1, 150)) == bytes.fromhex('1a03089601')
    (_, packed), = wire.fields(bytes.fromhex('3206038e029ea705'))
    assert wire.integers(packed) == [3, 270, 86942]


def test_strings_and_messages_come_back_in_order():
    data = wire.chunk(1, 'Ärger') + wire.float32(2, 0.5) + wire.chunk(1, b'\x00\x01')
    found = list(wire.fields(data))
    assert [number for number, _ in found] == [1, 2, 1]
    assert wire.text(found[0][1]) == 'Ärger'
    assert bytes(wire.message(found[2][1])) == b'\x00\x01'


@pytest.mark.parametrize('data', [
    b'\x80', b'\x0a\x05abc', b'\x03', b'\x00\x01', b'\x08' + b'\xff' * 11, b'\x09\x01'])
def test_what_is_no_message_is_refused(data):
    with pytest.raises(wire.WireError):
        list(wire.fields(data))


def test_a_number_is_neither_text_nor_message():
    (_, value), = wire.fields(wire.varint(1, 5))
    with pytest.raises(wire.WireError):
        wire.text(value)
    with pytest.raises(wire.WireError):
        wire.message(value)
    with pytest.raises(wire.WireError):
        wire.text(memoryview(b'\xff\xfe'))
