"""Values of values: lists, tuples, sets and dicts."""

from __future__ import annotations

from typing import Any, Callable, Iterable, List, Tuple

from weft.contracts.mismatch import Mismatch, of, show
from weft.contracts.shape import Adoption, Definitions, Differs, Schema, Shape


def _each(convert: Callable[[Any], Any], values: Iterable[Any]) -> List[Any]:
    """Every value converted; a Mismatch says which."""
    done: List[Any] = []
    try:
        for value in values:
            done.append(convert(value))  # noqa: PERF401 - how many are done says where it failed
    except Mismatch as error:
        error.within(f"[{len(done)}]")
        raise
    return done


class Sequence(Shape):
    """Any number of items of one shape: a list, or a variadic tuple. Both sides may choose."""

    kinds = frozenset({list})
    hashable = False
    name = "list[{}]"

    def __init__(self, item: Shape, build: type = list) -> None:
        self.item = item
        self.cls: type = build
        self.packs = item.packs or build is not list
        if build is tuple:
            self.name, self.hashable = "tuple[{}, ...]", item.hashable

    def _pack(self, values: Any) -> List[Any]:
        if not self.takes(values):
            raise self.wrong(values)
        return _each(self.item.packed, values) if self.item.packs else list(values)

    def unpack(self, plain: Any) -> Any:
        values = self._unpack(plain)
        return values if self.cls is list else self._built(values)

    def _unpack(self, plain: Any) -> List[Any]:
        if type(plain) is not list:
            raise self.wrong(plain)
        return plain if self.item.exact.issuperset(map(type, plain)) else _each(self.item.unpack, plain)

    def _built(self, values: List[Any]) -> Any:
        return self.cls(values)

    def takes(self, value: Any) -> bool:
        return isinstance(value, (list, tuple))

    def schema(self, definitions: Definitions) -> Schema:
        return {"type": "array", "items": self.item.schema(definitions)}

    def adopt(self, other: Shape, adoption: Adoption) -> Shape:
        if type(other) is not type(self) or not isinstance(other, Sequence):
            raise Differs(self, other)
        return type(self)(adoption.adopt(self.item, other.item), other.cls)

    def __str__(self) -> str:
        return self.name.format(self.item)


class Unique(Sequence):
    """A set or frozenset; a list where its items cannot be in a set (as dicts, that stand for another side's class)."""

    name = "set[{}]"

    def __init__(self, item: Shape, build: type = set) -> None:
        super().__init__(item, build)
        self.packs = True
        if build is frozenset:
            self.name, self.hashable = "frozenset[{}]", True

    def takes(self, value: Any) -> bool:
        return isinstance(value, (self.cls, set, frozenset))

    def _built(self, values: List[Any]) -> Any:
        try:
            return self.cls(values)
        except TypeError:
            raise Mismatch(str(self), "an item that cannot be in a set") from None

    def schema(self, definitions: Definitions) -> Schema:
        return {**super().schema(definitions), "uniqueItems": True}


class Fixed(Shape):
    """A tuple with a shape for each place."""

    kinds = frozenset({list})
    cls = tuple
    packs = True

    def __init__(self, items: Tuple[Shape, ...]) -> None:
        self.items = items
        self.hashable = all(item.hashable for item in items)

    def _pack(self, values: Any) -> List[Any]:
        if not self.takes(values):
            raise self._other(values)
        return [_place(item.packed, values, index) for index, item in enumerate(self.items)]

    def unpack(self, plain: Any) -> Tuple[Any, ...]:
        if type(plain) is not list or len(plain) != len(self.items):
            raise self._other(plain)
        return tuple([_place(item.unpack, plain, index) for index, item in enumerate(self.items)])

    def _other(self, value: Any) -> Mismatch:
        return Mismatch(str(self), f"{len(value)} items" if isinstance(value, (list, tuple)) else of(value))

    def takes(self, value: Any) -> bool:
        return isinstance(value, (list, tuple)) and len(value) == len(self.items)

    def schema(self, definitions: Definitions) -> Schema:
        return {"type": "array", "prefixItems": [item.schema(definitions) for item in self.items], "items": False}

    def adopt(self, other: Shape, adoption: Adoption) -> Shape:
        if not isinstance(other, Fixed) or len(other.items) != len(self.items):
            raise Differs(self, other)
        return Fixed(tuple(map(adoption.adopt, self.items, other.items)))

    def __str__(self) -> str:
        return f"tuple[{', '.join(map(str, self.items)) or '()'}]"


def _place(convert: Callable[[Any], Any], values: Any, index: int) -> Any:
    try:
        return convert(values[index])
    except Mismatch as error:
        error.within(f"[{index}]")
        raise


class Mapping(Shape):
    """A dict. Where the plain form of its keys cannot be a key itself, it crosses as a list of pairs.

    So it stays where the keys cannot be a dict's (as dicts, that stand for another side's class).
    """

    cls: type = dict
    hashable = False

    def __init__(self, key: Shape, value: Shape) -> None:
        self.key = key
        self.value = value
        self.pairs = bool(key.kinds & {list, dict})
        self.kinds = frozenset({list if self.pairs else dict})
        self.cls = dict if key.hashable else list
        self.packs = key.packs or value.packs or self.pairs

    def _pack(self, values: Any) -> Any:
        if not self.takes(values):
            raise self.wrong(values)
        items = values.items() if isinstance(values, dict) else values
        pairs = _converted(self.key.packed, self.value.packed, items)
        return [list(pair) for pair in pairs] if self.pairs else dict(pairs)

    def unpack(self, plain: Any) -> Any:
        if type(plain) not in self.kinds:
            raise self.wrong(plain)
        if self.pairs:
            return self._from_pairs(plain)
        if self.key.exact.issuperset(map(type, plain)) and self.value.exact.issuperset(map(type, plain.values())):
            return plain
        return dict(_converted(self.key.unpack, self.value.unpack, plain.items()))

    def _from_pairs(self, plain: List[Any]) -> Any:
        if any(type(pair) is not list or len(pair) != 2 for pair in plain):
            raise Mismatch(str(self), "a list of other things than pairs")
        pairs = _converted(self.key.unpack, self.value.unpack, plain)
        try:
            return self.cls(pairs)
        except TypeError:
            raise Mismatch(str(self), "a key that cannot be in a dict") from None

    def takes(self, value: Any) -> bool:
        if self.cls is list and isinstance(value, list):
            return all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in value)
        return isinstance(value, dict)

    def schema(self, definitions: Definitions) -> Schema:
        key, value = self.key.schema(definitions), self.value.schema(definitions)
        if self.pairs:
            pair = {"type": "array", "prefixItems": [key, value], "items": False}
            return {"type": "array", "format": "pairs", "items": pair}
        names = {} if key == {"type": "string"} else {"propertyNames": key}
        return {"type": "object", **names, "additionalProperties": value}

    def adopt(self, other: Shape, adoption: Adoption) -> Shape:
        if not isinstance(other, Mapping):
            raise Differs(self, other)
        return Mapping(adoption.adopt(self.key, other.key), adoption.adopt(self.value, other.value))

    def __str__(self) -> str:
        return f"dict[{self.key}, {self.value}]"


def _converted(
    key: Callable[[Any], Any], value: Callable[[Any], Any], items: Iterable[Tuple[Any, Any]]
) -> List[Tuple[Any, Any]]:
    done: List[Tuple[Any, Any]] = []
    for name, item in items:
        try:
            done.append((key(name), value(item)))
        except Mismatch as error:
            error.within(f"[{show(name)}]")
            raise
    return done
