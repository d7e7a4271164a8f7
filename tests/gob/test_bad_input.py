"""Whatever the bytes: values, or one named error, within the limits."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weft.gob import NEED_DATA, Array, Basic, Decoder, Encoder, GobError, Limits, Malformed, OverLimit, Slice, Struct
from weft.gob.descriptions import wire_of
from weft.gob.types import WIRE_TYPE, Keyed, Node, Record, Repeated
from weft.gob.writing import message, put_uint

SELF = 65
MANY = Limits(values=1_000_000, depth=10_000)


def described(**nodes: Node) -> bytes:
    """The descriptions of types ``t65=…``, written by a writer that believes anything."""
    stream = b""
    for name, node in nodes.items():
        number, out, encoder = int(name[1:]), bytearray(), Encoder()
        encoder._writers[WIRE_TYPE](out, wire_of(node, number))
        stream += message(-number, out)
    return stream


def sized(size: int, rest: bytes = b"") -> bytes:
    out = bytearray()
    put_uint(out, size)
    return bytes(out + rest)


NESTED = described(t65=Repeated(SELF))
BAD = {
    "an empty message": (b"\0", "ends at byte 0"),
    "no value behind a type": (message(6, b""), "ends at byte 1"),
    "a string without its end": (message(6, b"\0\5ab"), "5 bytes are announced"),
    "a string that is no UTF-8": (message(6, b"\0\1\xff"), "no UTF-8"),
    "a long length of a length": (b"\x80\0", "length of 128 bytes"),
    "a long number": (message(2, b"\0\xf7" + bytes(9)), "a number of 9 bytes"),
    "bytes behind a value": (message(2, b"\0\2\2"), "1 bytes are left"),
    "a value that begins with a field": (message(2, b"\1\2"), "begins with a field"),
    "an unknown type": (message(70, b"\0\0"), "type 70 is used, and was not described"),
    "type 0": (message(0, b"\0\0"), "type 0 is used"),
    "an element of an unknown type": (described(t65=Repeated(70)) + message(65, b"\0\1\0"), "type 70 is used"),
    "a field too many": (described(t65=Record("P", (("A", 2),))) + message(65, b"\2\0"), "one more, number 1"),
    "a step that is too long": (described(t65=Record("P", ())) + message(65, b"\xf8" + b"\xff" * 8), "one more"),
    "an array of another length": (described(t65=Repeated(2, 3)) + message(65, b"\0\1\0"), "1 elements of an array"),
    "an array of less than nothing": (described(t65=Repeated(2, -1)), "an array of -1"),
    "more elements than bytes": (described(t65=Repeated(2)) + message(65, b"\0\xfc\x7f\xff\xff\xff\0"), "are left"),
    "more keys than bytes": (described(t65=Keyed(2, 2)) + message(65, b"\0\xfc\x7f\xff\xff\xff\0"), "are left"),
    "a type described twice": (described(t65=Repeated(2)) * 2, "type 65 is described, and is known"),
    "a basic type described": (described(t6=Repeated(2)), "type 6 is described"),
    "the type of types described": (described(t16=Repeated(2)), "type 16 is described"),
    "a description of nothing": (message(-65, b"\0"), "one of its kinds"),
    "a description of two things": (message(-65, b"\1\0\1\0\0"), "one of its kinds"),
    "a struct with two fields of one name": (described(t65=Record("P", (("A", 2), ("A", 2)))), "two of one name"),
    "a field without a name": (described(t65=Record("P", (("", 2),))), "without a name"),
    "a description with bytes behind it": (message(-65, b"\2\2\4\0\0\0"), "are left"),
    "an interface of an unknown type": (message(8, b"\0\1x\xff\x8c\1\0"), "type 70 is used"),
}
TOO_MUCH = {
    "a message of many bytes": (sized(2**40), "a message of 1099511627776 bytes"),
    "a slice within itself": (NESTED + message(65, b"\0" + b"\1" * 5000 + b"\0"), "nested deeper than 64"),
    "a struct within itself": (
        described(t65=Record("P", (("Next", SELF),))) + message(65, b"\1" * 5000 + bytes(5001)),
        "nested deeper than 64",
    ),
    "an interface within itself": (message(8, b"\0" + b"\1x\x10\1\0" * 5000 + b"\0"), "nested deeper than 64"),
    "a map within itself": (described(t65=Keyed(2, SELF)) + message(65, b"\0" + b"\1\0" * 5000), "nested deeper"),
    "many values": (described(t65=Repeated(2)) + message(65, b"\0" + sized(200_000, bytes(200_000))), "100000 values"),
    "many fields": (
        described(t65=Record("P", (("A", 2),)), t66=Repeated(SELF))
        + message(66, b"\0" + sized(60_000, b"\1\2\0" * 60_000)),
        "100000 values",
    ),
    "many types": (b"".join(described(**{f"t{65 + at}": Repeated(2)}) for at in range(600)), "more than 512 types"),
    "long names": (
        b"".join(described(**{f"t{65 + at}": Record("n" * 100_000, ())}) for at in range(5)),
        "descriptions of types of more than 262144 bytes",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_gob_is_malformed(decoded, name):
    stream, told = BAD[name]
    with pytest.raises(Malformed, match=told):
        decoded(stream)


@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_is_too_much_is_over_a_limit(decoded, name):
    stream, told = TOO_MUCH[name]
    with pytest.raises(OverLimit, match=told):
        decoded(stream)


def test_a_value_in_pieces_without_end_is_over_a_limit(golden, decoded):
    """A value that describes one new type after another within an interface, each in a message of its own."""
    first = message(8, b"\0\1x" + described(t65=Repeated(2))[1:])
    more = [described(**{f"t{at}": Repeated(2)}) for at in range(66, 200)]
    with pytest.raises(OverLimit, match="more than 64 messages"):
        decoded(b"".join([first, *more]))
    with pytest.raises(OverLimit, match="a message of"):
        decoded(b"".join([first, *more]), Limits(message_bytes=200))


def test_values_nest_as_deep_as_the_limit(decoded):
    for depth, fits in ((64, True), (65, False)):
        stream = NESTED + message(65, b"\0" + b"\1" * (depth - 1) + b"\0")
        if fits:
            assert decoded(stream)
        else:
            with pytest.raises(OverLimit):
                decoded(stream)


def test_a_stream_that_ends_within_a_value_is_malformed(golden, decoded):
    for stream in golden.values():
        for cut in range(1, len(stream)):
            decoder = Decoder()
            decoder.feed(stream[:cut])
            while decoder.next_value() is not NEED_DATA:
                pass
            if decoder.waiting:
                with pytest.raises(Malformed, match="ended within a value"):
                    decoder.end()


@pytest.mark.parametrize("size", [2**31, 2**62])
def test_an_announced_size_reserves_nothing(decoded, size):
    limits = Limits(message_bytes=2**63)
    tracemalloc.start()
    try:
        for stream in (sized(size, b"\0" * 100), message(5, b"\0" + sized(size, b"abc"))):
            decoder = Decoder(limits)
            decoder.feed(stream)
            try:
                assert decoder.next_value() is NEED_DATA
            except Malformed:
                pass
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def drain(stream):
    """Values until there are no more, or the stream is no gob."""
    decoder, begin = Decoder(), time.monotonic()
    decoder.feed(stream)
    try:
        while decoder.next_value() is not NEED_DATA:
            pass
    except GobError as error:
        assert str(error)
    assert time.monotonic() - begin < 20, "a few bytes take for ever"


@given(st.binary(max_size=300))
@example(b"\x7f" * 200)
@example(b"\xff" * 50)
def test_any_bytes_are_values_or_a_named_error(stream):
    drain(stream)


@given(st.binary(max_size=120), st.sampled_from([2, 5, 6, 7, 8, 16, 65, 66, 67]))
def test_any_message_of_a_known_type_is_a_value_or_a_named_error(content, number):
    types = described(t65=Repeated(66), t66=Record("P", (("A", 65), ("B", 8), ("C", 67))), t67=Keyed(8, 66))
    drain(types + message(number, content))


@given(st.data())
def test_a_stream_that_was_changed_is_values_or_a_named_error(golden, data):
    stream = bytearray(golden[data.draw(st.sampled_from(sorted(golden)))])
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(stream) - 1))
        stream[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        stream += b"\0" if not stream else b""
    drain(bytes(stream))


def test_a_decoder_keeps_nothing_of_what_it_gave(decoded):
    kind = Struct("P", (("Data", Basic.BYTES), ("Pair", Array(Slice(Basic.INT), 1))))
    encoder, decoder = Encoder(), Decoder()
    value = {"Data": bytes(100_000), "Pair": [[1] * 100]}
    decoder.feed(encoder.encode(kind, value))
    assert decoder.next_value() == value
    tracemalloc.start()
    try:
        for _ in range(50):
            decoder.feed(encoder.encode(kind, value))
            assert decoder.next_value() == value
        assert tracemalloc.get_traced_memory()[0] < 400_000
    finally:
        tracemalloc.stop()
    assert decoder.waiting == 0
