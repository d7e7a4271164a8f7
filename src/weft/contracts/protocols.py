"""Reads a Protocol class: its methods, properties and annotated attributes, and those that it inherits."""

from __future__ import annotations

import inspect
import typing
from typing import Any, Dict, Iterator, List, Tuple

from weft.contracts.annotations import Annotations
from weft.contracts.bodies import has_body
from weft.contracts.classes import own_annotations
from weft.contracts.description import Constant, Contract, Method
from weft.contracts.names import CONTRACT
from weft.contracts.signatures import Reader


def read_protocol(cls: Any, name: str, major: int, names: Dict[str, Any]) -> Tuple[Contract, List[str]]:
    """The contract, and every problem there is, as ``method thumbnail, parameter width: …``."""
    reading = _Reading(Annotations({**names, getattr(cls, "__name__", ""): cls}))
    if not CONTRACT.fullmatch(name):
        reading.problems.append(f"its name {name!r} is none: use letters, digits, '_', '-' and '.'")
    if type(major) is not int or major < 1:
        reading.problems.append(f"its version must be a whole number from 1 on, found {major!r}")
    if not getattr(cls, "_is_protocol", False):
        reading.problems.append("it is no Protocol: write class NAME(typing.Protocol)")
        return Contract(name), reading.problems
    for owner, member, value in _members(cls):
        reading.read(owner, member, value)
    if not (reading.methods or reading.constants or reading.problems):
        reading.problems.append("it has no methods: write one at least")
    doc = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
    return Contract(name, major, doc, reading.methods, reading.constants), reading.problems


def _members(cls: Any) -> Iterator[Tuple[Any, str, Any]]:
    """(class, name, value) of every public member, the bases' first; of a name, the nearest class's alone."""
    found: Dict[str, Tuple[Any, Any]] = {}
    for owner in reversed(cls.__mro__):
        if owner is object or owner is typing.Protocol or owner is typing.Generic:
            continue
        annotated = dict.fromkeys(own_annotations(owner), _ANNOTATED)
        found.update({name: (owner, value) for name, value in {**annotated, **vars(owner)}.items()})
    return ((owner, name, value) for name, (owner, value) in found.items() if not name.startswith("_"))


_ANNOTATED = object()


class _Reading:
    """One class under way."""

    def __init__(self, annotations: Annotations) -> None:
        self.methods: Dict[str, Method] = {}
        self.constants: Dict[str, Constant] = {}
        self.problems: List[str] = []
        self._where = ""
        self._reader = Reader(annotations, self._problem)

    def _problem(self, where: str, text: str) -> None:
        self.problems.append(f"{self._where}{', ' if where else ''}{where}: {text}")

    def read(self, owner: Any, name: str, value: Any) -> None:
        annotations = own_annotations(owner)
        if isinstance(value, property):
            self._constant(name, value.fget, "return", _annotation_of(value.fget), value.__doc__, value.fget)
        elif name in annotations:
            self._constant(name, owner, name, annotations[name], "", None if value is _ANNOTATED else value)
        elif inspect.isfunction(value):
            self._method(name, value)
        elif not isinstance(value, type):
            self._where = f"member {name}"
            self._problem("", _REFUSED.get(type(value), "it is neither a method nor an annotated attribute"))

    def _method(self, name: str, function: Any) -> None:
        self._where = f"method {name}"
        if getattr(function, "__weft_wrapper__", False):
            self._problem("", "wrapper=True is for a plugin's implementation; leave it out of the contract")
        method = self.methods[name] = self._reader.method(name, function, bound=False)
        if method.hook is not None and (method.streams or method.stream_in is not None):
            self._problem("", "a hook has no streams; leave out @weft.hook, or return a list")
        if method.hook is not None and method.hook.mode == "pipeline" and not method.parameters:
            self._problem("", "a pipeline needs a first parameter, which each result replaces")

    def _constant(self, name: str, owner: Any, key: str, written: Any, doc: Any, default: Any) -> None:
        self._where = f"constant {name}"
        annotation = self._reader.resolved("", owner, key, written)
        if typing.get_origin(annotation) in (typing.ClassVar, typing.Final):
            annotation = typing.get_args(annotation)[0]
        shape = self._reader.shape("", annotation)
        optional = has_body(default) if inspect.isfunction(default) else default is not None
        self.constants[name] = Constant(name, shape, inspect.cleandoc(doc or ""), optional)


def _annotation_of(function: Any) -> Any:
    return getattr(function, "__annotations__", {}).get("return", inspect.Parameter.empty)


_REFUSED = {
    staticmethod: "a contract has no static methods; give it a self",
    classmethod: "a contract has no class methods; give it a self",
}
