"""The backend ``memory``: entries in this process, within a bound; those that were not used for longest go first."""

from __future__ import annotations

from collections import OrderedDict
from time import time
from typing import Any, AsyncIterator, Iterator, Mapping, Optional, Tuple

from weft.contracts.storage import Entry, NotFound, Statistics, check_entry
from weft.sdk.storage import settings
from weft.sdk.storage.backend import Backend, moment

MAX_BYTES = 64 * 1024 * 1024
MAX_ENTRIES = 100_000
_Kept = Tuple[bytes, Optional[float]]
"""A value, and when its time is over, in seconds since the epoch. A plain tuple: they are made for every entry."""


class Memory(Backend):
    """Settings besides Backend's: ``max_bytes`` (of all values, 64MiB) and ``max_entries`` (100,000).

    Nothing in here blocks: it is the event loop's.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config, max_bytes=settings.size, max_entries=settings.count)
        self._max_bytes: int = self.settings.get("max_bytes", MAX_BYTES)
        self._max_entries: int = self.settings.get("max_entries", MAX_ENTRIES)
        self.max_entry = min(self.max_entry, self._max_bytes)
        self._entries: OrderedDict[Tuple[str, str], _Kept] = OrderedDict()
        self._bytes = 0

    async def put(self, category: str, key: str, value: bytes, ttl: Optional[float] = None) -> None:
        """See contracts.storage. What was not used for longest makes room."""
        seconds = self.lifetime(category, key, len(value), ttl)
        entry = category, key
        if entry in self._entries:
            self._forget(entry)
        self._entries[entry] = value, None if seconds is None else time() + seconds
        self._bytes += len(value)
        while self._bytes > self._max_bytes or len(self._entries) > self._max_entries:
            self._forget(next(iter(self._entries)))

    async def get(self, category: str, key: str) -> bytes:
        """See contracts.storage."""
        entry = category, key
        kept = self._entries.get(entry)
        if kept is None or (kept[1] is not None and kept[1] <= time()):
            check_entry(category, key)
            if kept is not None:
                self._forget(entry)
            self.misses += 1
            raise NotFound(category, key)
        self._entries.move_to_end(entry)
        self.hits += 1
        return kept[0]

    async def delete(self, category: str, key: str) -> bool:
        """See contracts.storage."""
        check_entry(category, key)
        kept = self._entries.get((category, key))
        if kept is None:
            return False
        self._forget((category, key))
        return _lives(kept, time())

    async def list(self, category: str, prefix: str = "") -> AsyncIterator[Entry]:
        """See contracts.storage."""
        check_entry(category)
        found = sorted((key, kept) for key, kept in self._living(category) if key.startswith(prefix))
        for key, kept in found:
            yield Entry(key, len(kept[0]), moment(kept[1]))

    async def purge(self, category: Optional[str] = None, *, everything: bool = False) -> int:
        """See contracts.storage."""
        check_entry(category)
        now = time()
        gone = [
            entry
            for entry, kept in self._entries.items()
            if category in (None, entry[0]) and (everything or not _lives(kept, now))
        ]
        for entry in gone:
            self._forget(entry)
        return len(gone)

    async def statistics(self, category: Optional[str] = None) -> Statistics:
        """See contracts.storage. Hits and misses are those of all categories."""
        check_entry(category)
        sizes = [len(kept[0]) for _, kept in self._living(category)]
        return Statistics(self.hits, self.misses, len(sizes), sum(sizes))

    def _living(self, category: Optional[str]) -> Iterator[Tuple[str, _Kept]]:
        now = time()
        return (
            (its_key, kept)
            for (its_category, its_key), kept in self._entries.items()
            if category in (None, its_category) and _lives(kept, now)
        )

    def _forget(self, entry: Tuple[str, str]) -> None:
        self._bytes -= len(self._entries.pop(entry)[0])


def _lives(kept: _Kept, now: float) -> bool:
    return kept[1] is None or kept[1] > now
