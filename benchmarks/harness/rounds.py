"""Rounds: every server is measured in turn, A B A B, so that what else the machine does falls on all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from harness import servers, wrk
from harness.processes import cpu_seconds
from harness.servers import Server


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds, seconds per load, swaps; and a folder for what is started."""

    folder: Path
    rounds: int = 3
    seconds: int = 3
    swaps: int = 50


@dataclass
class Series:
    """One server under one load, round by round. CPU in µs per request, server and plugin together."""

    per_second: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    failed: int = 0

    def add(self, answered: wrk.Answered, cpu: float) -> None:
        self.per_second.append(answered.per_second)
        self.cpu.append(cpu * 1e6 / max(answered.requests, 1))
        self.p50.append(answered.p50)
        self.p99.append(answered.p99)
        self.failed += answered.failed

    def medians(self) -> dict[str, float]:
        """The middle of each."""
        return {
            "requests_per_second": round(median(self.per_second), 1),
            "cpu_microseconds_per_request": round(median(self.cpu), 2),
            "p50_microseconds": round(median(self.p50), 1),
            "p99_microseconds": round(median(self.p99), 1),
            "failed": self.failed,
        }


@contextmanager
def started(names: list[str], folder: Path) -> Iterator[dict[str, Server]]:
    """These servers, all running at once; those not under load are idle."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(start(name, folder / name)) for name in names}


@contextmanager
def start(name: str, folder: Path) -> Iterator[Server]:
    """One server by its name."""
    makers = {"weft": servers.weft, "nginx": servers.nginx}
    manager = makers[name](folder) if name in makers else servers.peer(name, folder)
    with manager as server:
        yield server


def compare(running: dict[str, Server], load: wrk.Load, plan: Plan) -> dict[str, dict[str, float]]:
    """Medians of ``plan.rounds`` rounds of ``load`` per server."""
    series = {name: Series() for name in running}
    for server in running.values():
        _measure(server, wrk.Load(load.path, load.connections, 1, load.upload), Series())  # caches fill
    for _ in range(plan.rounds):
        for name, server in running.items():
            _measure(server, load, series[name])
    return {name: one.medians() for name, one in series.items()}


def _measure(server: Server, load: wrk.Load, series: Series) -> None:
    pids = server.pids()
    before = cpu_seconds(pids)
    answered = wrk.run(server.port, servers.HOST, load)
    series.add(answered, cpu_seconds(pids) - before)
