"""One at a time, also between processes: a file that the kernel unlocks when its holder ends, however it ends."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

_POLL = 0.05
"""Seconds between tries: flock can be waited for only by a thread, which could not be cancelled."""


@asynccontextmanager
async def exclusive(path: Path, *, within: float) -> AsyncIterator[int]:
    """Hold ``path`` alone, by the descriptor that is yielded; a process that inherits it holds on after us.

    Raises TimeoutError when another holds it for longer than ``within`` seconds.
    """
    async with asyncio.timeout(within) as limit:
        while (descriptor := _take(path)) is None:  # noqa: ASYNC110 # the holder may be another process
            await asyncio.sleep(_POLL)
        limit.reschedule(None)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


@contextmanager
def exclusive_if_free(path: Path) -> Iterator[bool]:
    """Hold ``path`` alone, and remove it in the end; False when another holds it."""
    descriptor = _take(path)
    if descriptor is None:
        yield False
        return
    try:
        yield True
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _take(path: Path) -> int | None:
    """A descriptor that holds the lock; None when another has it, or removed the file while it was being taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:
            return descriptor
    except BlockingIOError:
        pass  # another holds it: the caller tries again
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
