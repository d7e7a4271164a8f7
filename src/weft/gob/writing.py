"""Writers of values: one function per type, and the numbers that gob is made of."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from weft.gob.errors import NotEncodable
from weft.gob.types import Basic, Keyed, Node, Opaque, Record, Repeated

Write = Callable[[bytearray, Any], None]
"""Appends a value. Raises NotEncodable when it is not of the type."""
Writers = Mapping[int, Write]
"""By the type's number."""

_FLOAT = struct.Struct("<d")


def put_uint(out: bytearray, number: int) -> None:
    """See ``Cursor.unsigned``."""
    if number < 0x80:
        out.append(number)
        return
    size = (number.bit_length() + 7) // 8
    out.append(0x100 - size)
    out += number.to_bytes(size, "big")


def put_int(out: bytearray, number: int) -> None:
    """See ``Cursor.signed``."""
    put_uint(out, ~number << 1 | 1 if number < 0 else number << 1)


def put_sized(out: bytearray, data: bytes | bytearray) -> None:
    """Bytes, behind their number."""
    put_uint(out, len(data))
    out += data


def message(number: int, value: bytes | bytearray) -> bytes:
    """One message of a stream: a type's number and a value of it."""
    content, out = bytearray(), bytearray()
    put_int(content, number)
    put_uint(out, len(content) + len(value))
    return b"".join((out, content, value))


# --- basic types ----------------------------------------------------------------------------------------------------


def _refuse(value: Any, expected: str) -> NotEncodable:
    return NotEncodable(f"expected {expected}, found {type(value).__name__}")


def _bool(out: bytearray, value: Any) -> None:
    if not isinstance(value, bool):
        raise _refuse(value, "a bool")
    out.append(value)


def _int(out: bytearray, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
        raise _refuse(value, "an integer of 64 bits")
    put_int(out, value)


def _uint(out: bytearray, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**64:
        raise _refuse(value, "an integer of 64 bits without a sign")
    put_uint(out, value)


def _float(out: bytearray, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _refuse(value, "a number")
    try:
        packed = _FLOAT.pack(value)
    except (OverflowError, struct.error):
        raise _refuse(value, "a number that a double can hold") from None
    put_uint(out, int.from_bytes(packed, "big"))


def _complex(out: bytearray, value: Any) -> None:
    if not isinstance(value, complex):
        raise _refuse(value, "a complex number")
    _float(out, value.real)
    _float(out, value.imag)


def _bytes(out: bytearray, value: Any) -> None:
    if not isinstance(value, bytes | bytearray):
        raise _refuse(value, "bytes")
    put_sized(out, value)


def _string(out: bytearray, value: Any) -> None:
    if not isinstance(value, str):
        raise _refuse(value, "a string")
    try:
        put_sized(out, value.encode())
    except UnicodeEncodeError:
        raise _refuse(value, "a string that UTF-8 can hold") from None


BASIC: Writers = {
    Basic.BOOL.value: _bool,
    Basic.INT.value: _int,
    Basic.UINT.value: _uint,
    Basic.FLOAT.value: _float,
    Basic.BYTES.value: _bytes,
    Basic.STRING.value: _string,
    Basic.COMPLEX.value: _complex,
}


# --- types of types -------------------------------------------------------------------------------------------------


def writer_of(node: Node, nodes: Mapping[int, Node], writers: Writers) -> Write:
    """What writes values of a type; those within are written by ``writers``, which must have them already."""
    if isinstance(node, Record):
        return _record(node, nodes, writers)
    if isinstance(node, Keyed):
        return _keyed(node, writers)
    return _bytes if isinstance(node, Opaque) else _repeated(node, writers)


def _record(node: Record, nodes: Mapping[int, Node], writers: Writers) -> Write:
    fields = [(place, name, writers[kind], _is_left_out(kind, nodes)) for place, (name, kind) in enumerate(node.fields)]
    names = {name for name, _ in node.fields}

    def write(out: bytearray, value: Any) -> None:
        if not isinstance(value, Mapping) or not value.keys() <= names:
            raise _refuse(value, f"a struct {node.name} of {sorted(names)}")
        last = -1
        for place, name, put, left_out in fields:
            item = value.get(name)
            if item is None or (left_out and not item):
                continue
            put_uint(out, place - last)
            put(out, item)
            last = place
        out.append(0)

    return write


def _is_left_out(kind: int, nodes: Mapping[int, Node]) -> bool:
    """Whether Go leaves a field of this type out where it is zero."""
    node = nodes.get(kind)
    return node is None or (isinstance(node, Repeated) and node.length is None)


def _repeated(node: Repeated, writers: Writers) -> Write:
    put = writers[node.element]

    def write(out: bytearray, value: Any) -> None:
        if not isinstance(value, list | tuple):
            raise _refuse(value, "a list")
        if node.length is not None and len(value) != node.length:
            raise _refuse(value, f"a list of {node.length}")
        put_uint(out, len(value))
        for item in value:
            put(out, item)

    return write


def _keyed(node: Keyed, writers: Writers) -> Write:
    put_key, put = writers[node.key], writers[node.element]

    def write(out: bytearray, value: Any) -> None:
        if not isinstance(value, Mapping):
            raise _refuse(value, "a dict")
        put_uint(out, len(value))
        for key, item in value.items():
            put_key(out, key)
            put(out, item)

    return write
