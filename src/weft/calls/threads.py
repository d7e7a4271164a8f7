"""Threads for plain ``def`` code: so many, and those that nobody waits for any longer are counted."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Optional

from weft.errors import WeftError

_BATCH, _WITHIN = 64, 0.005
"""Items that a plain iterator may give, and seconds that it may take, before they are handed over from its thread."""


class Threads:
    """At most ``limit`` threads, made when they are needed.

    A thread cannot be stopped: one whose caller has given up goes on, and is ``stuck`` until it ends. When all are,
    ``on_hung()`` is told: nothing can be run any more.
    """

    def __init__(self, limit: int, on_hung: Callable[[], None] = lambda: None) -> None:
        self.limit = limit
        self.stuck = 0
        self._on_hung = on_hung
        self._executor: Optional[ThreadPoolExecutor] = None

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call ``function(*args)`` in a thread, within this context; returns or raises what it does."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self.limit, thread_name_prefix="weft")
        running = self._executor.submit(contextvars.copy_context().run, _contained, function, args)
        try:
            return await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            if not running.cancel() and not running.done():
                self._count(running)
            raise

    def _count(self, running: Future[Any]) -> None:
        loop = asyncio.get_running_loop()
        self.stuck += 1
        running.add_done_callback(lambda _: _tell(loop, self._free))
        if self.stuck >= self.limit:
            self._on_hung()

    def _free(self) -> None:
        self.stuck -= 1

    def close(self) -> None:
        """Take nothing more; threads that run go on."""
        if self._executor is not None:
            self._executor.shutdown(wait=False)


def _contained(function: Callable[..., Any], args: Any) -> Any:
    try:
        return function(*args)
    except (StopIteration, asyncio.CancelledError) as error:  # neither can be the exception of a future
        raise WeftError(f"{type(error).__name__} was raised in a thread") from error


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(callback)


async def in_threads(source: Any, threads: Threads) -> Any:
    """The items of a plain iterable, taken in a thread a few at a time."""
    iterator = iter(source)
    try:
        while True:
            items, over = await threads.run(_some, iterator)
            for item in items:
                yield item
            if over:
                return
    finally:
        if hasattr(iterator, "close"):
            await threads.run(iterator.close)


def _some(iterator: Any) -> Any:
    """Items that come without delay, at least one; and whether there are no more."""
    items, until = [], time.monotonic() + _WITHIN
    for item in iterator:
        items.append(item)
        if len(items) == _BATCH or time.monotonic() > until:
            return items, False
    return items, True


def blocking(incoming: Any) -> Any:
    """The items for a ``def`` method, which takes them in its thread."""
    loop = asyncio.get_running_loop()
    end = object()

    async def one() -> Any:
        try:
            return await incoming.__anext__()
        except StopAsyncIteration:
            return end

    def items() -> Any:
        while (item := asyncio.run_coroutine_threadsafe(one(), loop).result()) is not end:
            yield item

    return items()
