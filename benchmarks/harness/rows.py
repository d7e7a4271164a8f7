"""What a benchmark has to say: rows with a target and a verdict. Pure: no measuring in here."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["reached", "missed", "not measured", "shown", "skipped"]
COMPARE = {">=": operator.ge, "<=": operator.le}
SIGNS = {">=": "≥", "<=": "≤"}
FINE: tuple[Verdict, ...] = ("reached", "shown", "skipped")
"""Verdicts that are no failure of a run."""
CLOSE = 0.10
"""Ratios of throughput as near to 1 as this are judged by CPU time per request."""


@dataclass(frozen=True)
class Row:
    """One line of the table. ``details`` holds everything the value was made of.

    Without a ``target`` it is shown, and not judged. ``skipped`` says why there is nothing to measure here.
    """

    measure: str
    value: float | None
    relation: Literal[">=", "<="]
    target: float | None
    unit: str = ""
    judged_by: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    skipped: str = ""

    @property
    def verdict(self) -> Verdict:
        if self.skipped:
            return "skipped"
        if self.value is None:
            return "not measured"
        if self.target is None:
            return "shown"
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


Figures = dict[str, float]
Seen = dict[str, Figures | str]
"""What was seen of each, by its name: figures, or the reason why there are none."""


def quotient(measure: str, seen: Seen, ours: str, peer: str, target: float | None, *, of: str) -> Row:
    """The figure ``of`` ours over the peer's: times are to be small, all else large."""
    relation: Literal[">=", "<="] = "<=" if of.endswith("seconds") else ">="
    name, mine, theirs = f"{measure} ÷ {peer}", seen[ours], seen[peer]
    for absent in (mine, theirs):
        if isinstance(absent, str):
            return Row(name, None, relation, target, "×", skipped=absent)
    assert isinstance(mine, dict)
    assert isinstance(theirs, dict)
    return Row(name, round(mine[of] / theirs[of], 3), relation, target, "×", details={ours: mine, peer: theirs})


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a markdown table."""
    lines = ["| measure | value | target | verdict |", "|---|--:|--:|---|"]
    for row in rows:
        value = "–" if row["value"] is None else f"{row['value']:g} {row['unit']}".strip()
        target = "–" if row["target"] is None else f"{SIGNS[row['relation']]} {row['target']:g} {row['unit']}".strip()
        why = row.get("skipped") or row["judged_by"]
        lines.append(f"| {row['measure']} | {value} | {target} | {row['verdict']}{f' ({why})' if why else ''} |")
    return "\n".join(lines)
