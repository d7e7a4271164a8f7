"""Values as a stream of gobs."""

from __future__ import annotations

from typing import Any

from weft.gob.descriptions import wire_of
from weft.gob.types import (
    DESCRIPTIONS,
    FIRST_ID,
    WIRE_TYPE,
    Array,
    Basic,
    Keyed,
    Map,
    Node,
    Record,
    Repeated,
    Slice,
    Struct,
    Type,
)
from weft.gob.writing import BASIC, Write, message, writer_of


class Encoder:
    """One stream: each type is described once, before its first value."""

    def __init__(self) -> None:
        self._numbers: dict[Type, int] = {}
        self._nodes: dict[int, Node] = {}
        self._writers: dict[int, Write] = dict(BASIC)
        self._unsent = b""
        for number, node in DESCRIPTIONS.items():
            self._know(number, node)

    def encode(self, kind: Type, value: Any) -> bytes:
        """The messages that tell a value. Fields of structs that are None or absent are left out.

        Raises NotEncodable when the value is not of the type; the stream is as before then.
        """
        number = self._number(kind)
        content = bytearray() if isinstance(kind, Struct) else bytearray(1)
        self._writers[number](content, value)
        described, self._unsent = self._unsent, b""
        return described + message(number, content)

    def _number(self, kind: Type) -> int:
        """By which the stream knows a type, from now on."""
        if isinstance(kind, Basic):
            return int(kind.value)
        number = self._numbers.get(kind)
        if number is None:
            node = self._node(kind)
            number = self._numbers[kind] = FIRST_ID + len(self._numbers)
            self._know(number, node)
            described = bytearray()
            self._writers[WIRE_TYPE](described, wire_of(node, number))
            self._unsent += message(-number, described)
        return number

    def _node(self, kind: Slice | Array | Map | Struct) -> Node:
        if isinstance(kind, Struct):
            return Record(kind.name, tuple((name, self._number(each)) for name, each in kind.fields))
        if isinstance(kind, Map):
            return Keyed(self._number(kind.key), self._number(kind.of))
        return Repeated(self._number(kind.of), kind.length if isinstance(kind, Array) else None)

    def _know(self, number: int, node: Node) -> None:
        self._nodes[number] = node
        self._writers[number] = writer_of(node, self._nodes, self._writers)
