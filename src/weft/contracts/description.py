"""The described contract: what crosses at hello, and what proxies and dispatchers are made of.

Imported inside plugins: standard library only, Python 3.9 and later.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from weft.contracts.arguments import Arguments, CallbackShape
from weft.contracts.mismatch import Mismatch, show
from weft.contracts.plain import plainly
from weft.contracts.shape import UNSAID, Definitions, Schema, Shape

__all__ = ["CallbackShape", "Constant", "Contract", "HookOptions", "Method", "Mismatch", "Parameter"]

MODES = ("collect", "first", "pipeline", "notify")
ON_ERROR = ("fail", "continue")


@dataclass(frozen=True)
class Parameter:
    """One parameter. Of a stream that goes in, ``shape`` is one item's. ``default`` counts where not ``required``."""

    name: str
    shape: Shape
    keyword_only: bool = False
    required: bool = True
    default: Any = None


@dataclass(frozen=True)
class HookOptions:
    """How a method's providers are called together. ``deadline``: seconds for each, None for the plugin's own."""

    mode: str = "collect"
    on_error: str = "fail"
    deadline: Optional[float] = None

    def describe(self) -> Schema:
        return {"mode": self.mode, "on_error": self.on_error, "deadline": self.deadline}


def _converter() -> Any:
    return field(init=False, repr=False, compare=False)


@dataclass(frozen=True)
class Method:
    """One method of a contract.

    ``result`` is the result's shape, or one item's where it ``streams``. ``stream_in`` and ``callbacks`` are indexes
    of parameters, which the converters leave as they are. ``asynchronous`` says how this side declared it.
    The converters take the full list of positional values, or one value; they raise Mismatch, and give the very object
    that they were given where nothing changes. ``packs_arguments``, ``packs_result`` and ``packs_item`` are False where
    packing never changes anything: it may be skipped.
    """

    name: str
    parameters: Tuple[Parameter, ...]
    result: Shape
    doc: str = ""
    streams: bool = False
    stream_in: Optional[int] = None
    callbacks: Tuple[int, ...] = ()
    asynchronous: bool = True
    hook: Optional[HookOptions] = None
    raises: Tuple[type, ...] = ()
    raises_names: Tuple[str, ...] = ()
    optional: bool = False
    packs_arguments: bool = _converter()
    pack_arguments: Callable[[Sequence[Any]], Sequence[Any]] = _converter()
    unpack_arguments: Callable[[Sequence[Any]], Sequence[Any]] = _converter()
    packs_result: bool = _converter()
    pack_result: Callable[[Any], Any] = _converter()
    unpack_result: Callable[[Any], Any] = _converter()
    packs_item: bool = _converter()
    pack_item: Callable[[Any], Any] = _converter()
    unpack_item: Callable[[Any], Any] = _converter()

    def __post_init__(self) -> None:
        apart = {self.stream_in, *self.callbacks}
        shapes = [None if index in apart else p.shape for index, p in enumerate(self.parameters)]
        arguments = Arguments([p.name for p in self.parameters], shapes)
        item = UNSAID if self.stream_in is None else self.parameters[self.stream_in].shape
        converters = {
            "packs_arguments": arguments.packs,
            "pack_arguments": arguments.pack,
            "unpack_arguments": arguments.unpack,
            "packs_result": self.result.packs,
            "pack_result": self.result.packed,
            "unpack_result": self.result.unpack,
            "packs_item": item.packs,
            "pack_item": item.packed,
            "unpack_item": item.unpack,
        }
        for name, converter in converters.items():
            object.__setattr__(self, name, converter)

    def signature(self) -> str:
        """``(image: bytes, *, width: int = 200) -> bytes``, as errors show it."""
        parts: List[str] = []
        for index, parameter in enumerate(self.parameters):
            if parameter.keyword_only and "*" not in parts:
                parts.append("*")
            parts.append(self._written(index, parameter))
        result = f"AsyncIterator[{self.result}]" if self.streams and str(self.result) else str(self.result)
        return f"({', '.join(parts)})" + (f" -> {result}" if result else "")

    def _written(self, index: int, parameter: Parameter) -> str:
        shape = f"AsyncIterator[{parameter.shape}]" if index == self.stream_in else str(parameter.shape)
        default = "" if parameter.required else f" = {show(parameter.default)}"
        return f"{parameter.name}{': ' if shape else ''}{shape}{default}"

    def describe(self, definitions: Definitions) -> Schema:
        """The method's part of ``Contract.describe``; what is not said is None, False or empty."""
        described: Schema = {
            "description": self.doc,
            "parameters": [self._parameter(*entry, definitions) for entry in enumerate(self.parameters)],
            "result": self.result.schema(definitions),
            "streams": self.streams,
            "hook": self.hook and self.hook.describe(),
            "raises": list(self.raises_names),
            "optional": self.optional,
        }
        return {key: value for key, value in described.items() if value or key in ("parameters", "result")}

    def _parameter(self, index: int, parameter: Parameter, definitions: Definitions) -> Schema:
        kind = "stream" if index == self.stream_in else "callback" if index in self.callbacks else "schema"
        described: Schema = {"name": parameter.name, kind: parameter.shape.schema(definitions)}
        if parameter.keyword_only:
            described["keyword_only"] = True
        if not parameter.required:
            described["default"] = None if kind == "callback" else parameter.shape.packed(parameter.default)
        return described


@dataclass(frozen=True)
class Constant:
    """A property or annotated attribute: a value that a provider has. ``optional``: the contract has one of its own."""

    name: str
    shape: Shape
    doc: str = ""
    optional: bool = False

    def describe(self, definitions: Definitions) -> Schema:
        described: Schema = {"schema": self.shape.schema(definitions)}
        if self.doc:
            described["description"] = self.doc
        return {**described, "optional": True} if self.optional else described


@dataclass(frozen=True)
class Contract:
    """A typed interface: what a host's Protocol class says, or what a plugin's description says of it."""

    name: str
    major: int = 1
    doc: str = ""
    methods: Dict[str, Method] = field(default_factory=dict)
    constants: Dict[str, Constant] = field(default_factory=dict)
    foreign: bool = field(default=False, compare=False)
    """Declared by a plugin that shares the host's interpreter, and so none of the host's own."""

    @property
    def key(self) -> str:
        """``name@major``."""
        return f"{self.name}@{self.major}"

    def component(self, identity: str) -> Contract:
        """The same, as a component of that id provides it: see ``names``."""
        return replace(self, name=f"{self.name}#{identity}")

    def same_as(self, other: Contract) -> bool:
        """Whether both say the same, however they document it."""
        return bool(_bare(self.describe()) == _bare(other.describe()))

    def describe(self) -> Schema:
        """Plain values: types in the vocabulary of JSON Schema, always in the same order. ``parse`` reads it back."""
        definitions = Definitions()
        methods = {name: method.describe(definitions) for name, method in self.methods.items()}
        constants = {name: constant.describe(definitions) for name, constant in self.constants.items()}
        described: Schema = plainly(
            {
                "contract": self.name,
                "version": self.major,
                "description": self.doc,
                "methods": methods,
                "constants": constants,
                "$defs": definitions.schemas,
            }
        )
        return described

    @classmethod
    def parse(cls, described: Any) -> Contract:
        """The contract of a description, without classes: records are dicts, enum members their values.

        Raises ContractError for anything that ``describe`` would not have written.
        """
        from weft.contracts.parsing import parse

        return parse(described)


def _bare(described: Any) -> Any:
    """A description without documentation."""
    if isinstance(described, list):
        return [_bare(each) for each in described]
    if not isinstance(described, dict):
        return described
    return {key: _bare(each) for key, each in described.items() if key != "description" or not isinstance(each, str)}
