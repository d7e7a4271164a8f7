"""Where plugins' files arrive and are read: in folders of their own, one plugin at a time, in a thread."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from weft.engine.finished import finished
from weft.packages.checkout import Checkouts
from weft.packages.sources import Source
from weft.server.journal import Journal
from weft.server.leavings import Leavings
from weft.server.preparations import Preparations
from weft.server.state.failures import storing
from weft.types import Progress

T = TypeVar("T")
P = ParamSpec("P")


class Reading:
    """``uploads``: the folder for all that arrives. ``journal`` is told what is to be known of how it was read.

    What has to be fetched is one of ``preparations``.
    """

    def __init__(self, uploads: Path, journal: Journal, preparations: Preparations) -> None:
        self._uploads = uploads
        self._lock = asyncio.Lock()
        self._journal = journal
        self._preparations = preparations
        self._leavings = Leavings()
        self._checkouts = Checkouts(self.read)

    @asynccontextmanager
    async def workspace(self) -> AsyncIterator[Path]:
        """A folder to receive or unpack in, gone afterwards. Raises StorageFailed when it cannot be made.

        One that cannot be removed is tried again with the next.
        """
        folder = await finished(self._make)
        try:
            yield folder
        finally:
            await self._leavings.remove(folder)

    def _make(self) -> Path:
        with storing("make a folder for an upload", self._uploads):
            self._uploads.mkdir(mode=0o700, exist_ok=True)
            return Path(tempfile.mkdtemp(dir=self._uploads))

    async def open(self, opening: Callable[[Path], Source], folder: Path, progress: Progress) -> Source:
        """The plugin that ``opening(folder)`` finds; its code, where that lies in a repository, is fetched for it."""
        return await self.complete(await self.read(opening, folder), folder, progress)

    async def complete(self, found: Source, folder: Path, progress: Progress) -> Source:
        """The same with its code, where that lies in a repository. Raises Unavailable where the server ends."""
        async with self._preparations.of(found.manifest.name):
            source = await self._checkouts.complete(found, folder, progress)
        if source.note:
            self._journal.record(source.manifest.name, "described_elsewhere", source.note)
        return source

    async def read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``function`` returns: CPython 3.11's parser must not run in several threads at once."""
        async with self._lock:
            return await finished(function, *args, **kwargs)
