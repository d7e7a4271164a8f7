"""A stream of JSON objects, one behind the other, taken as it comes and cut into objects. No I/O."""

from __future__ import annotations

import re

from weft.errors import UsageError
from weft.gob import LARGE, NEED_DATA, Sign

DEPTH = 32
"""Objects and lists within each other."""
MARKS = 50_000
"""Quotes and brackets of one object."""
_SPACE = re.compile(rb"[ \t\r\n]*")
_MARK = re.compile(rb'["{}\[\]]')
_STRING = re.compile(rb'(?:[^"\\]+|\\.)*+', re.DOTALL)
"""A string's characters, up to its quote, or to a backslash whose character has not come."""


class NotJson(UsageError):  # noqa: N818 - as the tree of weft.errors
    """The bytes are no JSON objects, or larger ones than are taken; the stream cannot go on."""


class JsonStream:
    """``feed`` it what arrives, and ask for ``next_object`` until it is NEED_DATA. ``most``: bytes of one object.

    It looks for where objects end, and at no byte twice. What is within them is for whoever decodes them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._buffer = bytearray()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._at = self._depth = self._marks = 0
        self._in_string = self._whole = False

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._buffer += data

    @property
    def waiting(self) -> int:
        """Bytes that came and are no whole object yet."""
        return len(self._buffer)

    def next_object(self, at_most: int | None = None) -> bytes | bytearray | Sign:
        """The next object's bytes, or NEED_DATA; LARGE where it has more than ``at_most``. Raises NotJson."""
        if not self._at and not self._is_begun():
            return NEED_DATA
        whole = self._whole = self._whole or self._is_whole()
        if (self._at if whole else len(self._buffer)) > self._most:
            raise NotJson(f"a call of more than {self._most} bytes")
        if not whole:
            return NEED_DATA
        return LARGE if at_most is not None and self._at > at_most else self._cut(self._at)

    def _is_begun(self) -> bool:
        """Whether an object begins; the white space before it is dropped."""
        space = _SPACE.match(self._buffer)
        if space is not None and space.end():
            del self._buffer[: space.end()]
        if not self._buffer:
            return False
        if self._buffer[0] == ord("["):
            raise NotJson("expected a JSON object, found a list: net/rpc has no batches, send one call after the other")
        if self._buffer[0] != ord("{"):
            raise NotJson(f"expected a JSON object, found {bytes(self._buffer[:20])!r}")
        return True

    def _is_whole(self) -> bool:
        """Whether the object's end has come: then that is where it looks."""
        while self._find_mark():
            self._at += 1
            if self._counted(self._buffer[self._at - 1]) == 0:
                return True
        return False

    def _find_mark(self) -> bool:
        """Move on to the next quote or bracket that is one; False when it has not come."""
        if self._in_string:
            found = _STRING.match(self._buffer, self._at)
            assert found is not None
            self._at = found.end()
            return self._buffer[self._at : self._at + 1] == b'"'
        found = _MARK.search(self._buffer, self._at)
        self._at = found.start() if found else len(self._buffer)
        return found is not None

    def _counted(self, mark: int) -> int:
        """How deep it is behind this mark. Raises NotJson."""
        self._marks += 1
        if self._marks > MARKS:
            raise NotJson(f"a call with more than {MARKS} quotes and brackets")
        if mark == ord('"'):
            self._in_string = not self._in_string
        else:
            self._depth += 1 if mark in b"{[" else -1
        if self._depth > DEPTH:
            raise NotJson(f"a call nested deeper than {DEPTH}")
        return self._depth

    def _cut(self, end: int) -> bytes | bytearray:
        self._begin_anew()
        if end == len(self._buffer):  # most often, and always of what is large: not copied
            found, self._buffer = self._buffer, bytearray()
            return found
        cut = bytes(memoryview(self._buffer)[:end])
        del self._buffer[:end]
        return cut
