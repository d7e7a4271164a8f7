"""An asynchronous iterator of the loop's, given to other threads as a plain one, in batches."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, Self, TypeVar

from weft.sync.portal import Portal

T = TypeVar("T")

MOST_ITEMS = 512
"""Items that are read ahead of the consumer at most."""
MOST_BYTES = 256 * 1024
"""Bytes of such items (themselves, not what they refer to), past which no other is read."""


class Stream(Generic[T]):
    """A plain iterator over what ``source()`` gives on the portal's loop, from now on; several threads may share it.

    ``close()`` ends the source; so does leaving its ``with`` block, or letting go of the stream. What ends the source
    otherwise is raised once the items before it are consumed.
    """

    def __init__(self, portal: Portal[Any], source: Callable[[], AsyncIterator[T]]) -> None:
        self._portal = portal
        self._taken: deque[T] = deque()
        self._pump = Pump(source)
        self._pumping = portal.begin(self._pump.run)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        while True:
            with contextlib.suppress(IndexError):
                return self._taken.popleft()
            batch = self._portal.run(self._pump.take)
            if not batch:
                raise StopIteration
            self._taken.extend(batch)

    def close(self) -> None:
        """End the source. What was read already can still be had."""
        self._portal.post(self._pumping.cancel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_pumping"):  # it was begun
            self.close()


class Pump(Generic[T]):
    """The loop's side: reads ahead of the consumer, and waits while it is too far ahead."""

    def __init__(self, source: Callable[[], AsyncIterator[T]]) -> None:
        self._source = source
        self._items: list[T] = []
        self._bytes = 0
        self._over = False
        self._error: Exception | None = None
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    async def run(self) -> None:
        """Read until the source ends, or this is cancelled."""
        try:
            async with closed(self._source()) as source:
                async for item in source:
                    await self._put(item)
        except Exception as error:  # noqa: BLE001 (it is the consumer's)
            self._error = error
        finally:
            self._over = True
            self._news.set()

    async def _put(self, item: T) -> None:
        self._items.append(item)
        self._bytes += sys.getsizeof(item)
        self._news.set()
        if len(self._items) >= MOST_ITEMS or self._bytes >= MOST_BYTES:
            self._room.clear()
            await self._room.wait()

    async def take(self) -> list[T]:
        """What was read since the last time: one item at least, [] after the end. Raises what ended the source."""
        while not self._items and not self._over:
            self._news.clear()
            await self._news.wait()
        items, self._items, self._bytes = self._items, [], 0
        self._room.set()
        if not items and self._error is not None:
            error, self._error = self._error, None
            raise error
        return items


@contextlib.asynccontextmanager
async def closed(source: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """The source, closed in the end where it can be."""
    try:
        yield source
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()
