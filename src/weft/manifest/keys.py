"""The keys of ``plugin.yaml`` and of ``[tool.weft]``: each with the rule for its value."""

from __future__ import annotations

from typing import Any

from packaging.requirements import Requirement

from weft.manifest import values
from weft.manifest.model import Limits, Order, Permissions
from weft.manifest.rules import (
    Flaw,
    Invalid,
    Rule,
    each,
    entries,
    flag,
    integer,
    mapping,
    one_of,
    show,
    table,
    text,
    word,
    wrong,
)

MIB = 1024 * 1024
DAY = 24 * 3600.0
MAX_DEPTH = 32
"""Levels of tables and lists in a manifest."""
MAX_NODES = 20_000
"""Values in a manifest, all levels together."""


def plugin_ranges(value: Any) -> dict[str, str]:
    """Other plugins with version ranges: a table ``name = ">=1"``, or a list of ``name>=1``."""
    if isinstance(value, list):
        requirements = [Requirement(item) for item in each(values.requirement)(value)]
        value = {item.name: str(item.specifier) or "*" for item in requirements}
    ranges: dict[str, str] = entries(values.name, values.specifier)(value)
    return ranges


def plain(value: Any) -> Any:
    """Any value that can be handed to a plugin: null, booleans, numbers, text, lists and tables of them."""
    if isinstance(value, dict):
        return entries(word, plain)(value)
    if isinstance(value, list):
        return list(each(plain)(value))
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise wrong(f"{show(value)} does not fit 64 bits", "write it in quotes")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise wrong(f"expected plain data, found {type(value).__name__}", "write it in quotes")


def plain_table(value: Any) -> dict[str, Any]:
    """A table of plain values."""
    result: dict[str, Any] = plain(mapping(value))
    return result


def author(value: Any) -> str:
    """A person: a text, or a table with ``name`` and ``email`` as in ``[project]``."""
    if not isinstance(value, dict):
        return word(value)
    parts = {key: word(item) for key, item in value.items() if key in ("name", "email")}
    if not parts:
        raise Invalid(Flaw("names nobody", "give name, email or both"))
    return " ".join([*filter(None, [parts.get("name")]), *([f"<{parts['email']}>"] if "email" in parts else [])])


LIMITS: dict[str, Rule] = {
    "memory": values.size(MIB, 2**50),
    "cpu": values.cores,
    "processes": integer(1, 65_536),
    "threads": integer(1, 4_096),
    "open_files": integer(16, 1_048_576),
    "disk": values.size(MIB, 2**50),
    "startup": values.duration(0.001, DAY),
    "call": values.duration(0.001, DAY),
    "drain": values.duration(0, DAY),
}
PERMISSIONS: dict[str, Rule] = {
    "read": each(values.path),
    "write": each(values.path),
    "network": one_of("none", "loopback", "outbound"),
    "ports": each(integer(1, 65_535)),
    "env": each(values.variable),
    "exec": each(values.program),
    "plugins": each(values.name),
    "manage": flag,
}
REQUIRES: dict[str, Rule] = {
    "python": values.specifier,
    "packages": each(values.requirement),
    "plugins": plugin_ranges,
    "weft": values.specifier,
}
ORDER: dict[str, Rule] = {
    "priority": integer(-1_000_000, 1_000_000),
    "before": each(values.name),
    "after": each(values.name),
}
KEYS: dict[str, Rule] = {
    "id": values.name,
    "name": values.name,
    "version": values.version,
    "title": text,
    "description": text,
    "authors": each(author),
    "homepage": word,
    "license": word,
    "tags": each(word),
    "icon": word,
    "entry": word,
    "runtime": one_of("process", "inline", "executable", "wasm"),
    "provides": each(values.provided),
    "requires": table(REQUIRES, dict),
    "permissions": table(PERMISSIONS, Permissions),
    "limits": table(LIMITS, Limits),
    "instances": integer(1, 256),
    "rollback": one_of("manual", "auto"),
    "domains": each(values.domain, least=1),
    "order": table(ORDER, Order),
    "config": plain_table,
    "config_schema": plain_table,
}
"""Every key. With ``id``, ``name`` is the title and free text."""
NESTED = frozenset({"requires", "permissions", "limits", "order"})
"""Keys whose own keys count one by one in ``Manifest.given``."""
