"""Tells when it is worth looking at files again: at once where the system reports changes, else now and then."""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger("weft.engine")

POLL = 0.5
"""Seconds between looks where nothing reports changes."""
LOOK = 5.0
"""Seconds between looks where something does: changes of network file systems are missed."""
SHARE = 10
"""A look takes at most one of so many seconds."""


class Bell:
    """Rings for changes of ``source`` while ``run`` runs. Changes are reported where watchfiles is installed."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._rung = asyncio.Event()
        self._every = POLL
        self._took = 0.0

    async def wait(self) -> None:
        """Until it rings, or it is time to look."""
        try:
            async with asyncio.timeout(self.rest(self._every)):
                await self._rung.wait()
        except TimeoutError:
            pass
        self._rung.clear()

    def rest(self, least: float) -> float:
        """Seconds until the next look: ``least``, and more where looks take long."""
        return max(least, self._took * SHARE)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Around a look, so that looks that take long become rare."""
        began = time.monotonic()
        yield
        self._took = time.monotonic() - began

    async def run(self) -> None:
        """Ring at every change, until cancelled or nothing can report them any more."""
        try:
            watchfiles = importlib.import_module("watchfiles")
        except ImportError:
            return
        # A file is watched by its folder: many editors put another file in its place.
        alone = await asyncio.to_thread(self._source.is_file)
        self._every = LOOK
        try:
            folder = self._source.parent if alone else self._source
            async for _ in watchfiles.awatch(folder, recursive=not alone, watch_filter=None, step=50):
                self._rung.set()
        except (OSError, RuntimeError) as error:
            logger.info("changes of %s are looked for every %g s: %s", self._source, POLL, error)
        finally:
            self._every = POLL
