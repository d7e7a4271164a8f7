"""Values whose receiver decides, for each alone, which classes may be made of them."""

from __future__ import annotations

from typing import Any

from weft.contracts import dynamic
from weft.contracts.shape import Anything


class Sealed:
    """A value as it crossed, in the self-describing form of ``contracts.dynamic``."""

    __slots__ = ("plain",)

    def __init__(self, plain: Any) -> None:
        self.plain = plain

    def open(self, find_class: dynamic.FindClass = dynamic.never) -> Any:
        """The value, of the classes that ``find_class`` knows. Raises Mismatch."""
        return dynamic.unpack(self.plain, find_class)


class _AnySealed(Anything):
    """``Any`` on the wire; what arrives is Sealed, what is sent may be."""

    exact = frozenset()

    def _pack(self, value: Any) -> Any:
        return value.plain if isinstance(value, Sealed) else dynamic.pack(value)

    def unpack(self, plain: Any) -> Sealed:
        return Sealed(plain)


SEALED = _AnySealed()
