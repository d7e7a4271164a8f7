"""Every type that crosses, there and back."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from weft.testing.kit.contracts import Box, Colour, Point, Types
from weft.testing.kit.running import Bench, Conformance, conforms

EXAMPLES: dict[str, list[Any]] = {
    "none": [None],
    "boolean": [True, False],
    "integer": [0, -1, 2**63, 10**40],
    "real": [0.0, -1.5, float("inf")],
    "text": ["", "grüße", "\x00\U0001f600"],
    "data": [b"", bytes(range(256))],
    "numbers": [[], [1, 2]],
    "pair": [(1, "one")],
    "many": [(), (1, 2, 3)],
    "table": [{}, {"a": 1}],
    "by_number": [{1: "one"}],
    "unique": [set(), {1, 2}],
    "moment": [datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=UTC), datetime(1, 1, 1)],  # noqa: DTZ001 (both kinds cross)
    "identity": [UUID(int=7)],
    "amount": [Decimal("1.10"), Decimal("-1E+30")],
    "path": [Path("/a/b"), Path("c")],
    "colour": [Colour.RED],
    "point": [Point(1), Point(2, 3.0)],
    "box": [Box(Point(1), [Colour.BLUE, Colour.RED])],
    "label": [{"text": "a", "size": 2}],
    "perhaps": [None, 1],
    "either": [1, "one"],
    "literal": ["a", 1],
    "nested": [{}, {"a": [Point(1), None], "b": []}],
}


class TypesConformance(Conformance):
    """Types go through unchanged."""

    @conforms("types")
    async def test_every_type_arrives_as_itself_there_and_back(self, bench: Bench) -> None:
        plugin = await bench.use(Types)
        changed = {}
        for name, values in EXAMPLES.items():
            for value in values:
                back = await getattr(plugin, name)(value)
                if back != value or type(back) is not type(value):
                    changed[name] = (value, back)
        assert changed == {}
