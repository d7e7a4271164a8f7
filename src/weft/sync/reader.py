"""An iterable of a caller's, read in the thread that made the call, for the loop to send on."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Any

from weft.sync.errand import Mail
from weft.sync.portal import Portal

MOST_ITEMS = 512
"""Items that are read ahead of the loop at most."""
MOST_BYTES = 256 * 1024
"""Bytes of such items (themselves, not what they refer to), past which no other is read."""


class Reader:
    """See errand.Request: the thread reads until it is far enough ahead; the loop asks through ``mail`` for more.

    The loop has each item as soon as it is read, and is woken for it only where it waits for one.
    """

    def __init__(self, source: Iterable[Any], portal: Portal[Any], mail: Mail) -> None:
        self._iterator = iter(source)
        self._portal = portal
        self._mail = mail
        self._read: deque[Any] = deque()
        self._over = False
        self._error: Exception | None = None
        self._asked = False
        self._waiting = False
        self._left = False
        self._news = asyncio.Event()

    # On the loop.

    async def items(self) -> AsyncIterator[Any]:
        """The items, as they are read. Raises what the iterable raised."""
        over = False
        try:
            while not over:
                over = self._over  # then all that was read is there
                while self._read:
                    yield self._read.popleft()
                if not over:
                    await self._more()
        finally:
            self._left = True
        if self._error is not None:
            raise self._error

    async def _more(self) -> None:
        self._news.clear()
        self._waiting = True  # before looking: what is read from now on wakes this
        if not self._read and not self._over:
            if not self._asked:
                self._asked = True
                self._mail.put(self)
            await self._news.wait()
        self._waiting = False

    # In the thread.

    def serve(self) -> None:
        """See errand.Request. An interrupt is the thread's own; any other exception is the call's."""
        try:
            self._over = self._read_on()
        except Exception as error:  # noqa: BLE001
            self._error, self._over = error, True
        self._asked = False
        self._portal.post(self._news.set)

    def _read_on(self) -> bool:
        """Whether that was all."""
        size = 0
        for count, item in enumerate(self._iterator, 1):
            self._read.append(item)
            if self._waiting:
                self._waiting = False
                self._portal.post(self._news.set)
            size += sys.getsizeof(item)
            if count >= MOST_ITEMS or size >= MOST_BYTES or self._left:
                return False
        return True
