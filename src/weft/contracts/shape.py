"""What a type looks like where it crosses: a shape knows its plain form, and turns values into it and back.

Plain values are None, bool, int, float, str, bytes, list and dict. Shapes match by structure, never by class identity.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, FrozenSet, Optional, Set, Tuple

from weft.contracts.mismatch import Mismatch, of

Packer = Callable[[Any], Any]
Schema = Dict[str, Any]
NONE = type(None)


class Shape:
    """One type as it crosses.

    ``kinds`` are the types that its plain value may have. Of these, values of the types in ``exact`` are plain
    already and need no further look. ``cls`` is the class of its values, where there is one. Where ``packs`` is False,
    nothing needs to be done to a value of this shape; what is wrong with such a value is found where it arrives.
    """

    kinds: FrozenSet[type] = frozenset()
    exact: FrozenSet[type] = frozenset()
    cls: Optional[type] = None
    packs = False
    hashable = True

    @property
    def pack(self) -> Optional[Packer]:
        """From a typed value to the plain one, raising Mismatch; None where they are the same."""
        return self._pack if self.packs else None

    def packed(self, value: Any) -> Any:
        """``pack``, whether there is something to do or not."""
        return self._pack(value) if self.packs else value

    def _pack(self, value: Any) -> Any:
        return value

    def unpack(self, plain: Any) -> Any:
        """The typed value of a plain one. Raises Mismatch."""
        raise NotImplementedError

    def schema(self, definitions: Definitions) -> Schema:
        """JSON Schema of the plain value; named types are referred to, and put into ``definitions``."""
        raise NotImplementedError

    def takes(self, value: Any) -> bool:
        """Whether a value is, at first glance, of this shape: a union asks its members."""
        return type(value) in self.kinds

    def adopt(self, other: Shape, adoption: Adoption) -> Shape:
        """The shape that this one, the authority, is with the classes of ``other``. Raises Differs."""
        raise NotImplementedError

    def wrong(self, value: Any) -> Mismatch:
        """The Mismatch for a value that is of another type."""
        return Mismatch(str(self), of(value))

    def __repr__(self) -> str:
        return f"<{self}>"


class Differs(Exception):  # noqa: N818 - what happened, as in weft.errors
    """Two shapes do not match; the arguments say which parts."""


class Adoption:
    """One comparison of a host's shape with a provider's: what is under way, for types that contain themselves.

    ``inward``: the value goes to the provider, which may accept more than the contract says; else it comes from it,
    and may be less.
    """

    def __init__(self, *, inward: bool) -> None:
        self.inward = inward
        self.under_way: Dict[Tuple[int, int], Shape] = {}

    def adopt(self, host: Shape, provider: Shape) -> Shape:
        """The host's shape with the provider's classes. Raises Differs."""
        if isinstance(provider, Anything):
            return host
        options = getattr(provider, "members", ())
        if self.inward and options and not getattr(host, "members", ()):
            return self._first(host, options)
        return host.adopt(provider, self)

    def _first(self, host: Shape, options: Tuple[Shape, ...]) -> Shape:
        for option in options:
            try:
                return self.adopt(host, option)
            except Differs:
                continue
        raise Differs(host, options)


class Definitions:
    """The named types of one description: ``$defs``, in the order of their first use."""

    def __init__(self) -> None:
        self.schemas: Dict[str, Schema] = {}
        self._names: Dict[int, str] = {}

    def refer(self, shape: Shape, title: str, make: Callable[[Definitions], Schema]) -> Schema:
        """A reference to a named shape, whose schema is made on its first use."""
        name = self._names.get(id(shape))
        if name is None:
            name = self._names[id(shape)] = self._free(title)
            self.schemas[name] = {}
            self.schemas[name].update(make(self))
        return {"$ref": f"#/$defs/{name}"}

    def _free(self, title: str) -> str:
        taken: Set[str] = set(self.schemas)
        name, number = title, 1
        while name in taken:
            number += 1
            name = f"{title}_{number}"
        return name


class Anything(Shape):
    """``Any`` and ``object``: crosses in the self-describing form of ``contracts.dynamic``.

    A dataclass that arrives is a dict: what class it may be is not for the other side to say.
    """

    kinds = frozenset({NONE, bool, int, float, str, bytes, list, dict})
    exact = frozenset({NONE, bool, int, float, str, bytes})
    packs = True
    hashable = False

    def __init__(self, name: str = "Any") -> None:
        self.name = name

    def _pack(self, value: Any) -> Any:
        from weft.contracts import dynamic

        return dynamic.pack(value)

    def unpack(self, plain: Any) -> Any:
        if type(plain) in self.exact:
            return plain
        from weft.contracts import dynamic

        return dynamic.unpack(plain)

    def schema(self, _definitions: Definitions) -> Schema:
        return {}

    def takes(self, _value: Any) -> bool:
        return True

    def adopt(self, other: Shape, adoption: Adoption) -> Shape:
        if adoption.inward:
            raise Differs(self, other)
        return self

    def __str__(self) -> str:
        return self.name


ANY = Anything()
UNSAID = Anything("")
"""A provider's parameter or result without an annotation: it matches anything."""
