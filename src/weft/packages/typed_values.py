"""Python expressions for values, by their schemas: the simplest one of a type, and one that is given. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from weft.packages.typed_source import Schema, TypedSource, class_name, is_name, quoted, union_members

_SAMPLES = {
    "None": "None",
    "bool": "False",
    "int": "0",
    "float": "0.0",
    "str": '""',
    "bytes": 'b""',
    "datetime": "datetime(2000, 1, 1)",
    "date": "date(2000, 1, 1)",
    "time": "time(12, 0)",
    "timedelta": "timedelta(0)",
    "UUID": "UUID(int=0)",
    "Decimal": 'Decimal("0")',
    "Path": 'Path(".")',
}
_READ = {"date-time": "datetime.fromisoformat", "date": "date.fromisoformat", "time": "time.fromisoformat"}
_DURATION = re.compile(r"(-?)P(\d+)DT(\d+)(?:\.(\d{6}))?S")
_PLAIN_TYPES: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (float, int),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}


class TypedValues:
    """``source`` writes the types, and imports what the values need."""

    def __init__(self, source: TypedSource) -> None:
        self._source = source

    # --- the simplest -----------------------------------------------------------------------------------------------

    def sample(self, schema: Schema, within: tuple[str, ...] = ()) -> str:
        """An expression for a value of the type, the simplest there is."""
        if "$ref" in schema:
            return self._sample_of_class(*self._source.definition(schema), within)
        if "anyOf" in schema:
            members = union_members(schema)
            ends = [each for each in members if class_name(each.get("$ref", "").rpartition("/")[2]) not in within]
            return self.sample(min(ends or members, key=lambda each: each != {"type": "null"}), within)
        if "enum" in schema:
            return quoted(schema["enum"][0])
        if schema.get("type") in ("array", "object"):
            return self._sample_of_many(schema, within)
        return _SAMPLES[self._source.annotation(schema)] if "type" in schema else "None"

    def _sample_of_many(self, schema: Schema, within: tuple[str, ...]) -> str:
        if "prefixItems" in schema:
            return _tuple([self.sample(each, within) for each in schema["prefixItems"]])
        if schema.get("uniqueItems"):
            return "set()"
        return "{}" if schema["type"] == "object" or schema.get("format") == "pairs" else "[]"

    def _sample_of_class(self, name: str, definition: Schema, within: tuple[str, ...]) -> str:
        if "enum" in definition:
            return f"{name}({quoted(definition['enum'][0])})"
        if "properties" not in definition:
            return f"{name}(0)"
        fields = definition["properties"]
        required = definition.get("required", ())
        said = [key for key, each in fields.items() if key in required or "default" not in each]
        return _constructed(name, {key: self.sample(fields[key], (*within, name)) for key in said}, fields)

    # --- one that is given ------------------------------------------------------------------------------------------

    def literal(self, schema: Schema, plain: Any) -> str:
        """An expression for the value of a plain one."""
        if "$ref" in schema:
            return self._literal_of_class(*self._source.definition(schema), plain)
        if "anyOf" in schema:
            return self._literal_of_union(schema, plain)
        if schema.get("type") == "array":
            return self._literal_of_array(schema, plain)
        if schema.get("type") == "object":
            key, value = schema.get("propertyNames", {"type": "string"}), schema["additionalProperties"]
            return _dict((self.literal(key, one), self.literal(value, other)) for one, other in plain.items())
        return self._literal_of_scalar(schema, plain)

    def _literal_of_array(self, schema: Schema, plain: list[Any]) -> str:
        if "prefixItems" in schema:
            return _tuple([self.literal(*each) for each in zip(schema["prefixItems"], plain, strict=True)])
        if schema.get("format") == "pairs":
            key, value = schema["items"]["prefixItems"]
            return _dict((self.literal(key, one), self.literal(value, other)) for one, other in plain)
        items = ", ".join(self.literal(schema["items"], each) for each in plain)
        if schema.get("uniqueItems"):
            return f"{{{items}}}" if items else "set()"
        return f"[{items}]"

    def _literal_of_scalar(self, schema: Schema, plain: Any) -> str:
        name, form = self._source.annotation(schema) if "type" in schema else "", schema.get("format", "")
        if form == "duration":
            return _duration(plain)
        if form in ("uuid", "decimal", "path", *_READ):
            return f"{_READ.get(form, name)}({quoted(plain)})"
        return quoted(plain)

    def _literal_of_class(self, name: str, definition: Schema, plain: Any) -> str:
        if "properties" not in definition:
            return f"{name}({quoted(plain)})"
        fields = definition["properties"]
        return _constructed(name, {key: self.literal(fields[key], each) for key, each in plain.items()}, fields)

    def _literal_of_union(self, schema: Schema, plain: Any) -> str:
        members = union_members(schema)
        if members is not schema["anyOf"]:  # tagged: the plain value says which
            return self.literal(members[plain[0]], plain[1])
        fitting = [each for each in members if type(plain) in self._plain_types(each)]
        return self.literal(fitting[0] if fitting else {}, plain)

    def _plain_types(self, schema: Schema) -> tuple[type, ...]:
        if "$ref" in schema:
            return self._plain_types(self._source.definition(schema)[1])
        if "enum" in schema:
            return tuple(map(type, schema["enum"]))
        return (bytes,) if schema.get("format") == "binary" else _PLAIN_TYPES.get(schema.get("type", ""), ())


def _constructed(name: str, values: Mapping[str, str], fields: Iterable[str]) -> str:
    if all(map(is_name, fields)):
        return f"{name}({', '.join(f'{key}={value}' for key, value in values.items())})"
    return _dict((quoted(key), value) for key, value in values.items())


def _tuple(items: list[str]) -> str:
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def _dict(items: Iterable[tuple[str, str]]) -> str:
    return f"{{{', '.join(f'{key}: {value}' for key, value in items)}}}"


def _duration(text: str) -> str:
    match = _DURATION.fullmatch(text)
    assert match is not None
    parts = {"days": int(match[2]), "seconds": int(match[3]), "microseconds": int(match[4] or 0)}
    said = ", ".join(f"{key}={value}" for key, value in parts.items() if value) or "0"
    return f"{match[1]}timedelta({said})"
