"""What a benchmark has to say: rows with a target and a verdict. Pure: no measuring in here."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["reached", "missed", "not measured"]
COMPARE = {">=": operator.ge, "<=": operator.le}
CLOSE = 0.10
"""Ratios of throughput as near to 1 as this are judged by CPU time per request."""


@dataclass(frozen=True)
class Row:
    """One line of the table. ``details`` holds everything the value was made of."""

    measure: str
    value: float | None
    relation: Literal[">=", "<="]
    target: float
    unit: str = ""
    judged_by: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        if self.value is None:
            return "not measured"
        return "reached" if COMPARE[self.relation](self.value, self.target) else "missed"


def ratio(measure: str, ours: dict[str, float], theirs: dict[str, float], target: float) -> Row:
    """Our throughput over theirs; by CPU time per request where the two are close."""
    value = ours["requests_per_second"] / theirs["requests_per_second"]
    judged_by = "requests per second"
    if abs(value - 1) <= CLOSE:
        value = theirs["cpu_microseconds_per_request"] / ours["cpu_microseconds_per_request"]
        judged_by = "CPU time per request"
    details = {"weft": ours, "peer": theirs}
    return Row(measure, round(value, 3), ">=", target, "×", judged_by, details)


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a markdown table."""
    lines = ["| measure | value | target | verdict |", "|---|--:|--:|---|"]
    for row in rows:
        value = "–" if row["value"] is None else f"{row['value']:g} {row['unit']}".strip()
        target = f"{'≥' if row['relation'] == '>=' else '≤'} {row['target']:g} {row['unit']}".strip()
        judged = f" ({row['judged_by']})" if row["judged_by"] else ""
        lines.append(f"| {row['measure']} | {value} | {target} | {row['verdict']}{judged} |")
    return "\n".join(lines)
