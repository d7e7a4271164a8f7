"""Changes under way: each is carried through, even when whoever asked for it goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from weft.errors import WeftError

T = TypeVar("T")

_log = structlog.get_logger("weft.operator")


class Changes:
    """Owns a task for each; ``close`` when done."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def finish(self, change: Coroutine[Any, Any, T]) -> T:
        """What ``change`` comes to. It goes on where the one who waits is cancelled."""
        return await asyncio.shield(self.begin(change))

    def begin(self, change: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Make ``change``, whether or not somebody waits for it."""
        task = asyncio.create_task(change)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            if isinstance(error, WeftError):
                _log.debug("a change failed", reason=str(error))
            else:
                _log.error("a change failed by a fault of the server", exc_info=error)

    async def close(self, grace: float) -> None:
        """Let them finish within ``grace`` seconds, then end them."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
