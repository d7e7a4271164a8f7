"""From a launch to a confined process: the order for its keeper, and the zygote that forks it, or else executes it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from weft.runtimes.launch import Launch, Output
from weft.runtimes.process.child import BirthError, Child, ZygoteLostError
from weft.runtimes.process.holding import Hold, Holding
from weft.runtimes.process.variables import own_folders, process_variables
from weft.runtimes.process.zygotes import HOST, WEFT, Environment, Zygote, Zygotes, exec_argv
from weft.sandbox.rules import interpreter_folders, policy
from weft.zygote.birth import WIRE

Refused = Callable[[Mapping[str, int]], None]
Bound = Callable[[], Awaitable[Hold]]


class Spawner:
    """Starts the processes of one host, each held as ``holding`` says."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding
        self._zygotes = Zygotes()
        self._held: dict[Child, Zygote] = {}

    async def spawn(self, launch: Launch, wire: int, output: Output, refused: Refused, bound: Bound) -> Child:
        """Start a process for ``launch``, held by what ``bound()`` makes; see Child.start for the rest.

        Where the environment's own zygote cannot be used, the host's executes the interpreter instead: with the same
        keeper, sandbox and limits. ``release`` the child when it has ended. Raises OSError.
        """
        environment = Environment(launch.interpreter[0], launch.helpers)
        try:
            return await self._start(environment, launch, None, wire, output, refused, bound)
        except ZygoteLostError as error:
            launch.report("no_zygote", f"{launch.name} is started by exec: {error}")
        argv = exec_argv(launch.interpreter, launch.helpers, WIRE)
        return await self.execute(argv, launch, wire, output, refused, bound)

    async def execute(
        self, argv: list[str], launch: Launch, wire: int, output: Output, refused: Refused, bound: Bound
    ) -> Child:
        """The same for a program, which is executed by the host's zygote: with what ``launch`` says but the plugin."""
        return await self._start(HOST, launch, argv, wire, output, refused, bound)

    async def _start(
        self,
        environment: Environment,
        launch: Launch,
        argv: list[str] | None,
        wire: int,
        output: Output,
        refused: Refused,
        bound: Bound,
    ) -> Child:
        child = Child(output, refused)
        try:
            zygote = await self._zygotes.lease(environment, process_variables(os.environ, None, (), {}))
        except OSError as error:
            raise BirthError(f"{environment.python} cannot be run: {error}") from error
        self._held[child] = zygote
        try:
            await child.fork(zygote, wire)
            hold = await bound()
            order = await asyncio.to_thread(_order, launch, argv)  # while it is forked
            with hold.ways() as ways:
                await child.begin({**order, "unbound": ways.unbound}, ways)
            await self._holding.watch(hold, child.pid, child.unheld)
            await child.confined()
        except BaseException as error:
            zygote.lost = zygote.lost or isinstance(error, ZygoteLostError)
            child.kill()
            try:
                await child.finished(0)
            finally:
                await self.release(child)
            raise
        return child

    async def release(self, child: Child) -> None:
        """Let go of the zygote that a child came from, which ends with its last one. Safe to call twice."""
        if (zygote := self._held.pop(child, None)) is not None:
            await self._zygotes.release(zygote)


def _order(launch: Launch, argv: list[str] | None) -> dict[str, Any]:
    """See zygote.messages. Looks at the file system."""
    asked, limits = launch.permissions, launch.limits
    own = [launch.folder, WEFT, *([launch.helpers] if launch.helpers else [])]
    return {
        "name": launch.name,
        "folder": str(launch.folder),
        "folders": own_folders(launch.data_dir),
        "variables": process_variables(os.environ, launch.data_dir, asked.env, launch.variables),
        "paths": [str(launch.helpers)] if launch.helpers else [],
        "site": "-S" not in launch.interpreter,
        "argv": argv,
        "policy": policy(
            own=[*map(str, own), *interpreter_folders(launch.interpreter[0])],
            programs=[launch.interpreter[0]],
            data=str(launch.data_dir),
            read=asked.read,
            write=asked.write,
            sockets=map(str, launch.sockets),
            execute=[_program(each, launch.folder) for each in asked.exec],
            network=asked.network,
            ports=asked.ports,
            open_files=limits.open_files,
            file_bytes=limits.disk,
        ),
    }


def _program(name: str, folder: Path) -> str:
    """A path that begins in the plugin's own folder is meant from there; a name is looked for."""
    return str(folder / name) if "/" in name else name
