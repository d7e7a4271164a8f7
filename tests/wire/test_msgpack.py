"""msgpack in plain Python beside msgspec: the same bytes mean the same values, garbage is only ever ValueError."""

from __future__ import annotations

import math

import msgspec.msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weft.wire import codec, msgpack

PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), st.text(), st.binary()
)
KEYS = st.one_of(st.text(), st.integers(-(2**63), 2**64 - 1), st.binary())
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=30
)
EDGES = [
    0, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000, 0xFFFFFFFF, 0x100000000, 2**64 - 1,
    -1, -32, -33, -0x80, -0x81, -0x8000, -0x8001, -0x80000000, -0x80000001, -(2**63), 1.5, math.inf,
    *(kind * size for kind in ("s", b"b") for size in (0, 1, 31, 32, 255, 256, 65535, 65536)),
    *([None] * size for size in (15, 16, 65535, 65536)),
    *({str(key): key for key in range(size)} for size in (15, 16, 65536)),
]  # fmt: skip


@given(VALUES)
def test_what_one_writes_the_other_reads(value):
    assert msgspec.msgpack.decode(msgpack.encode(value)) == value
    assert msgpack.decode(msgspec.msgpack.encode(value)) == value
    assert msgpack.decode(msgpack.encode(value)) == value


@pytest.mark.parametrize("value", EDGES, ids=lambda value: f"{type(value).__name__}-{str(value)[:12]}")
def test_the_edges_of_every_form_are_written_alike(value):
    assert msgpack.encode(value) == msgspec.msgpack.encode(value)
    assert msgpack.decode(msgspec.msgpack.encode(value)) == value


@given(st.binary(max_size=200))
@example(b"")
@example(b"\xc1")
@example(b"\x81\x90\x01")  # a list as a key
@example(b"\x81\x80\x01")  # a map as a key
@example(b"\xa1\xff")  # no UTF-8
@example(b"\xd6\xff\x00\x00\x00\x00")  # an extension type
@example(b"\xc0\xc0")  # a second value
@example(b"\xdd\xff\xff\xff\xff")  # four billion entries announced
@example(b"\xdf\xff\xff\xff\xff")
@example(b"\xc6\xff\xff\xff\xff")
@example(b"\x91" * 5000)
def test_garbage_is_a_value_or_a_value_error(data):
    try:
        value = msgpack.decode(data)
    except ValueError:
        return
    assert msgpack.decode(msgpack.encode(value)) == value or value != value or "nan" in repr(value)


@pytest.mark.parametrize("head", [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"])
def test_an_announced_size_larger_than_the_data_reserves_nothing(head):
    with pytest.raises(ValueError, match=r"at byte|announced"):
        msgpack.decode(head + b"\xc0" * 10)


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def test_depth_is_bounded_both_ways():
    assert msgpack.decode(msgpack.encode(nested(msgpack.MAX_DEPTH - 1))) == nested(msgpack.MAX_DEPTH - 1)
    with pytest.raises(ValueError, match="nested deeper"):
        msgpack.encode(nested(msgpack.MAX_DEPTH + 1))
    with pytest.raises(ValueError, match="nested deeper"):
        msgpack.decode(b"\x91" * 1000 + b"\xc0")


@pytest.mark.parametrize(
    ("value", "error"),
    [(object(), TypeError), ({1, 2}, TypeError), (2**64, OverflowError), (-(2**63) - 1, OverflowError)],
)
def test_what_has_no_form_is_refused(value, error):
    with pytest.raises(error):
        msgpack.encode(value)


def test_every_error_of_the_codec_in_use_closes_a_connection():
    assert codec.ACCELERATED
    for data in (b"", b"\xc1", b"\x81\x80\x01", b"\xa1\xff", b"\xd7\xff" + b"\xff" * 8, b"\x91" * 100_000):
        with pytest.raises((ValueError, TypeError, RecursionError)):
            codec.decode(data)


@given(st.binary(max_size=100), st.integers(8_000, 9_000))
def test_what_is_encoded_apart_is_the_same_value(data, size):
    large = (data or b"x") * size
    for value in (data, large, (large,), (200, data, large), (1, large, None), [1, large], (*tuple(range(15)), large)):
        payload, apart = codec.encode_apart(value)
        plain = list(value) if isinstance(value, tuple) else value
        assert codec.decode(payload + apart) == msgpack.decode(memoryview(payload + apart)) == plain
        assert apart in (b"", large)


def test_large_bytes_at_the_end_are_not_copied():
    large = bytes(64 * 1024)
    assert codec.encode_apart(large)[1] is large
    assert codec.encode_apart((200, b"head", large))[1] is large
