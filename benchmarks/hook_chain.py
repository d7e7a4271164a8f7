"""A hook with three providers in one interpreter, called by name as users call it, ÷ the same in pluggy.

Every result (`collect`), or the first (`first`), for which all are asked, as none has one.
"""

import json
import sys
import sysconfig

from harness.hosts import PEERS
from harness.processes import output
from harness.rounds import Plan
from harness.rows import Row, Seen, quotient
from harness.servers import BENCH, ROOT

TARGETS = {"pluggy": 0.15, "stevedore": None}
ROUNDS = 9
LONGEST = 180.0
"""Seconds that the measuring may take."""


def measure(plan: Plan) -> list[Row]:
    packages = sysconfig.get_path("purelib", vars={"base": str(ROOT / BENCH)})
    command = [sys.executable, str(PEERS / "hooks.py"), str(max(plan.rounds, ROUNDS)), packages]
    spans: dict[str, dict[str, float]] = json.loads(output(command, LONGEST))
    return [_row(mode, its, peer) for mode, its in spans.items() for peer in TARGETS]


def _row(mode: str, its: dict[str, float], peer: str) -> Row:
    seen: Seen = {f"{name}, `{mode}`": {"nanoseconds": span} for name, span in its.items()}
    ours, theirs = f"weft, `{mode}`", f"{peer}, `{mode}`"
    return quotient("a hook with 3 providers", seen, ours, theirs, TARGETS[peer], of="nanoseconds")
