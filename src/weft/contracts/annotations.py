"""From annotations to shapes: one table from a type, or the origin of a generic one, to what makes its shape."""

from __future__ import annotations

import enum
import inspect
import pathlib
import sys
import types
import typing
from collections import abc
from typing import Any, Callable, Dict, List, Optional, Tuple

from weft.contracts.arguments import CallbackShape
from weft.contracts.choices import Choice, Flags, Union
from weft.contracts.classes import Said, annotation_of, fields_of
from weft.contracts.containers import Fixed, Mapping, Sequence, Unique
from weft.contracts.mismatch import Mismatch
from weft.contracts.plain import widen
from weft.contracts.records import MISSING, Field, Record
from weft.contracts.scalars import PATH, SCALARS
from weft.contracts.shape import ANY, NONE, Anything, Shape
from weft.contracts.unsupported import Unresolved, Unsupported

PLAIN_TYPES = (NONE, bool, int, float, str, bytes)


class Annotations:
    """Reads annotations of one contract or provider. A class met twice has one shape, so that it may contain itself.

    ``names``: what strings may refer to besides the names of their module, as those where a class is local.
    """

    def __init__(self, names: Optional[Dict[str, Any]] = None) -> None:
        self.names = names or {}
        self._named: Dict[type, Shape] = {}

    def resolve(self, owner: Any, name: str, annotation: Any) -> Any:
        """One annotation of ``owner`` (a function or class), whose strings are looked up where it is defined.

        Raises Unresolved.
        """
        holder = type("Holder", (), {"__annotations__": {name: annotation}})
        try:
            return typing.get_type_hints(holder, self._namespace(owner))[name]
        except Exception as error:  # names, syntax, and operators that this Python's types do not have
            raise Unresolved(annotation, error) from error

    def _namespace(self, owner: Any) -> Dict[str, Any]:
        """The names of the owner's module; of ``names``, what is local counts where the owner is local too."""
        owner = inspect.unwrap(owner)
        module = sys.modules.get(getattr(owner, "__module__", None) or "")
        known: Dict[str, Any] = getattr(owner, "__globals__", None) or getattr(module, "__dict__", {})
        if not self.names:
            return known
        is_local = "<locals>" in getattr(owner, "__qualname__", "")
        return {**known, **self.names} if is_local else {**self.names, **known}

    def shape(self, annotation: Any) -> Shape:
        """The shape of a resolved annotation. Raises Unsupported."""
        try:
            if annotation in SCALARS:
                return SCALARS[annotation]
        except TypeError:
            pass  # unhashable, as Annotated with a list is
        origin = typing.get_origin(annotation)
        make = _MAKERS.get(origin or annotation)
        if make is not None:
            return make(self, annotation)
        if getattr(origin, "_name", "") in ("Required", "NotRequired", "ReadOnly"):
            return _item(self, annotation)
        return self._of_class(annotation)

    def _of_class(self, annotation: Any) -> Shape:
        if isinstance(annotation, type):
            for base, make in _CLASSES:
                if issubclass(annotation, base):
                    return self._kept(annotation, make)
            return self._record(annotation)
        target = getattr(annotation, "__supertype__", None) or getattr(annotation, "__value__", None)
        if target is not None:  # NewType, and the aliases of the type statement
            return self.shape(target)
        raise Unsupported(annotation, _REMEDIES.get(type(annotation).__name__, _ANOTHER))

    def _kept(self, cls: type, make: Callable[[Any], Shape]) -> Shape:
        if cls not in self._named:
            self._named[cls] = make(cls)
        return self._named[cls]

    def _record(self, cls: type) -> Shape:
        if cls in self._named:
            return self._named[cls]
        said = fields_of(cls)
        if said is None:
            raise Unsupported(cls, _REMEDIES.get(cls.__name__, _ANOTHER))
        record = self._named[cls] = Record(cls.__name__, cls)
        try:
            return record.define([self._field(cls, field) for field in said])
        except Unsupported:
            del self._named[cls]
            raise

    def _field(self, cls: type, said: Said) -> Field:
        try:
            annotation = said.annotation
            if annotation is None:
                owner, as_written = annotation_of(cls, said.name)
                annotation = self.resolve(owner, said.name, as_written)
            shape = self.shape(annotation)
        except Unsupported as error:
            error.within(f"field {said.name} of {cls.__name__}")
            raise
        default = said.default if said.default is MISSING or _crosses(shape, said.default) else MISSING
        return Field(said.name, shape, required=said.required, default=default, keyword=said.keyword)


def _crosses(shape: Shape, value: Any) -> bool:
    """A default may be of another type, such as a mark for one that is not given: then the description has none."""
    try:
        shape.unpack(shape.packed(value))
    except (Mismatch, TypeError, AttributeError):
        return False
    return True


_ANOTHER = (
    "use a dataclass, msgspec Struct, pydantic model, TypedDict or NamedTuple, or a type of the standard library "
    "that docs/reference/contracts.md lists"
)
_GENERATOR = "write list[…] for values that are there, or AsyncIterator[…] for a stream of the call's own"
_STREAM = "a stream is a whole argument or result, never part of one"
_REMEDIES = {
    "TypeVar": "a contract has no type variables; write the type itself, or Any",
    "ParamSpec": "a contract has no type variables; write the types themselves",
    "ForwardRef": "an alias that contains itself has no end to read; use a dataclass, or Any",
    "complex": "use a tuple of two floats",
    "_Final": "write the type itself",
}


def _item(reader: Annotations, annotation: Any) -> Shape:
    return reader.shape((typing.get_args(annotation) or (Any,))[0])


def _sequence(reader: Annotations, annotation: Any) -> Shape:
    return Sequence(_item(reader, annotation))


def _tuple(reader: Annotations, annotation: Any) -> Shape:
    args = typing.get_args(annotation)
    if not args and annotation in (tuple, typing.Tuple):
        return Sequence(ANY, tuple)
    if len(args) == 2 and args[1] is Ellipsis:
        return Sequence(reader.shape(args[0]), tuple)
    return Fixed(tuple(map(reader.shape, () if args == ((),) else args)))


def _set(build: type) -> Callable[..., Shape]:
    def make(reader: Annotations, annotation: Any) -> Shape:
        item = _item(reader, annotation)
        if not item.hashable and not isinstance(item, Anything):
            raise Unsupported(annotation, f"{item} cannot be in a set; use list[{item}]")
        return Unique(item, build)

    return make


def _mapping(reader: Annotations, annotation: Any) -> Shape:
    key, value = map(reader.shape, typing.get_args(annotation) or (str, Any))
    if not key.hashable:
        raise Unsupported(annotation, f"{key} cannot be the key of a dict; use str, another scalar, or a tuple of them")
    return Mapping(key, value)


def _union(reader: Annotations, annotation: Any) -> Shape:
    members: List[Shape] = []
    for member in map(reader.shape, typing.get_args(annotation)):
        members += [shape for shape in getattr(member, "members", (member,)) if shape not in members]
    if any(isinstance(member, Anything) for member in members):
        return ANY
    return members[0] if len(members) == 1 else Union(tuple(members))


def _literal(_reader: Annotations, annotation: Any) -> Shape:
    args = typing.get_args(annotation)
    if any(isinstance(value, enum.Enum) for value in args):
        raise Unsupported(annotation, "use the enum itself")
    return Choice([(_plain_choice(value), value) for value in args])


def _plain_choice(value: Any) -> Any:
    return widen(value) if type(value) is int else value


def _enum(cls: Any) -> Shape:
    """By value where every value is plain, else by name."""
    by_value = all(type(member.value) in PLAIN_TYPES for member in cls)
    members = [(_plain_choice(member.value) if by_value else member.name, member) for member in cls]
    if not members:
        raise Unsupported(cls, "it has no members")
    return Choice(members, cls.__name__, cls)


def _flags(cls: Any) -> Shape:
    return Flags(cls.__name__, {name: int(member.value) for name, member in cls.__members__.items()}, cls)


def _callback(reader: Annotations, annotation: Any) -> CallbackShape:
    args = typing.get_args(annotation)
    if len(args) != 2 or not isinstance(args[0], list):
        raise Unsupported(annotation, "name its arguments and result, as in Callable[[float], None]")
    result, awaited = args[1], typing.get_origin(args[1]) in (abc.Awaitable, abc.Coroutine)
    if awaited:
        result = typing.get_args(result)[-1]
    return CallbackShape(tuple(map(reader.shape, args[0])), reader.shape(result), awaited=awaited)


def _refused(remedy: str) -> Callable[..., Shape]:
    def refuse(_reader: Annotations, annotation: Any) -> Shape:
        raise Unsupported(annotation, remedy)

    return refuse


def callback(reader: Annotations, annotation: Any) -> Optional[CallbackShape]:
    """The shape of ``Callable[[…], …]``, or of that or None; None for all else. Raises Unsupported."""
    options = [arg for arg in typing.get_args(annotation) if arg is not NONE] if _is_union(annotation) else [annotation]
    origin = typing.get_origin(options[0]) if len(options) == 1 else None
    if origin is not abc.Callable and annotation not in (abc.Callable, typing.Callable):
        return None
    shape = _callback(reader, options[0])
    shape.optional = options != [annotation]
    return shape


def _is_union(annotation: Any) -> bool:
    return _MAKERS.get(typing.get_origin(annotation)) is _union


STREAMS = {
    origin: asynchronous
    for asynchronous, origins in (
        (True, (abc.AsyncIterator, abc.AsyncIterable, abc.AsyncGenerator)),
        (False, (abc.Iterator, abc.Iterable, abc.Generator)),
    )
    for origin in origins
}
"""Annotations that are streams, and whether they are asynchronous."""

_MAKERS: Dict[Any, Callable[..., Shape]] = {
    **dict.fromkeys((Any, object), lambda *_: ANY),
    **dict.fromkeys((list, abc.Sequence, abc.MutableSequence, abc.Collection), _sequence),
    **dict.fromkeys((dict, abc.Mapping, abc.MutableMapping), _mapping),
    **dict.fromkeys((set, abc.Set, abc.MutableSet), _set(set)),
    frozenset: _set(frozenset),
    tuple: _tuple,
    typing.Union: _union,
    typing.Literal: _literal,
    typing.Annotated: _item,
    **dict.fromkeys(STREAMS, _refused(_STREAM)),
    abc.Iterable: _refused(_GENERATOR),
    abc.Callable: _refused("a callback is a whole argument of a method, never part of one, nor a result"),
    **dict.fromkeys((abc.Awaitable, abc.Coroutine), _refused("declare the method async def, with the result's type")),
}
if hasattr(types, "UnionType"):
    _MAKERS[types.UnionType] = _union

_CLASSES: Tuple[Tuple[type, Callable[[Any], Shape]], ...] = (
    (enum.Flag, _flags),
    (enum.Enum, _enum),
    (pathlib.Path, lambda _: PATH),
)
