"""Streams that Go wrote, read."""

from __future__ import annotations

import subprocess

import pytest

from weft.gob import Basic, Concrete, Encoder, Map, Slice, Struct

INNER = Struct("Inner", (("Name", Basic.STRING), ("Score", Basic.INT)))
IN = Concrete("main.Inner", {"Name": "in", "Score": 5})
NESTED = {"Before": "2", "Any": Concrete("map[string]interface {}", {"x": IN}), "After": "3"}
LIST = [Concrete("int", 1), Concrete("string", "two"), None, Concrete("float64", 3.0)]
LIST.append(Concrete("main.Inner", {"Name": "four", "Score": 4}))
VALUES = {
    "bool": [True, False],
    "int": [0, 7, -1, 63, 64, -65, 1 << 40, -1 << 63, 1 << 62],
    "uint": [0, 127, 128, 256, 2**64 - 1],
    "float": [0.0, 1.0, 17.0, -2.5, 1e300],
    "complex": [1 - 2j],
    "string": ["", "hello", "ｗｅｆｔ"],
    "bytes": [b"", b"\0\xff\1"],
    "small": [-3],
    "slice": [["a", ""], []],
    "array": [[1, 0, -1]],
    "map": [{"one": 1}],
    "struct": [{"Name": "a", "Score": 1}, {}, {"Score": -1}],
    "nothing": [{}],
    "list": [{"Value": 1, "Next": {"Value": 2, "Next": {"Value": 3}}}],
    "tree": [[[], [[]]]],
    "keys": [[({"Name": "a", "Score": 1}, True)]],
    "time": [{"when": bytes.fromhex("010000000eddca78d900000000ffff")}],
    "interface": [
        {"Before": "b", "Any": IN, "After": "a"},
        {"Before": "b", "Any": Concrete("main.Inner", {"Name": "again", "Score": 6}), "After": "a"},
    ],
    "interfaces": [{"Before": "1", "Any": Concrete("main.Open", NESTED), "After": "4"}],
    "mixed": [{"list": Concrete("[]interface {}", LIST)}],
    "request": [{"ServiceMethod": "GloomRPC.ListPlugins", "Seq": 1}, {}],
    "upload": [
        {"ServiceMethod": "GloomRPC.UploadPlugin", "Seq": 2},
        {"FileName": "a.py", "Name": "a", "Domains": ["a.localhost"], "Data": b"app = 1"},
    ],
    "delete": [{"ServiceMethod": "GloomRPC.DeletePlugin"}, "a"],
    "response": [{"ServiceMethod": "GloomRPC.Nope", "Seq": 3, "Error": "no"}, {}],
}


@pytest.mark.parametrize("name", VALUES)
def test_what_go_wrote_is_read(golden, decoded, name):
    assert decoded(golden[name]) == VALUES[name]


def test_every_golden_stream_is_looked_at(golden):
    assert golden.keys() == VALUES.keys()


@pytest.mark.system_package("go")
@pytest.mark.timeout(300)
def test_go_writes_the_same_today(golden, decoded, go_program):
    """Numbers of types differ between versions of Go; what they say does not."""
    told = subprocess.run([go_program("gobs"), "golden"], capture_output=True, text=True, check=True, timeout=30)
    today = {name: bytes.fromhex(stream) for name, stream in map(str.split, told.stdout.splitlines())}
    assert today.keys() == golden.keys()
    assert {name: decoded(stream) for name, stream in today.items()} == VALUES


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bool", Basic.BOOL),
        ("int", Basic.INT),
        ("uint", Basic.UINT),
        ("float", Basic.FLOAT),
        ("complex", Basic.COMPLEX),
        ("string", Basic.STRING),
        ("bytes", Basic.BYTES),
    ],
)
def test_basic_values_are_written_as_go_writes_them(golden, name, kind):
    encoder = Encoder()
    assert b"".join(encoder.encode(kind, value) for value in VALUES[name]) == golden[name]


@pytest.mark.parametrize(
    ("name", "kind"), [("struct", INNER), ("map", Map(Basic.STRING, Basic.INT)), ("slice", Slice(Basic.STRING))]
)
def test_described_values_are_written_as_go_writes_them(golden, name, kind):
    """But for the number of the type, which is each writer's own."""
    encoder = Encoder()
    encoder.encode(kind, VALUES[name][0])
    length_and_number, value = slice(0, 3), slice(3, None)
    ours = encoder.encode(kind, VALUES[name][-1])
    assert golden[name].endswith(ours[value])
    assert ours[length_and_number].startswith(bytes([len(ours) - 1]))
