"""500 single-file plugins on one server: its start, all its memory, what it does idle, and a request to each of them.

Memory and CPU time are of the server and of every process below it. Requests come one at a time, to a few plugins that
are spread over all, many to each of them, as to the one of a server that has no other.
"""

import time
from statistics import median

from harness import servers
from harness.asking import Client
from harness.processes import cpu_seconds, pss
from harness.rounds import Plan
from harness.rows import Row
from harness.servers import HOST, Weft

PLUGINS = 500
START = 180.0
"""Seconds that the start may take before it is given up."""
SETTLE, IDLE = 10.0, 20.0
ASKED = range(0, PLUGINS - 1, 25)
"""The plugins that are asked, by number."""
WARM_UP, TURNS, REQUESTS = 100, 10, 50
"""Requests to each of these before they count; then it and the one alone take turns of so many."""


def measure(plan: Plan) -> list[Row]:
    # One of them is deployed once the server is up, as in all other benchmarks.
    with servers.weft(plan.folder / "many", beside=PLUGINS - 1, start=START) as many:
        used, idle = _idle(many)
        with servers.weft(plan.folder / "alone") as alone:
            seen = _latencies(many, alone, max(plan.rounds, 3))
    took = {name: {"p50_microseconds": round(median(its) * 1e6, 1)} for name, its in seen.items()}
    ratio = round(median(seen["one of many"]) / median(seen["alone"]), 3)
    named = f"{PLUGINS} single-file plugins"
    return [
        Row(f"start of a server with {named}", round(many.ready_after, 1), "<=", 30, "s"),
        Row(f"memory of a server with {named}, PSS", round(used / 1e9, 2), "<=", 3, "GB"),
        Row(f"CPU of a server with {named}, idle", round(idle * 100, 2), "<=", 5, "% of a core"),
        Row(f"latency of one of {named} ÷ alone, p50", ratio, "<=", 1.1, "×", details=took),
    ]


def _idle(server: Weft) -> tuple[int, float]:
    """Bytes, and the part of a core that is busy."""
    time.sleep(SETTLE)
    pids = server.pids()
    before = cpu_seconds(pids)
    time.sleep(IDLE)
    busy = (cpu_seconds(pids) - before) / IDLE
    return sum(map(pss, pids)), busy


def _latencies(many: Weft, alone: Weft, rounds: int) -> dict[str, list[float]]:
    """Seconds that each answer took, of all plugins that are asked, and of the one alone in turn with them."""
    seen: dict[str, list[float]] = {"one of many": [], "alone": []}
    with Client(many.port) as theirs, Client(alone.port) as ours:
        for number in rounds * [*ASKED]:
            host = f"other{number}.localhost"
            theirs.ask(host, WARM_UP)
            ours.ask(HOST, WARM_UP)
            for _ in range(TURNS):
                seen["one of many"] += theirs.ask(host, REQUESTS)
                seen["alone"] += ours.ask(HOST, REQUESTS)
    return seen
