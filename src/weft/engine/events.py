"""What happens, told to whoever listens."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Self
from weakref import WeakSet

from weft.engine.followers import BEHIND
from weft.types import Event

logger = logging.getLogger("weft.engine")


class Events:
    """A source of events. ``listeners`` are called at once, and must not block."""

    def __init__(self) -> None:
        self._streams: WeakSet[EventStream] = WeakSet()
        self._listeners: list[Callable[[Event], None]] = []

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call ``listener`` with every event from now on."""
        self._listeners.append(listener)

    def emit(self, plugin: str, kind: str, message: str, **data: Any) -> None:
        """Tell everybody."""
        event = Event(time.time(), plugin, kind, message, data)
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # it is the host's own, and must not stop what the engine is about
                logger.exception("a listener raised when it was told of %s", kind)
        for stream in self._streams:
            stream.put(event)

    def stream(self) -> EventStream:
        """Every event from now on, until the consumer lets go of it."""
        stream = EventStream()
        self._streams.add(stream)
        return stream


class EventStream(AsyncIterator[Event]):
    """Events as they come. A slow consumer misses the oldest."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue(BEHIND)

    def put(self, event: Event | None) -> None:
        """One more; None: the end."""
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(event)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = await self._queue.get()
        if event is None:
            self.put(None)  # for whoever asks again
            raise StopAsyncIteration
        return event

    async def aclose(self) -> None:
        """End it, also for who waits."""
        self.put(None)
