"""What this machine enforces: found by starting processes that ask for everything, and looking at what became of it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from weft.errors import StartFailed
from weft.manifest.model import Limits, Permissions
from weft.runtimes.launch import Launch
from weft.runtimes.process.runtime import ProcessRuntime
from weft.runtimes.process.zygotes import HOST
from weft.sandbox.level import NOT, Report

_ASKED = {
    "network: none": Permissions(network="none"),
    "network: loopback": Permissions(network="loopback"),
    "network: ports": Permissions(ports=(443,)),
}
_PLUGIN = "def Execute(ctx): ...\n"


async def reached() -> Report:
    """How each protection is enforced on this machine (see sandbox.level), each way to have a network apart."""
    runtime = ProcessRuntime()
    with tempfile.TemporaryDirectory(prefix="weft-") as folder:
        (Path(folder) / "probe.py").write_text(_PLUGIN)
        try:
            found = await asyncio.gather(*(_reached(runtime, Path(folder), each) for each in _ASKED.values()))
        finally:
            await runtime.close()
    networks = {name: each["network"] for name, each in zip(_ASKED, found, strict=True)}
    return {name: text for name, text in {**found[0], **networks}.items() if name != "network"}


async def _reached(runtime: ProcessRuntime, folder: Path, permissions: Permissions) -> Report:
    launch = Launch(
        name="probe",
        version="0.0.0",
        folder=folder,
        entry="probe",
        provides=("task@1",),
        limits=Limits(cpu=1.0),
        interpreter=(HOST.python, "-I", "-S"),
        helpers=None,
        data_dir=folder / f"data-{permissions.network}",
        permissions=permissions,
    )
    try:
        instance = await runtime.start(launch, lambda _line: None)
    except StartFailed as error:
        return {"processes": f"{NOT}{error.message}", "network": f"{NOT}{error.message}"}
    await instance.stop(1.0)
    return dict(instance.sandbox.details)
