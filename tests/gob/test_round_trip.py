"""What the encoder writes the decoder reads, whatever the type, and real Go reads and writes the same."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.gob import LARGE, NEED_DATA, Array, Basic, Decoder, Encoder, Map, NotEncodable, Slice, Struct

NUMBERS = st.integers(-(2**63), 2**63 - 1)
PLAIN = {
    Basic.BOOL: st.booleans(),
    Basic.INT: NUMBERS,
    Basic.UINT: st.integers(0, 2**64 - 1),
    Basic.FLOAT: st.floats(allow_nan=False),
    Basic.BYTES: st.binary(max_size=300),
    Basic.STRING: st.text(),
    Basic.COMPLEX: st.complex_numbers(allow_nan=False),
}
NAMES = st.text("abcXYZ_", min_size=1, max_size=5)
KEYS = st.sampled_from([Basic.INT, Basic.STRING, Basic.BYTES])


def _structs(inner):
    fields = st.lists(st.tuples(NAMES, inner), max_size=4, unique_by=lambda field: field[0])
    return st.builds(Struct, NAMES, fields.map(tuple))


TYPES = st.recursive(
    st.sampled_from(list(Basic)),
    lambda inner: (
        st.builds(Slice, inner)
        | st.builds(Array, inner, st.integers(0, 3))
        | st.builds(Map, KEYS, inner)
        | _structs(inner)
    ),
    max_leaves=6,
)


def values_of(kind):
    """Whole values: no field of a struct is left out."""
    if isinstance(kind, Basic):
        return PLAIN[kind]
    if isinstance(kind, Slice):
        return st.lists(values_of(kind.of), max_size=4)
    if isinstance(kind, Array):
        return st.lists(values_of(kind.of), min_size=kind.length, max_size=kind.length)
    if isinstance(kind, Map):
        return st.dictionaries(values_of(kind.key), values_of(kind.of), max_size=4)
    return st.fixed_dictionaries({name: values_of(of) for name, of in kind.fields})


ZERO = {
    Basic.BOOL: False,
    Basic.INT: 0,
    Basic.UINT: 0,
    Basic.FLOAT: 0.0,
    Basic.BYTES: b"",
    Basic.STRING: "",
    Basic.COMPLEX: 0j,
}


def filled(kind, value=None):
    """A value with what the stream leaves out of it."""
    if isinstance(kind, Basic):
        return ZERO[kind] if value is None else value
    if isinstance(kind, Map):
        return {key: filled(kind.of, item) for key, item in (value or {}).items()}
    if isinstance(kind, Struct):
        return {name: filled(of, (value or {}).get(name)) for name, of in kind.fields}
    missing = [None] * kind.length if isinstance(kind, Array) else []
    return [filled(kind.of, item) for item in (value or missing)]


@given(st.data(), st.lists(TYPES, min_size=1, max_size=3))
def test_what_is_written_is_read(decoded, data, kinds):
    sent = [(kind, data.draw(values_of(kind))) for kind in [*kinds, *kinds]]
    encoder = Encoder()
    found = decoded(b"".join(encoder.encode(kind, value) for kind, value in sent))
    assert [filled(kind, value) for (kind, _), value in zip(sent, found, strict=True)] == [value for _, value in sent]


@given(st.data(), TYPES, st.integers(1, 7))
def test_a_stream_may_come_in_any_pieces(data, kind, size):
    value = data.draw(values_of(kind))
    stream = Encoder().encode(kind, value)
    decoder, found = Decoder(), []
    for at in range(0, len(stream), size):
        decoder.feed(stream[at : at + size])
        if (came := decoder.next_value()) is not NEED_DATA:
            found.append(came)
    decoder.end()
    assert [filled(kind, each) for each in found] == [value]


@pytest.mark.parametrize("behind", [b"", b"\3\2\0\2"])
def test_a_large_value_is_read_whatever_follows(decoded, behind):
    kind = Struct("P", (("Data", Basic.BYTES), ("Last", Basic.STRING)))
    value = {"Data": bytes(range(256)) * 1000, "Last": "z"}
    assert decoded(Encoder().encode(kind, value) + behind) == [value, *([1] if behind else [])]


def test_a_message_that_is_larger_than_asked_for_waits_until_it_is():
    kind = Struct("P", (("Data", Basic.BYTES),))
    small, large = {"Data": b"x"}, {"Data": bytes(1000)}
    encoder, decoder = Encoder(), Decoder()
    decoder.feed(b"".join(encoder.encode(kind, value) for value in (small, large, small)))
    assert [decoder.next_value(at_most=500) for _ in range(3)] == [small, LARGE, LARGE]
    assert [decoder.next_value() for _ in range(3)] == [large, small, NEED_DATA]


def test_a_type_is_described_once():
    encoder, kind = Encoder(), Slice(Struct("P", (("Name", Basic.STRING),)))
    first, second = (encoder.encode(kind, [{"Name": "a"}]) for _ in range(2))
    assert first.endswith(second)
    assert len(second) < len(first)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Basic.BOOL, 1, "a bool"),
        (Basic.INT, True, "an integer of 64 bits, found bool"),
        (Basic.INT, 2**63, "an integer of 64 bits"),
        (Basic.UINT, -1, "without a sign"),
        (Basic.FLOAT, "1", "a number"),
        pytest.param(Basic.FLOAT, 10**5000, "a double", id="large"),
        (Basic.COMPLEX, 1, "a complex number"),
        (Basic.STRING, b"", "a string"),
        (Basic.STRING, "\ud800", "UTF-8"),
        (Basic.BYTES, "", "bytes"),
        (Slice(Basic.INT), {}, "a list"),
        (Array(Basic.INT, 2), [1], "a list of 2"),
        (Map(Basic.STRING, Basic.INT), [], "a dict"),
        (Struct("P", (("Name", Basic.STRING),)), {"name": "a"}, r"a struct P of \['Name'\]"),
    ],
)
def test_a_value_of_another_type_is_refused(decoded, kind, value, expected):
    encoder = Encoder()
    with pytest.raises(NotEncodable, match=expected):
        encoder.encode(Slice(kind), [value])
    assert decoded(encoder.encode(Slice(kind), [])) == [[]]  # the type was not sent with what was refused


# --- with Go --------------------------------------------------------------------------------------------------------

INNER = Struct("Inner", (("Name", Basic.STRING), ("Score", Basic.INT)))
SAMPLE = Struct(
    "Sample",
    (
        ("Flag", Basic.BOOL),
        ("Number", Basic.INT),
        ("Count", Basic.UINT),
        ("Ratio", Basic.FLOAT),
        ("Wave", Basic.COMPLEX),
        ("Text", Basic.STRING),
        ("Data", Basic.BYTES),
        ("Names", Slice(Basic.STRING)),
        ("Table", Map(Basic.STRING, Basic.INT)),
        ("Pair", Array(Basic.INT, 2)),
        ("Inner", INNER),
        ("Inners", Slice(INNER)),
        ("Numbers", Slice(Slice(Basic.INT))),
    ),
)


@contextmanager
def running(program, mode):
    with subprocess.Popen([program, mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait(10) == 0


@pytest.mark.system_package("go")
@pytest.mark.timeout(300)
def test_go_reads_what_is_written_and_is_read(go_program):
    with running(go_program("gobs"), "mirror") as process:
        encoder, decoder = Encoder(), Decoder()

        @settings(max_examples=300)
        @given(values_of(SAMPLE))
        def mirror(value):
            process.stdin.write(encoder.encode(SAMPLE, value))
            process.stdin.flush()
            while (found := decoder.next_value()) is NEED_DATA:
                data = process.stdout.read1()
                assert data, "Go has given up"
                decoder.feed(data)
            assert filled(SAMPLE, found) == value

        mirror()
