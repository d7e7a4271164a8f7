"""What further instances of one plugin cost, beside a first that is idle: ``further.py FOLDER INSTANCES``.

Prints ``{"bytes": each, "processes": each}``: what the zygote, the keepers and the plugins have more of, in PSS.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import uvloop

from harness.processes import below, pss
from instances import GRACE, HELLO, launch, start
from weft.runtimes.process.runtime import ProcessRuntime

REST = 2.0
"""Seconds until what was started is idle."""


async def main(folder: Path, further: int) -> None:
    hello, runtime = await launch(HELLO, folder), ProcessRuntime()
    instances = [await start(runtime, hello)]
    before = await size()
    instances += [await start(runtime, hello) for _ in range(further)]
    after = await size()
    print(json.dumps({key: (after[key] - before[key]) / further for key in after}))
    await asyncio.gather(*(instance.stop(GRACE) for instance in instances))
    await runtime.close()


async def size() -> dict[str, int]:
    await asyncio.sleep(REST)
    pids = below(os.getpid())
    return {"bytes": sum(map(pss, pids)), "processes": len(pids)}


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
