"""Whoever follows something that goes on: told each new thing, the slow without the oldest."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")

BEHIND = 1024
"""Things that wait for one follower at most; the oldest are dropped."""


class Followers(Generic[T]):
    """The followers of one source."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[T]] = set()

    def tell(self, thing: T) -> None:
        """Tell everybody; never blocks."""
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(thing)

    @contextmanager
    def following(self) -> Iterator[asyncio.Queue[T]]:
        """A queue of what is told within."""
        queue: asyncio.Queue[T] = asyncio.Queue(BEHIND)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)
