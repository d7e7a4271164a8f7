"""Start of an instance until it is ready, sandbox and limits included: forked by a warm zygote, ÷ executed anew."""

import json
import sys
from statistics import median

from harness.hosts import PEERS
from harness.processes import output
from harness.rounds import Plan
from harness.rows import Row

STARTS = 15
"""Starts of each, per round."""
LONGEST = 300.0
"""Seconds that all starts may take."""


def measure(plan: Plan) -> list[Row]:
    command = [sys.executable, str(PEERS / "starts.py"), str(plan.folder), str(plan.rounds * STARTS)]
    spans: dict[str, list[float]] = json.loads(output(command, LONGEST))
    took = {name: median(its) for name, its in spans.items()}
    details = {name: {"p50_microseconds": round(each * 1e6)} for name, each in took.items()}
    value = round(took["zygote"] / took["exec"], 3)
    return [Row("start of an instance, zygote ÷ exec", value, "<=", 0.2, "×", details=details)]
