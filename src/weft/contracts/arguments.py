"""Positional values with a shape each: what a method, or a callback, is called with."""

from __future__ import annotations

from typing import Any, FrozenSet, Optional, Sequence, Tuple

from weft.contracts.mismatch import Mismatch, of
from weft.contracts.shape import Adoption, Definitions, Differs, Schema, Shape


class Arguments:
    """Turns a full list of positional values into plain ones and back; places without a shape stay as they are."""

    def __init__(self, names: Sequence[str], shapes: Sequence[Optional[Shape]]) -> None:
        self._names = tuple(names)
        self._packers = [(index, shape.packed) for index, shape in enumerate(shapes) if shape and shape.packs]
        self._unpackers = [(index, shape) for index, shape in enumerate(shapes) if shape]
        self.packs = bool(self._packers)
        single = [shape is not None and len(shape.exact) == 1 for shape in shapes]
        self._exact = [next(iter(shape.exact)) for shape in shapes if shape] if all(single) else None

    def pack(self, values: Sequence[Any]) -> Sequence[Any]:
        """``values`` itself where nothing needs to be done (``packs`` is False), else a new list. Raises Mismatch."""
        if not self.packs:
            return values
        plain = list(values)
        for index, pack in self._packers:
            try:
                plain[index] = pack(plain[index])
            except Mismatch as error:
                error.within(self._names[index])
                raise
        return plain

    def unpack(self, plain: Sequence[Any]) -> Sequence[Any]:
        """``plain`` itself where it is right as it is, else a new list. Raises Mismatch."""
        if [*map(type, plain)] == self._exact:
            return plain
        if len(plain) != len(self._names):
            raise Mismatch(f"{len(self._names)} arguments", f"{len(plain)}")
        values = list(plain)
        for index, shape in self._unpackers:
            if type(values[index]) not in shape.exact:
                try:
                    values[index] = shape.unpack(values[index])
                except Mismatch as error:
                    error.within(self._names[index])
                    raise
        return values


class CallbackShape(Shape):
    """A function of the caller's, that the callee may call while its own call runs.

    ``awaited``: it is an ``async def``, or the callee expects one. ``optional``: None may stand in its place.
    It never becomes a plain value: ``calls`` puts something there that leads back.
    """

    kinds: FrozenSet[type] = frozenset()
    hashable = False

    def __init__(self, arguments: Tuple[Shape, ...], result: Shape, *, awaited: bool, optional: bool = False) -> None:
        self.arguments = arguments
        self.result = result
        self.awaited = awaited
        self.optional = optional
        names = [f"argument {index + 1}" for index in range(len(arguments))]
        self._convert = Arguments(names, arguments)
        self.packs_arguments = self._convert.packs
        self.pack_arguments = self._convert.pack
        self.unpack_arguments = self._convert.unpack
        self.packs_result = result.packs
        self.pack_result = result.packed
        self.unpack_result = result.unpack

    def unpack(self, plain: Any) -> Any:
        raise self.wrong(plain)

    def takes(self, value: Any) -> bool:
        return callable(value) or (value is None and self.optional)

    def wrong(self, value: Any) -> Mismatch:
        return Mismatch(str(self), of(value))

    def schema(self, definitions: Definitions) -> Schema:
        schema: Schema = {
            "arguments": [argument.schema(definitions) for argument in self.arguments],
            "result": self.result.schema(definitions),
            "awaited": self.awaited,
        }
        return {**schema, "optional": True} if self.optional else schema

    def adopt(self, other: Shape, adoption: Adoption) -> Shape:
        """What goes out by the method comes back by its callback: the directions swap."""
        if not isinstance(other, CallbackShape) or len(other.arguments) != len(self.arguments):
            raise Differs(self, other)
        if self.optional and not other.optional:
            raise Differs(self, other)
        back = Adoption(inward=not adoption.inward)
        arguments = tuple(map(back.adopt, self.arguments, other.arguments))
        result = adoption.adopt(self.result, other.result)
        return CallbackShape(arguments, result, awaited=other.awaited, optional=self.optional)

    def __str__(self) -> str:
        result = f"Awaitable[{self.result}]" if self.awaited else str(self.result)
        text = f"Callable[[{', '.join(map(str, self.arguments))}], {result}]"
        return f"{text} | None" if self.optional else text
