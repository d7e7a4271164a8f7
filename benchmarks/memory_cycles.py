"""What 2,000 times of load, call and unload leave behind, in a process and inline: per cent that the last 500 add.

Memory of the host and of every process that it has left, PSS without the pages of files, which others share.
"""

import json
import sys
from typing import Any

from harness.hosts import PEERS
from harness.processes import output
from harness.rounds import Plan
from harness.rows import Row
from harness.servers import ROOT

CYCLES, EVERY = 2000, 500
LONGEST = 1800.0
"""Seconds that all cycles of one runtime may take."""


def measure(_plan: Plan) -> list[Row]:
    return [_row(runtime, _cycles(runtime)) for runtime in ("process", "inline")]


def _row(runtime: str, seen: list[dict[str, Any]]) -> Row:
    *_, before, after = [one["bytes"] for one in seen]
    added = round((after / before - 1) * 100, 2)
    measure = f"memory that the last {EVERY} of {CYCLES} load, call, unload cycles add, {runtime}"
    return Row(measure, added, "<=", 2, "%", details={"every": seen})


def _cycles(runtime: str) -> list[dict[str, Any]]:
    command = [sys.executable, str(PEERS / "cycles.py"), runtime, str(CYCLES), str(EVERY)]
    said = output(command, LONGEST, {"PYTHONPATH": str(ROOT / "benchmarks")})
    return [json.loads(line) for line in said.splitlines()]
