"""Instances of one plugin, started by the process runtime itself: no engine, and nothing of a server."""

from __future__ import annotations

from pathlib import Path

from weft.manifest.model import Limits, Requires
from weft.packages.environments import Environments
from weft.runtimes.launch import Launch
from weft.runtimes.process.runtime import ProcessInstance, ProcessRuntime
from weft.types import OutputLine

APPS = Path(__file__).parents[1] / "apps"


async def hello(folder: Path) -> Launch:
    """The application that all servers serve, in the environment of a plugin without packages, made in ``folder``."""
    environment = await Environments(folder / "environments").prepare(Requires(), plugin="hello")
    return Launch(
        name="hello",
        version="1.0.0",
        folder=APPS,
        entry="hello",
        provides=(),
        limits=Limits(),
        interpreter=(str(environment.python), *environment.flags),
        helpers=environment.helpers,
        data_dir=folder / "data",
    )


async def start(runtime: ProcessRuntime, launch: Launch) -> ProcessInstance:
    """One instance, ready; what it prints is of no interest."""
    return await runtime.start(launch, _unheard)


def _unheard(_line: OutputLine) -> None: ...
