"""From a description back to a contract: one function per form of schema, chosen by a table."""

from __future__ import annotations

from keyword import iskeyword
from typing import Any, Callable, Dict, Optional, Tuple
from unicodedata import normalize

from weft.contracts.arguments import CallbackShape
from weft.contracts.choices import Choice, Flags, Union
from weft.contracts.containers import Fixed, Mapping, Sequence, Unique
from weft.contracts.description import MODES, ON_ERROR, Constant, Contract, HookOptions, Method, Parameter
from weft.contracts.mismatch import Mismatch
from weft.contracts.names import PROVIDED
from weft.contracts.plain import narrow
from weft.contracts.records import MISSING, Field, Record
from weft.contracts.scalars import SCALARS
from weft.contracts.shape import ANY, Definitions, Schema, Shape
from weft.errors import ContractError


def parse(described: Any) -> Contract:
    """See Contract.parse."""
    try:
        return _contract(described)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, Mismatch, RecursionError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ContractError(
            f"this is no description of a contract ({reason}): expected what weft contract show prints"
        ) from error


def _contract(described: Any) -> Contract:
    parser = _Parser(_typed(described.get("$defs", {}), dict))
    methods = {_word(name): parser.method(name, form) for name, form in described["methods"].items()}
    constants = {_word(name): parser.constant(name, form) for name, form in described.get("constants", {}).items()}
    major = _typed(described["version"], int)
    name = _typed(described["contract"], str)
    if not PROVIDED.fullmatch(name) or major < 1:
        raise ValueError(f"{name[:50]!r}, version {major}, is no contract's name")
    return Contract(name, major, _text(described), methods, constants)


def _typed(value: Any, cls: Any) -> Any:
    if type(value) is not cls:
        raise TypeError(f"expected {cls.__name__}, found {type(value).__name__}")
    return value


def _word(value: Any) -> str:
    """A name that may stand in a program: proxies are generated from it."""
    word: str = _typed(value, str)
    told_apart = word.isascii() or normalize("NFKC", word) == word  # Python reads two spellings as one name
    if not word.isidentifier() or iskeyword(word) or word.startswith("__") or not told_apart:
        raise ValueError(f"{word[:50]!r} is no name")
    return word


def _text(form: Schema) -> str:
    text: str = _typed(form.get("description", ""), str)
    return text


class _Parser:
    """Reads schemas; named ones once, when they are first referred to, so that they may lead back to themselves."""

    def __init__(self, definitions: Dict[str, Schema]) -> None:
        self._definitions = definitions
        self._known: Dict[str, Shape] = {}

    def constant(self, name: str, form: Schema) -> Constant:
        return Constant(name, self.shape(form["schema"]), _text(form), _typed(form.get("optional", False), bool))

    def method(self, name: str, form: Schema) -> Method:
        parameters = tuple(map(self.parameter, form["parameters"]))
        if len({parameter.name for parameter in parameters}) < len(parameters):
            raise ValueError(f"method {name} has two parameters of one name")
        placed = [each.required for each in parameters if not each.keyword_only]
        if placed != sorted(placed, reverse=True):
            raise ValueError(f"method {name} has a parameter without a default after one with one")
        streams_in = [index for index, parameter in enumerate(form["parameters"]) if "stream" in parameter]
        if len(streams_in) > 1:
            raise ValueError(f"method {name} has {len(streams_in)} streams that go in")
        return Method(
            name,
            parameters,
            self.shape(form["result"]),
            _text(form),
            streams=_typed(form.get("streams", False), bool),
            stream_in=streams_in[0] if streams_in else None,
            callbacks=tuple(index for index, parameter in enumerate(form["parameters"]) if "callback" in parameter),
            hook=_hook(form["hook"]) if form.get("hook") else None,
            raises_names=tuple(_word(raised) for raised in form.get("raises", ())),
            optional=_typed(form.get("optional", False), bool),
        )

    def parameter(self, form: Schema) -> Parameter:
        shape = self._parameter_shape(form)
        default = form.get("default")
        if default is not None and not isinstance(shape, CallbackShape):
            default = shape.unpack(default)
        keyword_only = _typed(form.get("keyword_only", False), bool)
        return Parameter(_word(form["name"]), shape, keyword_only, "default" not in form, default)

    def _parameter_shape(self, form: Schema) -> Shape:
        if "callback" in form:
            return self.callback(form["callback"])
        return self.shape(form["stream"] if "stream" in form else form["schema"])

    def callback(self, form: Schema) -> CallbackShape:
        arguments = tuple(map(self.shape, form["arguments"]))
        awaited, optional = _typed(form["awaited"], bool), _typed(form.get("optional", False), bool)
        return CallbackShape(arguments, self.shape(form["result"]), awaited=awaited, optional=optional)

    def shape(self, schema: Schema) -> Shape:
        """The shape that a schema describes, with the standard library's classes alone."""
        _typed(schema, dict)
        for key, read in _FORMS:
            if key in schema:
                return read(self, schema)
        if schema.keys() - {"default"}:
            raise ValueError(f"unknown schema with the keys {sorted(schema)}")
        return ANY

    def reference(self, schema: Schema) -> Shape:
        name = schema["$ref"].rpartition("/")[2]
        return self._known[name] if name in self._known else self._define(name, self._definitions[name])

    def _define(self, name: str, schema: Schema) -> Shape:
        title = _typed(schema["title"], str)
        if "properties" in schema:
            record = self._known[name] = Record(title)
            return record.define([self._field(schema, *entry) for entry in schema["properties"].items()])
        if schema.get("format") == "flags":
            shape: Shape = Flags(title, {_typed(bit, str): _typed(n, int) for bit, n in schema["names"].items()})
        else:
            shape = _choice(schema, title)
        self._known[name] = shape
        return shape

    def _field(self, schema: Schema, name: str, form: Schema) -> Field:
        shape = self.shape(form)
        default = shape.unpack(form["default"]) if "default" in form else MISSING
        return Field(_typed(name, str), shape, required=name in schema["required"], default=default)

    def union(self, schema: Schema) -> Shape:
        forms = schema["anyOf"]
        if forms and all("const" in (form.get("prefixItems") or [{}])[0] for form in forms):
            forms = [form["prefixItems"][1] for form in forms]
        return Union(tuple(map(self.shape, forms)))

    def typed(self, schema: Schema) -> Shape:
        if schema["type"] == "array":
            return self._array(schema)
        if schema["type"] == "object":
            key = schema.get("propertyNames", {"type": "string"})
            return Mapping(self.shape(key), self.shape(schema["additionalProperties"]))
        return _SCALARS[schema["type"], schema.get("format")]

    def _array(self, schema: Schema) -> Shape:
        if "prefixItems" in schema:
            return Fixed(tuple(map(self.shape, schema["prefixItems"])))
        if schema.get("format") == "pairs":
            key, value = map(self.shape, schema["items"]["prefixItems"])
            return Mapping(key, value)
        item = self.shape(schema["items"])
        if schema.get("uniqueItems"):
            return Unique(item, set if item.hashable else list)
        return Sequence(item)


def _choice(schema: Schema, title: str = "") -> Shape:
    return Choice([(value, _enumerated(value)) for value in schema["enum"]], title)


def _enumerated(plain: Any) -> Any:
    """One of the values, in the form that it has in Python."""
    if type(plain) not in (type(None), bool, int, float, str, bytes):
        raise TypeError(f"a choice of {type(plain).__name__}")
    wide = narrow(plain) if type(plain) is bytes else None
    return plain if wide is None else wide


def _hook(form: Schema) -> HookOptions:
    mode, on_error, deadline = form["mode"], form["on_error"], form["deadline"]
    if mode not in MODES or on_error not in ON_ERROR or not (deadline is None or type(deadline) in (int, float)):
        raise ValueError("unknown hook options")
    return HookOptions(mode, on_error, deadline)


def _scalars() -> Dict[Tuple[str, Optional[str]], Shape]:
    table: Dict[Tuple[str, Optional[str]], Shape] = {}
    for shape in SCALARS.values():
        schema = shape.schema(Definitions())
        table.setdefault((schema["type"], schema.get("format")), shape)
    return table


_SCALARS = _scalars()
_FORMS: Tuple[Tuple[str, Callable[[_Parser, Schema], Shape]], ...] = (
    ("$ref", _Parser.reference),
    ("anyOf", _Parser.union),
    ("enum", lambda _, schema: _choice(schema)),
    ("type", _Parser.typed),
)
