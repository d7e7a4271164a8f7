"""What an idle plugin costs: a single file with no packages, all processes that exist because of it."""

import time
from statistics import median

from harness import servers
from harness.processes import below, pss
from harness.rounds import Plan
from harness.rows import Row

REST = 2.0
"""Seconds until a started plugin is idle."""


def measure(plan: Plan) -> list[Row]:
    with servers.weft(plan.folder / "weft") as server:
        time.sleep(REST)
        pids = below(server.program.pid)
        samples = [sum(map(pss, pids)) for _ in range(plan.rounds)]
    details = {"bytes": samples, "processes": len(pids)}
    value = round(median(samples) / 1e6, 2)
    return [Row("memory of an idle single-file plugin, PSS", value, "<=", 16, "MB", details=details)]
