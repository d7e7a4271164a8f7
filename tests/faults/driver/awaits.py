"""Cancellation at each place where an operation waits, in whichever of its tasks it does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any


class _Counted(Coroutine[Any, Any, Any]):
    """A coroutine that tells each time that it has begun to wait."""

    def __init__(self, inner: Coroutine[Any, Any, Any], waits: Callable[[], None]) -> None:
        self._inner = inner
        self._waits = waits

    def send(self, value: Any) -> Any:
        return self._after(self._inner.send(value))

    def throw(self, *error: Any) -> Any:
        return self._after(self._inner.throw(*error))

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Any:
        return self

    def _after(self, awaited: Any) -> Any:
        self._waits()
        return awaited


async def interrupted(
    operation: Callable[[], Awaitable[Any]], nth: int, interrupt: Callable[[asyncio.Task[Any]], None]
) -> tuple[asyncio.Task[Any], bool]:
    """Do it; call ``interrupt(task)`` when it, and the tasks that it makes, have begun to wait ``nth`` times.

    Returns the task, once it is done, and whether it has waited so often.
    """
    loop = asyncio.get_running_loop()
    count = 0

    def waits() -> None:
        nonlocal count
        count += 1
        if count == nth:
            loop.call_soon(interrupt, task)

    async def run() -> Any:
        return await operation()

    loop.set_task_factory(lambda loop, inner, **given: asyncio.Task(_Counted(inner, waits), loop=loop, **given))
    task = loop.create_task(run())
    await asyncio.wait([task])
    loop.set_task_factory(None)
    return task, count >= nth


def each_wait(stride: int = 1) -> Iterator[int]:
    """The numbers of the waits, the first one first, every ``stride``-th; every one where WEFT_FAULTS=all."""
    step = 1 if os.environ.get("WEFT_FAULTS") == "all" else stride
    number = 1
    while True:
        yield number
        number += step


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
