"""The plugin's log records on their way to the host.

A record is one line of stderr: MARK, then a JSON object of ``level``, ``time``, ``logger``, ``text`` and ``fields``.
The host believes none of it: see runtimes.process.records.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import reprlib
import select
import sys
from functools import lru_cache
from itertools import islice
from typing import Any

MARK = "\x1e"
"""Begins a record, at the start of a line or behind what was printed without an end of line."""
MAX_RECORD = 32 * 1024
"""Bytes of a record's line."""
MAX_VALUES = 256
"""Values in the fields of a record, nested ones and all."""
MAX_DEPTH = 4
"""Levels that the fields of a record may nest."""

_LEVELS = ((logging.ERROR, "error"), (logging.WARNING, "warning"), (logging.INFO, "info"), (logging.DEBUG, "debug"))
_STREAMS = ("stdout", "stderr", "__stdout__", "__stderr__")
_ROOMS = ((8 * 1024, 2 * 1024, MAX_VALUES), (8 * 1024, 128, 16), (512, 0, 0))
"""Characters of the text and of a value, and values: the first room whose record fits is taken."""
_LONGEST_NAME = 100
_PATIENCE = 1000
"""Milliseconds that a record waits for room where the plugin made its stderr one that does not wait."""


def level_name(number: int) -> str:
    """The level's name among trace, debug, info, warning, error."""
    return next((name for least, name in _LEVELS if number >= least), "trace")


class HostHandler(logging.Handler):
    """Writes records to the host, by a descriptor of its own: the plugin may close or replace its stderr.

    Raises nothing into the plugin. Where the plugin gave the root logger a handler that prints, it holds still.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._torn = False

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        try:
            if not any(map(_prints, logging.root.handlers)):
                self._write(self._encode(record))
        except Exception:
            with contextlib.suppress(Exception):
                self.handleError(record)

    def _encode(self, record: logging.LogRecord) -> bytes:
        fields = {name: value for name, value in vars(record).items() if name not in _usual() and name[:1] != "_"}
        if isinstance(record.msg, dict) and "event" in record.msg:  # structlog's, made for a formatter of its own
            record, fields = _of_structlog(record, fields)
        return encode(level_name(record.levelno), record.created, record.name, self.format(record), fields)

    def _write(self, line: bytes) -> None:
        rest = b"\n" + line if self._torn else line
        self._torn = True
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                self._wait()
        self._torn = False

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        if not poll.poll(_PATIENCE):
            raise TimeoutError("the host does not read this plugin's output")


@lru_cache(None)
def _usual() -> frozenset[str]:
    """The attributes that every record has."""
    return frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _prints(handler: logging.Handler) -> bool:
    stream = getattr(handler, "stream", None)
    return stream is not None and any(stream is getattr(sys, name) for name in _STREAMS)


def _of_structlog(record: logging.LogRecord, fields: dict[str, Any]) -> tuple[logging.LogRecord, dict[str, Any]]:
    """The record with its event for a message, and what the event's dictionary holds besides."""
    told: Any = record.msg
    event = {str(name): value for name, value in told.items()}
    exc_info = event.pop("exc_info", None)
    if isinstance(exc_info, BaseException):
        exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
    elif exc_info and not isinstance(exc_info, tuple):
        exc_info = sys.exc_info()
    changes = {"msg": str(event.pop("event")), "args": (), "exc_info": exc_info or record.exc_info}
    return logging.makeLogRecord({**vars(record), **changes}), {**event, **fields}


def encode(level: str, time: float, logger: str, text: str, fields: dict[str, Any]) -> bytes:
    """A record's line, of MAX_RECORD bytes at most: long texts lose their middle, what has no JSON form is shown."""
    import json

    line = b""
    for most, longest, values in _ROOMS:
        record = {
            "level": level,
            "time": time,
            "logger": _cut(logger, _LONGEST_NAME),
            "text": _cut(text, most),
            "fields": _Plain(longest, values).fields(fields),
        }
        written = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        line = f"{MARK}{written}\n".encode("utf-8", "replace")
        if len(line) <= MAX_RECORD:
            break
    return line


def _cut(text: str, most: int) -> str:
    """``most`` characters, of both ends."""
    half = max(0, most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}…{text[len(text) - half :]}"


class _Plain:
    """Makes values such as JSON has, of strings no longer than ``longest``, and ``values`` of them at most."""

    def __init__(self, longest: int, values: int) -> None:
        self._longest = longest
        self._left = values

    def fields(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What there is room for."""
        return self._mapping(fields, MAX_DEPTH)

    def _mapping(self, mapping: dict[Any, Any], depth: int) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for key, value in islice(mapping.items(), self._left):
            if self._left <= 0:
                break
            plain[_cut(key if isinstance(key, str) else _shown(key), _LONGEST_NAME)] = self._value(value, depth - 1)
        return plain

    def _sequence(self, items: Any, depth: int) -> list[Any]:
        plain: list[Any] = []
        for item in islice(items, self._left):
            if self._left <= 0:
                break
            plain.append(self._value(item, depth - 1))
        return plain

    def _value(self, value: Any, depth: int) -> Any:
        self._left -= 1
        kind = type(value)
        if value is None or kind is bool or (kind is int and abs(value) < 1 << 63):
            return value
        if kind is float and math.isfinite(value):
            return value
        if isinstance(value, str):
            return _cut(str.__str__(value), self._longest)
        if depth and kind is dict:
            return self._mapping(value, depth)
        if depth and kind in (list, tuple, set, frozenset):
            return self._sequence(value, depth)
        return _cut(_shown(value), self._longest)


def _shown(value: Any) -> str:
    """What is no plain value, briefly; one that cannot be shown is told of by its type."""
    brief = reprlib.Repr()
    brief.maxother = brief.maxlong = brief.maxstring = 200
    try:
        return brief.repr(value)
    except Exception:
        return f"<{type(value).__name__}>"


def install() -> None:
    """Send the root logger's records to the host. Call it before anything else opens a descriptor."""
    _occupy()
    root = logging.getLogger()
    root.addHandler(HostHandler(os.dup(2)))
    root.setLevel(logging.INFO)


def flush() -> None:
    """Send what is still in the standard streams' buffers, whatever the plugin made of them."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # None, closed, or of the plugin's own making
            stream.flush()


def _occupy() -> None:
    """Open what is closed of the standard three.

    Code that ran before may have closed them (a ``.pth`` file's), and a descriptor that opened in their place, of the
    wire for one, would be printed into.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
