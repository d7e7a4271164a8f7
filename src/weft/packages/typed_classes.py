"""Python classes for the records and enums of a described contract, each matching the host's by its shape. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from weft.packages.typed_source import Schema, TypedSource, class_name, is_name, quoted
from weft.packages.typed_values import TypedValues

INDENT = "    "
_MADE_ANEW = {"[]": "list", "{}": "dict", "set()": "set"}


class TypedClasses:
    """Writes the source of the classes that ``source`` names."""

    def __init__(self, source: TypedSource) -> None:
        self._source = source
        self._values = TypedValues(source)

    def written(self) -> list[str]:
        """Each class, in the order of the description, but after those that its defaults construct."""
        named = {class_name(key): each for key, each in self._source.definitions.items()}
        classes = {name: self._class(name, each) for name, each in named.items()}
        placed: dict[str, str] = {}
        for name in classes:
            _place(name, classes, placed, set())
        return list(placed.values())

    def _class(self, name: str, definition: Schema) -> str:
        if "enum" in definition:
            members = [f"{each} = {quoted(value)}" for each, value in _member_names(definition["enum"])]
            return _indented(f"class {name}({self._source.name('Enum')}):", members)
        if "properties" not in definition:
            members = [f"{each} = {bit}" for each, bit in definition["names"].items()]
            return _indented(f"class {name}({self._source.name('Flag')}):", members)
        if all(map(is_name, definition["properties"])):
            return self._dataclass(name, definition)
        return self._typed_dict(name, definition)

    def _dataclass(self, name: str, definition: Schema) -> str:
        required = definition.get("required", ())
        fields = sorted(definition["properties"].items(), key=lambda each: each[0] not in required)
        lines = [
            f"{key}: {self._source.annotation(schema)}" + ("" if key in required else f" = {self._default(schema)}")
            for key, schema in fields
        ]
        return f"@{self._source.name('dataclass')}(frozen=True)\n" + _indented(f"class {name}:", lines)

    def _default(self, schema: Schema) -> str:
        """The contract's own; the simplest there is, where that is made anew each time."""
        given = "default" in schema
        value = self._values.literal(schema, schema["default"]) if given else self._values.sample(schema)
        if value[0] not in "[{" and value != "set()":
            return value
        return f"{self._source.name('field')}(default_factory={_MADE_ANEW.get(value, f'lambda: {value}')})"

    def _typed_dict(self, name: str, definition: Schema) -> str:
        """Fields that are no names in Python."""
        entries = []
        for key, schema in definition["properties"].items():
            annotation = self._source.annotation(schema)
            if key not in definition.get("required", ()):
                annotation = f"{self._source.name('NotRequired')}[{annotation}]"
            entries.append(f"{INDENT}{quoted(key)}: {quoted(annotation)},")
        return "\n".join([f'{name} = {self._source.name("TypedDict")}("{name}", {{', *entries, "})"])


def _place(name: str, classes: Mapping[str, str], placed: dict[str, str], above: set[str]) -> None:
    """Add a class to the ``placed``, those that it constructs first; ``above`` are the ones that wait for it."""
    if name in placed or name in above:
        return
    for each in ast.walk(ast.parse(classes[name])):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id in classes:
            _place(each.func.id, classes, placed, {*above, name})
    placed[name] = classes[name]


def _member_names(values: list[Any]) -> Iterator[tuple[str, Any]]:
    """The description has an enum's values alone."""
    seen: set[str] = set()
    for number, value in enumerate(values, 1):
        name = value.upper() if isinstance(value, str) else ""
        if not name.isidentifier() or name.startswith("_") or name in seen:
            name = f"VALUE_{number}"
        seen.add(name)
        yield name, value


def _indented(head: str, lines: list[str]) -> str:
    return "\n".join([head, *(INDENT + line for line in lines or ["pass"])])
