"""Python annotations for what a described contract names. Pure.

Everything comes from the description (JSON Schema, in its plain form): the classes that the host has are not known to
a plugin, and match by shape.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_SCALARS: dict[tuple[str, str | None], str] = {
    ("null", None): "None",
    ("boolean", None): "bool",
    ("integer", None): "int",
    ("number", None): "float",
    ("string", None): "str",
    ("string", "binary"): "bytes",
    ("string", "date-time"): "datetime",
    ("string", "date"): "date",
    ("string", "time"): "time",
    ("string", "duration"): "timedelta",
    ("string", "uuid"): "UUID",
    ("string", "decimal"): "Decimal",
    ("string", "path"): "Path",
}
_MODULES = {
    **dict.fromkeys(("Any", "Literal", "NotRequired", "Protocol", "TypedDict"), "typing"),
    **dict.fromkeys(("AsyncIterator", "Awaitable", "Callable", "Iterator"), "collections.abc"),
    **dict.fromkeys(("datetime", "date", "time", "timedelta"), "datetime"),
    **dict.fromkeys(("Enum", "Flag"), "enum"),
    **dict.fromkeys(("dataclass", "field"), "dataclasses"),
    "Decimal": "decimal",
    "Path": "pathlib",
    "UUID": "uuid",
}
"""Where the names come from that are none of Python's own."""
_TAKEN = frozenset({*_MODULES, *_SCALARS.values(), "Context", "list", "dict", "set", "tuple"})


class TypedSource:
    """``definitions`` are the ``$defs`` of a description. What was written so far is imported."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self.definitions = definitions
        self._imported: set[str] = set()

    def name(self, name: str) -> str:
        """``name``, which is then imported where it is none of Python's own."""
        self._imported.update({name} & _MODULES.keys())
        return name

    def import_lines(self) -> list[str]:
        """``from MODULE import NAME, …``, sorted."""
        modules: dict[str, list[str]] = {}
        for name in sorted(self._imported):
            modules.setdefault(_MODULES[name], []).append(name)
        return [f"from {module} import {', '.join(modules[module])}" for module in sorted(modules)]

    def definition(self, schema: Schema) -> tuple[str, Schema]:
        """The name that the source has for what a schema refers to, and the definition."""
        key = schema["$ref"].rpartition("/")[2]
        return class_name(key), self.definitions[key]

    def annotation(self, schema: Schema) -> str:
        """The type that a schema describes."""
        if "$ref" in schema:
            return self.definition(schema)[0]
        if "anyOf" in schema:
            return " | ".join(self.annotation(each) for each in union_members(schema))
        if "enum" in schema:
            return f"{self.name('Literal')}[{', '.join(map(quoted, schema['enum']))}]"
        if schema.get("type") in ("array", "object"):
            return self._container(schema)
        return self.name(_SCALARS[schema["type"], schema.get("format")] if "type" in schema else "Any")

    def _container(self, schema: Schema) -> str:
        if "prefixItems" in schema:
            return f"tuple[{', '.join(map(self.annotation, schema['prefixItems'])) or '()'}]"
        if schema["type"] == "object":
            key = self.annotation(schema.get("propertyNames", {"type": "string"}))
            return f"dict[{key}, {self.annotation(schema['additionalProperties'])}]"
        if schema.get("format") == "pairs":
            return f"dict[{', '.join(map(self.annotation, schema['items']['prefixItems']))}]"
        return f"{'set' if schema.get('uniqueItems') else 'list'}[{self.annotation(schema['items'])}]"


def class_name(key: str) -> str:
    """What the class of a definition is called in the source."""
    name = key if is_name(key) else "Type_" + re.sub(r"\W", "_", key)
    return f"{name}_" if name in _TAKEN else name


def is_name(text: str) -> bool:
    """Whether a class may have an attribute of that name."""
    return text.isidentifier() and not keyword.iskeyword(text)


def union_members(schema: Schema) -> list[Schema]:
    """The schemas of a union; where its plain values are ``[index, value]``, of the values."""
    members: list[Schema] = schema["anyOf"]
    tagged = all("const" in (each.get("prefixItems") or [{}])[0] for each in members)
    return [each["prefixItems"][1] for each in members] if tagged else members


def narrow(plain: Any) -> Any:
    """A plain scalar as Python has it: an integer beyond 64 bits is plain as bytes."""
    return int(plain[4:]) if isinstance(plain, bytes) and plain.startswith(b"int:") else plain


def quoted(plain: Any) -> str:
    """A plain scalar as source, in double quotes where it is text or bytes."""
    value = narrow(plain)
    if isinstance(value, float) and repr(value) in ("nan", "inf", "-inf"):
        return f'float("{value}")'
    written = repr(value)
    single = isinstance(value, (str, bytes)) and written.endswith("'") and '"' not in written and "\\'" not in written
    return written.replace("'", '"') if single else written
