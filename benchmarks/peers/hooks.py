"""A hook with three providers in one interpreter, called by name as users call it: Weft, pluggy and stevedore.

``hooks.py ROUNDS FOLDER`` prints the medians in ns per call, {"collect": {"weft": …, …}, "first": …}. FOLDER is where
the peers' packages are: they are searched after Weft's own.
"""

from __future__ import annotations

import asyncio
import json
import runpy
import shutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from statistics import median
from timeit import Timer
from typing import Any, Protocol

import weft

SOURCE = Path(__file__).parents[1] / "plugins/page.py"
PROVIDERS = 3
CALLS = 50_000
"""Calls in one round, of each."""
CALL = {
    "weft": "hooks.{mode}(text='weft', width=2)",
    "pluggy": "hooks.{mode}(text='weft', width=2)",
    "stevedore": "hooks.map_method('{mode}', text='weft', width=2)",
}


@weft.contract
class Page(Protocol):
    @weft.hook(mode="collect")
    def collect(self, text: str, width: int) -> str: ...

    @weft.hook(mode="first")
    def first(self, text: str, width: int) -> str | None: ...


async def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number in range(PROVIDERS):
            shutil.copy(SOURCE, f"{folder}/page{number}.py")
        async with weft.Engine() as engine:
            await engine.load(folder)
            provider = runpy.run_path(str(SOURCE))["Plugin"]
            peers = {"weft": engine.hooks(Page), "pluggy": pluggy(provider), "stevedore": stevedore(provider)}
            print(json.dumps({mode: measured(mode, peers, rounds) for mode in ("collect", "first")}))


def pluggy(provider: Any) -> Any:
    its = import_module("pluggy")
    specification, implementation = its.HookspecMarker("page"), its.HookimplMarker("page")

    class Specification:
        collect = specification(provider.collect)
        first = specification(provider.first, firstresult=True)

    class Plugin:
        collect = implementation(provider.collect)
        first = implementation(provider.first)

    manager = its.PluginManager("page")
    manager.add_hookspecs(Specification)
    for _ in range(PROVIDERS):
        manager.register(Plugin())
    return manager.hook


def stevedore(provider: Any) -> Any:
    its = import_module("stevedore.extension")
    extensions = [its.Extension(f"page{number}", None, None, provider()) for number in range(PROVIDERS)]
    return its.ExtensionManager.make_test_instance(extensions, propagate_map_exceptions=True)


def measured(mode: str, peers: dict[str, Any], rounds: int) -> dict[str, float]:
    timers = {peer: Timer(CALL[peer].format(mode=mode), globals={"hooks": hooks}) for peer, hooks in peers.items()}
    spans = [{peer: timer.timeit(CALLS) / CALLS * 1e9 for peer, timer in timers.items()} for _ in range(rounds)]
    return {peer: round(median(span[peer] for span in spans), 1) for peer in timers}


if __name__ == "__main__":
    sys.path.append(sys.argv[2])
    asyncio.run(main(int(sys.argv[1])))
