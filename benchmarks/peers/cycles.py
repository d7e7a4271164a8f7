"""Loads, calls and unloads one plugin again and again: ``cycles.py process|inline CYCLES EVERY``.

Prints what the host and every process below it cost after each EVERY cycles, one JSON object a line:
``cycles, bytes, open_files, processes``.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import uvloop

import weft
from echo_contract import PLUGIN, Echo
from harness.processes import below, pss

DATA = bytes(100)


async def main(runtime: str, cycles: int, every: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = shutil.copytree(PLUGIN.with_name("cycled"), Path(folder) / "cycled")
        (source / "plugin.yaml").write_text(f"name: cycled\nversion: 1.0.0\nruntime: {runtime}\nprovides: [echo]\n")
        async with weft.Engine() as engine:
            for number in range(1, cycles + 1):
                await cycle(engine, source)
                if number % every == 0:
                    print(json.dumps({"cycles": number, **size()}), flush=True)


async def cycle(engine: weft.Engine, source: Path) -> None:
    await engine.load(source)
    if await engine.use(Echo).echo(DATA) != DATA:
        raise ValueError(DATA)
    await engine.unload("cycled")


def size() -> dict[str, int]:
    gc.collect()  # what is left, not what Python has yet to look at
    pids = [os.getpid(), *below(os.getpid())]
    open_files = len(list(Path("/proc/self/fd").iterdir()))
    return {"bytes": sum(pss(pid, "Pss_Anon") for pid in pids), "open_files": open_files, "processes": len(pids)}


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
