"""What the host names: one plugin or a folder of them, to be loaded, to be followed, or to replace what runs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from weft.engine.batch import Job, Outcome, plugins_of
from weft.engine.core import Core
from weft.engine.files import Files
from weft.engine.given import Given, given_by_name, given_to_one
from weft.engine.loading import Loader
from weft.engine.plugin import Plugin
from weft.engine.watching import Watch
from weft.errors import ManifestError, Unavailable, UsageError, WeftError
from weft.manifest import Order
from weft.manifest.installed import find_installed, installed_folder
from weft.types import Progress

T = TypeVar("T")


class Intake:
    """Owns the loads under way and the folders that are followed; ``close`` ends both."""

    def __init__(self, engine: Core, files: Files) -> None:
        self._engine = engine
        self._files = files
        self._loader = Loader(engine, files)
        self._loads: set[asyncio.Task[Any]] = set()
        self._watches: set[asyncio.Task[None]] = set()
        self._closed = False

    async def load(
        self,
        source: Path,
        *,
        name: str | None,
        config: Mapping[str, Any] | None,
        env: Mapping[str, Any] | None,
        order: Order | Mapping[str, Order] | None,
        watch: bool,
        progress: Progress,
    ) -> tuple[Plugin, ...]:
        """See Engine.load."""
        found = await self._find(source, empty=watch)
        if found == [source]:
            job = Job(source, name, given_to_one(config=config, env=env, order=order))
            return (await self._load_one(job, watch=watch, progress=progress),)
        if name is not None:
            raise UsageError(f"{source} is a folder of plugins, and name=… is for one: load {name!r} by its own path")
        given = given_by_name(f"{source} is a folder of plugins", config=config, env=env, order=order)
        return await self._load_folder(source, found, given, watch=watch, progress=progress)

    async def _load_one(self, job: Job, *, watch: bool, progress: Progress) -> Plugin:
        following = Watch(self._engine, self._loader, job.source, alone=job, given={}, progress=progress)
        if watch:
            await following.look([job.source])
        outcomes = await self._loader.load([job], given={}, progress=progress)
        plugin = _only(outcomes)
        if watch:
            self._follow(following, outcomes, job.source)
        return plugin

    async def _load_folder(
        self, source: Path, found: list[Path], given: Mapping[str, Given], *, watch: bool, progress: Progress
    ) -> tuple[Plugin, ...]:
        following = Watch(self._engine, self._loader, source, alone=None, given=given, progress=progress)
        if watch:
            await following.look(found)
        jobs = [Job(path, found=True) for path in found]
        outcomes = await self._loader.load(jobs, given=given, progress=progress, strict=not watch)
        if watch:
            self._follow(following, outcomes, source)
        return plugins_of(outcomes)

    async def load_installed(self, group: str, given: Mapping[str, Given], progress: Progress) -> tuple[Plugin, ...]:
        """See Engine.load_installed."""
        points = await asyncio.to_thread(find_installed, group)
        jobs = [Job(installed_folder(point), installed=point) for point in points]
        return plugins_of(await self._loader.load(jobs, given=given, progress=progress, strict=True))

    async def upgrade(self, name: str, source: Path, given: Given, progress: Progress) -> Plugin:
        """See Engine.upgrade."""
        self._engine.plugin(name)
        if await self._find(source, empty=False) != [source]:
            raise UsageError(f"{source} is a folder of plugins: name the one that is to replace {name}")
        job = Job(source, name, given, frozenset({name}))
        return _only(await self._loader.load([job], given={}, progress=progress))

    async def carry(self, load: Coroutine[Any, Any, T]) -> T:
        """Do it in a task that ends with the engine. Raises Unavailable then."""
        if self._closed:
            load.close()
            raise Unavailable("nothing is loaded: the engine is ending")
        task = asyncio.create_task(load)
        self._loads.add(task)
        task.add_done_callback(self._loads.discard)
        try:
            return await task
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is not None and caller.cancelling():
                raise
            raise Unavailable("the load was given up: the engine is ending") from None

    async def close(self) -> None:
        """End everything; returns when it has ended."""
        self._closed = True
        tasks = {*self._watches, *self._loads}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _find(self, source: Path, *, empty: bool) -> list[Path]:
        try:
            return await self._files.find(source)
        except ManifestError:
            if empty and await asyncio.to_thread(source.is_dir):
                return []
            raise

    def _follow(self, watch: Watch, outcomes: Sequence[Outcome], source: Path) -> None:
        watch.loaded(outcomes)
        task = asyncio.create_task(watch.run())
        self._watches.add(task)
        task.add_done_callback(lambda done: self._end_watch(done, source))

    def _end_watch(self, task: asyncio.Task[None], source: Path) -> None:
        self._watches.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._engine.failed(source.name, "watch_failed", error)


def _only(outcomes: Sequence[Outcome]) -> Plugin:
    (outcome,) = outcomes
    if isinstance(outcome.result, WeftError):
        raise outcome.result
    return outcome.result
