"""What a line of a plugin's output says: level, text and fields. The plugin may write anything, so nothing is believed.

A record that is not as sdk.output writes it, or is over its bounds, is an ordinary line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from weft.sdk.output import MARK, MAX_DEPTH, MAX_VALUES
from weft.types import LEVELS, OutputLine

MAX_TEXT = 8 * 1024
"""Characters of a text; the rest of a longer one is cut off."""
MAX_NAME = 200
"""Characters of a logger's name."""
OLDEST = 60.0
"""Seconds that a record may say to be old; else it has the time of its arrival."""

_NAMES = {
    **{name: name for name in LEVELS},
    "warn": "warning",
    "critical": "error",
    "fatal": "error",
    "exception": "error",
    "notset": "trace",
}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PREFIX = re.compile(
    r"(?:\d{4}-\d\d-\d\d[T ])?(?:\d\d:\d\d:\d\d\S*\s+)?(?:- [\w.]+ - )?"
    r"\W{0,2}(TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b",
    re.IGNORECASE,
)
_PREFIX_WITHIN = 200


class _Record(msgspec.Struct):
    level: str
    text: str
    logger: str = ""
    time: float = 0.0
    fields: dict[str, Any] = {}


_record_decoder = msgspec.json.Decoder(_Record)
_object_decoder = msgspec.json.Decoder(dict[str, Any])
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


def read_line(line: bytes, stream: str, now: float) -> Iterator[OutputLine]:
    """The line without its end as one OutputLine, or two: a record may follow what was printed without an end."""
    text = line.decode("utf-8", "replace").rstrip("\r")
    if stream == "stderr" and MARK in text:
        before, _, rest = text.rpartition(MARK)  # within a record it is escaped
        record = _record(rest, stream, now)
        if record is not None:
            if before:
                yield _printed(before, stream, now)
            yield record
            return
    yield _printed(text, stream, now)


def _record(text: str, stream: str, now: float) -> OutputLine | None:
    try:
        found = _record_decoder.decode(text)
    except _UNREADABLE:
        return None
    if found.level not in LEVELS or not _within_bounds(found.fields):
        return None
    time = found.time if now - OLDEST <= found.time <= now else now
    inner = None if found.fields else _json(found.text, stream, time)
    if inner is not None:
        return OutputLine(time, found.level, inner.text, stream, inner.fields, found.logger[:MAX_NAME])
    return OutputLine(time, found.level, found.text[:MAX_TEXT], stream, found.fields, found.logger[:MAX_NAME])


def _printed(text: str, stream: str, now: float) -> OutputLine:
    return _json(text, stream, now) or OutputLine(now, level_of(text), text[:MAX_TEXT], stream)


def level_of(text: str) -> str:
    """The level that a line begins with, perhaps after its time, in brackets or in colour; else info."""
    found = _PREFIX.match(_COLOUR.sub("", text[:_PREFIX_WITHIN]))
    return _NAMES[found[1].lower()] if found else "info"


def _json(text: str, stream: str, now: float) -> OutputLine | None:
    """The line of one who logs in JSON, as structlog's JSONRenderer and others write it: level and text in it."""
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        fields = _object_decoder.decode(text)
    except _UNREADABLE:
        return None
    level = _NAMES.get(_take(fields, "level", "levelname", "severity").lower())
    event = _take(fields, "event", "message", "msg")
    if not level or not event or not _within_bounds(fields):
        return None
    logger = _take(fields, "logger")[:MAX_NAME]
    if exception := _take(fields, "exception"):
        event += f"\n{exception}"
    return OutputLine(now, level, event[:MAX_TEXT], stream, fields, logger)


def _take(fields: dict[str, Any], *names: str) -> str:
    """The first text of these names, which leaves the fields; '' where there is none."""
    name = next((name for name in names if isinstance(fields.get(name), str)), None)
    return "" if name is None else str(fields.pop(name))


def _within_bounds(fields: dict[str, Any]) -> bool:
    """Whether the values are few, nest little, and have numbers that everybody can read."""
    count = 0
    layer: list[Any] = [fields]
    for _ in range(MAX_DEPTH + 1):
        values: list[Any] = []
        for each in layer:
            values += each.values() if isinstance(each, dict) else each
        count += len(values)
        if count > MAX_VALUES or not all(map(_small, values)):
            return False
        layer = [value for value in values if isinstance(value, dict | list)]
        if not layer:
            return True
    return False


def _small(value: Any) -> bool:
    return not isinstance(value, int) or -(1 << 63) <= value < 1 << 64
