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

from instances import GRACE, HELLO, executing, launch, start
from weft.runtimes.launch import Launch
from weft.runtimes.process.runtime import ProcessRuntime


async def main(folder: Path, times: int) -> None:
    hello = await launch(HELLO, folder)
    runtimes = {"zygote": ProcessRuntime(), "exec": executing()}
    kept = [await start(runtime, hello) for runtime in runtimes.values()]  # and with them the zygotes
    spans: dict[str, list[float]] = {name: [] for name in runtimes}
    for _ in range(times):
        for name, runtime in runtimes.items():
            spans[name].append(await seconds(runtime, hello))
    await asyncio.gather(*(instance.stop(GRACE) for instance in kept))
    await asyncio.gather(*(runtime.close() for runtime in runtimes.values()))
    print(json.dumps(spans))


async def seconds(runtime: ProcessRuntime, hello: Launch) -> float:
    began = perf_counter()
    instance = await start(runtime, hello)
    span = perf_counter() - began
    await instance.stop(GRACE)
    return span


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
