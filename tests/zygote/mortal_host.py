"""A host that comes to one stage of a start, says so, and waits to be killed.

Usage: mortal_host.py STAGE FOLDER ENTRY
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

from weft.manifest.model import Limits
from weft.runtimes.launch import Launch
from weft.runtimes.process.child import Child
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
    """The zygote has forked, and no order was sent."""
    zygote = await Zygotes().lease(Environment(LAUNCH.interpreter[0]), {"PATH": os.environ["PATH"]})
    ours, theirs = socket.socketpair()
    await zygote.fork(Ends(*[theirs.fileno()] * 4))
    assert b"born" in await asyncio.to_thread(ours.recv, 100)
    await here()


async def spawn(place):
    ours, theirs = socket.socketpair()
    LAUNCH.data_dir.mkdir(exist_ok=True)
    spawned: Child = await Spawner().spawn(LAUNCH, theirs.fileno(), print, print, place)
    theirs.close()
    return ours, spawned


async def born():
    await spawn(here)


async def ready():
    async def go_on(*_):
        return None

    kept = await spawn(go_on)
    await here(kept)


async def serving():
    instance = await ProcessRuntime().start(LAUNCH, print)
    args = ["GET", b"/", [], "http", "1.1", None, None, b""]
    await instance.channel.call("web.request", args, timeout=15)
    await here()


asyncio.run({"asked": asked, "born": born, "ready": ready, "serving": serving}[STAGE]())
