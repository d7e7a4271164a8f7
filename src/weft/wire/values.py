"""How many values a payload of msgpack holds, found without making any of them. Pure.

A byte can become an object of 80 bytes, so the size of a payload bounds what its receiver needs for it only where it is
small. Source: the msgpack specification; a list or map is a head with what is in it behind, so no nesting is followed.
"""

from __future__ import annotations

import re
from typing import Dict, Iterator

from weft.wire.frames import FrameError, Payload

MOST_VALUES = 4 * 1024 * 1024
"""Of one payload: four times as many as fit into one frame."""

_TOGETHER = 1024
"""Values that are counted at once, where none of them is a long text."""
_NUMBERS: Dict[int, bytes] = {0: b"\xc0\xc2\xc3", 1: b"\xcc\xd0", 2: b"\xcd\xd1\xdc\xde", 4: b"\xca\xce\xd2\xdd\xdf",
                              8: b"\xcb\xcf\xd3"}  # fmt: skip
"""First bytes of numbers, nil, booleans, and of heads of lists and maps, by how many bytes follow."""
_TEXTS = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
"""First bytes of texts, and of bytes, whose length follows in so many bytes."""
_SHORT = 0xA0
"""The first byte of an empty text; those of the next 31 tell the lengths of theirs."""


def _kinds() -> Iterator[bytes]:
    """One alternative for each number of bytes that follow the first one; the most usual come first."""
    for follow in (0, 8, 1, 2, 4, *(each for each in range(32) if each not in _NUMBERS)):
        first = re.escape(_NUMBERS.get(follow, b"") + bytes((_SHORT + follow,)))
        yield b"[%b%b].{%d}" % (b"\\x00-\\x9f\\xe0-\\xff" if follow == 0 else b"", first, follow)


_VALUE = b"(?:%b)" % b"|".join(_kinds())
_ONE = re.compile(_VALUE, re.DOTALL)
_MANY = re.compile(b"%b{%d}" % (_VALUE, _TOGETHER), re.DOTALL)


def check_values(payload: Payload) -> None:
    """Raises FrameError where ``payload`` holds more values than MOST_VALUES. What is no msgpack passes."""
    if len(payload) <= MOST_VALUES:
        return
    position = count = try_at = 0
    while position < len(payload):
        many = _MANY.match(payload, position) if count >= try_at else None
        if many is not None:
            position = many.end()
            count += _TOGETHER
        else:
            if count >= try_at:
                try_at = count + _TOGETHER
            position = _next(payload, position)
            count += 1
        if count > MOST_VALUES:
            raise FrameError(f"values in one are over the limit of {MOST_VALUES}: stream it, or send it as bytes")


def _next(payload: Payload, position: int) -> int:
    """Where the value that begins there ends; of a list or map, its head. The end of all, where none begins."""
    one = _ONE.match(payload, position)
    if one is not None:
        return one.end()
    width = _TEXTS.get(payload[position], 0)
    if not width:
        return len(payload)
    begin = position + 1 + width
    return begin + int.from_bytes(payload[position + 1 : begin], "big")
