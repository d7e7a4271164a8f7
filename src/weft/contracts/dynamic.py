"""Values that say themselves what they are: for ``Any``, and for the values of tasks.

A value that is plain is its own form. Any other is a dict of one key, which begins with ``$``: ``{"$set": [1, 2]}``,
``{"$datetime": "2026-11-21T12:00:00"}``, ``{"$record": ["shop.model:Item", {"price": 3}]}``,
``{"$enum": ["shop.model:Color", "red"]}``. A dict that looks so, or has other keys than text, is
``{"$dict": [[key, value], …]}``.
"""

from __future__ import annotations

import sys
from enum import Enum
from typing import Any, Callable, Dict, List, Optional, Tuple

from weft.contracts.classes import fields_of
from weft.contracts.mismatch import Mismatch, of, shorten, show
from weft.contracts.plain import LEAST, MOST, MOST_DIGITS, narrow, widen
from weft.contracts.scalars import SCALARS

MOST_DEEP = 120
"""Lists and dicts within each other, in the plain form: what every encoder of the wire can take."""

FindClass = Callable[[str], Optional[type]]
"""From ``module:qualname`` to the class that is to be built; None: the value becomes a dict, a member its value."""


def never(_name: str) -> Optional[type]:
    """Finds no class."""
    return None


def find_loaded(name: str) -> Optional[type]:
    """The class, where its module is imported already: nothing is imported because another side says so."""
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) else None


def find_importable(name: str) -> Optional[type]:
    """The class, where its module can be imported: for names from a side that is trusted, as a plugin its host."""
    from importlib import import_module

    try:
        import_module(name.partition(":")[0])
    except (ImportError, ValueError):
        return None
    return find_loaded(name)


def pack(value: Any) -> Any:
    """The plain form of any value of the types that cross. Raises Mismatch, with the path, for any other."""
    return _pack(value, 0)


def unpack(plain: Any, find_class: FindClass = never) -> Any:
    """The value of a plain form. Raises Mismatch for what ``pack`` would not have written."""
    return _Unpacking(find_class).value(plain, 0)


def _pack(value: Any, depth: int) -> Any:
    if depth > MOST_DEEP:
        raise Mismatch("a value nested less deeply", "one that contains itself, or nearly")
    write = _WRITERS.get(type(value))
    if write is None:
        write = _writer(value)
    return write(value, depth)


def _writer(value: Any) -> Callable[[Any, int], Any]:
    """For instances of subclasses, and of the classes that people declare."""
    if isinstance(value, Enum):
        return _enum
    if fields_of(type(value)) is not None:
        return _record
    for cls in type(value).__mro__:
        if cls in _WRITERS:
            return _WRITERS[cls]
    raise Mismatch("a type that can cross", of(value))


def _each(values: Any, depth: int) -> List[Any]:
    return [_part(f"[{index}]", value, depth + 1) for index, value in enumerate(values)]


def _part(name: str, value: Any, depth: int) -> Any:
    try:
        return _pack(value, depth)
    except Mismatch as error:
        error.within(name)
        raise


def _int(value: int, _depth: int) -> Any:
    return int(value) if LEAST <= value <= MOST else {"$int": widen(int(value))}


def _dict(value: Dict[Any, Any], depth: int) -> Any:
    looks_so = len(value) == 1 and str(next(iter(value))).startswith("$")
    if not looks_so and all(type(key) is str for key in value):
        return {key: _part(f"[{show(key)}]", item, depth + 1) for key, item in value.items()}
    pairs = [[_pack(key, depth + 3), _part(f"[{show(key)}]", item, depth + 3)] for key, item in value.items()]
    return {"$dict": pairs}


def _enum(value: Any, depth: int) -> Any:
    return {"$enum": [_name_of(type(value)), _part(".value", value.value, depth + 2)]}


def _record(value: Any, depth: int) -> Any:
    said = fields_of(type(value)) or ()
    fields = {field.name: _part(f".{field.name}", getattr(value, field.name), depth + 3) for field in said}
    return {"$record": [_name_of(type(value)), fields]}


def _name_of(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _same(value: Any, _depth: int) -> Any:
    return value


def _tagged(tag: str) -> Callable[[Any, int], Any]:
    return lambda values, depth: {tag: _each(values, depth + 1)}


def _written(cls: Any) -> Callable[[Any, int], Any]:
    shape, tag = SCALARS[cls], f"${cls.__name__.lower()}"
    return lambda value, _: {tag: shape.packed(value)}


_TEXTS = {f"${cls.__name__.lower()}": cls for cls, shape in SCALARS.items() if shape.kinds == {str} and cls is not str}
_ITEMS: Dict[str, Any] = {"$tuple": tuple, "$set": set, "$frozenset": frozenset}
_WRITERS: Dict[type, Callable[[Any, int], Any]] = {
    **dict.fromkeys((type(None), bool, float, str, bytes), _same),
    **dict.fromkeys((bytearray, memoryview), lambda value, _: bytes(value)),
    **{cls: _written(cls) for cls in _TEXTS.values()},
    **{cls: _tagged(tag) for tag, cls in _ITEMS.items()},
    int: _int,
    list: _each,
    dict: _dict,
}


class _Unpacking:
    """One value under way."""

    def __init__(self, find_class: FindClass) -> None:
        self._find_class = find_class

    def value(self, plain: Any, depth: int) -> Any:
        if depth > MOST_DEEP:
            raise Mismatch("a value nested less deeply", f"more than {MOST_DEEP} within each other")
        if type(plain) is list:
            return [self._part(f"[{index}]", item, depth + 1) for index, item in enumerate(plain)]
        if type(plain) is not dict:
            return plain
        tag = next(iter(plain)) if len(plain) == 1 else ""
        if type(tag) is str and tag.startswith("$"):
            return self._tagged(tag, plain[tag], depth + 1)
        return {key: self._part(f"[{show(key)}]", item, depth + 1) for key, item in plain.items()}

    def _part(self, name: str, plain: Any, depth: int) -> Any:
        try:
            return self.value(plain, depth)
        except Mismatch as error:
            error.within(name)
            raise

    def _tagged(self, tag: str, form: Any, depth: int) -> Any:
        if tag in _TEXTS:
            return SCALARS[_TEXTS[tag]].unpack(form)
        read = _READERS.get(tag)
        try:
            if read is not None:
                return read(self, form, depth)
            if tag in _ITEMS and type(form) is list:
                return _ITEMS[tag](self.value(form, depth))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise Mismatch(f"the form of {tag}", shorten(f"{type(error).__name__}: {error}")) from None
        raise Mismatch("a value that says what it is", show(tag))

    def wide(self, form: Any, _depth: int) -> int:
        value = narrow(form) if type(form) is bytes else None
        if value is None:
            raise Mismatch(f"an int beyond 64 bits, of at most {MOST_DIGITS} digits", of(form))
        return value

    def pairs(self, form: Any, depth: int) -> Dict[Any, Any]:
        return {self.value(key, depth + 2): self._part(f"[{show(key)}]", item, depth + 2) for key, item in form}

    def member(self, form: Any, depth: int) -> Any:
        name, plain = _named(form)
        value, cls = self._part(".value", plain, depth + 1), self._find_class(name)
        return cls(value) if cls is not None and issubclass(cls, Enum) else value

    def record(self, form: Any, depth: int) -> Any:
        name, plain = _named(form)
        values = {field: self._part(f".{field}", item, depth + 2) for field, item in plain.items()}
        cls = self._find_class(name)
        said = None if cls is None else fields_of(cls)
        if cls is None or said is None:
            return values
        keywords = {field.name: field.keyword or field.name for field in said}
        return _built(cls, {keywords[field]: value for field, value in values.items()})


def _named(form: Any) -> Tuple[str, Any]:
    """The name of a class, and what belongs to it."""
    name, plain = form
    if type(form) is not list or type(name) is not str:
        raise TypeError("expected [class, value]")
    return name, plain


def _built(cls: type, values: Dict[str, Any]) -> Any:
    try:
        return cls(**values)
    except Exception as error:
        reason = shorten(" ".join(f"{type(error).__name__}: {error}".split()))
        raise Mismatch(cls.__name__, f"fields that it refuses ({reason})") from None


_READERS: Dict[str, Callable[[_Unpacking, Any, int], Any]] = {
    "$int": _Unpacking.wide,
    "$dict": _Unpacking.pairs,
    "$enum": _Unpacking.member,
    "$record": _Unpacking.record,
}
