"""One plugin on Weft's wire, under sandbox and limits or under neither: ``confined_host.py confined|bare``.

Both execute the same program on the same interpreter. ``confined``: as the process runtime does, by a keeper in its
namespaces, with Landlock, seccomp and a cgroup, watched. ``bare``: by this process, and that is all.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from echo_contract import PLUGIN, Echo
from instances import GRACE, executing, launch, start
from loops import serve
from weft.calls.channel import Channel
from weft.contracts.declare import contract_of
from weft.manifest.model import Limits
from weft.runtimes.launch import Launch
from weft.runtimes.process.holding import Holding
from weft.runtimes.process.runtime import ProcessInstance
from weft.runtimes.process.spawner import Spawner
from weft.runtimes.process.variables import process_variables
from weft.runtimes.process.zygotes import exec_argv
from wire_host import connect

LIMITS = Limits(cpu=2.0)
"""One of each kind, and all out of reach."""


@asynccontextmanager
async def confined(echo: Launch) -> AsyncIterator[Channel]:
    runtime = executing()
    instance = await start(runtime, echo)
    if instance.sandbox.level == "none":
        raise RuntimeError(f"this machine confines nothing: {dict(instance.sandbox.details)}")
    yield instance.channel
    await instance.stop(GRACE)
    await runtime.close()


@asynccontextmanager
async def bare(echo: Launch) -> AsyncIterator[Channel]:
    ours, theirs = socket.socketpair()
    with theirs:
        argv = exec_argv(echo.interpreter, echo.helpers, theirs.fileno())
        variables = process_variables(os.environ, echo.data_dir, (), {})
        process = subprocess.Popen(  # noqa: ASYNC220
            argv,
            pass_fds=[theirs.fileno()],
            env=variables,
            start_new_session=True,  # as the other: some kernels share their time among sessions
        )
    channel, _ = await connect(ours, {}, 1)
    settings = ProcessInstance(echo, Spawner(holding := Holding()), holding)._settings()  # noqa: SLF001 - the very same
    await channel.call("weft.start", [settings])
    yield channel
    await channel.call("weft.stop")
    await channel.close()
    await asyncio.to_thread(process.wait, GRACE)


async def main(how: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        contract = contract_of(Echo)
        echo = await launch(PLUGIN, Path(folder), provides=(contract.key,), contracts=(contract,), limits=LIMITS)
        async with (confined if how == "confined" else bare)(echo) as channel:
            await serve(lambda data: channel.call("echo.echo", (data,)))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
