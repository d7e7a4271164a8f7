"""Plain values as JSON has them, and back, by the schemas of a described contract. Pure.

Bytes are base64 text, integers beyond 64 bits integers, floats that JSON has not ``{"$float": "nan"}``. A key of a dict
that is not text by its schema is JSON itself: ``{"5": …}``. Where the schema leaves open what a text is (``Any``, a
literal, a union with another kind of text), bytes are ``{"$bytes": "…"}``.

``read`` changes nothing that is of a wrong type: the contract's own check says what was expected there.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from weft.contracts.mismatch import Mismatch, show
from weft.contracts.plain import narrow, widen

Schema = Mapping[str, Any]

BYTES = "$bytes"
FLOAT = "$float"
WIDE = "$int"
BASE64 = {"contentEncoding": "base64"}
_TABLES = ("methods", "constants", "$defs", "properties")
"""Parts of a description whose keys are names, and no words of JSON Schema."""


def described_json(described: Any) -> Any:
    """A contract's description, for JSON: its schemas are those of the JSON form, its defaults in that form."""
    return _walk(described, JsonForm(described.get("$defs", {})).write, BASE64)


def described_plain(told: Any) -> Any:
    """The description that ``described_json`` was given: what ``Contract.parse`` reads."""
    return _walk(told, JsonForm(told.get("$defs", {})).read, {})


def _walk(value: Any, convert: Callable[[Schema, Any], Any], encoding: Schema) -> Any:
    """A description with its values converted, and ``encoding`` said where a text stands for bytes."""
    if isinstance(value, list):
        return [_walk(each, convert, encoding) for each in value]
    if not isinstance(value, dict):
        return value
    walked: dict[str, Any] = {}
    for key, each in value.items():
        if key in _TABLES:
            walked[key] = {name: _walk(part, convert, encoding) for name, part in each.items()}
        elif key == "default":
            walked[key] = convert(_schema_of_default(value), each)
        elif key == "enum":
            walked[key] = [convert({"enum": each}, one) for one in each]
        elif key != "contentEncoding":
            walked[key] = _walk(each, convert, encoding)
    return {**walked, **encoding} if value.get("format") == "binary" else walked


def _schema_of_default(value: Schema) -> Schema:
    """Of a parameter its own; a field's default stands in its schema."""
    schema: Schema = value.get("schema", value.get("stream", {} if "callback" in value else value))
    return schema


class JsonForm:
    """``definitions`` are the description's ``$defs``."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions

    def write(self, schema: Schema, plain: Any) -> Any:
        """The JSON value of a plain one. Raises Mismatch for one that is nested too deeply."""
        return _bounded(self._write, schema, plain)

    def read(self, schema: Schema, value: Any) -> Any:
        """The plain value of a JSON one. Raises Mismatch, with the path, for a text that is no base64."""
        return _bounded(self._read, schema, value)

    def _resolved(self, schema: Schema) -> Schema:
        return self._definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema

    # --- to JSON ----------------------------------------------------------------------------------------------------

    def _write(self, schema: Schema, plain: Any) -> Any:
        schema = self._resolved(schema)
        if "anyOf" in schema:
            return self._write_union(schema["anyOf"], plain)
        if isinstance(plain, bytes) and schema.get("format") == "binary":
            return _base64(plain)
        if isinstance(plain, list) and schema.get("type") == "array":
            return [self._write(_item(schema, index), each) for index, each in enumerate(plain)]
        if isinstance(plain, dict) and schema.get("type") == "object":
            return {
                self._write_key(schema, key): self._write(_property(schema, key), each) for key, each in plain.items()
            }
        if isinstance(plain, bytes) and schema.get("type") in ("integer", "number"):
            return narrow(plain)
        return _write_open(plain)

    def _write_union(self, members: list[Schema], plain: Any) -> Any:
        known = [self._resolved(member) for member in members]
        member = next((each for each in known if _is_plain_of(each, plain)), {})
        alone = sum(_may_be_text(each) for each in known) == 1
        return _write_open(plain) if isinstance(plain, bytes) and not alone else self._write(member, plain)

    def _write_key(self, schema: Schema, key: Any) -> str:
        names = self._resolved(schema.get("propertyNames", {"type": "string"}))
        written = self._write(names, key)
        return written if _is_text(names) else json.dumps(written)

    # --- from JSON --------------------------------------------------------------------------------------------------

    def _read(self, schema: Schema, value: Any) -> Any:
        schema = self._resolved(schema)
        marked = _marked(value)
        if marked is not None:
            return marked
        if "anyOf" in schema:
            return self._read_union(schema["anyOf"], value)
        if schema.get("type") in ("array", "object"):
            return self._read_parts(schema, value)
        return _read_scalar(schema, value) if "type" in schema or "enum" in schema else _read_open(value)

    def _read_parts(self, schema: Schema, value: Any) -> Any:
        if isinstance(value, list) and schema["type"] == "array":
            return [_within(f"[{i}]", self._read, _item(schema, i), each) for i, each in enumerate(value)]
        if isinstance(value, dict) and schema["type"] == "object":
            return {self._read_key(schema, key): self._read_value(schema, key, each) for key, each in value.items()}
        return value

    def _read_union(self, members: list[Schema], value: Any) -> Any:
        known = [self._resolved(member) for member in members]
        fitting = [each for each in known if _is_json_of(each, value)]
        fitting.sort(key=lambda each: each.get("format") == "binary")  # where a text may be one, bytes are marked
        return self._read(fitting[0], value) if fitting else value

    def _read_value(self, schema: Schema, key: str, value: Any) -> Any:
        step = f".{key}" if "properties" in schema else f"[{show(key)}]"
        return _within(step, self._read, _property(schema, key), value)

    def _read_key(self, schema: Schema, key: str) -> Any:
        names = self._resolved(schema.get("propertyNames", {"type": "string"}))
        if _is_text(names):
            return self._read(names, key)
        try:
            return self._read(names, json.loads(key))
        except ValueError:
            return key


def _bounded(convert: Callable[[Schema, Any], Any], schema: Schema, value: Any) -> Any:
    try:
        return convert(schema, value)
    except RecursionError:
        raise Mismatch("a value nested less deeply", "one that nearly has no end") from None


def _within(step: str, convert: Callable[[Schema, Any], Any], schema: Schema, value: Any) -> Any:
    try:
        return convert(schema, value)
    except Mismatch as error:
        error.within(step)
        raise


def _read_scalar(schema: Schema, value: Any) -> Any:
    if isinstance(value, str) and schema.get("format") == "binary":
        return _from_base64(value)
    if type(value) is int and schema.get("type", "integer") in ("integer", "number"):
        return widen(value)
    return value


def _item(schema: Schema, index: int) -> Schema:
    places = schema.get("prefixItems", ())
    if index < len(places):
        place: Schema = places[index]
        return place
    return schema.get("items") or {}


def _property(schema: Schema, key: Any) -> Schema:
    named: Schema | None = schema.get("properties", {}).get(key)
    return named if named is not None else schema.get("additionalProperties") or {}


# --- what a schema says of a type -----------------------------------------------------------------------------------

_PLAIN_TYPES: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (float,),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}


def _is_plain_of(schema: Schema, plain: Any) -> bool:
    """Whether it is this member of an untagged union, whose members differ by type; of a tagged one, by index."""
    if "enum" in schema:
        return any(type(each) is type(plain) and each == plain for each in schema["enum"])
    if isinstance(plain, bytes) and schema.get("type") in ("integer", "string"):
        return schema.get("format") == "binary" if narrow(plain) is None else schema["type"] == "integer"
    return type(plain) in _PLAIN_TYPES.get(schema.get("type", ""), ()) and _is_place(schema, plain)


def _is_json_of(schema: Schema, value: Any) -> bool:
    if "enum" in schema:
        return any(type(each) is type(value) and each == value for each in map(_write_open, schema["enum"]))
    kinds = _PLAIN_TYPES.get(schema.get("type", ""), ())
    return (type(value) in kinds or (type(value) is int and float in kinds)) and _is_place(schema, value)


def _is_place(schema: Schema, value: Any) -> bool:
    first = (schema.get("prefixItems") or [{}])[0]
    return "const" not in first or (isinstance(value, list) and value[:1] == [first["const"]])


def _is_text(schema: Schema) -> bool:
    """Whether nothing but text is of this schema, in the JSON form."""
    return schema.get("type") == "string" or all(isinstance(each, str) for each in schema.get("enum", (None,)))


def _may_be_text(schema: Schema) -> bool:
    return schema.get("type") == "string" or any(isinstance(each, str) for each in schema.get("enum", ()))


# --- values that say themselves what they are -----------------------------------------------------------------------


def _write_open(plain: Any) -> Any:
    if isinstance(plain, bytes):
        wide = narrow(plain)
        return {BYTES: _base64(plain)} if wide is None else wide
    if isinstance(plain, float) and not math.isfinite(plain):
        return {FLOAT: str(plain)}
    if isinstance(plain, list):
        return [_write_open(each) for each in plain]
    if not isinstance(plain, dict):
        return plain
    if plain.keys() == {WIDE}:
        return _write_open(plain[WIDE])
    return {key: _write_open(each) for key, each in plain.items()}


def _read_open(value: Any) -> Any:
    marked = _marked(value)
    if marked is not None:
        return marked
    if type(value) is int:
        wide = widen(value)
        return {WIDE: wide} if isinstance(wide, bytes) else wide
    if isinstance(value, list):
        return [_read_open(each) for each in value]
    return {key: _read_open(each) for key, each in value.items()} if isinstance(value, dict) else value


def _marked(value: Any) -> Any:
    """Bytes, or a float, that say so; None for all else."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    ((mark, text),) = value.items()
    if mark == BYTES and isinstance(text, str):
        return _from_base64(text)
    return float(text) if mark == FLOAT and text in ("nan", "inf", "-inf") else None


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Mismatch("bytes as base64 text", show(text)) from None
