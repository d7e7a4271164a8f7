"""What is fetched, resolved or built for a release that does not run yet: given up as soon as the server is to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from weft.errors import Unavailable


class Preparations:
    """All that are under way. Nothing of them serves: without them everything is as before."""

    def __init__(self) -> None:
        self._limits: set[asyncio.Timeout] = set()
        self._given_up = False

    @asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """Prepare something for the plugin ``name`` meanwhile. Raises Unavailable where that is given up."""
        if self._given_up:
            raise _stopping(name)
        try:
            async with asyncio.timeout(None) as limit:
                self._limits.add(limit)
                try:
                    yield
                finally:
                    self._limits.discard(limit)
        except TimeoutError as error:
            if limit.expired():
                raise _stopping(name) from error
            raise

    def give_up(self) -> None:
        """End what is under way, and refuse what comes."""
        self._given_up = True
        for limit in self._limits:
            limit.reschedule(0.0)
        self._limits.clear()


def _stopping(name: str) -> Unavailable:
    return Unavailable(f"plugin {name} is not started: the server stops, and all is as before; try again when it runs")
