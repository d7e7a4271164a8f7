"""The hosts that are compared: each has one plugin in a process of its own, and measures calls to it when asked.

How they are asked says peers/loops.py. ``PEERS`` tells how each is started, in the environment where it is installed.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from harness.processes import Program, cpu_seconds, running
from harness.rounds import Plan
from harness.rows import Figures, Seen
from harness.servers import BENCH, CPEX, ROOT, peers_python

PEERS = ROOT / "benchmarks/peers"
GO = ROOT / "build/goplugin"
"""Where go-plugin's two programs are built."""
START = 60.0
"""Seconds until a host is ready: its plugin runs, and has answered."""
END = 20.0
BUILD = 600.0
WARM_UP = 1
"""Seconds of each measure before it counts."""


class AbsentError(RuntimeError):
    """A peer cannot be had here; says why, in a few words."""


@dataclass(frozen=True)
class Ask:
    """What is measured: "calls" in flight for some seconds, "latency" of one at a time, or a "stream" of items."""

    measure: str
    size: int = 100
    in_flight: int = 16
    items: int = 0


class Host:
    """One running host."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._said(START)

    def ask(self, what: Ask, seconds: float) -> Figures:
        """Medians are made of these: calls (or items) per second, what one costs in CPU, and what it takes."""
        pids = self.program.pids()
        before = cpu_seconds(pids)
        self._tell({**vars(what), "seconds": seconds})
        answer = self._said(seconds + START)
        cpu = cpu_seconds(pids) - before
        percentiles = {f"{name}_microseconds": answer[name] for name in ("p50", "p99") if name in answer}
        return {
            "per_second": answer["count"] / answer["seconds"],
            "cpu_microseconds_each": cpu * 1e6 / max(answer["count"], 1),
            **percentiles,
        }

    def end(self) -> None:
        """Let it end by itself, as what it is asked for has an end, and take its plugin and its files along."""
        assert self.program.process.stdin is not None
        self.program.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # then it is stopped
            self.program.process.wait(END)

    def _tell(self, what: dict[str, Any]) -> None:
        assert self.program.process.stdin is not None
        self.program.process.stdin.write(json.dumps(what).encode() + b"\n")
        self.program.process.stdin.flush()

    def _said(self, seconds: float) -> dict[str, float]:
        pipe = self.program.process.stdout
        assert pipe is not None
        if not select.select([pipe], [], [], seconds)[0]:
            raise self.program.died(f"said nothing for {seconds:g} s")
        line = pipe.readline()
        if not line:
            raise self.program.died("has ended")
        answer: dict[str, float] = json.loads(line)
        return answer


def _python(name: str, *arguments: str, environment: str | None = None) -> list[str]:
    python = sys.executable if environment is None else peers_python(environment)
    return [python, str(PEERS / f"{name}.py"), *arguments]


def go_build(source: Path, target: Path, *packages: str) -> Path:
    """The folder with these packages' programs; what Go keeps besides lies below it. Raises AbsentError."""
    if shutil.which("go") is None:
        raise AbsentError("there is no Go here")
    target.mkdir(parents=True, exist_ok=True)
    env = {"GOMODCACHE": str(target / "modules"), "GOCACHE": str(target / "compiled"), "GOTOOLCHAIN": "local"}
    env["GOFLAGS"] = "-mod=readonly -modcacherw -trimpath"
    done = subprocess.run(
        ["go", "build", "-o", f"{target}/", *packages],
        cwd=source,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=BUILD,
        check=False,
    )
    if done.returncode:
        raise AbsentError(f"go build: {done.stderr.strip().splitlines()[-1][:200]}")
    return target


def _go() -> list[str]:
    """go-plugin's host, built together with its plugin."""
    return [str(go_build(PEERS / "goplugin", GO, "./host", "./plugin") / "host")]


COMMANDS: dict[str, Callable[[], Sequence[str]]] = {
    "weft": lambda: _python("weft_host", "proxy"),
    "weft, by name": lambda: _python("weft_host", "channel"),
    "weft.sync": lambda: _python("weft_sync_host"),
    "the bare wire": lambda: _python("wire_host"),
    "confined": lambda: _python("confined_host", "confined"),
    "not confined": lambda: _python("confined_host", "bare"),
    "grpc.aio": lambda: _python("grpc_host", "aio", environment=BENCH),
    "grpcio": lambda: _python("grpc_host", "threads", environment=BENCH),
    "pyvider-rpcplugin": lambda: _python("pyvider_host", environment=BENCH),
    "Pyro5": lambda: _python("pyro_host", environment=BENCH),
    "multiprocessing": lambda: _python("pipe_host", environment=BENCH),
    "cpex": lambda: _python("cpex_host", environment=CPEX),
    "go-plugin": _go,
}


@contextmanager
def started(names: Sequence[str], folder: Path) -> Iterator[dict[str, Host | str]]:
    """These hosts, all running at once; those not asked are idle. One that cannot be had is the reason why."""
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        yield {name: _start(name, folder / name.replace(" ", "-"), stack) for name in names}


def _start(name: str, folder: Path, stack: ExitStack) -> Host | str:
    folder.mkdir()
    try:
        command = COMMANDS[name]()
    except AbsentError as reason:
        return str(reason)
    host = Host(stack.enter_context(running(Program(command, folder, folder / "log", answers=True))))
    stack.callback(host.end)
    return host


def compare(hosts: dict[str, Host | str], ask: Ask | dict[str, Ask], plan: Plan) -> Seen:
    """Medians of ``plan.rounds`` rounds, each host in turn: A B A B. Absent ones keep their reasons."""
    asks = ask if isinstance(ask, dict) else dict.fromkeys(hosts, ask)
    there = {name: host for name, host in hosts.items() if isinstance(host, Host)}
    for name, host in there.items():
        host.ask(asks[name], WARM_UP)
    rounds: dict[str, list[Figures]] = {name: [] for name in there}
    for _ in range(plan.rounds):
        for name, host in there.items():
            rounds[name].append(host.ask(asks[name], plan.seconds))
    return {name: host if isinstance(host, str) else _medians(rounds[name]) for name, host in hosts.items()}


def _medians(rounds: list[Figures]) -> Figures:
    return {key: round(median(one[key] for one in rounds), 2) for key in rounds[0]}
