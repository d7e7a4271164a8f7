"""The right to fill an entry of a storage that several processes share: one of them has it at a time."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, AsyncIterator, Awaitable, Callable

from weft.contracts.storage import NoRoom, Unreachable

SECONDS = 10.0
"""For which it is had before it is taken anew. Of a process that was killed others wait so long."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.2
"""Seconds between two looks whether another has given it back."""
Ask = Callable[..., Awaitable[Any]]
"""``ask(method, *arguments)``: calls the storage's ``lease`` or ``release``."""


@asynccontextmanager
async def leased(ask: Ask, category: str, key: str, seconds: float = SECONDS) -> AsyncIterator[None]:
    """Within the block no other process is in one for the same entry. Waits until that is so."""
    holder, pause = secrets.token_bytes(16), _FIRST_PAUSE
    while not await ask("lease", category, key, holder, seconds):
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    over = asyncio.Event()
    renewing = asyncio.ensure_future(_renew(partial(ask, "lease", category, key, holder, seconds), seconds / 3, over))
    try:
        yield
    finally:
        over.set()
        await renewing  # not cancelled: in a thread it would go on, and take anew what was given back
        with suppress(NoRoom, Unreachable):  # it ends by itself
            await ask("release", category, key, holder)


async def _renew(renew: Callable[[], Awaitable[Any]], every: float, over: asyncio.Event) -> None:
    while True:
        try:
            await asyncio.wait_for(over.wait(), every)
        except asyncio.TimeoutError:
            with suppress(NoRoom, Unreachable):  # the next may succeed
                await renew()
        else:
            return
