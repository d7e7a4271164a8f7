"""Keys that stand outside our own table: ``[project] version``, a script block's ``dependencies``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weft.manifest.rules import Flaw, Key, dotted


def overlay(table: Any, outer: Mapping[str, Any], places: Mapping[Key, Key]) -> tuple[Any, dict[Key, Key], list[Flaw]]:
    """Our table with what ``outer`` has besides, where each of those stands, and what both give against the rules.

    ``places`` says where in ``outer`` each of our keys may stand. Our own table wins, but requirements must stand
    in one place: a lock file knows only those outside.
    """
    if not isinstance(table, dict):
        return table, {}, []
    merged, origins, flaws = dict(table), {}, []
    for ours, theirs in places.items():
        value = find(outer, theirs)
        if value is None:
            continue
        if find(table, ours) is None and (changed := _with(merged, ours, value)) is not None:
            merged, origins[ours] = changed, theirs
        elif ours[0] == "requires":
            flaws.append(Flaw(f"stands under {dotted(theirs)} already", "keep one of them", ours))
    return merged, origins, flaws


def find(table: Any, key: Key) -> Any:
    """The value at a place; None where there is none."""
    for part in key:
        if not isinstance(table, dict) or part not in table:
            return None
        table = table[part]
    return table


def _with(table: dict[str, Any], key: Key, value: Any) -> dict[str, Any] | None:
    """A copy of the table with the value at a place; None where something that is no table is in the way."""
    first = str(key[0])
    if len(key) == 1:
        return {**table, first: value}
    inner = table.get(first, {})
    changed = _with(inner, key[1:], value) if isinstance(inner, dict) else None
    return None if changed is None else {**table, first: changed}
