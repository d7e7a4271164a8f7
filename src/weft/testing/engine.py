"""Engines for tests: every call is checked, and the test says in which runtime plugins run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

from msgspec.structs import replace

from weft import engine, sync
from weft.engine.bound import Elsewhere
from weft.engine.runtimes import Runtimes
from weft.manifest import Manifest
from weft.manifest.model import RuntimeName
from weft.packages.environments import Environment, Environments
from weft.runtimes.launch import Runtime
from weft.runtimes.process.runtime import ProcessRuntime
from weft.settings import SupervisionSettings
from weft.sync.blocking import blocking
from weft.sync.portal import Portal
from weft.types import OutputLine, Progress

Where = str | Runtime
"""A runtime by its name, or one that Weft does not know yet."""


class Engine(engine.Engine):
    """``weft.Engine``, whose plugins run where ``runtime`` says; inline calls are checked as all others are.

    ``single`` says it for single plugins, by their names; None is where their manifests say.
    """

    def __init__(
        self,
        state: Path | None = None,
        *,
        runtime: Where | None = None,
        single: Mapping[str, Where] | None = None,
        contracts: Iterable[Callable[..., Any]] | None = None,
        output: Callable[[str, OutputLine], None] | None = None,
        checked: bool = True,
        elsewhere: Elsewhere | None = None,
        supervision: SupervisionSettings | None = None,
    ) -> None:
        super().__init__(
            state,
            contracts=contracts,
            output=output,
            checked=checked,
            elsewhere=elsewhere,
            supervision=supervision,
        )
        self._runtimes = _Placed(self.environments, self._process, runtime, single or {})


class SyncEngine(sync.Engine):
    """``Engine`` without await."""

    def __init__(
        self,
        state: Path | None = None,
        *,
        runtime: Where | None = None,
        contracts: Iterable[Callable[..., Any]] | None = None,
        output: Callable[[str, OutputLine], None] | None = None,
        checked: bool = True,
    ) -> None:
        self._portal: Portal[engine.Engine] = Portal(
            lambda: Engine(
                state,
                runtime=runtime,
                contracts=contracts,
                output=output,
                checked=checked,
                elsewhere=partial(blocking, self._portal),
            )
        )


class _Placed(Runtimes):
    """The runtimes of an engine for tests."""

    def __init__(
        self,
        environments: Environments,
        process: ProcessRuntime,
        runtime: Where | None,
        single: Mapping[str, Where],
    ) -> None:
        super().__init__(environments, process)
        self._runtime = runtime
        self._single = single

    def of(self, manifest: Manifest) -> Runtime:
        """See Runtimes."""
        where = self._where(manifest)
        return super().of(_in(manifest, where)) if where is None or isinstance(where, str) else where

    async def environment(self, manifest: Manifest, progress: Progress) -> Environment | None:
        """See Runtimes. A runtime that Weft does not know gets what a process gets."""
        where = self._where(manifest)
        named = where if where is None or isinstance(where, str) else "process"
        return await super().environment(_in(manifest, named), progress)

    def _where(self, manifest: Manifest) -> Where | None:
        return self._single.get(manifest.name, self._runtime)


def _in(manifest: Manifest, runtime: str | None) -> Manifest:
    return manifest if runtime is None else replace(manifest, runtime=cast("RuntimeName", runtime))
