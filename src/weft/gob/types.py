"""Types: as a program names those that it sends, and as a stream describes them, by number.

A value of a type is, in Python: bool, int, float, bytes, str, complex; a list for slices and arrays; a dict for maps (a
list of pairs, where keys are complex or of a described type); a dict by field name for structs, whose fields may be
absent (Go leaves out what is zero).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Basic(Enum):
    """Types that need no description. The value is the number by which a stream names them."""

    BOOL = 1
    INT = 2
    UINT = 3
    FLOAT = 4
    BYTES = 5
    STRING = 6
    COMPLEX = 7


@dataclass(frozen=True)
class Slice:
    """Any number of one type."""

    of: Type


@dataclass(frozen=True)
class Array:
    """Exactly ``length`` of one type."""

    of: Type
    length: int


@dataclass(frozen=True)
class Map:
    """Keys of a basic type."""

    key: Basic
    of: Type


@dataclass(frozen=True)
class Struct:
    """Named fields, (name, type) each. Go matches fields by name; the struct's own name is for people."""

    name: str
    fields: tuple[tuple[str, Type], ...] = ()


Type = Basic | Slice | Array | Map | Struct

INTERFACE = 8
"""A value that brings its type along."""
WIRE_TYPE = 16
"""The description of a type."""
FIRST_ID = 65
"""Where the numbers of the types that are described here begin."""
LEAST_ID = 64
"""The least that any other may have."""


# --- by number ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Repeated:
    """``length`` None: a slice."""

    element: int
    length: int | None = None


@dataclass(frozen=True)
class Keyed:
    key: int
    element: int


@dataclass(frozen=True)
class Record:
    name: str
    fields: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Opaque:
    """A type that wrote itself, into bytes that only it understands."""


Node = Repeated | Keyed | Record | Opaque

_INT, _STRING = Basic.INT.value, Basic.STRING.value
_ARRAY, _COMMON, _SLICE, _STRUCT, _FIELD, _FIELDS, _MAP, _OPAQUE = range(17, 25)
DESCRIPTIONS: Mapping[int, Node] = MappingProxyType(
    {
        _COMMON: Record("CommonType", (("Name", _STRING), ("Id", _INT))),
        _ARRAY: Record("arrayType", (("CommonType", _COMMON), ("Elem", _INT), ("Len", _INT))),
        _SLICE: Record("sliceType", (("CommonType", _COMMON), ("Elem", _INT))),
        _FIELD: Record("fieldType", (("Name", _STRING), ("Id", _INT))),
        _FIELDS: Repeated(_FIELD),
        _STRUCT: Record("structType", (("CommonType", _COMMON), ("Field", _FIELDS))),
        _MAP: Record("mapType", (("CommonType", _COMMON), ("Key", _INT), ("Elem", _INT))),
        _OPAQUE: Record("gobEncoderType", (("CommonType", _COMMON),)),
        WIRE_TYPE: Record(
            "wireType",
            (
                ("ArrayT", _ARRAY),
                ("SliceT", _SLICE),
                ("StructT", _STRUCT),
                ("MapT", _MAP),
                ("GobEncoderT", _OPAQUE),
                ("BinaryMarshalerT", _OPAQUE),
                ("TextMarshalerT", _OPAQUE),
            ),
        ),
    }
)
"""The types in which types are described, which both sides know; each is made of earlier ones."""
