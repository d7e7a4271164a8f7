"""What sandbox and limits cost: CPU time of a request over the wire, host and plugin and all beside them together.

The same plugin on the same interpreter, confined as every plugin is, and not at all; 100 bytes there and back.
"""

from statistics import median

from harness.hosts import Ask, Host, started
from harness.processes import Died
from harness.rounds import Plan
from harness.rows import Figures, Row

NAMES = ("confined", "not confined")
HOW = {"one at a time": Ask("latency"), "16 in flight": Ask("calls")}
TURNS = 20
"""In each round; of a second each, as what is sought is less than what a machine's own business changes in a longer."""


def measure(plan: Plan) -> list[Row]:
    with started(NAMES, plan.folder) as hosts:
        there = {name: host for name, host in hosts.items() if isinstance(host, Host)}
        if len(there) < len(NAMES):
            raise Died(f"{hosts}")
        return [_row(how, _turns(there, ask, plan.rounds * TURNS)) for how, ask in HOW.items()]


def _turns(hosts: dict[str, Host], ask: Ask, turns: int) -> dict[str, list[Figures]]:
    for host in hosts.values():
        host.ask(ask, 1)  # caches fill
    seen: dict[str, list[Figures]] = {name: [] for name in hosts}
    for _ in range(turns):
        for name, host in hosts.items():
            seen[name].append(host.ask(ask, 1))
    return seen


def _row(how: str, seen: dict[str, list[Figures]]) -> Row:
    cost = {name: [one["cpu_microseconds_each"] for one in its] for name, its in seen.items()}
    added = median(ours / theirs for ours, theirs in zip(*(cost[name] for name in NAMES), strict=True)) - 1
    details = {f"{name}, {how}": {"cpu_microseconds_each": round(median(its), 2)} for name, its in cost.items()}
    measure = f"CPU time that sandbox and limits add to a request, {how}"
    return Row(measure, round(added * 100, 2), "<=", 3, "%", details=details)
