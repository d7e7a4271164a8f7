"""What happened: the newest events in memory, all of them told to whoever follows, and kept in the store."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Any

import structlog

from weft.engine.followers import Followers
from weft.errors import StorageFailed
from weft.server.state import Store
from weft.types import Event

MAX_RECENT = 1_000
"""Events shown to who asks."""
MAX_WAITING = 5_000
"""Events that wait for the disk; past it the oldest are not kept."""
_BATCH_DELAY = 0.2
"""Seconds in which events gather before they are written."""

_QUIET = ("starting", "running", "draining", "drained", "stopped", "unloaded", "settled")
_LOUD = ("lost", "hung", "start_failed", "quarantined", "rolled_back", "rollback_failed", "contract_changed")
_LEVELS = {**dict.fromkeys(_QUIET, logging.DEBUG), **dict.fromkeys(_LOUD, logging.WARNING)}
"""Of events in the server's own log; the others are info."""

_log = structlog.get_logger("weft.events")


class Journal:
    """Takes events from the engine (``accept``) and the operator (``record``); call ``run`` in a task of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recent: deque[Event] = deque(maxlen=MAX_RECENT)
        self._waiting: deque[Event] = deque(maxlen=MAX_WAITING)
        self._arrived = asyncio.Event()
        self._followers: Followers[Event] = Followers()
        self._writing = asyncio.Lock()

    async def open(self) -> None:
        """Recall what is kept."""
        self._recent.extend(await asyncio.to_thread(self._store.events, limit=MAX_RECENT))

    def record(self, plugin: str, kind: str, message: str, **data: Any) -> None:
        """Something happened now."""
        self.accept(Event(time.time(), plugin, kind, message, data))

    def accept(self, event: Event) -> None:
        """Take one event; never blocks."""
        self._recent.append(event)
        self._waiting.append(event)
        self._arrived.set()
        _log.log(_LEVELS.get(event.kind, logging.INFO), event.message, plugin=event.plugin, kind=event.kind)
        self._followers.tell(event)

    async def run(self) -> None:
        """Write what arrives, until cancelled; call ``flush`` after."""
        while True:
            await self._arrived.wait()
            await asyncio.sleep(_BATCH_DELAY)
            await self.flush()

    async def flush(self) -> None:
        """Write everything that has arrived."""
        async with self._writing:
            self._arrived.clear()
            batch = list(self._waiting)
            self._waiting.clear()
            if batch:
                await self._store_events(batch)

    async def _store_events(self, batch: list[Event]) -> None:
        try:
            await asyncio.to_thread(self._store.add_events, batch)
        except StorageFailed as error:
            _log.warning("events are not kept", events=len(batch), reason=str(error))

    async def events(self, *, follow: bool, plugin: str | None = None) -> AsyncIterator[Event]:
        """The newest events, oldest first; with ``follow``, every new one after them. ``plugin``: only its own."""
        with self._followers.following() as queue:
            for event in _of(plugin, list(self._recent)):
                yield event
            while follow:
                for event in _of(plugin, [await queue.get()]):
                    yield event


def _of(plugin: str | None, events: Iterable[Event]) -> list[Event]:
    return [event for event in events if plugin is None or event.plugin == plugin]
