"""A host that comes to one stage of a start, says so, and waits to be killed.

Usage: mortal_host.py STAGE FOLDER ENTRY
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from functools import partial
from pathlib import Path

from weft.manifest.model import Limits
from weft.runtimes.launch import Launch
from weft.runtimes.process.child import Child
from weft.runtimes.process.holding import Holding
from weft.runtimes.process.runtime import ProcessRuntime
from weft.runtimes.process.spawner import Environment, Spawner
from weft.runtimes.process.zygotes import Zygotes
from weft.zygote.birth import Ends

STAGE, FOLDER, ENTRY = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
LAUNCH = Launch(
    name=ENTRY,
    version="1",
    folder=FOLDER,
    entry=ENTRY,
    provides=(),
    limits=Limits(),
    interpreter=(sys._base_executable, "-I", "-S"),
    helpers=None,
    data_dir=FOLDER / "data",
)


async def here(*_):
    print(STAGE, flush=True)
    await asyncio.sleep(60)


async def asked():
    """The zygote has forked what it forks, and no order was sent."""
    zygote = await Zygotes().lease(Environment(LAUNCH.interpreter[0]), {"PATH": os.environ["PATH"]})
    ours, theirs = socket.socketpair()
    await zygote.fork(Ends(*[theirs.fileno()] * 4))
    async with asyncio.timeout(20):
        while not (keepers := below(below([os.getpid()]))) or not below(keepers):
            await asyncio.sleep(0.01)
    await here(ours, theirs)


def below(pids):
    paths = [path for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for path in paths for child in path.read_text().split()]


class Stuck(Holding):
    """Never comes to watch what was born."""

    watch = here


async def spawn(holding):
    ours, theirs = socket.socketpair()
    LAUNCH.data_dir.mkdir(exist_ok=True)
    bound = partial(holding.hold, LAUNCH, print)
    spawned: Child = await Spawner(holding).spawn(LAUNCH, theirs.fileno(), print, print, bound)
    theirs.close()
    return ours, spawned


async def born():
    await spawn(Stuck())


async def ready():
    await here(await spawn(Holding()))


async def serving():
    instance = await ProcessRuntime().start(LAUNCH, print)
    args = ["GET", b"/", [], "http", "1.1", None, None, b""]
    await instance.channel.call("web.request", args, timeout=15)
    await here()


asyncio.run({"asked": asked, "born": born, "ready": ready, "serving": serving}[STAGE]())
