"""Instances of one plugin, started by the process runtime itself: no engine, and nothing of a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weft.manifest.model import Limits, Requires
from weft.packages.environments import Environments
from weft.runtimes.launch import Launch, Output
from weft.runtimes.process.child import Child
from weft.runtimes.process.runtime import ProcessInstance, ProcessRuntime
from weft.runtimes.process.spawner import Bound, Refused, Spawner
from weft.runtimes.process.zygotes import HOST, exec_argv
from weft.types import OutputLine
from weft.zygote.birth import WIRE

HELLO = Path(__file__).parents[1] / "apps/hello.py"
"""The application that all servers serve."""
GRACE = 5.0
"""Seconds that an instance has to stop."""


async def launch(file: Path, folder: Path, **options: Any) -> Launch:
    """Of the plugin in ``file``, with the environment of one without packages, which is made in ``folder``."""
    environment = await Environments(folder / "environments").prepare(Requires(), plugin=file.stem)
    given: dict[str, Any] = {"provides": (), "limits": Limits(), **options}
    return Launch(
        name=file.stem,
        version="1.0.0",
        folder=file.parent,
        entry=file.stem,
        interpreter=(str(environment.python), *environment.flags),
        helpers=environment.helpers,
        data_dir=folder / "data",
        **given,
    )


async def start(runtime: ProcessRuntime, launch: Launch) -> ProcessInstance:
    """One instance, ready; what it prints is of no interest."""
    return await runtime.start(launch, _unheard)


def _unheard(_line: OutputLine) -> None: ...


class _Executing(Spawner):
    """Does at once what a spawner does when no zygote can be used: the host's executes the interpreter."""

    async def spawn(self, launch: Launch, wire: int, output: Output, refused: Refused, bound: Bound) -> Child:
        argv = exec_argv(launch.interpreter, launch.helpers, WIRE)
        return await self._start(HOST, launch, argv, wire, output, refused, bound)


def executing() -> ProcessRuntime:
    """The runtime where no zygote of an environment can be used."""
    runtime = ProcessRuntime()
    runtime._spawner = _Executing(runtime._holding)  # noqa: SLF001 - no setting makes it so
    return runtime
