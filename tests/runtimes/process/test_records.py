"""What a line of a plugin's output says, whoever wrote it."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weft.runtimes.process.records import MAX_NAME, MAX_TEXT, read_line
from weft.sdk.output import MAX_DEPTH, MAX_VALUES
from weft.types import LEVELS, OutputLine

NOW = 1_000_000.0
GOOD = {"level": "info", "time": NOW, "logger": "shop", "text": "hello", "fields": {"a": 1}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda i: st.lists(i) | st.dictionaries(st.text(), i),
)
KEYS = st.sampled_from(["level", "levelname", "event", "message", "text", "logger", "time", "fields", "exception"])


def read(line, stream="stderr"):
    (found,) = read_line(line if isinstance(line, bytes) else line.encode(), stream, NOW)
    return found


def record(**changes):
    return b"\x1e" + json.dumps({**GOOD, **changes}).encode()


def nested(depth):
    return {"x": nested(depth - 1)} if depth else {}


@given(st.binary() | st.dictionaries(KEYS, JSON).map(lambda found: b"\x1e" + json.dumps(found).encode()), st.booleans())
@example(b"\x1e" + b"[" * 30_000, True)
@example(b'\x1e{"level":"info","text":"","logger":"' + b"x" * 30_000 + b'"}', True)
@example(b'{"level":"info","event":"x","":[]}', True)
@example(b'{"level":"info","event":"x","a":' + b"9" * 9000 + b"}", False)
@example(b'{"level":"info","event":"x","a":' + b"[" * 9000 + b"]" * 9000 + b"}", False)
def test_any_line_gives_lines_that_everybody_can_read(line, on_stderr):
    for found in read_line(line, "stderr" if on_stderr else "stdout", NOW):
        assert found.level in LEVELS
        assert len(found.text) <= MAX_TEXT
        assert len(found.logger) <= MAX_NAME
        assert found.stream == ("stderr" if on_stderr else "stdout")
        assert "\n" not in str(found).replace("\n    ", "")
        assert msgspec.json.decode(msgspec.json.encode(found), type=OutputLine) == found
        json.dumps(found.fields).encode()


def test_a_record_says_it_all():
    assert read(record()) == OutputLine(NOW, "info", "hello", "stderr", {"a": 1}, "shop")


def test_a_record_may_follow_what_has_no_end():
    before, after = read_line(b"50 %" + record(text="a \x1e b"), "stderr", NOW)
    assert (before.text, after.text, after.fields) == ("50 %", "a \x1e b", {"a": 1})


@pytest.mark.parametrize(
    "line",
    [
        record(level="host"),
        record(level=3),
        record(text=None),
        record(fields=[1]),
        record(fields=nested(MAX_DEPTH + 1)),
        record(fields={str(number): 0 for number in range(MAX_VALUES + 1)}),
        record(fields={"a": 2**70}),
        record()[:-1],
        record() + b"x",
        b"\x1e",
        b"\x1einfo the form of old",
    ],
)
def test_a_record_that_is_not_as_it_should_be_is_an_ordinary_line(line):
    assert read(line) == OutputLine(NOW, "info", line.decode(), "stderr")


def test_on_stdout_the_mark_means_nothing():
    assert read(record(), "stdout").text == record().decode()


@pytest.mark.parametrize(("said", "taken"), [(NOW - 5, NOW - 5), (NOW + 5, NOW), (0, NOW), (1e300, NOW), (-1, NOW)])
def test_the_time_of_a_record_is_believed_within_bounds(said, taken):
    assert read(record(time=said)).time == taken


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("plain words", "info"),
        ("WARNING: printed", "warning"),
        ("INFO:     Uvicorn running", "info"),
        ("\x1b[31mERROR\x1b[0m: in colour", "error"),
        ("[debug] low", "debug"),
        ("CRITICAL:root:down", "error"),
        ("2026-01-01 12:00:00 [warning  ] stock is low   item=ball", "warning"),
        ("\x1b[2m2026-01-01T12:00:00.5Z\x1b[0m [\x1b[31m\x1b[1merror    \x1b[0m] \x1b[1mhi\x1b[0m", "error"),
        ("2026-01-01 12:00:00,123 ERROR shop failed", "error"),
        ("2026-01-01 12:00:00,123 - shop.orders - DEBUG - sold", "debug"),
        ("12:00:00 warn: late", "warning"),
        ("errors were found", "info"),
        ("no ERROR here", "info"),
    ],
)
def test_the_level_of_a_line_is_what_it_begins_with(text, level):
    assert read(text, "stdout") == OutputLine(NOW, level, text, "stdout")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_json_line_with_level_and_event_has_fields(stream):
    line = {"event": "low", "level": "critical", "logger": "shop", "item": "ball", "exception": "Traceback\nKeyError"}
    assert read(json.dumps(line), stream) == OutputLine(
        NOW, "error", "low\nTraceback\nKeyError", stream, {"item": "ball"}, "shop"
    )


@pytest.mark.parametrize(
    "line",
    ['{"level": "info"}', '{"event": "x"}', '{"level": "loud", "event": "x"}', '{"level": 30, "msg": "x"}', "{}", "{"],
)
def test_other_json_is_an_ordinary_line(line):
    assert read(line, "stdout") == OutputLine(NOW, "info", line, "stdout")


def test_people_read_fields_behind_the_message_and_the_rest_below():
    fields = {"order": 17, "path": "/a-b", "who": "Ann B.", "is a": "\x1b[2J", "empty": ""}
    line = OutputLine(NOW, "error", "failed\nValueError: 3", "stderr", fields, "shop")
    assert str(line) == ("shop: failed order=17 path=/a-b who='Ann B.' 'is a'='\\x1b[2J' empty=''\n    ValueError: 3")
