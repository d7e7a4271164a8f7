"""What a module in Stockpile's form says of itself, as far as its source alone tells: nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from weft.types import METADATA_FIELDS, METADATA_SPELLINGS

INITIALIZERS = ("InitializePlugin", "initialize_plugin")
"""Spellings of the function that registers what the plugin provides."""
POSITIONS = ("name", "version", "authors", "website")
"""Fields of weft.sdk.Metadata that are given without their names."""
NO_VALUE = object()
"""Of what is no literal: the plugin's own process is asked."""


@dataclass(frozen=True)
class Symbols:
    """The two symbols of a module. ``metadata``, ``initializer``: the line where each is defined, 0 where it is not.

    ``fields``: the manifest's keys, each with its value (or NO_VALUE) and line; ``said``: how each is spelt there.
    ``wrong``: what stands in a symbol's place, by the symbol.
    """

    metadata: int = 0
    initializer: int = 0
    fields: Mapping[str, tuple[Any, int]] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[tuple[str, int], ...] = ()
    unread: bool = False
    """Metadata is made by code: what it says is known when the plugin runs."""
    wrong: Mapping[str, str] = field(default_factory=dict)


def symbols(module: ast.Module) -> Symbols:
    """What the module's top level defines of the two."""
    there = defined(module)
    metadata = next((there[name] for name in METADATA_SPELLINGS if name in there), None)
    initializer = next((there[name] for name in INITIALIZERS if name in there), None)
    wrong = {}
    if isinstance(initializer, ast.Constant | ast.Dict | ast.List | ast.Tuple):
        wrong["InitializePlugin"] = ast.unparse(initializer)[:60]
    pairs = None if metadata is None else _pairs(metadata)
    if isinstance(metadata, ast.Constant | ast.List | ast.Tuple | ast.Set | ast.FunctionDef):
        wrong["Metadata"] = ast.unparse(metadata)[:60]
    fields = [(name, node) for name, node in pairs or () if name.lower() in METADATA_FIELDS]
    known = {METADATA_FIELDS[name.lower()]: (name, node) for name, node in fields}
    return Symbols(
        metadata=metadata.lineno if metadata is not None else 0,
        initializer=initializer.lineno if initializer is not None else 0,
        fields={key: (_value(node), node.lineno) for key, (_, node) in known.items()},
        said={key: name for key, (name, _) in known.items()},
        unknown=tuple((name, node.lineno) for name, node in pairs or () if name.lower() not in METADATA_FIELDS),
        unread=metadata is not None and pairs is None,
        wrong=wrong,
    )


def defined(module: ast.Module) -> dict[str, Any]:
    """Names of the top level, each with its value or definition."""
    return dict(_defined(module))


def _defined(module: ast.Module) -> Iterator[tuple[str, Any]]:
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((each.asname or each.name, each) for each in node.names)


def _pairs(node: Any) -> list[tuple[str, Any]] | None:
    """The fields that an expression gives; None where it is no dict, call or class whose fields can be seen."""
    if isinstance(node, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        return None if None in keys else [(str(key), value) for key, value in zip(keys, node.values, strict=True)]
    if isinstance(node, ast.Call):
        names = [each.arg for each in node.keywords]
        given = [*zip(POSITIONS, node.args, strict=False), *((each.arg, each.value) for each in node.keywords)]
        return None if None in names or not given else [(str(name), value) for name, value in given]
    if isinstance(node, ast.ClassDef):
        inner = ast.Module(body=node.body, type_ignores=[])
        return [(name, value) for name, value in _defined(inner) if name.lower() in METADATA_FIELDS]
    return None


def _value(node: Any) -> Any:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return NO_VALUE
    return list(value) if isinstance(value, tuple) else value
