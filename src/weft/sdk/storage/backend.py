"""What every storage backend has, whatever it keeps its entries in."""

from __future__ import annotations

import asyncio
import inspect
from datetime import datetime, timezone
from typing import Any, AsyncIterator, Awaitable, Callable, Dict, Mapping, Optional

from weft.contracts.storage import Fills, NotFound, TooLarge, check_entry
from weft.errors import UsageError
from weft.sdk.storage import settings
from weft.sdk.storage.leases import leased

MAX_ENTRY = 64 * 1024 * 1024
"""Bytes that a value may have, where nothing else is said."""
_SETTINGS: Mapping[str, Callable[[str, Any], Any]] = {
    "ttl": lambda _name, value: settings.lifetimes(value),
    "default_ttl": settings.seconds,
    "max_entry": settings.size,
}


class Backend:
    """The base of backends: times by category, hits and misses, ``get_or_fill`` and ``write``.

    Of ``config`` it takes ``ttl`` (a time for each category), ``default_ttl`` (for all others) and ``max_entry`` (bytes
    of a value); ``more`` are the backend's own settings, each with what reads it, and their values are in ``settings``.
    A backend defines ``put``, ``get``, ``delete``, ``list`` and ``purge``, all ``def`` (then they run in threads) or
    all ``async def``; and where several processes share its entries ``lease`` and ``release``. Raises UsageError for
    settings that are wrong.
    """

    def __init__(self, config: Mapping[str, Any], **more: Callable[[str, Any], Any]) -> None:
        known = {**_SETTINGS, **more}
        unknown = [key for key in config if key not in known]
        if unknown:
            raise UsageError(f"{', '.join(unknown)}: no such setting (there are {', '.join(sorted(known))})")
        self.settings: Dict[str, Any] = {key: known[key](key, value) for key, value in config.items()}
        self.max_entry: int = self.settings.get("max_entry", MAX_ENTRY)
        self._lifetimes: Dict[str, float] = self.settings.get("ttl", {})
        self._default: Optional[float] = self.settings.get("default_ttl")
        self._fills = Fills()
        self.hits = 0
        self.misses = 0

    def lifetime(self, category: str, key: str, size: int, ttl: Optional[float]) -> Optional[float]:
        """Seconds for which an entry is kept; None: for ever. Raises InvalidEntry, and TooLarge."""
        check_entry(category, key, ttl)
        if size > self.max_entry:
            raise TooLarge(f"{key!r} in {category!r} has {size} bytes, at most {self.max_entry} (max_entry, max_bytes)")
        return self._lifetimes.get(category, self._default) if ttl is None else ttl

    async def get_or_fill(
        self, category: str, key: str, fill: Callable[[], Awaitable[bytes]], ttl: Optional[float] = None
    ) -> bytes:
        """See contracts.storage."""
        check_entry(category, key, ttl)

        async def filled() -> bytes:
            async with leased(self._run, category, key):
                try:
                    found: bytes = await self._run("get", category, key)  # it may have been filled since it was missed
                    return found
                except NotFound:
                    self.misses -= 1  # it is one miss, though it was looked for twice
                value = await fill()
                await self._run("put", category, key, value, ttl)
                return value

        try:
            value: bytes = await self._run("get", category, key)
        except NotFound:
            return await self._fills.once(category, key, filled)
        return value

    async def lease(self, category: str, key: str, holder: bytes, seconds: float) -> bool:  # noqa: ARG002
        """Give ``holder`` the right to fill an entry for so many seconds; False while another has it.

        Who has it already has it for so many seconds from now. It is told apart from entries: it is not listed, counted
        or purged. Raises NoRoom, Unreachable. Here it is for storages that one process has to itself.
        """
        return True

    async def release(self, category: str, key: str, holder: bytes) -> None:
        """Give back that right, where ``holder`` has it. Raises Unreachable."""

    async def write(self, category: str, key: str, pieces: AsyncIterator[bytes], ttl: Optional[float] = None) -> None:
        """See contracts.storage. No more is taken than an entry may have."""
        value = bytearray()
        async for piece in pieces:
            value += piece
            self.lifetime(category, key, len(value), ttl)
        await self._run("put", category, key, bytes(value), ttl)

    async def _run(self, method: str, *args: Any) -> Any:
        function = getattr(self, method)
        if inspect.iscoroutinefunction(function):
            return await function(*args)
        return await asyncio.to_thread(function, *args)


def moment(seconds: Optional[float]) -> Optional[datetime]:
    """When an entry's time is over: of seconds since the epoch, in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)  # noqa: UP017 (read on Python 3.9)
