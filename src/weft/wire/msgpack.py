"""msgpack in plain Python, for interpreters that have no msgspec.

Source: the msgpack specification. Plain values only: None, bool, int, float, str, bytes, list (tuple), dict.
"""

from __future__ import annotations

import struct
from typing import Any, List, Tuple

from weft.wire.frames import Payload

MAX_DEPTH = 128

_FLOAT, _U16, _U32 = struct.Struct(">d"), struct.Struct(">H"), struct.Struct(">I")


def encode(value: Any) -> bytes:
    """The bytes of one value. Raises TypeError for what msgpack has no form for, OverflowError past 64 bits."""
    parts: List[bytes] = []
    _encode(value, parts, 0)
    return b"".join(parts)


def _encode(value: Any, parts: List[bytes], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if value is None or isinstance(value, (int, float)):
        parts.append(_encode_number(value))
    elif isinstance(value, str):
        data = value.encode()
        parts += (_head(len(data), 0xA0, 31, (0xD9, 0xDA, 0xDB)), data)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        parts += (_head(len(data), 0, -1, (0xC4, 0xC5, 0xC6)), data)
    elif isinstance(value, (list, tuple)):
        parts.append(_head(len(value), 0x90, 15, (None, 0xDC, 0xDD)))
        for item in value:
            _encode(item, parts, depth + 1)
    elif isinstance(value, dict):
        parts.append(_head(len(value), 0x80, 15, (None, 0xDE, 0xDF)))
        for key, item in value.items():
            _encode(key, parts, depth + 1)
            _encode(item, parts, depth + 1)
    else:
        raise TypeError(f"a {type(value).__name__} has no form in msgpack")


def _encode_number(value: Any) -> bytes:
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    return _encode_int(int(value)) if isinstance(value, int) else b"\xcb" + _FLOAT.pack(value)


def _head(size: int, fix: int, fix_most: int, codes: Tuple[Any, int, int]) -> bytes:
    if size <= fix_most:
        return bytes((fix | size,))
    if codes[0] is not None and size <= 0xFF:
        return bytes((codes[0], size))
    if size <= 0xFFFF:
        return bytes((codes[1],)) + _U16.pack(size)
    return bytes((codes[2],)) + _U32.pack(size)


def _encode_int(value: int) -> bytes:
    if 0 <= value <= 0x7F:
        return bytes((value,))
    if -32 <= value < 0:
        return struct.pack("b", value)
    if value > 0:
        for code, form, most in ((0xCC, ">B", 0xFF), (0xCD, ">H", 0xFFFF), (0xCE, ">I", 0xFFFFFFFF)):
            if value <= most:
                return bytes((code,)) + struct.pack(form, value)
        if value <= 0xFFFFFFFFFFFFFFFF:
            return b"\xcf" + struct.pack(">Q", value)
    else:
        for code, form, least in ((0xD0, ">b", -0x80), (0xD1, ">h", -0x8000), (0xD2, ">i", -0x80000000)):
            if value >= least:
                return bytes((code,)) + struct.pack(form, value)
        if value >= -0x8000000000000000:
            return b"\xd3" + struct.pack(">q", value)
    raise OverflowError(f"{value} does not fit in 64 bits")


def decode(data: Payload) -> Any:
    """The one value that ``data`` holds. Raises ValueError for anything else, whatever the bytes."""
    reader = _Reader(data)
    try:
        value = reader.value(0)
    except (IndexError, struct.error, UnicodeDecodeError, TypeError) as error:
        raise ValueError(f"not msgpack at byte {reader.position}: {error}") from error
    if reader.position != len(data):
        raise ValueError(f"{len(data) - reader.position} bytes after the value")
    return value


_FIXED = {0xC0: None, 0xC2: False, 0xC3: True}
_NUMBERS = {
    code: struct.Struct(">" + form)
    for code, form in zip((0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF, 0xD0, 0xD1, 0xD2, 0xD3), "fdBHIQbhiq")
}
_SIZES = {
    0xC4: ("bin", 1), 0xC5: ("bin", 2), 0xC6: ("bin", 4),
    0xD9: ("str", 1), 0xDA: ("str", 2), 0xDB: ("str", 4),
    0xDC: ("list", 2), 0xDD: ("list", 4), 0xDE: ("map", 2), 0xDF: ("map", 4),
}  # fmt: skip


class _Reader:
    """A position in the bytes; ``value`` reads the value there and moves on."""

    def __init__(self, data: Payload) -> None:
        self._data = bytes(data)
        self.position = 0

    def value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        code = self._data[self.position]
        self.position += 1
        if code <= 0x7F:
            return code
        if code >= 0xE0:
            return code - 0x100
        if code in _FIXED:
            return _FIXED[code]
        if code in _NUMBERS:
            form = _NUMBERS[code]
            return form.unpack(self._take(form.size))[0]
        kind, size = self._sized(code)
        return self._body(kind, size, depth)

    def _sized(self, code: int) -> Tuple[str, int]:
        if code <= 0x8F:
            return "map", code & 0x0F
        if code <= 0x9F:
            return "list", code & 0x0F
        if code <= 0xBF:
            return "str", code & 0x1F
        if code not in _SIZES:
            raise ValueError(f"byte 0x{code:02x} begins no value that is allowed here")
        kind, width = _SIZES[code]
        return kind, int.from_bytes(self._take(width), "big")

    def _body(self, kind: str, size: int, depth: int) -> Any:
        if kind == "bin":
            return self._take(size)
        if kind == "str":
            return self._take(size).decode()
        if size > len(self._data) - self.position:
            raise ValueError(f"{size} entries announced, fewer bytes left")
        if kind == "list":
            return [self.value(depth + 1) for _ in range(size)]
        result = {}
        for _ in range(size):
            key = self.value(depth + 1)
            result[key] = self.value(depth + 1)
        return result

    def _take(self, size: int) -> bytes:
        start = self.position
        if start + size > len(self._data):
            raise IndexError("the data ends too early")
        self.position = start + size
        return self._data[start : self.position]
