"""What happens, told to whoever listens: bounded queues, the slow listener loses the oldest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from weft.types import Event

QUEUE = 1024
"""Events that wait for one listener at most."""


class Events:
    """A source of events. ``listeners`` are called at once, and must not block."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[Event]] = set()
        self._listeners: list[Callable[[Event], None]] = []

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call ``listener`` with every event from now on."""
        self._listeners.append(listener)

    def emit(self, plugin: str, kind: str, message: str, **data: Any) -> None:
        """Tell everybody."""
        event = Event(time.time(), plugin, kind, message, data)
        for listener in self._listeners:
            listener(event)
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

    async def stream(self) -> AsyncIterator[Event]:
        """Every event from now on, until the consumer stops."""
        queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE)
        self._queues.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._queues.discard(queue)
