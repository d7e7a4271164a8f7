"""Calls without I/O: whatever the pieces that a stream comes in, the same calls come out of it."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weft.errors import WrongArgument
from weft.gob import NEED_DATA, Basic, Decoder, Encoder, Slice, Struct
from weft.server.rpc.calls import CannotCall, Method, find_method
from weft.server.rpc.gob_codec import GobCodec
from weft.server.rpc.json_codec import JsonCodec
from weft.server.rpc.json_stream import JsonStream, NotJson

UPLOAD = Struct("Sent", (("FileName", Basic.STRING), ("Names", Slice(Basic.STRING)), ("Data", Basic.BYTES)))
VALUES = st.fixed_dictionaries({"FileName": st.text(), "Names": st.lists(st.text()), "Data": st.binary()})
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def in_pieces(reader, take, stream, size):
    found = []
    for at in range(0, len(stream), size):
        reader.feed(stream[at : at + size])
        while (value := take()) is not NEED_DATA:
            found.append(value)
    return found


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=4), st.booleans(), st.integers(1, 9))
@example([{'"': '\\"', "\\": "\\\\"}], True, 1)
@example([{"a": [{}, {"b": "}]"}]}], False, 2)
def test_objects_are_cut_where_they_end(objects, ascii_only, size):
    stream = b" \n".join(json.dumps(each, ensure_ascii=ascii_only).encode() for each in objects)
    reader = JsonStream(100_000)
    assert [json.loads(found) for found in in_pieces(reader, reader.next_object, stream, size)] == objects
    assert reader.waiting == 0


@given(st.binary(max_size=200), st.integers(1, 9))
@example(b'{"a":"\\', 1)
@example(b"{]", 1)
@example(b"{}}", 1)
def test_any_bytes_are_objects_or_a_named_error(stream, size):
    reader = JsonStream(100)
    try:
        in_pieces(reader, reader.next_object, stream, size)
    except NotJson as error:
        assert str(error)


@given(st.lists(VALUES, min_size=1, max_size=4), st.integers(1, 50))
def test_an_argument_is_the_same_in_json_and_in_gob(values, size):
    encoder, header = Encoder(), Struct("Request", (("ServiceMethod", Basic.STRING), ("Seq", Basic.UINT)))
    in_gob, in_json = b"", b""
    for number, value in enumerate(values):
        in_gob += encoder.encode(header, {"ServiceMethod": "S.Keep", "Seq": number}) + encoder.encode(UPLOAD, value)
        sent = {
            "filename": value["FileName"],
            "NAMES": value["Names"],
            "data": base64.b64encode(value["Data"]).decode(),
        }
        in_json += json.dumps({"method": "S.Keep", "params": [sent], "id": number}).encode()
    for codec, stream in ((GobCodec(10_000), in_gob), (JsonCodec(10_000), in_json)):
        calls = in_pieces(codec, codec.next_call, stream, size)
        assert [call.method for call in calls] == ["S.Keep"] * len(values)
        assert [int(call.number) for call in calls] == list(range(len(values)))
        assert [codec.argument(call, UPLOAD) for call in calls] == values
        assert codec.waiting == 0


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ((Basic.INT, 5), r"expected struct {FileName string; Names \[\]string; Data \[\]byte}, found int"),
        ((Struct("S", (("Data", Basic.STRING),)), {"Data": "x"}), r"expected \[\]byte, found str"),
        ((Struct("S", (("Names", Basic.STRING),)), {"Names": "x"}), r"expected \[\]string, found str"),
    ],
)
def test_a_gob_of_another_type_is_a_wrong_argument(argument, told):
    codec, encoder = GobCodec(10_000), Encoder()
    header = Struct("Request", (("ServiceMethod", Basic.STRING),))
    codec.feed(encoder.encode(header, {"ServiceMethod": "S.Keep"}) + encoder.encode(*argument))
    with pytest.raises(WrongArgument, match=told):
        codec.argument(codec.next_call(), UPLOAD)


def test_fields_that_nobody_asked_for_are_passed_over():
    codec, encoder = GobCodec(10_000), Encoder()
    kind = Struct("S", (("Other", Slice(Basic.INT)), ("FileName", Basic.STRING)))
    codec.feed(encoder.encode(Struct("Request"), {}) + encoder.encode(kind, {"Other": [1], "FileName": "x"}))
    call = codec.next_call()
    assert (call.method, call.number) == ("", 0)
    assert codec.argument(call, UPLOAD) == {"FileName": "x", "Names": [], "Data": b""}


def test_answers_are_as_go_has_them(run):
    plugins = Slice(Struct("PluginData", (("Name", Basic.STRING), ("Domains", Slice(Basic.STRING)))))
    listed = [{"Name": "a", "Domains": ("x", "y")}]
    in_json, in_gob, decoder = JsonCodec(100), GobCodec(100), Decoder()
    in_json.feed(b'{"method":"S.List","params":[{}],"id":"7"}')
    call = in_json.next_call()
    text = '{"id":"7","result":[{"name":"a","domains":["x","y"]}],"error":null}\n'
    assert in_json.answer(call, plugins, listed).decode() == text
    assert in_json.refuse(call, 'no "x"').decode() == '{"id":"7","result":null,"error":"no \\"x\\""}\n'
    call = call._replace(number=7)
    decoder.feed(in_gob.answer(call, plugins, listed) + in_gob.refuse(call, "no"))
    assert [decoder.next_value() for _ in range(4)] == [
        {"ServiceMethod": "S.List", "Seq": 7},
        [{"Name": "a", "Domains": ["x", "y"]}],
        {"ServiceMethod": "S.List", "Seq": 7, "Error": "no"},
        {},
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("List", "rpc: service/method request ill-formed: List"),
        ("", "rpc: service/method request ill-formed: "),
        ("Nope.List", "rpc: can't find service Nope.List"),
        ("a.S.List", "rpc: can't find service a.S.List"),
        ("S.Nope", "rpc: can't find method S.Nope"),
        ("S.", "rpc: can't find method S."),
    ],
)
def test_what_cannot_be_called_is_told_in_gos_words(name, told):
    services = {"S": {"List": Method(Basic.INT, Basic.INT, lambda *_: 0)}}
    assert find_method("S.List", services) is services["S"]["List"]
    with pytest.raises(CannotCall) as caught:
        find_method(name, services)
    assert str(caught.value) == told
