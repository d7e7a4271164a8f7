"""What one more instance costs where others with its environment run: its process and its keeper's, confined, idle."""

import json
import sys
from statistics import median

from harness.hosts import PEERS
from harness.processes import output
from harness.rounds import Plan
from harness.rows import Row
from harness.servers import ROOT

FURTHER = 20
"""Instances that are started after the first."""
LONGEST = 120.0


def measure(plan: Plan) -> list[Row]:
    seen = [_further(plan) for _ in range(plan.rounds)]
    value = round(median(one["bytes"] for one in seen) / 1e6, 2)
    return [Row("memory of a further instance, PSS", value, "<=", 5, "MB", details={"every": seen})]


def _further(plan: Plan) -> dict[str, float]:
    command = [sys.executable, str(PEERS / "further.py"), str(plan.folder), str(FURTHER)]
    said: dict[str, float] = json.loads(output(command, LONGEST, {"PYTHONPATH": str(ROOT / "benchmarks")}))
    return said
