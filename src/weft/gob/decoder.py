"""A stream of gobs, taken as it comes and cut into values."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, Literal

from weft.gob.cursor import Cursor
from weft.gob.descriptions import node_of
from weft.gob.errors import Malformed, OverLimit
from weft.gob.limits import Limits
from weft.gob.reading import BASIC, Concrete, Read, lookup, reader_of
from weft.gob.types import DESCRIPTIONS, INTERFACE, LEAST_ID, WIRE_TYPE, Node, Record


class Sign(Enum):
    """What there is instead of a value."""

    NEED_DATA = "need data"
    LARGE = "large"


NEED_DATA: Final[Literal[Sign.NEED_DATA]] = Sign.NEED_DATA
"""There is no whole value yet."""
LARGE: Final[Literal[Sign.LARGE]] = Sign.LARGE
"""The next message is larger than was asked for."""

_TAKEN_OVER = 64 * 1024
"""Bytes of a message from which on it is not copied where it need not be."""


class _Unfinished(Exception):  # noqa: N818 - no error: a value goes on in the next message
    pass


class Decoder:
    """Values of one stream, in order: ``feed`` it what arrives, and ask for ``next_value`` until it is NEED_DATA.

    Every error is a GobError, after which the stream cannot go on.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._buffer = bytearray()
        self._held = b""
        """A value whose rest is in messages to come."""
        self._pieces = 0
        self._readers: dict[int, Read] = {**BASIC, INTERFACE: self._interface}
        self._records: set[int] = set()
        self._fresh: dict[int, int] = {}
        """Types that the present value described, each with the bytes that it took."""
        self._types = 0
        self._described = 0
        for number, node in DESCRIPTIONS.items():
            self._know(number, node)

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._buffer += data

    @property
    def waiting(self) -> int:
        """Bytes that came and are no whole value yet."""
        return len(self._buffer) + len(self._held)

    def next_value(self, at_most: int | None = None) -> Any:
        """The next value, or NEED_DATA. What types look like in Python is said in ``gob.types``.

        LARGE where a message of more than ``at_most`` bytes has come: ask again, in a thread, for one of any size.
        Raises Malformed, OverLimit.
        """
        while not isinstance(message := self._message(at_most), Sign):
            cursor = Cursor(message, self._limits)
            number = cursor.signed()
            if number < 0:
                self._describe(-number, cursor)
                self._fresh.clear()
            else:
                try:
                    value = self._value(number, cursor, 0)
                except _Unfinished:
                    self._hold(message)
                    continue
                self._fresh.clear()
                self._pieces = 0
            if cursor.at != cursor.end:
                raise Malformed(f"{cursor.end - cursor.at} bytes are left in a message behind its value")
            if number >= 0:
                return value
        return message

    def end(self) -> None:
        """Nothing more comes. Raises Malformed when that is within a value."""
        if self.waiting:
            raise Malformed(f"the stream ended within a value: {self.waiting} bytes of it had come")

    # --- messages ---------------------------------------------------------------------------------------------------

    def _message(self, at_most: int | None) -> bytes | memoryview | Sign:
        """The next whole message, with the value before it that it goes on with."""
        buffer = self._buffer
        if not buffer:
            return NEED_DATA
        head = 1 if buffer[0] < 0x80 else 1 + 0x100 - buffer[0]
        if head > 9:
            raise Malformed(f"a message begins with the length of a length of {head - 1} bytes: 8 are the most")
        if len(buffer) < head:
            return NEED_DATA
        size = buffer[0] if head == 1 else int.from_bytes(buffer[1:head], "big")
        if size + len(self._held) > self._limits.message_bytes:
            raise OverLimit(f"a message of {size} bytes: the limit is {self._limits.message_bytes}")
        if len(buffer) < head + size:
            return NEED_DATA
        return LARGE if at_most is not None and size > at_most else self._cut(head, size)

    def _cut(self, head: int, size: int) -> bytes | memoryview:
        if size >= _TAKEN_OVER and head + size == len(self._buffer) and not self._held:
            whole, self._buffer = self._buffer, bytearray()
            return memoryview(whole)[head:]
        begin = 0 if self._held else head
        with memoryview(self._buffer) as view:
            message = self._held + view[begin : head + size]
        del self._buffer[: head + size]
        self._held = b""
        return message

    def _hold(self, message: bytes | memoryview) -> None:
        """A new type within an interface ended the message, and the value goes on in the next: read it anew then."""
        self._pieces += 1
        if self._pieces >= self._limits.pieces:
            raise OverLimit(f"a value in more than {self._limits.pieces} messages")
        self._held = bytes(message)
        for number, size in self._fresh.items():
            del self._readers[number]
            self._records.discard(number)
            self._types -= 1
            self._described -= size
        self._fresh.clear()

    # --- types ------------------------------------------------------------------------------------------------------

    def _describe(self, number: int, cursor: Cursor) -> None:
        begin = cursor.at
        if number < LEAST_ID or number in self._readers:
            raise Malformed(f"type {number} is described, and is known already")
        wire = self._readers[WIRE_TYPE](cursor, 0)
        self._fresh[number] = cursor.at - begin
        self._types += 1
        self._described += cursor.at - begin
        if self._types > self._limits.types:
            raise OverLimit(f"a stream of more than {self._limits.types} types")
        if self._described > self._limits.description_bytes:
            raise OverLimit(f"descriptions of types of more than {self._limits.description_bytes} bytes")
        self._know(number, node_of(wire))

    def _know(self, number: int, node: Node) -> None:
        self._readers[number] = reader_of(node, self._readers)
        if isinstance(node, Record):
            self._records.add(number)

    # --- values -----------------------------------------------------------------------------------------------------

    def _value(self, number: int, cursor: Cursor, depth: int) -> Any:
        """A value that stands alone: one that is no struct has a 0 before it."""
        read = lookup(self._readers, number)
        if number not in self._records and cursor.unsigned():
            raise Malformed(f"a value of type {number}, which is no struct, begins with a field")
        return read(cursor, depth)

    def _interface(self, cursor: Cursor, depth: int) -> Concrete | None:
        """Its name, its type, which may be described here, its length, its value."""
        inner = cursor.deeper(depth)
        name = cursor.text()
        if not name:
            return None
        while (number := cursor.signed()) < 0:
            self._describe(-number, cursor)
            if cursor.at == cursor.end:
                raise _Unfinished
            cursor.unsigned()  # how long the message is that goes on here
        cursor.unsigned()  # how long the value is, up to its first new type
        return Concrete(name, self._value(number, cursor, inner))
