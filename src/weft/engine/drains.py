"""Releases that were replaced or stopped, while they finish what they began."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from weft.engine.crew import Crew
from weft.engine.plugin import Plugin

MOST_DRAINING = 8
"""Releases of one plugin that drain at the same time; past it the oldest is ended first."""


class Drains:
    """The drains of one engine.

    ``report(plugin, kind, message)`` is told of each, ``failed(plugin, kind, error)`` of what fails while nobody waits;
    ``over()`` is awaited after each.
    """

    def __init__(
        self,
        report: Callable[[str, str, str], None],
        failed: Callable[[str, str, BaseException], None],
        over: Callable[[], Awaitable[None]],
    ) -> None:
        self._report = report
        self._failed = failed
        self._over = over
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, plugin: Plugin, crew: Crew, *, for_good: bool = False) -> asyncio.Task[None]:
        """Let ``crew`` drain and stop, whether or not the task is waited for. ``for_good``: nothing takes over."""
        plugin.begin_drain(crew, MOST_DRAINING)
        task = asyncio.create_task(self._drain(plugin, crew, for_good=for_good))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._end(done, plugin.name))
        return task

    async def all_over(self) -> None:
        """Wait for every drain."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _drain(self, plugin: Plugin, crew: Crew, *, for_good: bool) -> None:
        self._report(plugin.name, "draining", f"{crew.release.label} finishes what it began")
        try:
            await crew.retire(for_good=for_good)
        finally:
            plugin.end_drain(crew)
        self._report(plugin.name, "drained", f"{crew.release.label} has ended")
        await self._over()

    def _end(self, task: asyncio.Task[None], name: str) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(name, "drain_failed", error)
