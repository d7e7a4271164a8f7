"""Where plugins run, by what their manifests say; another runtime is one more row of the table."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from weft.errors import NotInThisVersion
from weft.manifest import Manifest
from weft.packages.environments import Environment, Environments
from weft.runtimes.inline.requirements import check_interpreter
from weft.runtimes.inline.runtime import InlineRuntime
from weft.runtimes.launch import Runtime
from weft.runtimes.process.runtime import ProcessRuntime
from weft.types import Progress

INSTALLED = "installed"
"""The form of manifest whose modules are the host's own."""


class Runtimes:
    """The runtimes of one engine."""

    def __init__(self, environments: Environments, process: ProcessRuntime) -> None:
        self._environments = environments
        self._inline: Mapping[str, Runtime] = {
            "inline": InlineRuntime(),
            INSTALLED: InlineRuntime(installed=True),
        }
        self._isolated: Mapping[str, Runtime] = {"process": process}

    def of(self, manifest: Manifest) -> Runtime:
        """Where a plugin runs. Raises NotInThisVersion."""
        found = {**self._inline, **self._isolated}.get(_row(manifest))
        if found is None:
            raise NotInThisVersion(f"plugin {manifest.name}: runtime {manifest.runtime}: not in this version")
        return found

    async def close(self) -> None:
        """Once no instance is left."""
        for runtime in (*self._inline.values(), *self._isolated.values()):
            await runtime.close()

    async def environment(self, manifest: Manifest, progress: Progress) -> Environment | None:
        """An interpreter and packages of its own; None where the host's are its own, and are checked.

        Raises EnvironmentFailed.
        """
        if _row(manifest) in self._inline:
            await asyncio.to_thread(check_interpreter, manifest.requires, plugin=manifest.name)
            return None
        return await self._environments.prepare(manifest.requires, plugin=manifest.name, progress=progress)


def _row(manifest: Manifest) -> str:
    return INSTALLED if manifest.form == INSTALLED else manifest.runtime
