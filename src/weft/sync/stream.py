"""An asynchronous iterator of the loop's, given to other threads as a plain one, in batches."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, Self, TypeVar

from weft.errors import UsageError
from weft.sync.errand import Errand, Mail
from weft.sync.portal import Portal

T = TypeVar("T")

MOST_ITEMS = 512
"""Items that are read ahead of the consumer at most."""
MOST_BYTES = 256 * 1024
"""Bytes of such items (themselves, not what they refer to), past which no other is read."""


class Stream(Generic[T]):
    """A plain iterator over what ``source()`` gives on the portal's loop; several threads may share it.

    The source begins when the first item is asked for, or with ``begin``. ``close()`` ends it; so does leaving the
    ``with`` block, or letting go of the stream. What ends it otherwise is raised once the items before are consumed.
    The thread that waits for an item serves ``mail`` meanwhile.
    """

    def __init__(self, portal: Portal[Any], source: Callable[[], AsyncIterator[T]], mail: Mail | None = None) -> None:
        self._portal = portal
        self._mail = mail
        self._pump = Pump(source)
        self._pumping: Errand[None] | None = None
        self._closed = False
        self._taken: deque[T] = deque()
        self._taking = threading.RLock()
        self._reading = False

    def begin(self) -> Self:
        """Begin the source now."""
        if self._pumping is None and not self._closed:
            self._pumping = self._portal.begin(self._pump.run)
        return self

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        try:
            return self._taken.popleft()
        except IndexError:
            with self._taking:
                return self._next()

    def _next(self) -> T:
        if not self._taken:
            self._read()
        if not self._taken:
            raise StopIteration
        return self._taken.popleft()

    def _read(self) -> None:
        if self._reading:
            raise UsageError("a callback of a call cannot read the stream that the same call gives")
        self._reading = True
        try:
            self.begin()
            if self._pumping is not None:
                self._taken.extend(self._portal.wait(self._portal.begin(self._pump.take, self._mail)))
        finally:
            self._reading = False

    def close(self) -> None:
        """End the source. What was read already can still be had."""
        self._closed = True
        if self._pumping is not None:
            self._portal.post(self._pumping.cancel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
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
