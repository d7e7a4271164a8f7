"""What the host names: one plugin or a folder of them, to be loaded, to be followed, or to replace what runs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from weft.engine.batch import Given, Job, Outcome, plugins_of
from weft.engine.core import Core
from weft.engine.files import Files
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
        env: Mapping[str, str] | Mapping[str, Mapping[str, str]] | None,
        order: Order | Mapping[str, Order] | None,
        watch: bool,
        progress: Progress,
    ) -> tuple[Plugin, ...]:
        """See Engine.load."""
        found = await self._find(source, empty=watch)
        alone = found == [source]
        if name is not None and not alone:
            raise UsageError(f"{source} is a folder of plugins, and name=… is for one: load {name!r} by its own path")
        given = {} if alone else by_name(f"{source} is a folder of plugins", config=config, env=env, order=order)
        jobs = [Job(source, name, _given(config, env, order))] if alone else [Job(path) for path in found]
        watched = Watch(
            self._engine,
            self._loader,
            source,
            alone=jobs[0] if alone else None,
            given=given,
            progress=progress,
        )
        if watch:
            await watched.look(found)
        outcomes = await self._loader.load(jobs, given=given, progress=progress, strict=not watch)
        watched.loaded(outcomes)
        if alone:
            plugins: tuple[Plugin, ...] = (_only(outcomes),)
        if watch:
            self._follow(watched, source)
        return plugins if alone else plugins_of(outcomes)

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

    def _follow(self, watch: Watch, source: Path) -> None:
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


def _given(config: Any, env: Any, order: Any) -> Given:
    """What one plugin is given. Raises UsageError for what has another shape."""
    for key, value in (("config", config), ("env", env)):
        if value is not None and not isinstance(value, Mapping):
            raise UsageError(f"{key}: expected a mapping, found {type(value).__name__}")
    if order is not None and not isinstance(order, Order):
        raise UsageError(f"order: expected weft.manifest.Order, found {type(order).__name__}")
    return Given(config or {}, env or {}, order)


def by_name(what: str, **tables: Any) -> dict[str, Given]:
    """What several plugins are given, by their names. Raises UsageError for what has another shape."""
    named = {key: table for key, table in tables.items() if table is not None}
    for key, table in named.items():
        if not isinstance(table, Mapping):
            raise UsageError(f"{key}: {what}: give {key} by name, as in {{'shop': …}}")
    names = {name for table in named.values() for name in table}
    try:
        return {name: _given(*(named.get(key, {}).get(name) for key in ("config", "env", "order"))) for name in names}
    except UsageError as error:
        raise UsageError(f"{error} ({what}: what is given goes by their names)") from None
