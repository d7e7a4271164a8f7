"""Readers of values: one function per type, made when the type is described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from weft.gob.cursor import Cursor
from weft.gob.errors import Malformed
from weft.gob.types import Basic, Keyed, Node, Opaque, Record, Repeated

Read = Callable[[Cursor, int], Any]
"""Reads the value at a cursor, which lies at a depth."""
Readers = Mapping[int, Read]
"""By the type's number. Types may refer to some that are described after them, and to themselves."""


class Concrete(NamedTuple):
    """What an interface held: the name that Go registers its type under, and the value. A nil one is None."""

    name: str
    value: Any


def _bool(cursor: Cursor, _depth: int) -> bool:
    return cursor.unsigned() != 0


def _complex(cursor: Cursor, _depth: int) -> complex:
    return complex(cursor.double(), cursor.double())


def _sized(cursor: Cursor, _depth: int) -> bytes:
    return cursor.sized()


BASIC: Readers = {
    Basic.BOOL.value: _bool,
    Basic.INT.value: lambda cursor, _depth: cursor.signed(),
    Basic.UINT.value: lambda cursor, _depth: cursor.unsigned(),
    Basic.FLOAT.value: lambda cursor, _depth: cursor.double(),
    Basic.BYTES.value: _sized,
    Basic.STRING.value: lambda cursor, _depth: cursor.text(),
    Basic.COMPLEX.value: _complex,
}

_PLAIN_KEYS = BASIC.keys() - {Basic.COMPLEX.value}


def lookup(readers: Readers, number: int) -> Read:
    """The reader of a type. Raises Malformed when nobody described it."""
    read = readers.get(number)
    if read is None:
        raise Malformed(f"type {number} is used, and was not described")
    return read


def reader_of(node: Node, readers: Readers) -> Read:
    """What reads values of a described type; those within are read by ``readers``."""
    if isinstance(node, Record):
        return _record(node, readers)
    if isinstance(node, Keyed):
        return _keyed(node, readers)
    return _sized if isinstance(node, Opaque) else _repeated(node, readers)


def _record(node: Record, readers: Readers) -> Read:
    fields = node.fields
    size = len(fields)

    def read(cursor: Cursor, depth: int) -> dict[str, Any]:
        """Each field is preceded by how far it lies behind the one before; 0 ends them."""
        inner = cursor.deeper(depth)
        found: dict[str, Any] = {}
        number = -1
        while step := cursor.unsigned():
            number += step
            if number >= size:
                raise Malformed(f"a struct {node.name!r} of {size} fields is said to have one more, number {number}")
            name, kind = fields[number]
            cursor.spend(1)
            found[name] = lookup(readers, kind)(cursor, inner)
        return found

    return read


def _repeated(node: Repeated, readers: Readers) -> Read:
    def read(cursor: Cursor, depth: int) -> list[Any]:
        inner = cursor.deeper(depth)
        count = cursor.count()
        if node.length is not None and count != node.length:
            raise Malformed(f"{count} elements of an array that has {node.length}")
        element = lookup(readers, node.element)
        return [element(cursor, inner) for _ in range(count)]

    return read


def _keyed(node: Keyed, readers: Readers) -> Read:
    def pairs(cursor: Cursor, depth: int) -> list[tuple[Any, Any]]:
        inner = cursor.deeper(depth)
        count = cursor.count()
        cursor.spend(count)
        key, element = lookup(readers, node.key), lookup(readers, node.element)
        return [(key(cursor, inner), element(cursor, inner)) for _ in range(count)]

    # Of others whoever writes the stream could choose keys that collide, and a dict of those takes for ever.
    return (lambda cursor, depth: dict(pairs(cursor, depth))) if node.key in _PLAIN_KEYS else pairs
