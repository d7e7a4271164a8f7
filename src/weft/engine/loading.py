"""From sources to running plugins: copied, put in order, started side by side; one's failure never stops the others."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from msgspec.structs import replace

from weft.engine.batch import Batch, Job, Outcome
from weft.engine.core import Core
from weft.engine.files import Copied, Files
from weft.engine.given import Given
from weft.engine.plugin import Plugin
from weft.engine.release import Release
from weft.errors import StorageFailed, WeftError
from weft.manifest import Manifest
from weft.types import Progress

Reads = dict[asyncio.Task[Copied], tuple[Job, asyncio.Future[Manifest]]]
"""Copies that are being made, with what is known of those that have to be fetched."""
AT_ONCE = 4
"""Plugins that are prepared, or started, at the same time."""


class Loader:
    """Loads and upgrades on behalf of its engine."""

    def __init__(self, engine: Core, files: Files) -> None:
        self._engine = engine
        self._files = files
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def load(
        self, jobs: Sequence[Job], *, given: Mapping[str, Given], progress: Progress, strict: bool = False
    ) -> list[Outcome]:
        """Load all, each after what it requires; an outcome for each, in their order.

        What has to be fetched holds up only what requires it.
        ``given``: by name; with ``strict`` a name that none of them has is a UsageError, and nothing is started. When
        cancelled, those that were loaded until then are unloaded again.
        """
        batch = Batch(self._engine.manifests, self._engine.plugins, given)
        try:
            async with self._reading(jobs, progress) as reads:
                await self._at_hand(reads, batch)
                if strict:
                    batch.check_given()
                await self._start_all(batch, progress)
                while reads:
                    await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
                    self._take(reads, batch)
                    await self._start_all(batch, progress)
        except asyncio.CancelledError:
            await self._undo(batch)
            raise
        outcomes = batch.outcomes(jobs)
        self._report(outcomes, batch)
        return outcomes

    @asynccontextmanager
    async def _reading(self, jobs: Sequence[Job], progress: Progress) -> AsyncIterator[Reads]:
        reads: Reads = {}
        try:
            async with AsyncExitStack() as stack:
                try:
                    for job in jobs:
                        fetched: asyncio.Future[Manifest] = asyncio.Future()
                        reads[asyncio.create_task(self._read(job, stack, progress, fetched))] = (job, fetched)
                    yield reads
                finally:
                    for task in reads:
                        task.cancel()
                    await asyncio.gather(*reads, return_exceptions=True)
        finally:
            await self._engine.tidy()

    async def _at_hand(self, reads: Reads, batch: Batch) -> None:
        """Take all but those that have to be fetched."""
        for task, (_, fetched) in reads.items():
            either: set[asyncio.Future[Any]] = {task, fetched}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        self._take(reads, batch)
        for job, fetched in reads.values():
            batch.expect(job, fetched.result().name)

    def _take(self, reads: Reads, batch: Batch) -> None:
        """Those that are done."""
        for task in [each for each in reads if each.done()]:
            job, _ = reads.pop(task)
            try:
                batch.add(job, task.result())
            except WeftError as error:
                batch.fail(job, error)

    async def _read(
        self, job: Job, stack: AsyncExitStack, progress: Progress, fetched: asyncio.Future[Manifest]
    ) -> Copied:
        if job.installed is not None:
            return await self._files.installed(job.installed, job.name)
        if job.found:
            await self._files.check_placed(job.source)
        what = job.name or job.source.name
        copying = self._files.copied(job.source, job.name, lambda line: progress(f"{what}: {line}"), fetched.set_result)
        copied = await stack.enter_async_context(copying)
        if copied.note:
            self._engine.emit(copied.manifest.name, "described_elsewhere", copied.note)
        return copied

    async def _start_all(self, batch: Batch, progress: Progress) -> None:
        batch.plan()
        tasks: dict[str, asyncio.Task[None]] = {}
        for name, required in batch.order():
            before = [tasks[each] for each in required]
            tasks[name] = asyncio.create_task(self._start(batch, name, before, progress))
        for unexpected in await asyncio.gather(*tasks.values(), return_exceptions=True):
            if unexpected is not None:
                raise unexpected

    async def _start(self, batch: Batch, name: str, before: list[asyncio.Task[None]], progress: Progress) -> None:
        try:
            async with self._slots:
                release = await self._prepare(batch, name, lambda line: progress(f"{name}: {line}"))
            if before:
                await asyncio.wait(before)
            async with self._slots:
                batch.done(name, await self._run(release, new=batch.is_new(name)))
        except WeftError as error:
            batch.done(name, error)
        except OSError as error:
            batch.done(name, StorageFailed(f"plugin {name}: {error}"))

    async def _prepare(self, batch: Batch, name: str, progress: Progress) -> Release:
        copied, given = batch.copies[name], batch.given(name)
        plugin = None if batch.is_new(name) else self._engine.plugin(name)
        before = plugin.release if plugin is not None else None
        given = given if before is None else given.over(before)
        release = await self._engine.prepare(
            await asyncio.to_thread(_followed, copied.manifest),
            copied.folder,
            digest=copied.digest,
            number=1 if before is None else before.number + 1,
            config=given.config,
            env=given.env,
            order=given.order,
            progress=progress,
        )
        served = plugin.fallback if plugin is not None and plugin.state == "quarantined" else before
        if served is None or (given.rollback or copied.manifest.rollback) != "auto":
            return release
        return dataclasses.replace(release, fallback=dataclasses.replace(served, fallback=None))

    async def _run(self, release: Release, *, new: bool) -> Plugin:
        """The same files and settings as those that run already need nothing."""
        plugin = self._engine.plugins.get(release.manifest.name)
        if plugin is not None and not new and plugin.instances and release.same_as(plugin.release):
            return plugin
        return await self._engine.run(release, new=new)

    async def _undo(self, batch: Batch) -> None:
        """Unload what this load has added: what requires another goes first."""
        for name in reversed(batch.loaded):
            if batch.is_new(name) and name in self._engine.plugins:
                await self._engine.unload(name)

    def _report(self, outcomes: Sequence[Outcome], batch: Batch) -> None:
        for each in outcomes:
            if isinstance(each.result, WeftError):
                name = each.name or each.job.source.name
                kind = "upgrade_failed" if name in each.job.replaces and not batch.is_new(name) else "load_failed"
                self._engine.emit(name, kind, str(each.result), source=each.job.what)


def _followed(manifest: Manifest) -> Manifest:
    """The same with the paths to which those lead that it may read and write: links may be changed later. Blocking."""
    mine = manifest.permissions
    led = {key: tuple(map(os.path.realpath, getattr(mine, key))) for key in ("read", "write")}
    return replace(manifest, permissions=replace(mine, **led))
