"""Log records on their way to the host."""

from __future__ import annotations

import logging
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.runtimes.process.records import read_line
from weft.sdk.output import MARK, MAX_RECORD, HostHandler, encode, level_name
from weft.types import LEVELS

NOW = 1_000_000.0
ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
VALUES = st.recursive(ATOMS, lambda inner: st.lists(inner) | st.dictionaries(ATOMS, inner) | st.tuples(inner))


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "trace"),
        (5, "trace"),
        (10, "debug"),
        (20, "info"),
        (25, "info"),
        (30, "warning"),
        (40, "error"),
        (99, "error"),
    ],
)
def test_levels(number, name):
    assert level_name(number) == name
    assert name in LEVELS


def at_the_host(line):
    assert line.startswith(MARK.encode())
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line) <= MAX_RECORD
    (found,) = read_line(line[:-1], "stderr", NOW)
    return found


def test_a_record_of_several_lines_is_one_with_its_fields():
    line = encode("warning", NOW - 1, "shop", "one\ntwo", {"order": 17, "tags": ["new", None], "who": {"id": 1.5}})
    found = at_the_host(line)
    assert (found.level, found.time, found.logger, found.text) == ("warning", NOW - 1, "shop", "one\ntwo")
    assert found.fields == {"order": 17, "tags": ["new", None], "who": {"id": 1.5}}


@given(st.text(), st.text(), st.dictionaries(st.text(max_size=200), VALUES))
def test_whatever_is_logged_arrives_as_a_record(logger, text, fields):
    found = at_the_host(encode("info", NOW, logger, text, fields))
    assert found.level == "info"
    assert len(found.fields) <= len(fields)


@pytest.mark.parametrize("character", ["x", "\x00", "ä", "\n", "😀", "\ud800"])
@pytest.mark.parametrize("values", [1, 10, 10_000])
def test_what_is_too_long_is_shortened_and_told(character, values):
    long = character * 100_000
    found = at_the_host(encode("info", NOW, long, f"{long}the end", {f"{n}{long[:300]}": long for n in range(values)}))
    assert found.text.endswith("the end")
    assert "…" in found.text
    assert len(found.logger) < 200


def test_what_nests_deep_or_in_itself_is_shown():
    ring = []
    ring.append(ring)
    deep = 0
    for _ in range(1000):
        deep = {"in": deep}
    found = at_the_host(encode("info", NOW, "shop", "", {"ring": ring, "deep": deep, "wide": list(range(100_000))}))
    assert set(found.fields) == {"ring", "deep", "wide"}
    assert len(found.fields["wide"]) < 256


def test_a_handler_whose_descriptor_is_gone_raises_nothing(capsys):
    reader, writer = os.pipe()
    os.close(reader)
    handler = HostHandler(writer)
    handler.handle(logging.LogRecord("shop", logging.INFO, "f.py", 1, "to nobody", (), None))
    os.close(writer)
    assert "BrokenPipeError" in capsys.readouterr().err
