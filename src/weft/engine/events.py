"""What happens, told to whoever listens."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from weft.engine.followers import Followers
from weft.types import Event


class Events:
    """A source of events. ``listeners`` are called at once, and must not block."""

    def __init__(self) -> None:
        self._followers: Followers[Event] = Followers()
        self._listeners: list[Callable[[Event], None]] = []

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call ``listener`` with every event from now on."""
        self._listeners.append(listener)

    def emit(self, plugin: str, kind: str, message: str, **data: Any) -> None:
        """Tell everybody."""
        event = Event(time.time(), plugin, kind, message, data)
        for listener in self._listeners:
            listener(event)
        self._followers.tell(event)

    async def stream(self) -> AsyncIterator[Event]:
        """Every event from now on, until the consumer stops. A slow consumer misses the oldest."""
        with self._followers.following() as queue:
            while True:
                yield await queue.get()
