"""Starts one plugin again and again, forked by a warm zygote and executed, in turn: ``starts.py FOLDER TIMES``.

Prints the seconds until each was ready: ``{"zygote": [...], "exec": [...]}``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from time import perf_counter

import uvloop

from instances import hello, start
from weft.runtimes.launch import Launch, Output
from weft.runtimes.process.child import Child
from weft.runtimes.process.runtime import ProcessRuntime
from weft.runtimes.process.spawner import Place, Refused, Spawner
from weft.runtimes.process.zygotes import HOST, exec_argv
from weft.zygote.birth import WIRE

GRACE = 5.0


class Executing(Spawner):
    """Does at once what a spawner does when no zygote can be used: the host's executes the interpreter."""

    async def spawn(self, launch: Launch, wire: int, output: Output, refused: Refused, place: Place) -> Child:
        argv = exec_argv(launch.interpreter, launch.helpers, WIRE)
        return await self._start(HOST, launch, argv, wire, output, refused, place)


async def main(folder: Path, times: int) -> None:
    launch = await hello(folder)
    runtimes = {"zygote": ProcessRuntime(), "exec": ProcessRuntime()}
    runtimes["exec"]._spawner = Executing()  # noqa: SLF001 - none is to be had by a setting
    kept = [await start(runtime, launch) for runtime in runtimes.values()]  # and with them the zygotes
    spans: dict[str, list[float]] = {name: [] for name in runtimes}
    for _ in range(times):
        for name, runtime in runtimes.items():
            spans[name].append(await seconds(runtime, launch))
    await asyncio.gather(*(instance.stop(GRACE) for instance in kept))
    await asyncio.gather(*(runtime.close() for runtime in runtimes.values()))
    print(json.dumps(spans))


async def seconds(runtime: ProcessRuntime, launch: Launch) -> float:
    began = perf_counter()
    instance = await start(runtime, launch)
    span = perf_counter() - began
    await instance.stop(GRACE)
    return span


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
