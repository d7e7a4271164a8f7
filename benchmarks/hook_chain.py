"""A hook with three providers in one process, called by name as users call it, ÷ the same in pluggy.

Both run in one interpreter, that of the peers' environment: this file is also the program that is run there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from statistics import median
from timeit import Timer
from typing import Any

from harness.processes import Died
from harness.rounds import Plan
from harness.rows import Row
from harness.servers import ROOT, peers_python

PROVIDERS = 3
CALLS = 50_000
"""Calls in one round, of each."""
ROUNDS = 9
LONGEST = 120.0
"""Seconds that the measuring may take."""
MEASURE = f"a hook with {PROVIDERS} providers ÷ pluggy"


def measure(plan: Plan) -> list[Row]:
    """Nanoseconds per call, medians, for every result (``collect``) and for the first one (``first``)."""
    command = [peers_python(), __file__, str(max(plan.rounds, ROUNDS))]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=LONGEST, check=False)
    if done.returncode:
        raise Died(f"{command}:\n{done.stderr[-2000:]}")
    spans: dict[str, dict[str, float]] = json.loads(done.stdout)
    return [
        Row(f"{MEASURE}, {mode}", round(its["weft"] / its["pluggy"], 3), "<=", 0.15, "×", details=its)
        for mode, its in spans.items()
    ]


class Provider:
    """Does nothing, so that calling is all that is measured; to ``first`` everybody is asked, as nobody answers."""

    def collect(self, text: str, width: int) -> str:  # noqa: ARG002  as the hook is declared
        return text

    def first(self, text: str, width: int) -> str | None:
        pass


@dataclass(frozen=True)
class _Parameter:
    name: str
    keyword_only: bool = False
    required: bool = True
    default: Any = None


@dataclass(frozen=True)
class _Options:
    mode: str
    on_error: str = "fail"
    deadline: float | None = None


@dataclass(frozen=True)
class _Method:
    hook: _Options
    parameters: tuple[_Parameter, ...] = (_Parameter("text"), _Parameter("width"))
    doc: str = ""


@dataclass(frozen=True)
class _Contract:
    key: str = "page@1"
    methods: dict[str, _Method] = field(
        default_factory=lambda: {"collect": _Method(_Options("collect")), "first": _Method(_Options("first"))}
    )


def _weft() -> Any:
    from weft.hooks import Hooks  # noqa: PLC0415  found where the program runs

    hooks = Hooks(_Contract(), asynchronous=False, report=print)
    for number in range(PROVIDERS):
        provider = Provider()
        hooks.add(f"provider{number}", {"collect": provider.collect, "first": provider.first})
    return hooks.chains


def _pluggy() -> Any:
    import pluggy  # noqa: PLC0415  in the peers' environment alone

    specification, implementation = pluggy.HookspecMarker("page"), pluggy.HookimplMarker("page")

    class Page:
        collect = specification(Provider.collect)
        first = specification(Provider.first, firstresult=True)

    class Plugin:
        collect = implementation(Provider.collect)
        first = implementation(Provider.first)

    manager = pluggy.PluginManager("page")
    manager.add_hookspecs(Page)
    for _ in range(PROVIDERS):
        manager.register(Plugin())
    return manager.hook


def main() -> None:
    """Prints {mode: {peer: nanoseconds per call}}."""
    peers = {"weft": _weft(), "pluggy": _pluggy()}
    assert [hooks.collect(text="weft", width=2) for hooks in peers.values()] == [["weft"] * PROVIDERS] * len(peers)
    timers = {mode: {peer: _timer(mode, its) for peer, its in peers.items()} for mode in ("collect", "first")}
    print(json.dumps({mode: _medians(its, int(sys.argv[1])) for mode, its in timers.items()}))


def _timer(mode: str, hooks: Any) -> Timer:
    return Timer(f"hooks.{mode}(text='weft', width=2)", globals={"hooks": hooks})


def _medians(timers: dict[str, Timer], rounds: int) -> dict[str, float]:
    spans = [{peer: timer.timeit(CALLS) / CALLS * 1e9 for peer, timer in timers.items()} for _ in range(rounds)]
    return {peer: round(median(span[peer] for span in spans), 1) for peer in timers}


if __name__ == "__main__":
    main()
