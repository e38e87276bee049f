"""The wire format's reader against the `protobuf` package's own writing, and against bytes that nobody wrote."""

import pytest
from onnx import AttributeProto, StringStringEntryProto, TensorProto

from crosscade.exporters.safety.allowlist import ATTRIBUTE, TENSOR
from crosscade.exporters.safety.protobuf import Kind, Reader, Schema, WireError, varint

PAIR: Schema = {1: ("key", Kind.NAME), 2: ("value", Kind.TEXT)}


def read(data: bytes, schema: Schema = PAIR, **limits: int) -> dict:
    made = Reader(**{"values": 100, "text": 100, "longest_name": 20, **limits})
    return made.read(memoryview(data), schema, "the message")


def test_reads_what_protobuf_wrote():
    tensor = TensorProto(dims=[2, 3], data_type=1, name="é", float_data=[1.5, -2.0], int64_data=[-1, 2**62, 0])
    found = read(tensor.SerializeToString(), TENSOR)
    assert found["dims"] == [2, 3]  # one by one
    assert found["int64_data"] == [-1, 2**62, 0]  # packed
    assert bytes(found["float_data"]) == b"\0\0\xc0\x3f\0\0\0\xc0"
    assert (found["name"], found["data_type"]) == ("é", 1)
    attribute = AttributeProto(name="axis", type=AttributeProto.INT, i=-(2**63))
    assert read(attribute.SerializeToString(), ATTRIBUTE)["i"] == -(2**63)


def test_data_is_a_view_and_not_a_copy():
    whole = TensorProto(raw_data=b"weights").SerializeToString()
    assert read(whole, TENSOR)["raw_data"].obj is whole


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x0a", "does not end"),
        (b"\xff" * 11, "does not end"),
        (b"\x0a" + b"\xff" * 9 + b"\x7f", "more than 64 bits"),
        (b"\x0a\x05abc", "cut off: 3 of 5 bytes"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01abc", "cut off"),
        (b"\x08\x01", "key of wire type 0"),
        (b"\x0b\x0c", "key of wire type 3"),
        (b"\x0f", "key of wire type 7"),
        (b"\x1a\x00", "unknown field 3"),
        (b"\x02\x00", "unknown field 0"),
        (b"\x0a\x01a\x0a\x01b", "key twice"),
        (b"\x0a\x02\xff\xfe", "not UTF-8"),
        (b"\x0a\x15" + b"a" * 21, "key of 21 bytes"),
        (b"\x12\x65" + b"a" * 101, "too much text"),
        (b"\x12\x00" * 101, "too many values"),
    ],
)
def test_refuses(data, reason):
    with pytest.raises(WireError, match=reason):
        read(data)


def test_packed_numbers_are_counted_before_they_are_read():
    tensor = TensorProto(int64_data=range(101)).SerializeToString()
    with pytest.raises(WireError, match="too many values"):
        read(tensor, TENSOR)
    assert len(read(tensor, TENSOR, values=102)["int64_data"]) == 101


def test_four_byte_numbers_are_whole():
    with pytest.raises(WireError, match="float_data of 3 bytes"):
        read(b"\x22\x03abc", TENSOR)


def test_varint():
    assert varint(memoryview(b"\x96\x01\x00"), 0) == (150, 2)
    pair = StringStringEntryProto(key="a" * 20, value="b")
    assert bytes(read(pair.SerializeToString())["value"][0]) == b"b"
