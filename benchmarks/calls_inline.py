"""What a contract adds to a call within one interpreter: an inline plugin's method, less that of a plain object."""

import json
import sys

from harness.hosts import PEERS
from harness.processes import output
from harness.rounds import Plan
from harness.rows import Row

ROUNDS = 9
LONGEST = 180.0
"""Seconds that the measuring may take."""


def measure(plan: Plan) -> list[Row]:
    command = [sys.executable, str(PEERS / "inline_calls.py"), str(max(plan.rounds, ROUNDS))]
    spans: dict[str, dict[str, float]] = json.loads(output(command, LONGEST))
    return [_row(kind, its["weft"], its["plain"]) for kind, its in spans.items()]


def _row(kind: str, ours: float, plain: float) -> Row:
    details = {f"weft, `{kind}`": {"nanoseconds": ours}, f"a plain method, `{kind}`": {"nanoseconds": plain}}
    measure = f"an inline typed call over a plain method's, `{kind}`"
    return Row(measure, round(ours - plain, 1), "<=", 100, "ns", details=details)
