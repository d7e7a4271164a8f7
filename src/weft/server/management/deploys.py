"""Deploys under way: each a task that goes on when its client leaves, and that this object owns."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Generic, TypeVar

from weft.types import Progress

T = TypeVar("T")
_MOST_LINES = 1_000
"""Lines of progress that wait for a client; the oldest are dropped."""


class Deploy(Generic[T]):
    """One of them: its lines of progress, then its result."""

    def __init__(self, work: Callable[[Progress], Awaitable[T]]) -> None:
        self._lines: deque[str] = deque(maxlen=_MOST_LINES)
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.task = asyncio.ensure_future(work(self._tell))
        self.task.add_done_callback(lambda _: self._changed.set())

    def _tell(self, line: str) -> None:
        """Safe in any thread."""
        self._lines.append(line)
        self._loop.call_soon_threadsafe(self._changed.set)

    async def progress(self) -> AsyncIterator[str]:
        """Every line, until the work is done."""
        while self._lines or not self.task.done():
            while self._lines:
                yield self._lines.popleft()
            if not self.task.done():
                await self._changed.wait()
                self._changed.clear()

    async def result(self) -> T:
        """What the work returned; raises what it raised. A client that leaves does not end the work."""
        return await asyncio.shield(self.task)


class Deploys:
    """All that are under way."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Future[Any]] = set()

    def begin(self, work: Callable[[Progress], Awaitable[T]]) -> Deploy[T]:
        """Start one."""
        deploy = Deploy(work)
        self._tasks.add(deploy.task)
        deploy.task.add_done_callback(self._ended)
        return deploy

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # its client may have left without asking

    async def close(self) -> None:
        """End them; what a deploy has not committed is as before."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
