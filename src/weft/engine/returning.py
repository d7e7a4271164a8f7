"""The way back from an upgrade that fails before it has settled, where that was asked for: one release, no more."""

from __future__ import annotations

import asyncio

from weft.engine.core import Core
from weft.engine.plugin import Plugin
from weft.engine.release import Release
from weft.errors import Conflict, WeftError
from weft.types import Event

BUSY_PAUSE = 1.0
"""Seconds between two looks whether another change of the plugin is over."""


class Returning:
    """Listens to its engine, and lets the release before serve again; ``close`` when done."""

    def __init__(self, engine: Core) -> None:
        self._engine = engine
        self._tasks: set[asyncio.Task[None]] = set()
        engine.listen(self._accept)

    def _accept(self, event: Event) -> None:
        plugin = self._engine.plugins.get(event.plugin)
        if event.kind != "quarantined" or event.data["left"] or plugin is None or plugin.fallback is None:
            return
        task = asyncio.create_task(self._go_back(plugin, plugin.release, plugin.fallback, event.data["failure"]))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def _go_back(self, plugin: Plugin, failed: Release, fallback: Release, why: str) -> None:
        while (plugin.state, plugin.release) == ("quarantined", failed):
            try:
                await self._engine.run(fallback, new=False)
            except Conflict:  # another change is under way, which may see to it
                await asyncio.sleep(BUSY_PAUSE)
                continue
            except WeftError as error:
                kind, told = "rollback_failed", f"{fallback.label} cannot serve in place of {failed.label}: {error}"
            else:
                kind = "rolled_back"
                told = f"{fallback.label} serves again, in place of {failed.label}, by itself: {why}"
            self._engine.emit(plugin.name, kind, told, release=fallback.number, instead_of=failed.number)
            return

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._engine.failed("", "rollback_failed", error)

    async def close(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
