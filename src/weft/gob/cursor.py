"""A place in the bytes of one value: the numbers and strings that gob is made of."""

from __future__ import annotations

import struct

from weft.gob.errors import Malformed, OverLimit
from weft.gob.limits import Limits

_FLOAT = struct.Struct("<d")
_MOST_BYTES = 8
"""Of one number."""


class Cursor:
    """Reads onward from the first byte. ``at`` is how far it is, ``end`` where the bytes end."""

    __slots__ = ("_data", "_left", "_limits", "at", "end")

    def __init__(self, data: bytes | memoryview, limits: Limits) -> None:
        self._data = data
        self._limits = limits
        self._left = limits.values
        self.at = 0
        self.end = len(data)

    def unsigned(self) -> int:
        """Below 128 it is its own byte; else that byte says, negated, how many follow, the highest first."""
        at = self.at
        if at >= self.end:
            raise Malformed(f"the message ends at byte {at}, where a number is expected")
        first = self._data[at]
        if first < 0x80:
            self.at = at + 1
            return first
        size = 0x100 - first
        if size > _MOST_BYTES:
            raise Malformed(f"byte {at} begins a number of {size} bytes: they have {_MOST_BYTES} at most")
        self.at = at + 1
        return int.from_bytes(self.take(size), "big")

    def signed(self) -> int:
        """The lowest bit is the sign: set, the others are the complement."""
        number = self.unsigned()
        return ~(number >> 1) if number & 1 else number >> 1

    def double(self) -> float:
        """The eight bytes of a double as a number, the lowest first, since most doubles end in zeros."""
        number: float = _FLOAT.unpack(self.unsigned().to_bytes(8, "big"))[0]
        return number

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        at = self.at
        if size > self.end - at:
            raise Malformed(f"{size} bytes are announced at byte {at}, {self.end - at} are left")
        self.at = at + size
        return bytes(self._data[at : at + size])

    def sized(self) -> bytes:
        """As many bytes as the number before them says."""
        return self.take(self.unsigned())

    def text(self) -> str:
        """As ``sized``, in UTF-8."""
        data = self.sized()
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise Malformed(f"a string before byte {self.at} is no UTF-8: {error.reason}") from None

    def count(self) -> int:
        """How many elements follow: each takes a byte at least, so there cannot be more than bytes are left."""
        number = self.unsigned()
        if number > self.end - self.at:
            raise Malformed(f"{number} elements are announced at byte {self.at}, {self.end - self.at} bytes are left")
        self.spend(number)
        return number

    def spend(self, values: int) -> None:
        """So many values are read. Raises OverLimit."""
        self._left -= values
        if self._left < 0:
            raise OverLimit(f"a message of more than {self._limits.values} values")

    def deeper(self, depth: int) -> int:
        """The depth of what lies within a value at ``depth``. Raises OverLimit."""
        if depth >= self._limits.depth:
            raise OverLimit(f"values nested deeper than {self._limits.depth}")
        return depth + 1
